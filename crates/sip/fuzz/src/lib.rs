//! What must hold for any bytes at all. The fuzz targets call this, and so do the tests, by path.
//!
//! | file | what it checks |
//! |---|---|
//! | `lib.rs` | one message: the view, edits, replies |
//! | `values.rs` | typed values, whatever header field they stand in |
//! | `framing.rs` | a byte stream |

mod framing;
mod values;

use sip::{Edits, Field, Index, Limits, Message, Name, Reply, Tag, Values};

pub use framing::stream;
pub use values::value;

const KEY: &[u8; 16] = b"0123456789abcdef";

/// Checks everything about one datagram.
pub fn message(bytes: &[u8]) {
    value(bytes);
    let narrow = Limits { message_bytes: 300, fields: 4, line_bytes: 60 };
    let _ = Message::parse(bytes, &mut Index::new(), &narrow);
    let mut index = Index::new();
    let Ok(msg) = Message::parse(bytes, &mut index, &Limits::default()) else { return };
    view(bytes, &msg);
    accessors(&msg);
    untouched(&msg);
    reply(&msg);
    if msg.defect().is_none() {
        for name in [Name::Via, Name::Route, Name::RecordRoute, Name::Contact] {
            removal(&msg, name);
        }
        insertion(&msg);
    }
}

/// The parts lie where they should and together are the message.
fn view(bytes: &[u8], msg: &Message<'_>) {
    let blank = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    assert!(bytes[blank..].starts_with(msg.bytes()));
    let (head, rest) = msg.bytes().split_at(msg.head_len());
    if let Ok(body) = msg.body() {
        assert_eq!(body, rest);
    }
    assert!(msg.request().is_some() != msg.status().is_some());
    for field in msg.fields() {
        assert!(within(msg.bytes(), field.line) && field.line.ends_with(b"\n"));
        assert!(within(field.line, field.raw_name) && within(field.line, field.value));
        assert!(!field.raw_name.is_empty() && field.line.starts_with(field.raw_name));
        assert_eq!(field.name, Name::of(field.raw_name));
        assert!(is_trimmed(field.value));
    }
    if msg.defect().is_none() {
        let first = 1 + head.iter().position(|byte| *byte == b'\n').expect("a start line ends");
        let lines: Vec<u8> = msg.fields().flat_map(|field| field.line).copied().collect();
        let last = head[first..].strip_prefix(&lines[..]).expect("lines stand one behind the other");
        assert!(last == b"\r\n" || last == b"\n");
        assert!(!head.contains(&0));
        assert!(!head.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n'));
    }
    let mut index = Index::new();
    let again =
        Message::parse(msg.bytes(), &mut index, &Limits::default()).expect("what was read reads again");
    assert_eq!((again.bytes(), again.body(), again.defect()), (msg.bytes(), msg.body(), msg.defect()));
    assert_eq!((again.request(), again.status()), (msg.request(), msg.status()));
    assert!(again.fields().map(|f| f.line).eq(msg.fields().map(|f| f.line)));
}

fn accessors(msg: &Message<'_>) {
    if let Some(line) = msg.request() {
        value(line.uri);
        assert!(within(msg.bytes(), line.method.as_bytes()) || !line.method.as_bytes().is_empty());
    }
    if let Some(line) = msg.status() {
        assert!((100..700).contains(&line.code));
    }
    if let Ok(call_id) = msg.call_id() {
        assert!(!call_id.is_empty() && within(msg.bytes(), call_id));
    }
    if let (Ok(body), Ok(Some(length))) = (msg.body(), msg.content_length()) {
        assert_eq!(body.len(), length);
    }
    let _ = (msg.cseq(), msg.from(), msg.to(), msg.max_forwards());
    match msg.vias().next() {
        Some(first) => assert_eq!(first.map(|via| via.raw), msg.top_via().map(|via| via.raw)),
        None => assert!(msg.top_via().is_err()),
    }
    for field in msg.fields() {
        value(field.value);
        if let Ok(name) = std::str::from_utf8(field.raw_name) {
            assert!(msg.named(&name.to_uppercase()).any(|other| other.line == field.line));
        }
    }
}

fn untouched(msg: &Message<'_>) {
    assert_eq!(written(msg, &Edits::new()), msg.bytes());
}

/// Removes every value whose length is odd, and compares with a list from which they were taken.
fn removal(msg: &Message<'_>, name: Name) {
    let odd = |value: &[u8]| value.len() % 2 == 1;
    let mut edits = Edits::new();
    let mut ordinals = Vec::new();
    edits.remove_values(msg, name, |ordinal, value| {
        ordinals.push(ordinal);
        odd(value)
    });
    assert!(ordinals.into_iter().eq(0..msg.values(name).count()));
    let stays = |field: &Field<'_>| {
        let mut values = Values::new(field.value).peekable();
        field.name != name || values.peek().is_none() || values.any(|value| !odd(value))
    };
    let all = written(msg, &edits);
    let mut index = Index::new();
    let after = Message::parse(&all, &mut index, &Limits::default()).expect("a shorter message still reads");
    assert!(after.values(name).eq(msg.values(name).filter(|value| !odd(value))));
    assert_eq!((after.body(), after.defect()), (msg.body(), None));
    assert_eq!(after.fields().count(), msg.fields().filter(stays).count());
    for (before, after) in msg.fields().filter(stays).zip(after.fields()) {
        if before.name != name || !Values::new(before.value).any(odd) {
            assert_eq!(before.line, after.line);
        }
    }
}

