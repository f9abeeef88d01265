//! URLs as customers write them: absolute, or relative to the document.

use std::fmt;

use url::Url;

/// A URL reference (RFC 3986 4.1) that was seen to be good: absolute with `http` or `https`, or relative. It is kept as
/// it was written, without white space around it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UrlRef(String);

/// Why a text is no URL, or does not lead anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlError {
    /// It is no URL by its syntax.
    Syntax(url::ParseError),
    /// It leads elsewhere than to `http` or `https`.
    Scheme,
    /// It is relative, and there is no URL that it could be relative to.
    NoBase,
}

impl UrlRef {
    /// Reads a reference. It must not be blank.
    pub fn parse(text: &str) -> Result<UrlRef, UrlError> {
        let text = text.trim();
        match resolve(None, text) {
            Ok(_) => {}
            Err(UrlError::NoBase) if text.is_empty() => {
                return Err(UrlError::Syntax(url::ParseError::RelativeUrlWithoutBase));
            }
            Err(UrlError::NoBase) => {
                let anywhere = Url::parse("http://localhost/").map_err(UrlError::Syntax)?;
                resolve(Some(&anywhere), text)?;
            }
            Err(error) => return Err(error),
        }
        Ok(UrlRef(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it leads from the document at `base` (RFC 3986 5.2): the URL of the last response, after redirects.
    /// `None` is for a document that came from no URL.
    ///
    /// ```
    /// use twiml::{Url, UrlRef};
    ///
    /// let base = Url::parse("https://example.com/voice/menu?step=1").unwrap();
    /// let to = |text: &str| UrlRef::parse(text).unwrap().resolve(Some(&base)).unwrap().to_string();
    /// assert_eq!(to("/sales"), "https://example.com/sales");
    /// assert_eq!(to("sales?a=b"), "https://example.com/voice/sales?a=b");
    /// assert_eq!(to("//example.org"), "https://example.org/");
    /// assert!(UrlRef::parse("sales").unwrap().resolve(None).is_err());
    /// ```
    pub fn resolve(&self, base: Option<&Url>) -> Result<Url, UrlError> {
        resolve(base, &self.0)
    }
}

fn resolve(base: Option<&Url>, text: &str) -> Result<Url, UrlError> {
    let url = Url::options().base_url(base).parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => UrlError::NoBase,
        error => UrlError::Syntax(error),
    })?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(UrlError::Scheme) }
}

impl fmt::Debug for UrlRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for UrlRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Syntax(error) => write!(f, "expected a URL: {error}"),
            UrlError::Scheme => f.write_str("expected an http or https URL, found another scheme"),
            UrlError::NoBase => {
                f.write_str("expected an absolute URL: there is no document's URL to begin from")
            }
        }
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_and_relative_references_are_kept_as_written() {
        for good in
            ["http://a", "HTTPS://a.b:8/c?d=e#f", "/a", "a.xml", "?a=b", "../x", "//host/y", "#", "a b"]
        {
            assert_eq!(UrlRef::parse(&format!("\n {good} ")).map(|url| url.to_string()), Ok(good.into()));
        }
    }

    #[test]
    fn what_leads_elsewhere_than_to_http_is_refused() {
        for bad in
            ["ftp://a/b", "file:///etc/passwd", "javascript:alert(1)", "data:,x", "wss://a", "mailto:a@b"]
        {
            assert_eq!(UrlRef::parse(bad), Err(UrlError::Scheme), "{bad}");
        }
        for bad in ["", " ", "http://", "http://[::1", "https://a:99999/", "//"] {
            assert!(matches!(UrlRef::parse(bad), Err(UrlError::Syntax(_))), "{bad}");
        }
    }
}
