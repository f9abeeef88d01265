//! The admin port: draining by hand, who may do it, the settings in force, and the page in a real browser.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::{
    machine::MachineProcess,
    site::{Addresses, Site, free_address, settings},
    wait_until,
};
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList};
use tempfile::TempDir;

const TOKEN: &str = "correct-horse-battery";
const BEARER: &str = "Authorization: Bearer correct-horse-battery";

/// A proxy that nobody calls, before targets that are not there, on loopback or on all addresses.
fn proxy(change: impl FnOnce(&mut ProxySettings)) -> Result<ProxyProcess> {
    let addresses = Addresses::take();
    let mut settings = settings(addresses);
    let target =
        |number| Target::new(&format!("task-{number}"), SocketAddr::new(addresses.target(number), 5060));
    settings.targets = TargetList::File(vec![target(0), target(1).draining()]);
    change(&mut settings);
    ProxyProcess::start(settings)
}

fn is_drained(proxy: &ProxyProcess) -> Result<bool> {
    Ok(proxy.get("/targets")?.1.contains("\"drained\":true"))
}

#[test]
fn a_target_that_is_drained_by_hand_gets_no_new_calls_until_it_is_activated() -> Result<()> {
    let mut site = Site::start("uas_answer", 2)?;
    let mut old_calls = site.caller("uac_call")?.calls(8, 50).hold(Duration::from_secs(2)).start()?;
    old_calls.wait_sent(8, |message| message.is("ACK"))?;

    let (status, answer) = site.proxy.post("/targets/task-0/drain", &[])?;
    assert_eq!((status, answer.as_str()), (200, "{\"id\":\"task-0\",\"state\":\"draining\"}"));
    let name = "switchyard_proxy_invites_total{target=\"task-0\"}";
    let before = site.proxy.metric(name).unwrap_or_default();
    site.run(&site.caller("uac_call")?.calls(12, 50))?;
    assert_eq!(site.proxy.metric(name).unwrap_or_default(), before, "{}", site.proxy.log());

    // A new list changes nothing about that, and the calls that it had end as they should.
    let newcomer = Target::new("newcomer", SocketAddr::new(site.addresses.target(2), 5060)).draining();
    let list = [site.target(1)?.target.clone(), newcomer, site.target(0)?.target.clone()];
    site.proxy.set_targets(&list)?;
    wait_until("the new list is in use", Duration::from_secs(10), || {
        Ok(site.proxy.get("/targets")?.1.contains("newcomer"))
    })?;
    site.run(&site.caller("uac_call")?.calls(12, 50))?;
    assert_eq!(site.proxy.metric(name).unwrap_or_default(), before, "{}", site.proxy.log());
    old_calls.finish()?;

    assert_eq!(site.proxy.post("/targets/task-0/activate", &[])?.0, 200);
    site.run(&site.caller("uac_call")?.calls(30, 50))?;
    assert!(site.proxy.metric(name).unwrap_or_default() > before, "{}", site.proxy.log());
    site.finish()?;
    Ok(())
}

#[test]
fn changes_take_the_token() -> Result<()> {
    let proxy = proxy(|settings| settings.admin_lines = format!("token = \"{TOKEN}\""))?;
    let drain = |headers: &[&str]| proxy.post("/targets/task-0/drain", headers);
    for headers in [&[][..], &["Authorization: Bearer wrong-horse-battery"], &["Authorization: Basic abc"]] {
        let (status, answer) = drain(headers)?;
        assert_eq!(status, 401, "{headers:?}");
        assert!(answer.contains("\"error\"") && answer.contains("admin.token"), "{answer}");
    }
    assert!(!is_drained(&proxy)?);
    assert_eq!(drain(&[BEARER])?.0, 200);
    assert!(is_drained(&proxy)?);
    Ok(())
}

#[test]
fn without_a_token_a_port_that_others_reach_changes_nothing() -> Result<()> {
    let open = proxy(|settings| settings.admin = SocketAddr::from(([0, 0, 0, 0], 0)))?;
    let (status, answer) = open.post("/targets/task-0/drain", &[])?;
    assert_eq!(status, 403);
    assert!(answer.contains("set admin.token"), "{answer}");
    // On loopback, whoever is on this machine may; a web page may not.
    let local = proxy(|_| ())?;
    let (status, answer) = local.post("/targets/task-0/drain", &["Origin: http://example.com"])?;
    assert_eq!(status, 403);
    assert!(answer.contains("web pages"), "{answer}");
    assert!(!is_drained(&open)? && !is_drained(&local)?);
    assert_eq!(local.post("/targets/task-0/drain", &[])?.0, 200);
    Ok(())
}

