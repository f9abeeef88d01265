//! An element with all it holds, read when its verb is reached.

use std::borrow::Cow;
use std::cell::Cell;

use crate::error::{ErrorKind, Fault};
use crate::limits::Limits;
use crate::reference::is_blank;
use crate::tokens::{Token, Tokens};

/// An element of a document.
pub(crate) struct Element<'a> {
    pub(crate) name: &'a str,
    /// Where its `<` stands.
    pub(crate) offset: usize,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) children: Vec<Node<'a>>,
}

/// An attribute, with its references resolved.
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Cow<'a, str>,
    /// Where its name stands.
    pub(crate) offset: usize,
    /// Whether the verb asked for it: the others are ignored, and reported as such.
    read: Cell<bool>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn new(name: &'a str, value: Cow<'a, str>, offset: usize) -> Self {
        Attribute { name, value, offset, read: Cell::new(false) }
    }
}

/// What stands in an element.
pub(crate) enum Node<'a> {
    Element(Element<'a>),
    /// Text between tags; comments do not divide it.
    Text {
        text: Cow<'a, str>,
        offset: usize,
    },
}

impl<'a> Element<'a> {
    /// Reads the element that begins at `offset`.
    pub(crate) fn read(source: &'a str, offset: usize, limits: &Limits) -> Result<Self, Fault> {
        let mut tokens = Tokens::new(source, offset, limits);
        let mut open: Vec<Element<'a>> = Vec::new();
        loop {
            let (offset, token) = tokens.next()?;
            match token {
                Token::Start { name, attributes } => {
                    open.push(Element { name, offset, attributes, children: Vec::new() });
                }
                Token::Text(text) => {
                    if let Some(parent) = open.last_mut() {
                        parent.push_text(text, offset);
                    }
                }
                Token::End => match (open.pop(), open.last_mut()) {
                    (Some(element), Some(parent)) => parent.children.push(Node::Element(element)),
                    (Some(element), None) => return Ok(element),
                    (None, _) => return Err(Fault::xml(source, offset, "an element")),
                },
                Token::Declaration => {}
                Token::Over => return Err(Fault::xml(source, offset, "an element")),
            }
        }
    }

    fn push_text(&mut self, more: Cow<'a, str>, offset: usize) {
        if let Some(Node::Text { text, .. }) = self.children.last_mut() {
            text.to_mut().push_str(&more);
        } else {
            self.children.push(Node::Text { text: more, offset });
        }
    }

    /// The attribute of this name. From now on it does not count as ignored.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        if let Some(attribute) = found {
            attribute.read.set(true);
        }
        found
    }

    /// The attributes that nobody asked for, but for those of XML itself (`xmlns`, `xml:lang`, `xsi:...`).
    pub(crate) fn ignored(&self) -> impl Iterator<Item = &Attribute<'a>> {
        let of_xml = |name: &str| name == "xmlns" || name.contains(':');
        self.attributes.iter().filter(move |attribute| !attribute.read.get() && !of_xml(attribute.name))
    }

    /// The text of an element that holds nothing else, without white space at its ends.
    pub(crate) fn only_text(&self) -> Result<&str, Fault> {
        match self.elements().next() {
            Some(child) => Err(self.refuses(child.name, child.offset)),
            None => Ok(self.children.first().map_or("", Node::trimmed)),
        }
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element<'a>> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text { .. } => None,
        })
    }

    /// What is not blank.
    pub(crate) fn content(&self) -> impl Iterator<Item = &Node<'a>> {
        self.children.iter().filter(|node| match node {
            Node::Element(_) => true,
            Node::Text { text, .. } => !is_blank(text),
        })
    }

    pub(crate) fn refuses(&self, child: &str, offset: usize) -> Fault {
        let kind = ErrorKind::NotAllowed { child: child.to_owned(), parent: self.name.to_owned() };
        Fault { offset, kind }
    }

    pub(crate) fn lacks(&self, what: &'static str) -> Fault {
        Fault { offset: self.offset, kind: ErrorKind::Missing { element: self.name.to_owned(), what } }
    }
}

impl Node<'_> {
    pub(crate) fn trimmed(&self) -> &str {
        match self {
            Node::Text { text, .. } => text.trim(),
            Node::Element(_) => "",
        }
    }
}
