use super::*;

const INVITE: &[u8] = b"\r\nINVITE sip:bob@example.com SIP/2.0\r\n\
v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n\
x-Weird : \xff\xfe\r\n\
Subject: one\r\n two\r\n\tthree\r\n\
CALL-id:abc\r\n\
l: 4\r\n\
\r\nbodyrest";

fn parse<'a>(bytes: &'a [u8], index: &'a mut Index) -> Result<Message<'a>, Error> {
    Message::parse(bytes, index, &Limits::default())
}

#[test]
fn a_view_keeps_order_case_compact_names_folding_and_odd_bytes() {
    let mut index = Index::new();
    let msg = parse(INVITE, &mut index).unwrap();
    let names: Vec<_> = msg.fields().map(|f| (f.name, f.raw_name)).collect();
    let expected = [
        (Name::Via, &b"v"[..]),
        (Name::Other, b"x-Weird"),
        (Name::Subject, b"Subject"),
        (Name::CallId, b"CALL-id"),
        (Name::ContentLength, b"l"),
    ];
    assert_eq!(names, expected);
    assert_eq!(msg.first(Name::Subject).unwrap().value, b"one\r\n two\r\n\tthree");
    assert_eq!(msg.named("X-WEIRD").next().unwrap().value, b"\xff\xfe");
    assert_eq!(msg.body(), Ok(&b"body"[..]));
    assert!(msg.bytes().starts_with(b"INVITE") && msg.bytes().ends_with(b"body"));
    assert_eq!(msg.defect(), None);
}

#[test]
fn more_than_64_header_fields_are_read() {
    let mut bytes = b"OPTIONS sip:a SIP/2.0\r\n".to_vec();
    (0..200).for_each(|i| bytes.extend_from_slice(format!("X-{i}: {i}\r\n").as_bytes()));
    bytes.extend_from_slice(b"\r\n");
    let mut index = Index::new();
    assert_eq!(parse(&bytes, &mut index).unwrap().fields().count(), 200);
}

#[test]
fn limits_are_errors_that_name_what_is_too_much() {
    let limits = Limits { message_bytes: 200, fields: 2, line_bytes: 60 };
    let mut index = Index::new();
    let mut error =
        |text: String| Message::parse(text.as_bytes(), &mut index, &limits).unwrap_err().to_string();
    let start = "OPTIONS sip:a SIP/2.0\r\n";
    assert_eq!(error(format!("{start}A: 1\r\nB: 2\r\nC: 3\r\n\r\n")), "3 header fields: at most 2 are taken");
    assert_eq!(
        error(format!("{start}A: {}\r\n\r\n", "x".repeat(80))),
        "83 bytes in a line: at most 60 are taken"
    );
    assert_eq!(
        error(format!("{start}\r\n{}", "x".repeat(200))),
        "225 bytes in a message: at most 200 are taken"
    );
}

#[test]
fn a_head_without_end_is_an_error_wherever_it_breaks_off() {
    let head = b"OPTIONS sip:a SIP/2.0\r\nA: 1\r\n\r\n";
    let mut index = Index::new();
    for end in 0..head.len() {
        assert!(parse(&head[..end], &mut index).is_err(), "{end}");
    }
    assert!(parse(head, &mut index).is_ok());
}

#[test]
fn what_another_reader_might_read_otherwise_is_a_defect() {
    for line in ["no colon", ": no name", "X Y: 1", "A: b\rX-Src-Ip: 1.2.3.4", "A: b\0c", "\u{1}A: 1"] {
        let bytes = format!("OPTIONS sip:a SIP/2.0\r\n{line}\r\nB: 2\r\n\r\n");
        let mut index = Index::new();
        let msg = parse(bytes.as_bytes(), &mut index).unwrap();
        assert!(msg.defect().is_some(), "{line:?}");
        assert!(msg.named("B").next().is_some(), "{line:?}");
    }
}

#[test]
fn the_vias_below_the_topmost_are_all_others_whatever_line_they_stand_in() {
    let text = b"OPTIONS sip:a SIP/2.0\r\nVia:\r\nVia: SIP/2.0/UDP a , SIP/2.0/UDP b\r\nX: 1\r\nv: SIP/2.0/UDP c\r\n\r\n";
    let mut index = Index::new();
    let msg = parse(text, &mut index).unwrap();
    let (top, mut below) = (msg.top_via().unwrap(), Vec::new());
    assert!(!msg.any_via_below(&top, |value| {
        below.push(value);
        false
    }));
    assert_eq!(below, [b"SIP/2.0/UDP b", b"SIP/2.0/UDP c"]);
}

#[test]
fn a_lone_line_feed_ends_a_line() {
    let mut index = Index::new();
    let msg = parse(b"OPTIONS sip:a SIP/2.0\nA: 1\nB: 2\n 3\n\nbody", &mut index).unwrap();
    assert_eq!(msg.fields().count(), 2);
    assert_eq!(msg.body(), Ok(&b"body"[..]));
}

#[test]
fn start_lines_are_told_apart_and_refused_when_they_are_neither() {
    let mut index = Index::new();
    let msg = parse(b"sip/2.0 183 Session Progress\r\n\r\n", &mut index).unwrap();
    assert_eq!(msg.status(), Some(StatusLine { code: 183, reason: b"Session Progress" }));
    let msg = parse(b"SIP/2.0 200\r\n\r\n", &mut index).unwrap();
    assert_eq!(msg.status(), Some(StatusLine { code: 200, reason: b"" }));
    let msg = parse(b"INVITE  sip:a@b  SIP/2.0\r\n\r\n", &mut index).unwrap();
    assert_eq!(msg.request().unwrap().uri, b" sip:a@b ");
    for bad in [
        "SIP/2.0 4294967301 big",
        "SIP/2.0 099 x",
        "SIP/2.0 2000 x",
        "SIP/3.0 200 OK",
        "hello",
        "\u{e9} sip:a SIP/2.0",
    ] {
        assert!(parse(format!("{bad}\r\n\r\n").as_bytes(), &mut index).is_err(), "{bad}");
    }
}

#[test]
fn content_length_cuts_and_a_short_body_is_told() {
    let mut index = Index::new();
    let with = |length: &str| format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\nbody");
    assert_eq!(parse(with("0").as_bytes(), &mut index).unwrap().body(), Ok(&b""[..]));
    assert_eq!(
        parse(with("5").as_bytes(), &mut index).unwrap().body(),
        Err(Error::Short { promised: 5, came: 4 })
    );
    for bad in ["-1", "x", "99999999999999999999", "", "4, 4"] {
        assert!(parse(with(bad).as_bytes(), &mut index).unwrap().body().is_err(), "{bad:?}");
    }
    let twice = b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\nContent-Length: 3\r\n\r\nbody";
    assert_eq!(parse(twice, &mut index).unwrap().body(), Err(Error::Contradiction("Content-Length")));
}
