//! What nobody sends by mistake. Limits that would take too long to reach by a factor of the size, were reading not
//! linear, are lifted in some of these: then a test that does not end is one that fails.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests report by panicking")]

use twiml::{Document, Limits, Verb};

/// As good as no limits.
const OPEN: Limits = Limits {
    bytes: 1 << 28,
    depth: usize::MAX,
    elements: usize::MAX,
    attributes: usize::MAX,
    attribute_bytes: usize::MAX,
};

fn refused(text: &str) -> String {
    Document::parse(text.as_bytes()).unwrap_err().to_string()
}

fn refused_without_limits(text: &str) -> String {
    Document::parse_within(text.as_bytes(), &OPEN).unwrap_err().to_string()
}

#[test]
fn a_billion_laughs_are_refused_at_the_first_word() {
    let mut text = String::from("<?xml version='1.0'?>\n<!DOCTYPE lolz [<!ENTITY lol 'lol'>");
    for n in 1..10 {
        text += &format!("<!ENTITY lol{n} '{}'>", format!("&lol{};", n - 1).repeat(10));
    }
    text += "]><Response><Say>&lol9;</Say></Response>";
    let begins = "line 2, column 1: Error while parsing XML: expected no document type (DTD) in TwiML";
    assert!(refused(&text).starts_with(begins));
}

#[test]
fn entities_are_refused_wherever_they_are_declared() {
    for dtd in [
        "<!DOCTYPE Response SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE Response PUBLIC 'a' 'http://169.254.169.254/'>",
        "<!doctype Response>",
        "<!DOCTYPE Response [<!ENTITY % a SYSTEM 'http://a/'> %a;]>",
        "<!DOCTYPE Response [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
        "<!ENTITY a 'b'>",
        "<!DOCTYPE Response [",
        "<!",
    ] {
        let error = refused(&format!("{dtd}<Response><Say>&a;</Say></Response>"));
        assert!(error.starts_with("line 1, column 1: Error while parsing XML: expected "), "{error}");
    }
    assert!(refused("<Response><Say>&a;</Say></Response>").contains("found \"&a;</Say></Response>\""));
    assert!(refused("<Response><Say voice='&a;'/></Response>").contains("line 1, column 23: "));
}

#[test]
fn ten_megabytes_are_refused_by_their_size() {
    let text = format!("<Response><Say>{}</Say></Response>", "a".repeat(10_000_000));
    assert_eq!(refused(&text), "line 1, column 1: 10000032 bytes in a document: at most 65536 are taken");
}

#[test]
fn sixty_four_kilobytes_are_taken_and_one_byte_more_is_not() {
    let text = |bytes: usize| format!("<Response><Say>{}</Say></Response>", "a".repeat(bytes - 32));
    assert!(Document::parse(text(65_536).as_bytes()).is_ok());
    assert!(Document::parse(text(65_537).as_bytes()).is_err());
}

#[test]
fn depth_is_limited_before_it_costs_anything() {
    let nested = |depth: usize| {
        format!("<Response><Say>{}x{}</Say></Response>", "<s>".repeat(depth), "</s>".repeat(depth))
    };
    assert_eq!(
        refused(&nested(31)),
        "line 1, column 106: 33 elements within each other: at most 32 are taken"
    );
    let document = Document::parse(nested(30).as_bytes()).unwrap();
    let Some(Ok(Verb::Say(say))) = document.verb(0) else { panic!("a verb") };
    assert_eq!((say.speech.text().as_str(), say.speech.ssml().len()), ("x", 30 * 7 + 1));
    // However the limits are set, recursion stays shallow.
    assert!(
        refused_without_limits(&nested(100_000))
            .ends_with("101 elements within each other: at most 100 are taken")
    );
    assert!(refused_without_limits(&"<Response>".repeat(100_000)).contains("at most 100 are taken"));
}

#[test]
fn ten_thousand_verbs_are_too_many() {
    let text = format!("<Response>{}</Response>", "<a/>".repeat(10_000));
    assert_eq!(refused(&text), "line 1, column 4007: 1001 elements: at most 1000 are taken");
    let text = format!("<Response>{}</Response>", "<a/>".repeat(999));
    let document = Document::parse(text.as_bytes()).unwrap();
    assert_eq!((document.len(), document.problems().len()), (999, Document::MAX_PROBLEMS));
    // Text between verbs counts as a verb does.
    let text = format!("<Response>{}</Response>", "x<a/>".repeat(500));
    assert!(refused(&text).ends_with("1001 elements: at most 1000 are taken"));
}

