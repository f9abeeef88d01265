//! Answers to requests (RFC 3261 8.2.6).

use std::net::SocketAddr;

use sip::Name;

use super::incoming::stamped;
use super::{ALLOW, Draft, Incoming};

/// Begins the answer to a request that came from `source`. `tag` is given to a To that has none; a 100 needs none.
#[must_use]
pub fn respond(request: &Incoming, source: SocketAddr, code: u16, tag: Option<&str>) -> Draft {
    let mut vias = request.raw(Name::Via);
    if let Some(top) = vias.first_mut() {
        *top = stamped(top, source);
    }
    let mut to = request.raw_first(Name::To);
    if let (None, Some(tag)) = (&request.to_tag, tag) {
        to.extend(format!(";tag={tag}").into_bytes());
    }
    let draft = Draft::response(code)
        .headers("Via", vias)
        .header("From", request.raw_first(Name::From))
        .header("To", to)
        .header("Call-ID", request.raw_first(Name::CallId))
        .header("CSeq", request.raw_first(Name::CSeq));
    // RFC 3261 8.2.6.1: Timestamp is copied into a 100; 8.2.1: Allow stands in a 405.
    match code {
        100 => draft.headers("Timestamp", request.raw(Name::Timestamp)),
        405 => draft.header("Allow", ALLOW),
        _ => draft,
    }
}

/// Begins an answer that makes a dialog, or may: with the Record-Routes of its request (RFC 3261 12.1.1) and a Contact.
#[must_use]
pub fn respond_in_dialog(
    request: &Incoming,
    source: SocketAddr,
    code: u16,
    tag: &str,
    contact: &str,
) -> Draft {
    respond(request, source, code, Some(tag))
        .headers("Record-Route", request.raw(Name::RecordRoute))
        .header("Contact", format!("<{contact}>"))
        .header("Allow", ALLOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_copies_what_it_must_and_nothing_else() {
        let request = "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.2;branch=b\r\n\
            Record-Route: <sip:p;lr>\r\nFrom: <sip:a@b>;tag=1\r\nTo: \"B\" <sip:b@c>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n\
            Timestamp: 5\r\nSubject: no\r\nContent-Length: 0\r\n\r\n";
        let request = Incoming::parse(request.as_bytes()).unwrap();
        let source = "10.0.0.1:5060".parse().unwrap();
        let text = |draft: Draft| String::from_utf8(draft.end()).unwrap();
        assert_eq!(
            text(respond(&request, source, 100, None)),
            "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=b\r\n\
             From: <sip:a@b>;tag=1\r\nTo: \"B\" <sip:b@c>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nTimestamp: 5\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let ok = text(respond_in_dialog(&request, source, 200, "t", "sip:b@10.0.0.3"));
        assert!(ok.contains("To: \"B\" <sip:b@c>;tag=t\r\n"), "{ok}");
        assert!(ok.contains("Record-Route: <sip:p;lr>\r\nContact: <sip:b@10.0.0.3>\r\n"), "{ok}");
    }
}
