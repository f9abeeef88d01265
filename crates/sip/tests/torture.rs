//! The torture messages of RFC 4475 (SIP) and RFC 5118 (IPv6), byte for byte, and what this crate must make of each.
//!
//! Only reading is judged here: what a proxy answers to a message that reads but makes no sense is the proxy's. Left
//! out is RFC 4475 3.1.1.11 (mpart01), whose body is a binary signature.
#![allow(clippy::expect_used, reason = "a file that is not there is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use sip::{Error, Index, Limits, Message, Name, NameAddr, Scheme, Uri, Values};

#[path = "torture/expected.rs"]
mod expected;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture")
}

/// Reads a torture message and gives it to `judge`.
fn with<T>(name: &str, judge: impl FnOnce(Result<Message<'_>, Error>) -> T) -> T {
    let bytes = fs::read(folder().join(format!("{name}.sip"))).expect("a torture message");
    judge(Message::parse(&bytes, &mut Index::new(), &Limits::default()))
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// `!` for what cannot be read, `-` for what is not there.
fn or_dash<T>(read: Result<Option<T>, Error>, show: impl FnOnce(T) -> String) -> String {
    read.map_or("!".to_owned(), |value| value.map_or("-".to_owned(), show))
}

/// A message in one line: start line; Call-ID; CSeq; tags; Max-Forwards; Vias; length of the body.
fn reading(msg: &Message<'_>) -> String {
    let start = match (msg.request(), msg.status()) {
        (Some(line), _) => {
            let uri = if Uri::parse(line.uri).is_ok() { text(line.uri) } else { "!".to_owned() };
            format!("{} {uri} {}", line.method, text(line.version))
        }
        (None, line) => line.map_or(String::new(), |line| format!("{} {}", line.code, text(line.reason))),
    };
    let call_id = or_dash(msg.call_id().map(Some), text);
    let cseq = or_dash(msg.cseq().map(Some), |cseq| format!("{} {}", cseq.number, cseq.method));
    let tag = |address: Result<NameAddr<'_>, Error>| {
        or_dash(address.and_then(|a| a.uri().map(|_| a.tag().map(text))), |tag| tag)
    };
    let hops = or_dash(msg.max_forwards(), |hops| hops.to_string());
    let vias = msg.vias().map(|via| {
        or_dash(via.map(Some), |via| {
            let port = via.port.map_or(String::new(), |port| format!(":{port}"));
            format!("{} {}{port} {}", text(via.transport), via.host, or_dash(Ok(via.branch()), text))
        })
    });
    let vias = vias.collect::<Vec<_>>().join(", ");
    let body = or_dash(msg.body().map(Some), |body| body.len().to_string());
    format!("{start}; {call_id}; {cseq}; {}>{}; {hops}; {vias}; {body}", tag(msg.from()), tag(msg.to()))
}

#[test]
fn each_message_reads_as_it_should() {
    for (name, expected) in expected::READINGS {
        let reading = with(name, |msg| msg.map_or_else(|error| error.to_string(), |msg| reading(&msg)));
        assert_eq!(&reading, expected, "{name}");
    }
}

#[test]
fn each_file_has_an_expectation() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|file| file.extension().is_some_and(|ext| ext == "sip"));
    let mut files: Vec<_> =
        files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let mut names: Vec<_> = expected::READINGS.iter().map(|(name, _)| *name).chain(["longreq"]).collect();
    files.sort_unstable();
    names.sort_unstable();
    assert_eq!(files, names);
}

/// RFC 4475 3.1.1.2 calls intmeth valid, with its escaped NUL. It is readable here, but must not be passed on: a target
/// written in C may see the header field end there.
#[test]
fn only_the_nul_of_intmeth_is_a_defect() {
    for (name, _) in expected::READINGS {
        let defect = with(name, |msg| msg.ok().and_then(|msg| msg.defect()));
        assert_eq!(defect.is_some(), *name == "intmeth", "{name}");
    }
}

#[test]
fn untouched_messages_leave_as_they_came() {
    for (name, _) in expected::READINGS.iter().filter(|(_, reading)| !reading.starts_with("expected")) {
        let all = fs::read(folder().join(format!("{name}.sip"))).unwrap();
        with(name, |msg| {
            let msg = msg.unwrap();
            let mut out = Vec::new();
            sip::Edits::new().write_to(&msg, &mut out);
            assert!(all.starts_with(&out), "{name}");
            if let Ok(body) = msg.body() {
                assert_eq!(out.len(), msg.head_len() + body.len(), "{name}");
            }
        });
    }
}

