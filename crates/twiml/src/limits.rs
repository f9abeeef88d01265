//! How much of a document is taken.

/// Bounds on what a customer may send. What passes one is an error with what came and where. However they are set, no
/// more than 1 GB, 100 elements within each other and 1000 attributes of one element are taken.
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

/// Limits above these are these: what is within each other is visited by recursion, attributes are compared with each
/// other, and places in a document are kept in four bytes.
const MOST: Limits = Limits {
    bytes: 1 << 30,
    depth: 100,
    elements: usize::MAX,
    attributes: 1_000,
    attribute_bytes: usize::MAX,
};

impl Limits {
    pub(crate) fn bounded(&self) -> Limits {
        Limits {
            bytes: self.bytes.min(MOST.bytes),
            depth: self.depth.min(MOST.depth),
            attributes: self.attributes.min(MOST.attributes),
            ..*self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}
