//! TLS: callers and carriers over it, certificates that change, and what is no handshake.

use std::{fs, net::SocketAddr, net::TcpStream, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    message::{Message, is_pair_value},
    site::{Addresses, settings},
    tls::{self, Issuer, Server},
    wait_until,
    wire::{Stream, Wire, answer},
};
use lab::proxy_process::{ProxyProcess, Target, TargetList, free_port};
use tempfile::TempDir;

/// How long a change may take to be seen on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A proxy with a port for TLS and one target, which the test plays.
struct Secured {
    proxy: ProxyProcess,
    target: Wire,
    tls: SocketAddr,
    issuer: Issuer,
    directory: TempDir,
    addresses: Addresses,
}

impl Secured {
    /// `further` lines stand in `[listener.tls]`.
    fn start(further: impl Fn(&TempDir, &Issuer) -> Result<String>) -> Result<Self> {
        Self::start_with("", further)
    }

    /// `names` is a line of `[tls]`.
    fn start_with(names: &str, further: impl Fn(&TempDir, &Issuer) -> Result<String>) -> Result<Self> {
        let (addresses, directory, issuer) = (Addresses::take(), TempDir::new()?, Issuer::new()?);
        issuer.issue(&[&addresses.proxy().to_string()])?.write(directory.path())?;
        let ca = issuer.write(directory.path().join("ca.pem"))?;
        let tls = SocketAddr::new(addresses.proxy(), free_port(addresses.proxy())?);
        let target = Wire::bind(addresses.target(0))?;
        let mut settings = settings(addresses);
        settings.targets = TargetList::File(vec![Target::new("task-0", target.local())]);
        settings.log = "debug".to_owned();
        settings.further = format!("[tls]\nca = {ca:?}\npoll = \"50ms\"\n{names}\n");
        settings.listeners.truncate(1);
        for listener in &mut settings.listeners {
            listener.advertise = None;
            let place = directory.path().display();
            listener.further = format!(
                "[listener.tls]\nbind = \"{tls}\"\ncertificate = \"{place}/certificate.pem\"\nkey = \"{place}/key.pem\"\n{}",
                further(&directory, &issuer)?
            );
        }
        Ok(Self { proxy: ProxyProcess::start(settings)?, target, tls, issuer, directory, addresses })
    }

    fn connect(&self) -> Result<Stream> {
        tls::connect(self.tls, &self.issuer, None).with_context(|| self.proxy.log())
    }

    fn options(&self, stream: &mut Stream) -> Result<Message> {
        let options = stream.request("OPTIONS", &format!("sip:{};transport=tls", self.tls))?;
        stream.send(options.to_string())?;
        stream.receive().with_context(|| self.proxy.log())
    }
}

#[test]
fn a_call_over_tls_is_answered_and_hung_up_from_either_end() -> Result<()> {
    let site = Secured::start(|_, _| Ok(String::new()))?;
    for target_hangs_up in [false, true] {
        let mut caller = site.connect()?;
        let invite = caller.request("INVITE", &format!("sip:1294@{};transport=tls", site.tls))?;
        caller.send(invite.to_string())?;
        let at_target = site.target.receive().with_context(|| site.proxy.log())?;
        let routes = at_target.values("Record-Route");
        assert!(is_pair_value(routes[0], &site.proxy.sip_address().to_string()), "{at_target:?}");
        assert!(is_pair_value(routes[1], &site.tls.to_string()), "{at_target:?}");
        assert!(routes[1].contains(";transport=tls"), "{at_target:?}");
        let contact = format!("sip:{}", site.target.local());
        site.target.send(answer(&at_target, "200 OK", &contact), site.proxy.sip_address())?;
        let ok = caller.receive_final().with_context(|| site.proxy.log())?;
        assert_eq!(ok.status(), Some(200));
        caller.send(invite.next("ACK", &ok).to_string())?;
        site.target.receive_ack()?;
        if target_hangs_up {
            let mut bye = site.target.request("BYE", &format!("sip:x@{};transport=tls", caller.local()));
            bye.headers = routes.iter().map(|route| format!("Route: {route}")).collect();
            bye.to = format!("{};tag=x", bye.to);
            site.target.send(bye.to_string(), site.proxy.sip_address())?;
            let bye = caller.receive().with_context(|| site.proxy.log())?;
            ensure!(bye.is("BYE") && bye.values("Via")[0].starts_with("SIP/2.0/TLS "), "{bye:?}");
            caller.send(answer(&bye, "200 OK", "sip:x@y"))?;
            let answer = site.target.receive_final()?;
            assert_eq!(answer.status(), Some(200));
        } else {
            caller.send(invite.next("BYE", &ok).to_string())?;
            ensure!(site.target.receive()?.is("BYE"), "no BYE");
        }
    }
    ensure!(site.proxy.metric("switchyard_proxy_messages_received_total{transport=\"tls\"}") >= Some(6.0));
    Ok(())
}

