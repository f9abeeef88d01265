//! rsip as an oracle: on what rsip accepts, both read the same.
//!
//! rsip is stricter, or wrong, where this says so, and only there it is not asked:
//! - compact names are other header fields to it, folded lines and white space before a colon errors, bytes that are no
//!   UTF-8 too: messages are generated without them, and of the corpus it is only asked about what has none;
//! - it knows no lists: a header field line is one value, so that only the first Via of a line is compared;
//! - it reads a URI of any scheme as if it were a SIP one;
//! - it compares methods without case (RFC 3261 7.1: with), and knows only its own;
//! - it splits an IPv6 address at its first colon, and takes a user part with a dot in it for a part of the host;
//! - it looks for `<` in quoted strings too: display names that hold one are not compared;
//! - it takes a tag or branch of token characters only, and of a parameter that comes twice whichever fits its type.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "checks report by panicking")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rsip::message::HeadersExt;
use rsip::prelude::{HasHeaders, ToTypedHeader, UntypedHeader};
use sip::{Error, Index, Limits, Message, Name, NameAddr, Scheme, Uri, Values, Via};

#[allow(dead_code, reason = "shared with other tests")]
mod generate;

use generate::Spelling;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_messages_read_as_rsip_reads_them(message in generate::message(Spelling::Plain)) {
        prop_assert!(compare(&message.bytes()), "rsip does not take a plain message");
    }
}

#[test]
fn the_corpus_and_the_torture_messages_read_as_rsip_reads_them() {
    let mut taken = 0;
    for folder in ["fuzz/corpus/message", "tests/torture"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for file in fs::read_dir(folder).expect("a folder") {
            let file = file.expect("an entry").path();
            if file.extension().is_some_and(|ext| ext == "sip") {
                println!("{}", file.display());
                taken += usize::from(compare(&fs::read(file).expect("a file")));
            }
        }
    }
    assert!(taken >= 30, "rsip took {taken} messages");
}

/// Returns whether rsip takes the message at all.
fn compare(bytes: &[u8]) -> bool {
    let Ok(theirs) = rsip::SipMessage::try_from(bytes) else { return false };
    let mut index = Index::new();
    let ours = Message::parse(bytes, &mut index, &Limits::default()).expect("what rsip reads is readable");
    match &theirs {
        rsip::SipMessage::Request(request) => {
            let line = ours.request().expect("a request");
            assert!(line.method.as_bytes().eq_ignore_ascii_case(request.method.to_string().as_bytes()));
            assert_eq!(line.version, request.version.to_string().as_bytes());
            // It takes brackets (RFC 4475 3.1.2.7) and control characters for parts of the URI.
            if !line.uri.iter().any(|byte| *byte == b'<' || byte.is_ascii_control()) {
                uris_agree(&Uri::parse(line.uri).expect("a URI"), &request.uri);
            }
        }
        rsip::SipMessage::Response(response) => {
            assert_eq!(ours.status().expect("a response").code, response.status_code.code());
        }
    }
    let spelled = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
    let names: Vec<_> = ours.fields().map(|field| spelled(field.raw_name)).collect();
    let text: Vec<_> = theirs.headers().iter().map(ToString::to_string).collect();
    let their_names = text.iter().map(|line| line.split(':').next().unwrap_or_default().to_ascii_lowercase());
    assert!(names.iter().cloned().eq(their_names), "{names:?} {text:?}");
    for (field, text) in ours.fields().zip(&text) {
        let value = text.split_once(':').map_or("", |(_, value)| value).trim_matches([' ', '\t']);
        assert_eq!(String::from_utf8_lossy(field.value), value);
    }
    values_agree(&ours, &theirs);
    true
}

