//! A document: its verbs as they are written, each read when it is reached.

use std::fmt;
use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, ErrorKind, Fault};
use crate::limits::Limits;
use crate::position::Position;
use crate::reference::is_blank;
use crate::source;
use crate::tokens::{Token, Tokens};
use crate::verbs::{Reading, Unsupported, Verb};

/// How text that stands between verbs is called, as if it were a verb.
pub(crate) const TEXT: &str = "text";

/// White space of XML (1.0, 2.3).
const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// A TwiML document that is well-formed XML with `<Response>` as its root. What its verbs say is looked at when they
/// are reached, so that a broken one does not keep those before it from running.
///
/// It holds its text and four bytes for each verb, shared by all its clones. [`Document::source`] read again gives the
/// same document, with the same verbs at the same places.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    source: Arc<str>,
    /// Where each verb, or text between verbs, begins.
    starts: Arc<[u32]>,
    limits: Limits,
}

/// Something in a document that somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it means for the call.
    pub severity: Severity,
    /// What it is, and where.
    pub error: Error,
}

/// What a [`Problem`] means for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The verb is carried out with a default, or without what was not understood.
    Warning,
    /// The verb cannot be carried out: the call ends there.
    Error,
}

impl Document {
    /// How many problems [`Document::problems`] gives at most.
    pub const MAX_PROBLEMS: usize = 100;

    /// Reads a document as it came: the body of a response, or the text of a parameter.
    ///
    /// # Errors
    ///
    /// It is no well-formed XML, its root is not `<Response>`, it holds a DTD or other entities than the five of XML,
    /// its encoding is neither UTF-8 nor ISO-8859-1, or it is larger than [`Limits::DEFAULT`].
    pub fn parse(bytes: &[u8]) -> Result<Document, Error> {
        Document::parse_within(bytes, &Limits::DEFAULT)
    }

    /// [`Document::parse`] with other limits.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn parse_within(bytes: &[u8], limits: &Limits) -> Result<Document, Error> {
        let limits = limits.bounded();
        let source = source::decode(bytes, &limits)?;
        let starts = scan(&source, &limits).map_err(|fault| fault.at(&source))?;
        Ok(Document { source: source.into(), starts: starts.into(), limits })
    }

    /// The text of the document in UTF-8.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many verbs stand in it. Text between verbs counts as one, which is never carried out.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether it has no verbs.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The verb at `index`, from 0; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// The verb cannot be carried out as it is written. A verb that does not exist, or is not supported, is no error
    /// but [`Verb::Unsupported`].
    pub fn verb(&self, index: usize) -> Option<Result<Verb, Error>> {
        Some(self.read(self.start(index)?).0.map_err(|fault| fault.at(&self.source)))
    }

    /// All verbs in order.
    pub fn verbs(&self) -> impl Iterator<Item = Result<Verb, Error>> + '_ {
        (0..self.len()).filter_map(|index| self.verb(index))
    }

    /// The name of the verb at `index`, as it is written; `text` for text between verbs.
    pub fn name(&self, index: usize) -> Option<&str> {
        let here = self.source.get(self.start(index)?..)?;
        if !is_element(here) {
            return Some(TEXT);
        }
        here.get(1..)?.split([' ', '\t', '\n', '\r', '/', '>']).next()
    }

    /// Where the verb at `index` stands.
    pub fn position(&self, index: usize) -> Option<Position> {
        Some(Position::at(&self.source, self.start(index)?))
    }

    /// What is wrong with any of the verbs and what in them is ignored, in the order of the document; the first
    /// [`Document::MAX_PROBLEMS`] of it.
    pub fn problems(&self) -> Vec<Problem> {
        let mut faults: Vec<(Severity, Fault)> = Vec::new();
        for start in self.starts.iter().map(|start| *start as usize) {
            let (verb, warnings) = self.read(start);
            let first = faults.len();
            faults.extend(warnings.into_iter().map(|fault| (Severity::Warning, fault)));
            match verb {
                Ok(Verb::Unsupported(verb)) => faults.push((Severity::Error, verb.fault(start))),
                Ok(_) => {}
                Err(fault) => faults.push((Severity::Error, fault)),
            }
            if let Some(of_this_verb) = faults.get_mut(first..) {
                of_this_verb.sort_by_key(|(_, fault)| fault.offset);
            }
            if faults.len() >= Document::MAX_PROBLEMS {
                break;
            }
        }
        faults.truncate(Document::MAX_PROBLEMS);
        let problem =
            |(severity, fault): (Severity, Fault)| Problem { severity, error: fault.at(&self.source) };
        faults.into_iter().map(problem).collect()
    }

    fn start(&self, index: usize) -> Option<usize> {
        self.starts.get(index).map(|start| *start as usize)
    }

    /// The verb that begins at `start`, and warnings about it.
    fn read(&self, start: usize) -> (Result<Verb, Fault>, Vec<Fault>) {
        if !self.source.get(start..).is_some_and(is_element) {
            let position = Position::at(&self.source, start);
            return (Ok(Verb::Unsupported(Unsupported::new(TEXT, position))), Vec::new());
        }
        let mut reading = Reading::new(&self.source);
        let verb = Element::read(&self.source, start, &self.limits)
            .and_then(|element| Verb::read(&element, &mut reading));
        (verb, reading.into_warnings())
    }
}

