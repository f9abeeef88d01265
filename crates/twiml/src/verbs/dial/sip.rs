//! `<Sip>`: a SIP address.

use std::fmt;

use super::StatusCallback;
use crate::element::Element;
use crate::error::Fault;
use crate::url_ref::UrlRef;
use crate::verbs::{Method, Reading};

/// `<Sip>`
#[derive(Clone, PartialEq, Eq)]
pub struct Sip {
    /// A `sip:` or `sips:` URI as written, without white space at its ends.
    pub uri: String,
    /// `username` for the far end.
    pub username: Option<String>,
    /// `password` for the far end.
    pub password: Option<String>,
    /// `url`: a document for the one who answers, before both are connected.
    pub url: Option<UrlRef>,
    /// `method` of `url`.
    pub method: Method,
    /// `statusCallback`
    pub status_callback: Option<StatusCallback>,
}

impl Sip {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Sip, Fault> {
        Ok(Sip {
            uri: element.sip_uri()?,
            username: element.word("username"),
            password: element.attribute("password").map(|password| password.value.to_string()),
            url: element.url("url")?,
            method: element.method("method", reading),
            status_callback: StatusCallback::read(element, reading),
        })
    }
}

/// Passwords are not for logs.
impl fmt::Debug for Sip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "...");
        f.debug_struct("Sip")
            .field("uri", &self.uri)
            .field("username", &self.username)
            .field("password", &password)
            .field("url", &self.url)
            .field("method", &self.method)
            .field("status_callback", &self.status_callback)
            .finish()
    }
}

impl Element<'_> {
    /// The SIP URI that the element holds: its scheme, and no characters that no URI can have (RFC 3261 25.1).
    pub(in crate::verbs) fn sip_uri(&self) -> Result<String, Fault> {
        let text = self.only_text()?;
        let scheme = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
        let known = scheme.is_some_and(|s| s.eq_ignore_ascii_case("sip") || s.eq_ignore_ascii_case("sips"));
        if !known || text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c)) {
            return Err(self.invalid_text(text, "a sip: or sips: URI"));
        }
        Ok(text.to_owned())
    }
}
