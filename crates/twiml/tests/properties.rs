//! What must hold for documents made by chance: bytes, pieces of XML put together at random, and whole trees. Where
//! another reader (`roxmltree`) takes a document, this one does, and sees the same.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests report by panicking")]

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use twiml::{Document, Limits, SpeechNode, Verb};

#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz target")]
#[path = "../fuzz/src/lib.rs"]
mod checks;

/// Pieces that documents are made of, good and bad.
const PIECES: [&str; 48] = [
    "<Response>",
    "</Response>",
    "<Say>",
    "</Say>",
    "<Say",
    "<Gather>",
    "</Gather>",
    "<Dial>",
    "</Dial>",
    "<Number>",
    "</Number>",
    "<Play>http://a/</Play>",
    "<Play/>",
    "<Redirect/>",
    "<Pause length='2'/>",
    "<Foo/>",
    "<s>",
    "</s>",
    "<break time='1s'/>",
    " loop='0'",
    " loop=\"x\"",
    " voice='&#233;'",
    " a='",
    "'",
    "\"",
    ">",
    "/>",
    "<",
    "&amp;",
    "&#10;",
    "&#x1F600;",
    "&nbsp;",
    "&",
    ";",
    "<!-- c -->",
    "<!--",
    "-->",
    "<![CDATA[<x>]]>",
    "]]>",
    "<?pi x?>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE Response>",
    "é",
    "ក",
    "\n",
    "\r\n",
    "\u{0}",
    "words",
];

/// An element of a tree, before it is written.
#[derive(Debug, Clone)]
enum Tree {
    Text(String),
    Element { name: &'static str, attributes: Vec<(&'static str, String)>, children: Vec<Tree> },
}

fn text() -> impl Strategy<Value = String> {
    // What XML allows, with what has to be escaped more often than by chance.
    let c = prop_oneof![
        3 => prop::char::range(' ', '~'),
        2 => prop::sample::select(vec!['<', '>', '&', '"', '\'', '\n', '\r', '\t', ']']),
        1 => prop::char::range('\u{a0}', '\u{d7ff}'),
        1 => prop::char::range('\u{10000}', '\u{10ffff}'),
    ];
    vec(c, 1..12).prop_map(String::from_iter)
}

fn speech() -> impl Strategy<Value = Tree> {
    text().prop_map(Tree::Text).prop_recursive(4, 24, 5, |inner| {
        let name =
            prop::sample::select(vec!["s", "p", "emphasis", "prosody", "say-as", "amazon:effect", "break"]);
        let attribute = (prop::sample::select(vec!["level", "rate"]), text());
        (name, vec(attribute, 0..2), vec(inner, 0..5)).prop_map(|(name, mut attributes, children)| {
            attributes.dedup_by_key(|(name, _)| *name);
            Tree::Element { name, attributes, children }
        })
    })
}

/// Everything but letters and digits as a reference.
fn escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii_alphanumeric() { out.push(c) } else { write!(out, "&#x{:X};", u32::from(c)).unwrap() }
    }
}

fn write_tree(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Text(text) => escaped(text, out),
        Tree::Element { name, attributes, children } => {
            write!(out, "<{name}").unwrap();
            for (name, value) in attributes {
                write!(out, " {name}='").unwrap();
                escaped(value, out);
                out.push('\'');
            }
            out.push('>');
            children.iter().for_each(|child| write_tree(child, out));
            write!(out, "</{name}>").unwrap();
        }
    }
}

/// As a document sees it: texts beside each other are one.
fn seen(trees: &[Tree]) -> Vec<SpeechNode> {
    let mut nodes = Vec::new();
    for tree in trees {
        match (tree, nodes.last_mut()) {
            (Tree::Text(more), Some(SpeechNode::Text(text))) => text.push_str(more),
            (Tree::Text(text), _) => nodes.push(SpeechNode::Text(text.clone())),
            (Tree::Element { name, attributes, children }, _) => nodes.push(SpeechNode::Element {
                name: (*name).to_owned(),
                attributes: attributes
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
                children: seen(children),
            }),
        }
    }
    nodes
}

