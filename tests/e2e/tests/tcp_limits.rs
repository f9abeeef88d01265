//! What `[tcp]` lets connections take.

use std::{net::TcpStream, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    site::{Addresses, settings},
    wait_until,
    wire::Stream,
};
use lab::proxy_process::ProxyProcess;

const WITHIN: Duration = Duration::from_secs(20);

fn proxy(lines: &str) -> Result<ProxyProcess> {
    let mut settings = settings(Addresses::take());
    settings.further.push_str(&format!("[tcp]\n{lines}\n"));
    ProxyProcess::start(settings)
}

fn is_answered(stream: &mut Stream) -> Result<bool> {
    let options = stream.request("OPTIONS", "sip:203.0.113.10:5060")?;
    stream.send(options.to_string())?;
    Ok(stream.receive()?.status() == Some(200))
}

#[test]
fn connections_beyond_those_of_one_source_and_of_all_are_refused_and_counted() -> Result<()> {
    for lines in ["max_per_source = 2", "max_connections = 5\nreserved = 3"] {
        let proxy = proxy(lines)?;
        let refused = || proxy.metric("switchyard_proxy_connections_refused_total");
        let mut first = Stream::connect(proxy.sip_address())?;
        let mut second = Stream::connect(proxy.sip_address())?;
        ensure!(is_answered(&mut first)? && is_answered(&mut second)?, "{lines}");
        Stream::connect(proxy.sip_address())?.wait_closed()?;
        ensure!(refused() == Some(1.0), "{lines}: {:?}", refused());
        // One that ends makes room.
        drop(first);
        wait_until(
            "there is room",
            WITHIN,
            || Ok(proxy.metric("switchyard_proxy_connections") == Some(1.0)),
        )?;
        ensure!(is_answered(&mut Stream::connect(proxy.sip_address())?)?, "{lines}");
        ensure!(is_answered(&mut second)?, "{lines}");
    }
    Ok(())
}

#[test]
fn a_connection_that_is_silent_slow_or_says_too_much_is_closed() -> Result<()> {
    let proxy = proxy("idle_timeout = \"1s\"\nmessage_timeout = \"500ms\"\nmax_message = 1500")?;
    let mut idle = Stream::connect(proxy.sip_address())?;
    ensure!(is_answered(&mut idle)?, "before it is idle");
    idle.wait_closed()?;
    let mut mute = Stream::connect(proxy.sip_address())?;
    mute.wait_closed()?;
    let mut slow = Stream::connect(proxy.sip_address())?;
    let options = slow.request("OPTIONS", "sip:203.0.113.10:5060")?.to_string();
    slow.send(options.trim_end())?;
    slow.wait_closed()?;
    let mut long = Stream::connect(proxy.sip_address())?;
    let options = |padded: usize| {
        let options = long.request("OPTIONS", "sip:203.0.113.10:5060")?;
        anyhow::Ok(options.header(&format!("X-Padding: {}", "x".repeat(padded))).to_string())
    };
    let (fits, too_long) = (options(1000)?, options(1500)?);
    long.send(fits)?;
    ensure!(long.receive()?.status() == Some(200), "1500 bytes are let in");
    long.send(too_long)?;
    long.wait_closed()?;
    // And none of that keeps others from being heard.
    ensure!(is_answered(&mut Stream::connect(proxy.sip_address())?)?, "afterwards");
    drop(TcpStream::connect(proxy.sip_address())?);
    Ok(())
}
