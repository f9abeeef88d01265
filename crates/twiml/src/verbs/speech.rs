//! What is said: text, and SSML among it.

use std::borrow::Cow;

use super::Reading;
use crate::element::{Element, Node};
use crate::reference;

/// Text with SSML elements in it, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    nodes: Vec<SpeechNode>,
}

/// A piece of [`Speech`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpeechNode {
    /// Text.
    Text(String),
    /// An element of SSML.
    Element {
        /// Its name: "break", "amazon:effect".
        name: String,
        /// Names and values.
        attributes: Vec<(String, String)>,
        /// What it holds.
        children: Vec<SpeechNode>,
    },
}

/// The elements of SSML that Twilio passes on, and Amazon's. Not `audio`, which makes the speech engine fetch a URL of
/// the customer's, and not `speak` and `voice`, which are for whoever calls the engine.
const SSML: [&str; 12] =
    ["break", "emphasis", "lang", "mark", "p", "phoneme", "prosody", "s", "say-as", "sub", "w", "amazon:"];

impl Speech {
    /// The pieces.
    pub fn nodes(&self) -> &[SpeechNode] {
        &self.nodes
    }

    /// Whether there is SSML in it.
    pub fn has_markup(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, SpeechNode::Element { .. }))
    }

    /// The text alone, without white space at its ends. Its length in characters is what a platform counts.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.nodes.iter().for_each(|node| node.text_to(&mut out));
        match out.trim() {
            trimmed if trimmed.len() == out.len() => out,
            trimmed => trimmed.to_owned(),
        }
    }

    /// Text and markup as SSML, to be put into a `<speak>` element: everything is escaped that has to be.
    pub fn ssml(&self) -> String {
        let mut out = String::new();
        self.nodes.iter().for_each(|node| node.ssml_to(&mut out));
        out
    }

    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Speech {
        let mut nodes = Vec::new();
        collect(element, &mut nodes, reading);
        Speech { nodes }
    }
}

/// Elements that are no SSML are dropped, what they hold is kept. Depth is limited by the document's.
fn collect(element: &Element<'_>, nodes: &mut Vec<SpeechNode>, reading: &mut Reading<'_>) {
    for node in &element.children {
        match node {
            Node::Text { text, .. } => nodes.push(SpeechNode::Text(text.to_string())),
            Node::Element(child) if is_ssml(child.name) => {
                let pair = |a: &crate::element::Attribute<'_>| (a.name.to_owned(), a.value.to_string());
                let mut children = Vec::new();
                collect(child, &mut children, reading);
                let attributes = child.attributes.iter().map(pair).collect();
                nodes.push(SpeechNode::Element { name: child.name.to_owned(), attributes, children });
            }
            Node::Element(child) => {
                reading.ignore(element, child.offset, format!("<{}>", child.name));
                collect(child, nodes, reading);
            }
        }
    }
}

fn is_ssml(name: &str) -> bool {
    SSML.iter().any(|known| name == *known || (known.ends_with(':') && name.starts_with(known)))
}

impl SpeechNode {
    fn text_to(&self, out: &mut String) {
        match self {
            SpeechNode::Text(text) => out.push_str(text),
            SpeechNode::Element { children, .. } => children.iter().for_each(|child| child.text_to(out)),
        }
    }

    fn ssml_to(&self, out: &mut String) {
        match self {
            SpeechNode::Text(text) => reference::escape_to(out, text),
            SpeechNode::Element { name, attributes, children } => {
                out.push('<');
                out.push_str(name);
                for (name, value) in attributes {
                    out.extend([" ", name.as_str(), "=\""]);
                    reference::escape_to(out, value);
                    out.push('"');
                }
                if children.is_empty() {
                    out.push_str("/>");
                    return;
                }
                out.push('>');
                children.iter().for_each(|child| child.ssml_to(out));
                out.extend(["</", name.as_str(), ">"]);
            }
        }
    }
}

impl From<&str> for Speech {
    fn from(text: &str) -> Self {
        let text: Cow<'_, str> = text.into();
        Speech { nodes: vec![SpeechNode::Text(text.into_owned())] }
    }
}