#[test]
fn wsinv_is_read_through_its_folding() {
    with("wsinv", |msg| {
        let msg = msg.unwrap();
        assert_eq!(msg.fields().count(), 14);
        assert_eq!(msg.first(Name::Subject).unwrap().value, b"");
        let folded = msg.named("newfangledheader").next().unwrap().value;
        assert_eq!(folded, b"newfangled value\r\n continued newfangled value");
        let odd = msg.named("UnknownHeaderWithUnusualValue").next().unwrap();
        assert_eq!((odd.value, Values::new(odd.value).count()), (&b";;,,;;,;"[..], 3));
        let route = NameAddr::parse(msg.values(Name::Route).next().unwrap()).unwrap().uri().unwrap();
        assert!(route.params.has("lr") && route.params.has("unknown-no-value"));
        let contact = NameAddr::parse(msg.first(Name::Contact).unwrap().value).unwrap();
        assert_eq!(contact.display, br#""Quoted string \"\"""#);
        assert_eq!(contact.params.value("newparam"), Some(&b"newvalue"[..]));
        assert_eq!(contact.params.value("q"), Some(&b"0.33"[..]));
        assert_eq!(contact.params.get("secondparam").unwrap().value, None);
    });
}

#[test]
fn intmeth_and_semiuri_have_the_longest_user_parts_that_are_allowed() {
    let user =
        |name| with(name, |msg| text(Uri::parse(msg.unwrap().request().unwrap().uri).unwrap().user.unwrap()));
    assert_eq!(user("intmeth"), r"1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*");
    assert_eq!(user("semiuri"), "user;par=u%40example.net");
}

#[test]
fn longreq_is_read_to_its_end() {
    with("longreq", |msg| {
        let msg = msg.unwrap();
        assert_eq!(msg.vias().filter(Result::is_ok).count(), 34);
        assert_eq!(msg.vias().last().unwrap().unwrap().branch().unwrap().len(), 4 + 50 * 4 + 11);
        assert_eq!(msg.from().unwrap().tag().unwrap().len(), 2 + 50 * 3 + 3);
        assert_eq!(msg.call_id().unwrap().len(), 11 + 20 * 6 + 10);
        let to = msg.to().unwrap().uri().unwrap();
        assert_eq!((to.port, to.params.iter().count()), (Some(6000), 3));
        assert_eq!(msg.body().unwrap().len(), 150);
    });
}

#[test]
fn esc02_has_two_contacts_and_not_three() {
    assert_eq!(with("esc02", |msg| msg.unwrap().values(Name::Contact).count()), 2);
}

#[test]
fn unknown_schemes_are_told_and_not_refused() {
    for (name, scheme) in [("unkscm", &b"nobodyKnowsThisScheme"[..]), ("novelsc", b"soap.beep")] {
        with(name, |msg| {
            let uri = Uri::parse(msg.unwrap().request().unwrap().uri).unwrap();
            assert_eq!(uri.scheme, Scheme::Other(scheme));
        });
    }
    let to = with("unksm2", |msg| text(msg.unwrap().to().unwrap().raw_uri));
    assert_eq!(to, "isbn:2983792873");
}

#[test]
fn parameters_belong_to_the_uri_in_brackets_and_to_the_header_field_without() {
    let contact = |name| {
        with(name, |msg| {
            let contact = NameAddr::parse(msg.unwrap().first(Name::Contact).unwrap().value).unwrap();
            (contact.params.has("unknownparam"), contact.uri().unwrap().params.has("unknownparam"))
        })
    };
    assert_eq!(contact("cparam01"), (true, false));
    assert_eq!(contact("cparam02"), (false, true));
}

#[test]
fn errors_of_length_and_repetition_say_what_is_wrong() {
    with("clerr", |msg| {
        assert!(matches!(msg.unwrap().body(), Err(Error::Short { promised: 9999, came: 154 })));
    });
    with("mcl01", |msg| assert_eq!(msg.unwrap().body(), Err(Error::Contradiction("Content-Length"))));
    with("multi01", |msg| assert_eq!(msg.unwrap().call_id(), Err(Error::Contradiction("Call-ID"))));
    with("insuf", |msg| assert_eq!(msg.unwrap().to(), Err(Error::Missing("To"))));
}

#[test]
fn received_is_read_with_and_without_brackets() {
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let received = with(name, |msg| msg.unwrap().top_via().unwrap().received());
        assert_eq!(received, "2001:db8::9:255".parse().ok(), "{name}");
    }
}
