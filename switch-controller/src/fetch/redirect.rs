//! Where a redirect leads, and with which method (RFC 9110 15.4).
//!
//! This file must not contain: I/O of any kind.

use hyper::StatusCode;
use twiml::Method;
use url::Url;

/// One request on the way to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// How.
    pub method: Method,
    /// Absolute.
    pub url: Url,
    /// What is sent.
    pub body: String,
    /// Whether a redirect may lead from https to http.
    pub downgrade: bool,
}

impl Hop {
    /// A GET that is allowed to go anywhere.
    pub fn get(url: Url) -> Self {
        Hop { method: Method::Get, url, body: String::new(), downgrade: true }
    }

    /// The next one. 307 and 308 keep the method; with all others a POST becomes a GET, as Twilio and browsers do it.
    pub(super) fn redirected(self, status: StatusCode, location: &str) -> Result<Self, String> {
        let url = self
            .url
            .join(location)
            .map_err(|error| format!("expected a URL to be redirected to, found {location:?}: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("expected a redirect to http or https, found {}", url.scheme()));
        }
        if self.url.scheme() == "https" && url.scheme() == "http" && !self.downgrade {
            return Err("expected a redirect to https, since this was https, found http".to_owned());
        }
        let keeps = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let (method, body) = if keeps { (self.method, self.body) } else { (Method::Get, String::new()) };
        Ok(Hop { method, url, body, downgrade: self.downgrade })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(url: &str) -> Hop {
        let url = Url::parse(url).expect("a URL");
        Hop { method: Method::Post, url, body: "a=1".to_owned(), downgrade: false }
    }

    #[test]
    fn h13_a_post_stays_one_only_with_307_and_308() {
        for (code, method, body) in [
            (301, Method::Get, ""),
            (302, Method::Get, ""),
            (303, Method::Get, ""),
            (307, Method::Post, "a=1"),
            (308, Method::Post, "a=1"),
        ] {
            let status = StatusCode::from_u16(code).expect("a code");
            let hop = post("http://a.example/x/y").redirected(status, "../z?q=1").expect("followed");
            assert_eq!(
                (hop.method, hop.body.as_str(), hop.url.as_str()),
                (method, body, "http://a.example/z?q=1")
            );
        }
    }

    #[test]
    fn https_does_not_lead_to_http_nor_http_to_files() {
        let status = StatusCode::FOUND;
        assert!(post("https://a.example/").redirected(status, "http://a.example/").is_err());
        assert!(post("http://a.example/").redirected(status, "file:///etc/passwd").is_err());
        assert!(
            Hop { downgrade: true, ..post("https://a.example/") }
                .redirected(status, "http://b.example/")
                .is_ok()
        );
    }
}
