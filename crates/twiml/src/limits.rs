//! How much of a document is taken.

/// Bounds on what a customer may send. Each is an error with what came and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document, as it came and as UTF-8. Twilio takes 64 KB.
    pub bytes: usize,
    /// Elements within each other, `<Response>` among them. TwiML itself needs 4 with SSML in a `<Gather>`.
    pub depth: usize,
    /// Elements in all, and pieces of text between verbs.
    pub elements: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of one attribute's value as it is written.
    pub attribute_bytes: usize,
}

impl Limits {
    /// What [`crate::Document::parse`] takes.
    pub const DEFAULT: Limits =
        Limits { bytes: 65_536, depth: 32, elements: 1_000, attributes: 64, attribute_bytes: 8_192 };
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}