fn values_agree(ours: &Message<'_>, theirs: &rsip::SipMessage) {
    let once = |name| ours.all(name).count() == 1 && ours.first(name).is_some_and(|f| f.raw_name.len() > 1);
    if once(Name::CallId) {
        let theirs = theirs.call_id_header().expect("a Call-ID");
        assert_eq!(ours.call_id().ok(), Some(theirs.value().as_bytes()));
    }
    if once(Name::CSeq)
        && let Ok(theirs) = theirs.cseq_header().expect("a CSeq").typed()
        && theirs.seq < 1 << 31
    {
        let ours = ours.cseq().expect("a CSeq");
        assert_eq!(ours.number, theirs.seq);
        assert!(ours.method.as_bytes().eq_ignore_ascii_case(theirs.method.to_string().as_bytes()));
    }
    if once(Name::MaxForwards)
        && let Ok(hops) = theirs.max_forwards_header().expect("a Max-Forwards").num()
    {
        assert_eq!(ours.max_forwards().ok().flatten(), u8::try_from(hops).ok());
    }
    if once(Name::From)
        && let Ok(theirs) = theirs.from_header().expect("a From").typed()
    {
        addresses_agree(ours.from(), &theirs.uri, theirs.tag().map(|tag| tag.value()));
    }
    if once(Name::To)
        && let Ok(theirs) = theirs.to_header().expect("a To").typed()
    {
        addresses_agree(ours.to(), &theirs.uri, theirs.tag().map(|tag| tag.value()));
    }
    for header in theirs.headers().iter() {
        match header {
            rsip::Header::Via(line) => vias_agree(line),
            rsip::Header::ContentLength(length) if once(Name::ContentLength) => {
                let theirs =
                    length.value().parse::<u32>().ok().and_then(|length| usize::try_from(length).ok());
                assert_eq!(ours.content_length().ok().flatten(), theirs);
            }
            _ => {}
        }
    }
    if let Ok(body) = ours.body() {
        assert!(theirs.body().starts_with(body));
    }
}

fn vias_agree(line: &rsip::headers::Via) {
    let (Ok(theirs), Some(first)) = (line.typed(), Values::new(line.value().as_bytes()).next()) else {
        return;
    };
    let ours = match Via::parse(first) {
        Ok(ours) => ours,
        // It stops reading where these begin.
        Err(_) if first.iter().any(|byte| b"\"<".contains(byte)) => return,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(String::from_utf8_lossy(ours.transport), theirs.transport.to_string());
    hosts_agree(&ours.host, theirs.uri.host());
    assert_eq!(ours.port, theirs.uri.port().map(|port| *port.value()));
    assert_eq!(ours.branch(), theirs.branch().map(|branch| branch.value().as_bytes()));
}

fn addresses_agree(ours: Result<NameAddr<'_>, Error>, theirs: &rsip::Uri, tag: Option<&str>) {
    // It takes an open quoted string (RFC 4475 3.1.2.6) and spaces between the brackets (3.1.2.14).
    let Ok((ours, uri)) = ours.and_then(|ours| Ok((ours, ours.uri()?))) else { return };
    if !ours.display.contains(&b'<') {
        assert_eq!(ours.tag(), tag.map(str::as_bytes));
        uris_agree(&uri, theirs);
    }
}

fn uris_agree(ours: &Uri<'_>, theirs: &rsip::Uri) {
    if matches!(ours.scheme, Scheme::Other(_)) || theirs.host().to_string().contains(['@', '[']) {
        return;
    }
    let user = |user: Option<&[u8]>| user.map(|user| String::from_utf8_lossy(user).into_owned());
    assert_eq!(user(ours.user), theirs.user().map(str::to_owned));
    assert_eq!(ours.port, theirs.port().map(|port| *port.value()));
    if let Some(host) = ours.host {
        hosts_agree(&host, theirs.host());
    }
    assert_eq!(ours.transport().is_some(), theirs.transport().is_some());
}

fn hosts_agree(ours: &sip::Host<'_>, theirs: &rsip::Host) {
    let theirs = theirs.to_string();
    let theirs = sip::Host::parse(theirs.as_bytes()).expect("a host");
    assert_eq!(*ours, theirs);
}