/// The same document through another reader: names of verbs and the text of those that are `<Say>`.
fn peer(text: &str) -> Option<Vec<(String, String)>> {
    let tree = roxmltree::Document::parse(text).ok()?;
    let root = tree.root_element();
    if root.tag_name().name() != "Response" {
        return None;
    }
    // It leaves comments between texts, which divide them.
    let verbs = root.children().filter(|node| node.is_element());
    let text = |verb: roxmltree::Node<'_, '_>| {
        let all = verb.descendants().filter(|node| node.is_text()).filter_map(|node| node.text());
        all.collect::<String>().trim().to_owned()
    };
    Some(verbs.map(|verb| (verb.tag_name().name().to_owned(), text(verb))).collect())
}

fn ours(text: &str) -> Option<Vec<(String, String)>> {
    let document = Document::parse(text.as_bytes()).ok()?;
    let named = (0..document.len()).filter(|index| document.name(*index) != Some("text"));
    let text = |index: usize| match document.verb(index) {
        Some(Ok(Verb::Say(say))) => say.speech.text(),
        _ => String::new(),
    };
    Some(named.map(|index| (document.name(index).unwrap().to_owned(), text(index))).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_document_or_an_error_with_a_place(bytes in vec(any::<u8>(), 0..400)) {
        checks::document(&bytes);
    }

    #[test]
    fn any_text_is_a_document_or_an_error_with_a_place(text in "\\PC{0,100}") {
        checks::document(text.as_bytes());
        checks::document(format!("<Response>{text}</Response>").as_bytes());
    }

    #[test]
    fn pieces_of_xml_are_a_document_or_an_error_with_a_place(pieces in vec(prop::sample::select(&PIECES[..]), 0..30)) {
        checks::document(pieces.concat().as_bytes());
        checks::document(format!("<Response>{}</Response>", pieces.concat()).as_bytes());
    }

    #[test]
    fn another_reader_sees_the_same(pieces in vec(prop::sample::select(&PIECES[..]), 0..12)) {
        let text = format!("<Response>{}</Response>", pieces.concat());
        match (peer(&text), ours(&text)) {
            (Some(peer), Some(ours)) => {
                let said = |all: Vec<(String, String)>| -> Vec<(String, String)> {
                    all.into_iter().map(|(name, text)| (name.clone(), if name == "Say" { text } else { String::new() })).collect()
                };
                prop_assert_eq!(said(peer), said(ours), "{}", text);
            }
            (None, None) => {}
            // XML forbids `--` in comments and `]]>` in text; neither does harm.
            (None, Some(_)) if text.contains("<!--") || text.contains("]]>") => {}
            (peer, ours) => prop_assert!(false, "{text}\nroxmltree: {peer:?}\nhere: {ours:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read(trees in vec(speech(), 0..5)) {
        let mut text = String::from("<Response>\n<Say>");
        trees.iter().for_each(|tree| write_tree(tree, &mut text));
        text.push_str("</Say></Response>");
        let limits = Limits { bytes: 1 << 20, ..Limits::DEFAULT };
        let document = Document::parse_within(text.as_bytes(), &limits).expect("a document");
        let Some(Ok(Verb::Say(say))) = document.verb(0) else { panic!("a verb: {text}") };
        prop_assert_eq!(say.speech.nodes(), seen(&trees));
        let text = format!("<Response>\n<Say>{}</Say></Response>", say.speech.ssml());
        let again = Document::parse_within(text.as_bytes(), &limits).expect("a document");
        prop_assert_eq!(again.verb(0), Some(Ok(Verb::Say(say))));
    }

    #[test]
    fn numbers_are_taken_up_to_their_limits(number in any::<u64>()) {
        let text = format!("<Response><Gather timeout='{number}' numDigits='{number}'/></Response>");
        let document = Document::parse(text.as_bytes()).unwrap();
        let Some(Ok(Verb::Gather(gather))) = document.verb(0) else { panic!("a verb: {text}") };
        prop_assert_eq!(gather.timeout.as_secs(), number.min(86_400));
        prop_assert_eq!(u64::from(gather.num_digits.map_or(0, |digits| digits.get())), number.min(128));
    }
}