#[test]
fn attributes_are_limited_in_number_and_length() {
    let many: String = (0..5_000).map(|n| format!(" a{n}='b'")).collect();
    let error = refused(&format!("<Response><Say{many}/></Response>"));
    assert!(error.ends_with("65 attributes: at most 64 are taken"), "{error}");
    let many: String = (0..200_000).map(|n| format!(" a{n}='b'")).collect();
    let error = refused_without_limits(&format!("<Response><Say{many}/></Response>"));
    assert!(error.ends_with("1001 attributes: at most 1000 are taken"), "{error}");
    let long = format!("<Response><Say voice='{}'/></Response>", "&#9;".repeat(3_000));
    assert_eq!(refused(&long), "line 1, column 16: 12000 bytes in an attribute: at most 8192 are taken");
    let twice = format!("<Response><Say{}/></Response>", " a=''".repeat(64));
    assert!(refused(&twice).contains("each attribute once"));
}

#[test]
fn time_grows_with_the_size_alone() {
    let parts = [
        "<Say>a</Say>",
        "<Say>&#65;</Say>",
        "&#65;&amp;",
        "text",
        "<!-- -->",
        "<!--->-->",
        "<?x ?>",
        "<![CDATA[x]]>",
        "<Gather a='&#10;&amp;'><Say>b</Say></Gather>",
        "\r\n\n\r",
        "]]>",
    ];
    for part in parts {
        let text = format!("<Response>{}</Response>", part.repeat(400_000 / part.len()));
        let document = Document::parse_within(text.as_bytes(), &OPEN).unwrap();
        assert!(document.problems().len() <= Document::MAX_PROBLEMS);
    }
}

#[test]
fn what_never_ends_is_refused_in_one_pass() {
    for part in [
        "<",
        "<a",
        "<a b='",
        "<a b='' ",
        "<!--",
        "<![CDATA[",
        "<?x",
        "&",
        "&#",
        "</",
        "<!DOCTYPE a [",
        "a='",
        "\"",
    ] {
        for begin in ["", "<Response>", "<Response><Say>", "<Response><Say a='"] {
            let text = format!("{begin}{}", part.repeat(400_000 / part.len()));
            assert!(Document::parse_within(text.as_bytes(), &OPEN).is_err(), "{begin}{part}");
        }
    }
}

#[test]
fn nuls_and_bytes_that_are_no_utf_8_are_shown_where_they_stand() {
    assert!(refused("<Response>\n<Say>\0</Say></Response>").starts_with("line 2, column 6: "));
    assert!(refused("<Response>\n<Say>&#0;</Say></Response>").starts_with("line 2, column 6: "));
    assert!(refused("<Response>\n<Say a='&#x1;'/></Response>").starts_with("line 2, column 9: "));
    for bad in [&b"\x80"[..], b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"] {
        let bytes = [&b"<Response>\n<Say>\xc3\xa9"[..], bad, b"</Say></Response>"].concat();
        let error = Document::parse(&bytes).unwrap_err().to_string();
        assert!(error.starts_with("line 2, column 7: Error while parsing XML: expected UTF-8"), "{error}");
    }
}

#[test]
fn what_customers_hide_in_values_stays_a_value() {
    let text = "<Response><Dial callerId='1&#13;&#10;X-Evil: 1'>1&#10;api hangup</Dial></Response>";
    let document = Document::parse(text.as_bytes()).unwrap();
    let Some(Ok(Verb::Dial(dial))) = document.verb(0) else { panic!("a verb") };
    assert_eq!(dial.caller_id.as_deref(), Some("1\r\nX-Evil: 1"));
    assert!(format!("{:?}", dial.to).contains("1\\napi hangup"));
}

#[test]
fn a_document_of_usual_size_costs_little_more_than_its_text() {
    let text = format!("<Response>{}</Response>", "<Say>Press one for sales</Say>".repeat(60));
    let document = Document::parse(text.as_bytes()).unwrap();
    let clones: Vec<Document> = (0..3).map(|_| document.clone()).collect();
    assert!(clones.iter().all(|clone| std::ptr::eq(clone.source(), document.source())));
    assert!(size_of::<Document>() <= 80);
}
