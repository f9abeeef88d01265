//! Load balancers that say whom a connection is from (PROXY protocol, version 2).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::{
    site::{Addresses, settings},
    tls::{self, Issuer},
    wait_until,
    wire::Stream,
};
use lab::proxy_process::{ProxyProcess, free_port};
use tempfile::TempDir;

const FAILED: &str = "switchyard_proxy_handshakes_failed_total{kind=\"proxy_protocol\"}";

/// This machine's own connections come from there; the proxy is told that it is a load balancer.
const LOAD_BALANCER: &str = "127.0.0.1/32";

fn start(mut change: impl FnMut(Addresses, &mut String)) -> Result<ProxyProcess> {
    let addresses = Addresses::take();
    let mut settings = settings(addresses);
    settings.access.sources = vec!["198.51.100.0/24".to_owned()];
    settings.listeners.truncate(1);
    for listener in &mut settings.listeners {
        change(addresses, &mut listener.further);
    }
    ProxyProcess::start(settings)
}

fn balanced(_: Addresses, lines: &mut String) {
    lines.push_str(&format!("proxy_protocol = [\"{LOAD_BALANCER}\"]\n"));
}

fn header(source: &str) -> Result<Vec<u8>> {
    let source: SocketAddr = source.parse()?;
    let IpAddr::V4(ip) = source.ip() else { anyhow::bail!("IPv4 only") };
    let rest = [&ip.octets()[..], &[127, 0, 0, 1], &source.port().to_be_bytes(), &[0x13, 0xc4]].concat();
    // And a field that the proxy does not know.
    let rest = [&rest[..], &[0xEA, 0, 3, 1, 2, 3]].concat();
    let length = u16::try_from(rest.len())?.to_be_bytes();
    Ok([&b"\r\n\r\n\0\r\nQUIT\n\x21\x11"[..], &length, &rest].concat())
}

#[test]
fn the_source_in_the_header_counts_for_access_and_via() -> Result<()> {
    let proxy = start(balanced)?;
    for (source, code) in [("198.51.100.7:4711", 500), ("192.0.2.66:4711", 403)] {
        let mut stream = Stream::connect(proxy.sip_address())?;
        stream.send(header(source)?)?;
        // 500: there is no target; but the call was let in.
        stream.send(stream.request("INVITE", "sip:1294@203.0.113.10:5060")?.to_string())?;
        let answer = stream.receive().with_context(|| proxy.log())?;
        assert_eq!(answer.status(), Some(code), "{answer:?}");
        let ip = source.split(':').next().unwrap_or_default();
        ensure!(answer.header("Via").contains(&format!("received={ip}")), "{answer:?}");
    }
    Ok(())
}

#[test]
fn a_load_balancer_has_to_send_one_and_of_version_2() -> Result<()> {
    let proxy = start(balanced)?;
    let options = Stream::connect(proxy.sip_address())?.request("OPTIONS", "sip:203.0.113.10:5060")?;
    for other in [options.to_string(), "PROXY TCP4 198.51.100.7 127.0.0.1 4711 5060\r\n".to_owned()] {
        let mut stream = Stream::connect(proxy.sip_address())?;
        stream.send(other)?;
        stream.wait_closed()?;
    }
    wait_until("both are counted", Duration::from_secs(20), || Ok(proxy.metric(FAILED) >= Some(2.0)))?;
    ensure!(proxy.log().contains("PROXY protocol"), "{}", proxy.log());
    // One that is the load balancer's own is fine, and one that is sent byte by byte.
    let mut stream = Stream::connect(proxy.sip_address())?;
    stream.send(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00")?;
    stream.send(options.to_string())?;
    assert_eq!(stream.receive()?.status(), Some(200));
    let mut stream = Stream::connect(proxy.sip_address())?;
    for byte in header("198.51.100.7:4711")? {
        stream.send([byte])?;
    }
    stream.send(options.to_string())?;
    assert_eq!(stream.receive()?.status(), Some(200));
    Ok(())
}

#[test]
fn nobody_else_is_believed() -> Result<()> {
    let proxy = start(|_, lines| lines.push_str("proxy_protocol = [\"192.0.2.0/24\"]\n"))?;
    let mut stream = Stream::connect(proxy.sip_address())?;
    stream.send(header("198.51.100.7:4711")?)?;
    stream.send(stream.request("INVITE", "sip:1294@203.0.113.10:5060")?.to_string())?;
    stream.wait_closed()?;
    assert_eq!(proxy.metric("switchyard_proxy_replies_total").unwrap_or_default(), 0.0);
    Ok(())
}

#[test]
fn a_header_comes_before_the_handshake_of_tls() -> Result<()> {
    let (directory, issuer) = (TempDir::new()?, Issuer::new()?);
    let mut bind = None;
    let proxy = start(|addresses, lines| {
        balanced(addresses, lines);
        let place = directory.path().display();
        let names = [&*addresses.proxy().to_string()];
        let written = issuer.issue(&names).and_then(|issued| issued.write(directory.path()));
        bind = free_port(addresses.proxy()).ok().map(|port| SocketAddr::new(addresses.proxy(), port));
        let bind = bind.map(|bind| bind.to_string()).unwrap_or_default();
        lines.push_str(&format!(
            "[listener.tls]\nbind = \"{bind}\"\ncertificate = \"{place}/certificate.pem\"\nkey = \"{place}/key.pem\" # {written:?}\n"
        ));
    })?;
    let bind = bind.context("a free port")?;
    let first = header("198.51.100.7:4711")?;
    let mut stream = tls::connect_behind(bind, &issuer, None, &first).with_context(|| proxy.log())?;
    stream.send(stream.request("OPTIONS", "sip:203.0.113.10:5060")?.to_string())?;
    let answer = stream.receive().with_context(|| proxy.log())?;
    ensure!(
        answer.status() == Some(200) && answer.header("Via").contains("received=198.51.100.7"),
        "{answer:?}"
    );
    Ok(())
}