#[test]
fn a_target_calls_out_over_tls_on_one_connection_and_a_new_one_once_that_is_gone() -> Result<()> {
    let site = Secured::start(|_, _| Ok(String::new()))?;
    let ip = site.addresses.caller(0);
    let carrier = Server::bind(ip, &site.issuer.issue(&[&ip.to_string()])?)?;
    let call = |number: u32| -> Result<String> {
        let uri = format!("sip:{number}@{};transport=tls", carrier.local()?);
        let invite = site.target.request("INVITE", &uri);
        site.target.send(invite.to_string(), site.proxy.sip_address())?;
        Ok(invite.call_id)
    };
    for _ in 0..2 {
        let first = call(1)?;
        let mut stream = carrier.accept().with_context(|| site.proxy.log())?;
        let second = call(2)?;
        for call_id in [first, second] {
            let invite = stream.receive().with_context(|| site.proxy.log())?;
            assert_eq!(invite.header("Call-ID"), call_id);
            stream.send(answer(&invite, "486 Busy Here", "sip:x@y"))?;
            assert_eq!(site.target.receive_final()?.status(), Some(486));
        }
        drop(stream);
        // The next call must not be sent on what has just been closed.
        wait_until("the connection is gone", SOON, || {
            Ok(site.proxy.metric("switchyard_proxy_connections") == Some(0.0))
        })?;
    }
    Ok(())
}

#[test]
fn a_server_whose_certificate_is_for_somebody_else_gets_nothing() -> Result<()> {
    let site = Secured::start(|_, _| Ok(String::new()))?;
    let other = Issuer::new()?;
    let ip = site.addresses.caller(0);
    for certificate in [site.issuer.issue(&["192.0.2.1"])?, other.issue(&[&ip.to_string()])?] {
        let server = Server::bind(ip, &certificate)?;
        let before = site.proxy.metric("switchyard_proxy_send_failures_total").unwrap_or_default();
        let invite = site.target.request("INVITE", &format!("sips:1@{}", server.local()?));
        site.target.send(invite.to_string(), site.proxy.sip_address())?;
        let arrived = server.accept().and_then(|mut stream| stream.receive());
        ensure!(arrived.is_err(), "{arrived:?}");
        wait_until("the failure is counted", SOON, || {
            Ok(site.proxy.metric("switchyard_proxy_send_failures_total") == Some(before + 1.0))
        })?;
    }
    Ok(())
}

#[test]
fn who_has_to_prove_a_name_gets_no_request_on_a_connection_of_its_own_making() -> Result<()> {
    let names = "names = { \"127.0.0.1\" = \"sip.carrier.example\" }";
    let site = Secured::start_with(names, |_, _| Ok(String::new()))?;
    let mut caller = site.connect()?;
    assert_eq!(site.options(&mut caller)?.status(), Some(200));
    let invite = site.target.request("INVITE", &format!("sip:1@{};transport=tls", caller.local()));
    site.target.send(invite.to_string(), site.proxy.sip_address())?;
    // Nobody listens there.
    wait_until("the failure is counted", SOON, || {
        Ok(site.proxy.metric("switchyard_proxy_send_failures_total") == Some(1.0))
    })
    .with_context(|| site.proxy.log())?;
    // And the next that the caller hears is the answer to itself.
    assert_eq!(site.options(&mut caller)?.status(), Some(200));
    Ok(())
}

