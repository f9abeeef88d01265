//! Text -> tags and pieces of text, each with where it stands. What `quick-xml` does not check is checked here: names,
//! references, attributes. Time and memory are in proportion to the text.

use std::borrow::Cow;

use quick_xml::errors::{Error as XmlError, IllFormedError};
use quick_xml::events::Event;
use quick_xml::events::attributes::{AttrError, Attributes};
use quick_xml::reader::Reader;

use crate::element::Attribute;
use crate::error::{Fault, cut};
use crate::limits::Limits;
use crate::reference::{self, REFERENCE};

/// A piece of a document.
pub(crate) enum Token<'a> {
    /// `<?xml ...?>`
    Declaration,
    /// `<name attributes>`; an empty element's `End` follows.
    Start { name: &'a str, attributes: Vec<Attribute<'a>> },
    /// `</name>`
    End,
    /// Text, a reference, or CDATA. Several can follow each other.
    Text(Cow<'a, str>),
    /// The document is over, and every element was ended.
    Over,
}

/// Reads tokens. Comments and processing instructions are skipped.
pub(crate) struct Tokens<'a> {
    source: &'a str,
    /// Where in `source` the reader began.
    base: usize,
    reader: Reader<&'a [u8]>,
    limits: Limits,
    depth: usize,
}

impl<'a> Tokens<'a> {
    /// Reads `source` from `base` on.
    pub(crate) fn new(source: &'a str, base: usize, limits: &Limits) -> Self {
        let mut reader = Reader::from_str(source.get(base..).unwrap_or_default());
        reader.config_mut().expand_empty_elements = true;
        Tokens { source, base, reader, limits: *limits, depth: 0 }
    }

    /// The next token, and where it begins.
    pub(crate) fn next(&mut self) -> Result<(usize, Token<'a>), Fault> {
        loop {
            let at = self.at(self.reader.buffer_position());
            let event = self.reader.read_event();
            let end = self.at(self.reader.buffer_position());
            let raw = self.source.get(at..end).unwrap_or_default();
            let token = match event.map_err(|error| self.fault(&error))? {
                Event::Comment(_) | Event::PI(_) => continue,
                Event::Decl(_) => Token::Declaration,
                Event::DocType(_) => {
                    return Err(Fault::xml(self.source, at, "no document type (DTD) in TwiML"));
                }
                Event::Start(_) | Event::Empty(_) => self.start(at, raw)?,
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Token::End
                }
                Event::Text(_) => Token::Text(reference::text(raw)),
                Event::CData(_) => {
                    let inner = raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>"));
                    Token::Text(reference::text(inner.unwrap_or_default()))
                }
                Event::GeneralRef(_) => {
                    let name = raw.strip_prefix('&').and_then(|raw| raw.strip_suffix(';'));
                    let c = name.and_then(reference::resolve);
                    let c = c.ok_or_else(|| Fault::xml(self.source, at, REFERENCE))?;
                    Token::Text(c.to_string().into())
                }
                Event::Eof if self.depth > 0 => {
                    return Err(Fault::xml(self.source, at, "the end of every element that was begun"));
                }
                Event::Eof => Token::Over,
            };
            return Ok((at, token));
        }
    }

    fn at(&self, position: u64) -> usize {
        self.base.saturating_add(usize::try_from(position).unwrap_or(usize::MAX))
    }

    fn start(&mut self, at: usize, raw: &'a str) -> Result<Token<'a>, Fault> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(Fault::too_much(at, "elements within each other", self.depth, self.limits.depth));
        }
        let tag = raw.strip_prefix('<').unwrap_or(raw);
        let tag = tag.strip_suffix('>').unwrap_or(tag);
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let name_end = tag.find([' ', '\t', '\n', '\r']).unwrap_or(tag.len());
        let name = tag.get(..name_end).unwrap_or_default();
        if !reference::is_name(name) {
            return Err(Fault::xml(
                self.source,
                at,
                "the name of an element behind <, or &lt; in place of it",
            ));
        }
        Ok(Token::Start { name, attributes: self.attributes(at + 1, tag, name_end)? })
    }

    /// The attributes of `tag`, which stands at `start` and whose name ends at `name_end`.
    fn attributes(&self, start: usize, tag: &'a str, name_end: usize) -> Result<Vec<Attribute<'a>>, Fault> {
        let mut all: Vec<Attribute<'a>> = Vec::new();
        let offset = |part: &str| start + (part.as_ptr() as usize).saturating_sub(tag.as_ptr() as usize);
        for attribute in Attributes::new(tag, name_end).with_checks(false) {
            let attribute = attribute.map_err(|error| self.attribute_fault(start, &error))?;
            // The iterator lends what it reads from the tag: nothing was decoded yet.
            let (key, Cow::Borrowed(raw)) = (attribute.key.into_inner(), attribute.value) else { continue };
            let at = offset(key);
            if !reference::is_name(key) {
                return Err(Fault::xml(self.source, at, "the name of an attribute"));
            }
            if !self.source.get(..at).is_some_and(|before| before.ends_with([' ', '\t', '\n', '\r'])) {
                return Err(Fault::xml(self.source, at, "white space between attributes"));
            }
            if all.len() >= self.limits.attributes {
                return Err(Fault::too_much(at, "attributes", all.len() + 1, self.limits.attributes));
            }
            if raw.len() > self.limits.attribute_bytes {
                let limit = self.limits.attribute_bytes;
                return Err(Fault::too_much(at, "bytes in an attribute", raw.len(), limit));
            }
            // There are few: the limit on their number comes first.
            if all.iter().any(|other| other.name == key) {
                return Err(Fault::xml(self.source, at, "each attribute once"));
            }
            let value = reference::attribute(self.source, offset(raw), raw)?;
            all.push(Attribute::new(key, value, at));
        }
        Ok(all)
    }

    fn attribute_fault(&self, start: usize, error: &AttrError) -> Fault {
        let (at, expected) = match error {
            AttrError::ExpectedEq(at) => (at, "= behind the name of an attribute"),
            AttrError::ExpectedValue(at) | AttrError::UnquotedValue(at) => {
                (at, "the value of an attribute in quotes")
            }
            AttrError::ExpectedQuote(at, _) => (at, "a quote behind the value of an attribute"),
            AttrError::Duplicated(at, _) => (at, "each attribute once"),
        };
        Fault::xml(self.source, (start + at).min(self.source.len()), expected)
    }

    fn fault(&self, error: &XmlError) -> Fault {
        let at = self.at(self.reader.error_position()).min(self.source.len());
        let expected: Cow<'static, str> = match error {
            XmlError::IllFormed(IllFormedError::UnclosedReference) => REFERENCE.into(),
            XmlError::IllFormed(IllFormedError::MismatchedEndTag { expected, .. }) => {
                format!("</{}>", cut(expected)).into()
            }
            XmlError::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "no end of an element here".into(),
            XmlError::Syntax(error) => {
                return Fault::xml(self.source, at, format!("markup that ends ({error})"));
            }
            error => error.to_string().into(),
        };
        Fault::xml(self.source, at, expected)
    }
}
