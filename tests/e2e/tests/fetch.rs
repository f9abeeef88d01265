//! Lists that come from a web server.

use std::{fs, net::Ipv4Addr, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    site::{ADVERTISED, Addresses, settings},
    tls::Issuer,
    wait_until,
    web::Web,
    wire::Wire,
};
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList};

const WITHIN: Duration = Duration::from_secs(20);

/// The status code of our answer to a new call, if the target does not get it.
fn call(proxy: &ProxyProcess, caller: &Wire) -> Result<Option<u16>> {
    let options = caller.request("OPTIONS", &format!("sip:1294@{ADVERTISED}"));
    caller.send(options.to_string(), proxy.sip_address())?;
    Ok(caller.receive_final().with_context(|| proxy.log())?.status())
}

/// Settings without targets, so that whoever may call gets 500.
fn with_access(addresses: Addresses, web: &Web, further: &str) -> ProxySettings {
    let mut settings = settings(addresses);
    settings.access.sources = vec![web.url().to_owned()];
    settings.access.further = further.to_owned();
    settings.targets = TargetList::File(Vec::<Target>::new());
    settings
}

fn fetches(proxy: &ProxyProcess, list: &str, result: &str) -> f64 {
    let sample = format!("switchyard_proxy_list_fetches_total{{list=\"{list}\",result=\"{result}\"}}");
    proxy.metric(&sample).unwrap_or_default()
}

fn wait_for_more(proxy: &ProxyProcess, list: &str, result: &str) -> Result<()> {
    let before = fetches(proxy, list, result);
    wait_until(&format!("{list}: {result}"), WITHIN, || Ok(fetches(proxy, list, result) >= before + 2.0))
        .with_context(|| proxy.log())
}

#[test]
fn who_may_call_is_asked_of_a_web_server_which_sends_what_has_changed_alone() -> Result<()> {
    let addresses = Addresses::take();
    let (web, caller) = (Web::start(addresses.caller(1), None)?, Wire::bind(addresses.caller(0))?);
    web.put(format!("{}/32 # this one\n", caller.local().ip()), Some("\"one\""));
    let proxy = ProxyProcess::start(with_access(addresses, &web, ""))?;
    assert_eq!(call(&proxy, &caller)?, Some(500));
    wait_for_more(&proxy, "access", "same")?;
    {
        let document = web.document();
        let (first, last) = (document.requests.first(), document.requests.last());
        assert_eq!(first.context("a request")?.headers("if-none-match"), [""; 0]);
        assert_eq!(last.context("a request")?.headers("if-none-match"), ["\"one\""]);
        ensure!(first.context("a request")?.start_line() == "GET /list?key=secret HTTP/1.1", "{first:?}");
    }
    ensure!(fetches(&proxy, "access", "changed") == 1.0, "once");
    let age = proxy.metric("switchyard_proxy_list_confirmed_timestamp_seconds{list=\"access\"}");
    ensure!(age > Some(1_700_000_000.0), "{age:?}");
    web.put("203.0.113.0/24\n", Some("\"two\""));
    wait_until("the caller is refused", WITHIN, || Ok(call(&proxy, &caller)? == Some(403)))?;
    // A server without ETag sends it each time; that changes nothing.
    web.put("203.0.113.0/24\n", None);
    wait_for_more(&proxy, "access", "same")?;
    ensure!(fetches(&proxy, "access", "changed") == 2.0, "twice");
    ensure!(!proxy.log().contains("secret"), "{}", proxy.log());
    Ok(())
}

