//! Where in its document a call is.
//!
//! This module must not contain: sockets, files, clocks, randomness, tokio.

use twiml::{Document, Error, Problem, Verb};

/// A verb that a call has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number in the document, from 0.
    pub verb: usize,
    /// How many documents the call has asked for.
    pub documents: u32,
    /// How many verbs it has reached.
    pub verbs: u32,
}

/// A cursor over the verbs of a document. It counts what a call does in all its documents.
#[derive(Debug, Default)]
pub(crate) struct Script {
    document: Option<Document>,
    /// The verb that comes next, from 0.
    next: usize,
    verbs: u32,
    documents: u32,
}

impl Script {
    /// Goes on with this document, from its beginning.
    ///
    /// # Errors
    ///
    /// It is no TwiML at all. What is wrong with its verbs comes when they are reached.
    pub(crate) fn load(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.document = Some(Document::parse(bytes)?);
        self.next = 0;
        Ok(())
    }

    /// What is wrong with any of the verbs.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.document.as_ref().map(Document::problems).unwrap_or_default()
    }

    /// The next verb; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Verb, Error>> {
        let verb = self.document.as_ref()?.verb(self.next)?;
        self.next += 1;
        self.verbs = self.verbs.saturating_add(1);
        Some(verb)
    }

    /// The document's text.
    pub(crate) fn source(&self) -> Option<&str> {
        self.document.as_ref().map(Document::source)
    }

    /// Where it is: at the verb that was reached last.
    pub(crate) fn place(&self) -> Option<Place> {
        self.document.as_ref()?;
        Some(Place { verb: self.next.checked_sub(1)?, documents: self.documents, verbs: self.verbs })
    }

    /// Goes to a place: the verb there is the next one.
    pub(crate) fn set_place(&mut self, place: Place) {
        // It is counted once more when it is reached.
        (self.next, self.documents, self.verbs) =
            (place.verb, place.documents, place.verbs.saturating_sub(1));
    }

    /// Leaves the document: it has no verbs any more.
    pub(crate) fn close(&mut self) {
        self.document = None;
    }

    /// How many verbs were reached.
    pub(crate) fn verbs(&self) -> u32 {
        self.verbs
    }

    /// Counts a document before it is asked for, and says how many that makes.
    pub(crate) fn count_document(&mut self) -> u32 {
        self.documents = self.documents.saturating_add(1);
        self.documents
    }
}