/// Whether an element begins here, not text.
fn is_element(text: &str) -> bool {
    text.starts_with('<') && !text.starts_with("<!")
}

/// Reads the whole document, and finds where its verbs begin.
fn scan(source: &str, limits: &Limits) -> Result<Vec<u32>, Fault> {
    // XML allows nothing before a declaration. Templates often leave an empty line there, which does no harm.
    let begin = source.len() - source.trim_start_matches(BLANK).len();
    if source.get(begin..).is_some_and(|rest| rest.starts_with('\u{feff}')) {
        return Err(Fault::xml(source, begin, "the <Response> element"));
    }
    let mut tokens = Tokens::new(source, begin, limits);
    let (mut starts, mut depth, mut elements) = (Vec::new(), 0_usize, 0_usize);
    let (mut rooted, mut in_text) = (false, false);
    loop {
        let (at, token) = tokens.next()?;
        match token {
            Token::Declaration if at == begin => {}
            Token::Declaration => {
                return Err(Fault::xml(source, at, "an XML declaration only at the beginning"));
            }
            Token::Text(text) if is_blank(&text) => {}
            Token::Text(_) if depth == 0 => return Err(Fault::xml(source, at, outside(rooted))),
            Token::Text(_) => {
                if depth == 1 && !in_text {
                    // White space before it is no part of it.
                    let text = source.get(at..).unwrap_or_default();
                    elements += 1;
                    starts.push(begin_of(at + text.len() - text.trim_start_matches(BLANK).len()));
                }
                in_text = depth == 1;
            }
            Token::Start { .. } if depth == 0 && rooted => {
                return Err(Fault::xml(source, at, outside(rooted)));
            }
            Token::Start { name, .. } => {
                if depth == 0 && name != "Response" {
                    return Err(Fault { offset: at, kind: ErrorKind::Root });
                }
                if depth == 1 {
                    starts.push(begin_of(at));
                }
                (rooted, in_text) = (true, false);
                (depth, elements) = (depth + 1, elements + 1);
            }
            Token::End => depth = depth.saturating_sub(1),
            Token::Over if rooted => return Ok(starts),
            Token::Over => return Err(Fault::xml(source, at, outside(rooted))),
        }
        if elements > limits.elements {
            return Err(Fault::too_much(at, "elements", elements, limits.elements));
        }
    }
}

/// What may stand where the root was not begun, or has ended.
fn outside(rooted: bool) -> &'static str {
    if rooted { "nothing behind </Response>" } else { "the <Response> element" }
}

/// Limits on bytes keep a document below 4 GB.
fn begin_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("verbs", &self.len()).field("source", &self.source).finish()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.error)
    }
}
