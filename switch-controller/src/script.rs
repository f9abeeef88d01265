//! Where in its document a call is.
//!
//! This module must not contain: sockets, files, clocks, randomness, tokio.

use twiml::{Document, Error, Problem, Verb};

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