#[test]
fn refusals_say_what_was_expected() -> Result<()> {
    let proxy = proxy(|_| ())?;
    for (answer, status, text) in [
        (proxy.post("/targets/nobody/drain", &[])?, 404, "no target \\\"nobody\\\""),
        (proxy.post("/targets/task-1/activate", &[])?, 409, "drained by the target list"),
        (proxy.get("/targets/task-0/drain")?, 405, "expected GET, or POST for"),
        (proxy.get("/nowhere")?, 404, "expected one of /"),
    ] {
        assert_eq!(answer.0, status, "{answer:?}");
        assert!(answer.1.starts_with("{\"error\":") && answer.1.contains(text), "{answer:?}");
    }
    Ok(())
}

#[test]
fn what_was_drained_survives_a_restart_with_a_state_file() -> Result<()> {
    let directory = TempDir::new()?;
    let file = directory.path().join("state.json");
    let with =
        |settings: &mut ProxySettings| settings.admin_lines = format!("state_file = \"{}\"", file.display());
    let first = proxy(with)?;
    assert_eq!(first.post("/targets/task-0/drain", &[])?.0, 200);
    // Killed, not asked to end.
    drop(first);
    let second = proxy(with)?;
    assert!(is_drained(&second)?, "{}", second.log());
    assert_eq!(second.post("/targets/task-0/activate", &[])?.0, 200);
    drop(second);
    assert!(!is_drained(&proxy(with)?)?);
    Ok(())
}

#[test]
fn the_settings_in_force_are_shown_without_secrets() -> Result<()> {
    let proxy = proxy(|settings| settings.admin_lines = format!("token = \"{TOKEN}\""))?;
    let (status, shown) = proxy.get("/config")?;
    assert_eq!(status, 200);
    for text in
        ["\"poll\":\"100ms\"", "\"secrets\":[\"k1:[redacted]\"]", "\"token\":\"[redacted]\"", "\"fall\":3"]
    {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    assert!(!shown.contains(TOKEN) && !shown.contains("0102030405"), "{shown}");
    Ok(())
}

/// A whole answer, with its header.
fn raw(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn the_page_allows_browsers_nothing_but_what_this_port_serves() -> Result<()> {
    let proxy = proxy(|_| ())?;
    for path in ["/", "/page.js", "/page.css"] {
        let answer = raw(proxy.admin_address(), path)?;
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(
            answer.contains("content-security-policy: default-src 'none'; script-src 'self';"),
            "{answer}"
        );
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    Ok(())
}

/// The page as it is after a few seconds in Chromium, and what Chromium complained of.
fn in_a_browser(url: &str) -> Result<(String, String)> {
    let profile = TempDir::new()?;
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // The page's clock runs as fast as it can while the network is at rest.
        .args(["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", url])
        .stdin(Stdio::null())
        .output()
        .context("`chromium` does not start: on Debian, `apt-get install chromium`")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

#[test]
fn the_page_shows_targets_and_how_they_are_in_a_real_browser() -> Result<()> {
    let addresses = Addresses::take();
    let machine = MachineProcess::start(free_address(addresses.target(0))?, "refuse:486")?;
    let mut settings = settings(addresses);
    settings.health = "interval = \"300ms\"\ntimeout = \"250ms\"".to_owned();
    settings.targets = TargetList::File(vec![
        Target::new("alive", machine.address()),
        Target::new("dead", free_address(addresses.target(1))?),
        // Names come from whoever writes the list.
        Target::new("<img src=x onerror=document.title='taken'>", free_address(addresses.target(2))?)
            .draining(),
    ]);
    let proxy = ProxyProcess::start(settings)?;
    wait_until("the dead are known", Duration::from_secs(20), || {
        Ok(proxy.metric("switchyard_proxy_target_up") == Some(1.0))
    })?;

    let (page, complaints) = in_a_browser(&format!("http://{}/", proxy.admin_address()))?;
    let row = |name: &str| {
        let from =
            page.find(&format!(">{name}<")).with_context(|| format!("no {name} in {page}\n{complaints}"))?;
        let rest = page.get(from..).unwrap_or_default();
        Ok::<_, anyhow::Error>(rest.split("</tr>").next().unwrap_or_default())
    };
    assert!(row("alive")?.contains(">healthy<"), "{page}");
    assert!(row("dead")?.contains(">down<"), "{page}");
    let hostile = row("&lt;img src=x onerror=document.title='taken'&gt;")?;
    assert!(hostile.contains(">down<") && hostile.contains(">draining<"), "{page}");
    assert!(!page.contains("<img") && page.contains("<title>Switchyard proxy</title>"), "{page}");
    assert!(page.contains(">1 of 3<") && page.contains(">ready<"), "{page}");
    // It asked more than once: rates take two answers.
    assert!(page.contains("id=\"line\" d=\"M"), "{page}");
    ensure!(!complaints.contains("Content Security Policy"), "{complaints}");
    ensure!(!complaints.contains("Uncaught"), "{complaints}");
    Ok(())
}
