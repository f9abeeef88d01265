//! Whatever comes from the network, calls go on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    pause,
    site::Site,
    wire::{Stream, Wire},
};

/// A fixed sequence of bytes that look like nothing (xorshift).
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[3]
    }
}

/// Things that are nearly messages.
fn malformed(whole: &str) -> Vec<Vec<u8>> {
    let with = |line: &str| whole.replacen("Content-Length: 0", line, 1).into_bytes();
    let mut messages = vec![
        Vec::new(),
        b"\r\n\r\n".to_vec(),
        // A STUN binding request.
        [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[7; 12]].concat(),
        b"INVITE\r\n\r\n".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        b"SIP/2.0 999999999999 OK\r\nVia: \r\n\r\n".to_vec(),
        with("Content-Length: 999999999999999999999999"),
        with("Content-Length: -1"),
        with(&format!("X-Huge: {}\r\nContent-Length: 0", "x".repeat(60_000))),
        with(&format!("{}Content-Length: 0", "Via: SIP/2.0/UDP 10.0.0.1\r\n".repeat(1500))),
        with("Route: <sip:[::1]:99999;;;lr=>>\r\nRoute: ,,,\r\nContent-Length: 0"),
        whole.replace("Via: SIP", "Via: SOP").into_bytes(),
        whole.replace("CSeq: 1", "CSeq: 99999999999").into_bytes(),
        whole.replace("Max-Forwards: 70", "Max-Forwards: many").into_bytes(),
        whole.replace("sip:1294", "sip:\0\u{fffd}\u{7f}").into_bytes(),
    ];
    messages.extend((0..whole.len()).step_by(7).map(|length| whole.bytes().take(length).collect()));
    messages
}

fn call(site: &Site) -> Result<()> {
    site.run(&site.caller("uac_call")?)?;
    site.run(&site.caller("uac_call")?.over_tcp())?;
    ensure!(site.proxy.get("/readyz")?.0 == 200, "not ready any more");
    Ok(())
}

#[test]
fn garbage_over_udp_stops_no_call() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let wire = Wire::bind(site.addresses.caller(1))?;
    let (proxy, mut noise) = (site.proxy.sip_address(), Noise(0x5EED));
    for length in (1..1400).step_by(9) {
        wire.send(noise.bytes(length), proxy)?;
    }
    let options = wire.request("OPTIONS", "sip:203.0.113.10:5060");
    for message in malformed(&options.to_string()) {
        wire.send(message, proxy)?;
    }
    call(&site)?;
    site.finish()?;
    Ok(())
}

#[test]
fn garbage_over_tcp_stops_no_call() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let (proxy, mut noise) = (site.proxy.sip_address(), Noise(0x5EED));
    let mut left_open = Vec::new();
    let options = Stream::connect(proxy)?.request("OPTIONS", "sip:203.0.113.10:5060")?;
    let mut floods = malformed(&options.to_string());
    floods.extend((0..40).map(|step| noise.bytes(1 + step * 100)));
    floods.push(b"X".repeat(1_000_000));
    floods.push([b"INVITE sip:a@b SIP/2.0\r\n".to_vec(), b"X-More: x\r\n".repeat(100_000)].concat());
    for (number, flood) in floods.into_iter().enumerate() {
        let mut stream = Stream::connect(proxy)?;
        // The proxy may close the connection before all is sent.
        let _ = stream.send(flood);
        if number % 3 == 0 {
            left_open.push(stream);
        }
    }
    call(&site)?;
    site.finish()?;
    Ok(())
}

#[test]
fn a_slow_sender_is_understood_and_keeps_nobody_waiting() -> Result<()> {
    let site = Site::start("uas_answer", 1)?;
    let mut slow = Stream::connect(site.proxy.sip_address())?;
    let options = slow.request("OPTIONS", "sip:203.0.113.10:5060")?.to_string();
    let (first, rest) = options.split_at(options.len() / 2);
    for byte in first.as_bytes() {
        slow.send([*byte])?;
        pause(Duration::from_millis(1));
    }
    call(&site)?;
    // Two messages in one piece, the first of which began long ago.
    slow.send(format!("{rest}{options}"))?;
    for _ in 0..2 {
        let answer = slow.receive().with_context(|| site.proxy.log())?;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
    }
    site.finish()?;
    Ok(())
}
