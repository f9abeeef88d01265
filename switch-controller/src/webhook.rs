//! Requests to the customer: what they say. Making them is `fetch.rs`.

use twiml::Method;

/// A request for a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Absolute, without a fragment. The parameters of a GET are not in it yet: see [`Request::target`].
    pub url: String,
    /// How.
    pub method: Method,
    /// Names and values in the order in which they are sent.
    pub parameters: Vec<(String, String)>,
}
