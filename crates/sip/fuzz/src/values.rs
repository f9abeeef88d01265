//! Typed values: nothing panics, and what was read is what stands there.

use std::net::SocketAddr;

use sip::{CSeq, Host, Method, Name, NameAddr, Params, Uri, Values, Via};

use super::{is_trimmed, within};

/// Reads `bytes` as every kind of value there is.
pub fn value(bytes: &[u8]) {
    list(bytes);
    address(bytes);
    via(bytes);
    uri(bytes);
    host(bytes);
    if let Ok(cseq) = CSeq::parse(bytes) {
        assert!(cseq.number < 1 << 31 && !cseq.method.as_bytes().is_empty());
    }
    assert_eq!(Method::of(bytes).as_bytes(), bytes);
    let name = Name::of(bytes);
    assert!(name == Name::Other || bytes.len() == 1 || name.as_str().as_bytes().eq_ignore_ascii_case(bytes));
}

/// Between the values of a list there is nothing but commas and white space.
fn list(bytes: &[u8]) {
    let mut at = bytes.as_ptr() as usize;
    let mut between = Vec::new();
    for value in Values::new(bytes) {
        assert!(!value.is_empty() && within(bytes, value) && is_trimmed(value));
        let start = value.as_ptr() as usize;
        assert!(at <= start);
        let offset = bytes.as_ptr() as usize;
        between.extend_from_slice(&bytes[at - offset..start - offset]);
        at = start + value.len();
    }
    between.extend_from_slice(&bytes[at - bytes.as_ptr() as usize..]);
    assert!(between.iter().all(|byte| b", \t\r\n".contains(byte)));
}

fn address(bytes: &[u8]) {
    let Ok(address) = NameAddr::parse(bytes) else { return };
    assert!(within(bytes, address.display) && within(bytes, address.raw_uri));
    params(&address.params);
    uri(address.raw_uri);
    // What is written behind it is read as its parameter.
    if !address.params.has("tag") {
        let tagged = [bytes, b";tag=new"].concat();
        let tagged = NameAddr::parse(&tagged).expect("a parameter more does no harm");
        assert_eq!((tagged.tag(), tagged.raw_uri), (Some(&b"new"[..]), address.raw_uri));
    }
}

fn via(bytes: &[u8]) {
    let Ok(via) = Via::parse(bytes) else { return };
    assert_eq!(via.raw, bytes);
    assert!(within(bytes, via.sent_by) && within(bytes, via.transport));
    params(&via.params);
    for source in ["203.0.113.9:40000", "[2001:db8::9]:5060", "[::ffff:10.0.0.1]:5060", "10.0.0.1:5060"] {
        let source: SocketAddr = source.parse().expect("an address");
        let mut out = Vec::new();
        via.stamp(source, true).write(&mut out);
        let stamped = Via::parse(&out).expect("a stamped Via reads");
        assert_eq!((stamped.transport, stamped.sent_by), (via.transport, via.sent_by));
        assert_eq!((stamped.host, stamped.port, stamped.branch()), (via.host, via.port, via.branch()));
        // The answer goes back to where the request came from, whatever its sender wrote.
        let ip = source.ip().to_canonical();
        assert_eq!(stamped.received().or(via.host.ip()), Some(ip));
        assert_eq!(stamped.rport().unwrap_or(via.port_or_default()), source.port());
        let mut twice = Vec::new();
        stamped.stamp(source, true).write(&mut twice);
        let twice = Via::parse(&twice).expect("a Via stamped twice reads");
        assert_eq!((twice.received(), twice.rport()), (stamped.received(), stamped.rport()));
    }
}

fn uri(bytes: &[u8]) {
    let Ok(uri) = Uri::parse(bytes) else { return };
    params(&uri.params);
    assert!(
        within(bytes, uri.headers) && uri.user.is_none_or(|user| !user.is_empty() && within(bytes, user))
    );
    assert!(!bytes.iter().any(|byte| byte.is_ascii_whitespace()));
    assert!(uri.port.is_none_or(|port| port == uri.port_or_default()));
}

fn host(bytes: &[u8]) {
    let Ok((host, port)) = Host::parse_with_port(bytes) else { return };
    let text = port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
    assert_eq!(
        Host::parse_with_port(text.as_bytes()).map(|(h, p)| (h.to_string(), p)),
        Ok((host.to_string(), port))
    );
}

fn params(params: &Params<'_>) {
    assert_eq!(params.iter().flat_map(|param| param.raw).copied().collect::<Vec<_>>(), params.as_bytes());
    for param in params.iter() {
        assert!(param.raw.starts_with(b";"));
        if let Ok(name) = std::str::from_utf8(param.name) {
            let first = params.get(&name.to_ascii_uppercase()).expect("a name that is there is found");
            assert!(first.name.eq_ignore_ascii_case(param.name));
        }
    }
}