#[test]
fn what_is_no_good_list_changes_nothing_and_is_told_of_once() -> Result<()> {
    let addresses = Addresses::take();
    let (web, caller) = (Web::start(addresses.caller(1), None)?, Wire::bind(addresses.caller(0))?);
    let good = format!("{}/32\n", caller.local().ip());
    web.put(&good, Some("\"good\""));
    let mut settings = with_access(addresses, &web, "");
    settings.further.push_str("[fetch]\ntimeout = \"300ms\"\n");
    let proxy = ProxyProcess::start(settings)?;
    let confirmed = || proxy.metric("switchyard_proxy_list_confirmed_timestamp_seconds{list=\"access\"}");
    let told = |text: &str| proxy.log().matches(text).count();
    type Bad = (&'static str, &'static str, &'static str, Option<usize>);
    let bad: [Bad; 7] = [
        ("refused", "200 OK", "10.0.0.0/8\nnonsense\n", None),
        ("refused", "200 OK", "", None),
        ("failed", "500 Oops", "10.0.0.0/8\n", None),
        ("failed", "302 Found", "10.0.0.0/8\n", None),
        ("failed", "200 OK", "10.0.0.0/8\n", Some(1 << 40)),
        ("failed", "200 OK", "10.0.0.0/8\n", Some(1000)),
        ("failed", "", "", None),
    ];
    let reasons = [
        "line 2",
        "found none",
        "found 500 Internal Server Error",
        "found 302 Found",
        "expected up to 16777216 bytes, found 1099511627776",
        "body",
        "expected an answer within 300ms",
    ];
    for ((result, status, body, length), reason) in bad.into_iter().zip(reasons) {
        {
            let mut document = web.document();
            (document.status, document.body) = (status.to_owned(), body.to_owned());
            (document.etag, document.length) = (Some("\"bad\"".to_owned()), length);
        }
        wait_for_more(&proxy, "access", result)?;
        wait_for_more(&proxy, "access", result)?;
        assert_eq!(told(reason), 1, "{reason}: {}", proxy.log());
        assert_eq!(call(&proxy, &caller)?, Some(500), "{reason}");
    }
    let before = confirmed();
    // Good again.
    web.put(&good, Some("\"good\""));
    wait_until("it is fetched again", WITHIN, || Ok(confirmed() > before)).with_context(|| proxy.log())?;
    ensure!(told("the list can be fetched again") >= 1, "{}", proxy.log());
    Ok(())
}

#[test]
fn the_last_good_copy_is_on_disk_for_a_proxy_that_starts_while_the_server_is_away() -> Result<()> {
    let (addresses, directory) = (Addresses::take(), tempfile::tempdir()?);
    let (web, caller) = (Web::start(addresses.caller(1), None)?, Wire::bind(addresses.caller(0))?);
    let copy = directory.path().join("sources");
    let further = format!("cache = \"{}\"", copy.display());
    let good = format!("{}/32\n", caller.local().ip());
    // Not ready before there is a list: the first two answers are none.
    web.document().status = "503 Not Yet".to_owned();
    let proxy = std::thread::scope(|threads| {
        let starting = threads.spawn(|| ProxyProcess::start(with_access(addresses, &web, &further)));
        wait_until("it is asked for again", WITHIN, || Ok(web.requests() >= 2))?;
        ensure!(!starting.is_finished(), "ready without a list");
        web.put(&good, Some("\"good\""));
        starting.join().map_err(|_| anyhow::anyhow!("no proxy"))?
    })?;
    assert_eq!(call(&proxy, &caller)?, Some(500));
    wait_until("it is kept", WITHIN, || Ok(fs::read_to_string(&copy).is_ok_and(|text| text == good)))?;
    // What is refused is not kept.
    web.put("nonsense\n", Some("\"bad\""));
    wait_for_more(&proxy, "access", "refused")?;
    assert_eq!(fs::read_to_string(&copy)?, good);
    drop(proxy);
    web.document().status = String::new();
    let proxy = ProxyProcess::start(with_access(addresses, &web, &further))?;
    assert_eq!(call(&proxy, &caller)?, Some(500), "{}", proxy.log());
    // And the server's word counts as soon as it is back.
    web.put("203.0.113.0/24\n", None);
    wait_until("the caller is refused", WITHIN, || Ok(call(&proxy, &caller)? == Some(403)))
}

#[test]
fn a_list_over_tls_comes_from_a_server_that_is_trusted_or_not_at_all() -> Result<()> {
    let (addresses, directory) = (Addresses::take(), tempfile::tempdir()?);
    let (issuer, caller) = (Issuer::new()?, Wire::bind(addresses.caller(0))?);
    let roots = issuer.write(directory.path().join("roots.pem"))?;
    let trusted = |settings: &mut ProxySettings| {
        let roots = roots.display();
        settings.further.push_str(&format!("[fetch]\nca = \"{roots}\"\n"));
    };
    let ip = addresses.caller(1);
    let web = Web::start(ip, Some(&issuer.issue(&[&ip.to_string()])?))?;
    web.put(format!("{}/32\n", caller.local().ip()), Some("\"one\""));
    let mut settings = with_access(addresses, &web, "");
    trusted(&mut settings);
    let proxy = ProxyProcess::start(settings)?;
    assert_eq!(call(&proxy, &caller)?, Some(500));
    wait_for_more(&proxy, "access", "same")?;
    // One whose certificate is for somebody else: the copy stays, and nobody believes the server.
    let copy = directory.path().join("copy");
    fs::write(&copy, "203.0.113.0/24\n")?;
    let web = Web::start(ip, Some(&issuer.issue(&["127.9.9.9"])?))?;
    web.put(format!("{}/32\n", caller.local().ip()), None);
    let mut settings = with_access(addresses, &web, &format!("cache = \"{}\"", copy.display()));
    trusted(&mut settings);
    let proxy = ProxyProcess::start(settings)?;
    wait_for_more(&proxy, "access", "failed")?;
    assert_eq!(call(&proxy, &caller)?, Some(403));
    ensure!(
        proxy.log().contains("not valid for name") || proxy.log().contains("certificate"),
        "{}",
        proxy.log()
    );
    Ok(())
}

#[test]
fn targets_come_from_a_web_server_and_never_an_older_list_after_a_newer_one() -> Result<()> {
    let addresses = Addresses::take();
    let web = Web::start(addresses.caller(1), None)?;
    let list = |generation: u32, id: &str| {
        format!(
            "{{\"epoch\": \"e\", \"generation\": {generation}, \"targets\": [{{\"id\": \"{id}\", \
             \"address\": \"{}\", \"ports\": {{\"sip\": 5060}}}}]}}",
            Ipv4Addr::new(127, 0, 1, 250)
        )
    };
    web.put(list(7, "seven"), Some("\"7\""));
    let mut settings = settings(addresses);
    settings.targets = TargetList::Elsewhere(format!("url = \"{}\"", web.url()));
    let proxy = ProxyProcess::start(settings)?;
    let has = |id: &str| Ok(proxy.get("/targets")?.1.contains(&format!("\"{id}\"")));
    ensure!(has("seven")?, "{}", proxy.log());
    web.put(list(8, "eight"), Some("\"8\""));
    wait_until("the newer list", WITHIN, || has("eight"))?;
    web.put(list(7, "seven"), Some("\"7\""));
    wait_for_more(&proxy, "targets", "refused")?;
    ensure!(has("eight")? && proxy.log().contains("expected generation 8"), "{}", proxy.log());
    web.put(list(9, "nine"), Some("\"9\""));
    wait_until("the newest list", WITHIN, || has("nine"))
}