/// Puts a line before each header field and behind the last one, and another Request-URI.
fn insertion(msg: &Message<'_>) {
    let mut edits = Edits::new();
    let mut expected: Vec<&[u8]> = Vec::new();
    // In an order that is not the message's, since edits need not come in order.
    let fields: Vec<_> = msg.fields().collect();
    for field in fields.iter().rev() {
        edits.insert_before(msg, field.line, |text| text.extend_from_slice(b"Added: 1\r\n"));
    }
    for field in &fields {
        expected.extend([&b"Added: 1\r\n"[..], field.line]);
    }
    if let Some(last) = fields.last() {
        edits.insert_after(msg, last.line, |text| text.extend_from_slice(b"Last: 1\r\n"));
        expected.push(b"Last: 1\r\n");
    }
    if let Some(line) = msg.request() {
        edits.replace(msg, line.uri, |text| text.extend_from_slice(b"sip:new"));
    }
    let all = written(msg, &edits);
    let mut index = Index::new();
    let limits = Limits { message_bytes: 1 << 20, fields: 1000, ..Limits::default() };
    let after = Message::parse(&all, &mut index, &limits).expect("a message with more lines still reads");
    assert!(after.fields().map(|field| field.line).eq(expected));
    assert_eq!((after.body(), after.status()), (msg.body(), msg.status()));
    if let (Some(before), Some(after)) = (msg.request(), after.request()) {
        assert_eq!((after.method, after.version), (before.method, before.version));
        assert_eq!(after.uri, b"sip:new");
    }
}

/// A reply reads again and belongs to its request.
fn reply(msg: &Message<'_>) {
    let source = "203.0.113.9:40000".parse().expect("an address");
    let tag = Tag::of(KEY, msg);
    let mut out = Vec::new();
    Reply {
        code: 486,
        reason: "Busy",
        headers: b"Allow: INVITE\r\n",
        tag: Some(tag),
        source,
        force_rport: false,
    }
    .write(msg, &mut out);
    let mut index = Index::new();
    let limits = Limits { message_bytes: 1 << 20, line_bytes: 1 << 16, ..Limits::default() };
    let reply = Message::parse(&out, &mut index, &limits).expect("a reply reads");
    assert_eq!(reply.status().map(|line| line.code), Some(486));
    assert_eq!(reply.body(), Ok(&b""[..]));
    assert!(reply.defect().is_none() || msg.defect().is_some());
    assert_eq!((reply.call_id(), reply.cseq()), (msg.call_id(), msg.cseq()));
    assert_eq!(reply.from().ok(), msg.from().ok());
    if let Ok(to) = msg.to() {
        let after = reply.to().expect("To stays readable");
        assert_eq!((after.display, after.raw_uri), (to.display, to.raw_uri));
        match to.params.has("tag") {
            true => assert_eq!(after.params, to.params),
            false => assert!(tag.is_in(&reply)),
        }
    }
    assert_eq!(reply.values(Name::Via).count(), msg.values(Name::Via).count());
    assert!(reply.values(Name::Via).skip(1).eq(msg.values(Name::Via).skip(1)));
    if let Ok(via) = msg.top_via() {
        let after = reply.top_via().expect("a Via stays readable");
        assert_eq!((after.branch(), after.sent_by), (via.branch(), via.sent_by));
    }
}

fn written(msg: &Message<'_>, edits: &Edits) -> Vec<u8> {
    let mut all = Vec::new();
    edits.write_to(msg, &mut all);
    assert_eq!(edits.pieces(msg).map(<[u8]>::len).sum::<usize>(), all.len());
    all
}

/// Whether `part` lies in `whole`, or is empty.
fn within(whole: &[u8], part: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

/// Whether no white space stands at either end. Only what the grammar of SIP calls so: a form feed is none.
fn is_trimmed(bytes: &[u8]) -> bool {
    ![bytes.first(), bytes.last()].into_iter().flatten().any(|byte| b" \t\r\n".contains(byte))
}