#[test]
fn changed_certificates_serve_new_connections_and_bad_ones_change_nothing() -> Result<()> {
    let site = Secured::start(|_, _| Ok(String::new()))?;
    let mut old = site.connect()?;
    let other = Issuer::new()?;
    other.issue(&[&site.addresses.proxy().to_string()])?.write(site.directory.path())?;
    wait_until("the new certificate is shown", SOON, || Ok(tls::connect(site.tls, &other, None).is_ok()))?;
    ensure!(site.connect().is_err(), "the old certificate is still shown");
    assert_eq!(site.options(&mut old)?.status(), Some(200));
    // No key at all, and one of another certificate.
    let taken = fs::read(site.directory.path().join("key.pem"))?;
    let unfit = TempDir::new()?;
    other.issue(&["192.0.2.1"])?.write(unfit.path())?;
    let unfit = fs::read(unfit.path().join("key.pem"))?;
    for (number, bad) in [&b"no key"[..], &unfit].iter().enumerate() {
        fs::write(site.directory.path().join("key.pem"), bad)?;
        wait_until("the refusal is counted", SOON, || {
            let refused = site.proxy.metric("switchyard_proxy_certificate_errors_total");
            Ok(refused.is_some_and(|refused| refused > number as f64))
        })?;
        let mut stream = tls::connect(site.tls, &other, None)?;
        assert_eq!(site.options(&mut stream)?.status(), Some(200));
        // Back to what is in force: no news, and no refusal any more.
        fs::write(site.directory.path().join("key.pem"), &taken)?;
    }
    ensure!(site.proxy.log().contains("certificates refused"), "{}", site.proxy.log());
    Ok(())
}

#[test]
fn what_is_no_handshake_is_closed_and_a_silent_one_keeps_nobody_waiting() -> Result<()> {
    let site = Secured::start(|_, _| Ok(String::new()))?;
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(site.tls)).collect::<Result<_, _>>()?;
    for garbage in
        ["OPTIONS sip:a SIP/2.0\r\n\r\n".as_bytes(), &[0x16, 3, 1, 255, 255, 1, 2, 3, 9, 9], &[0; 400]]
    {
        let mut stream = Stream::connect(site.tls)?;
        stream.send(garbage)?;
        stream.wait_closed().with_context(|| format!("{garbage:?}"))?;
    }
    let mut caller = site.connect()?;
    assert_eq!(site.options(&mut caller)?.status(), Some(200));
    let failed = "switchyard_proxy_handshakes_failed_total{kind=\"tls\"}";
    ensure!(site.proxy.metric(failed) >= Some(3.0), "{:?}", site.proxy.metric(failed));
    // They are given up before long.
    let given_up = |count| move |proxy: &ProxyProcess| proxy.metric(failed) >= Some(count);
    wait_until("the silent ones are closed", Duration::from_secs(60), || Ok(given_up(23.0)(&site.proxy)))?;
    drop(silent);
    Ok(())
}

#[test]
fn a_caller_without_a_certificate_is_refused_where_one_is_wanted() -> Result<()> {
    let site = Secured::start(|directory, issuer| {
        let callers = issuer.write(directory.path().join("callers.pem"))?;
        Ok(format!("client_ca = {callers:?}\n"))
    })?;
    let stranger = Issuer::new()?.issue(&["caller.example"])?;
    for refused in [None, Some(&stranger)] {
        if let Ok(mut stream) = tls::connect(site.tls, &site.issuer, refused) {
            stream.wait_closed()?;
        }
    }
    let own = site.issuer.issue(&["caller.example"])?;
    let mut stream = tls::connect(site.tls, &site.issuer, Some(&own))?;
    assert_eq!(site.options(&mut stream)?.status(), Some(200));
    Ok(())
}
