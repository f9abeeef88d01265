//! Requests to the customer: what they say. Making them is `fetch.rs`.
//!
//! This module must not contain: sockets, clocks, randomness.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use settings::Secret;
use sha1::Sha1;
use twiml::Method;
use url::{Url, form_urlencoded};

use crate::call::facts::{Direction, Facts};

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

/// `CallStatus`: what has become of a call when a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// It was not answered yet.
    Ringing,
    /// It was answered.
    InProgress,
    /// It is over.
    Completed,
}

impl CallStatus {
    fn as_str(self) -> &'static str {
        match self {
            CallStatus::Ringing => "ringing",
            CallStatus::InProgress => "in-progress",
            CallStatus::Completed => "completed",
        }
    }
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::OutboundApi => "outbound-api",
            Direction::OutboundDial => "outbound-dial",
        }
    }
}

impl Request {
    /// A request about a call. `extras` are what a verb has to tell: they come last.
    pub fn about(
        facts: &Facts,
        status: CallStatus,
        url: &Url,
        method: Method,
        extras: Vec<(&'static str, String)>,
    ) -> Request {
        let (from, to) = (facts.from.as_str(), facts.to.as_str());
        let call = [
            ("Caller", from),
            ("Called", to),
            ("From", from),
            ("To", to),
            ("CallSid", &facts.call_sid),
            ("Direction", facts.direction.as_str()),
            ("AccountSid", &facts.account_sid),
            ("ApiVersion", &facts.api_version),
            ("CallStatus", status.as_str()),
        ];
        let call = call.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let extras = extras.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut url = url.clone();
        // RFC 9110 4.2.4: a fragment is for whoever asks, not for whoever is asked.
        url.set_fragment(None);
        Request { url: url.into(), method, parameters: call.chain(extras).collect() }
    }

    /// The URL that is asked: with the parameters behind its own query, if it is a GET.
    pub fn target(&self) -> String {
        if self.method == Method::Post {
            return self.url.clone();
        }
        let form = self.form();
        let between = match self.url.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') || form.is_empty() => "",
            Some(_) => "&",
        };
        format!("{}{between}{form}", self.url)
    }

    /// What is sent behind the header: the parameters as a form, if it is a POST.
    pub fn body(&self) -> String {
        if self.method == Method::Post { self.form() } else { String::new() }
    }

    /// Header fields, with a signature under the account's token.
    pub fn headers(&self, token: &Secret) -> [(&'static str, String); 5] {
        [
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8".to_owned()),
            ("User-Agent", "TwilioProxy/1.1".to_owned()),
            ("Accept", "text/xml, application/xml, text/html".to_owned()),
            ("Cache-Control", "max-age=259200".to_owned()),
            ("X-Twilio-Signature", self.signature(token)),
        ]
    }

    /// `X-Twilio-Signature` (twilio.com/docs/usage/security): the base64 of an HMAC-SHA1 over the URL as it is asked, and
    /// behind it each parameter of a POST, sorted by name. Name and password in a URL are for the Authorization field,
    /// where the one who is asked does not see them as a part of the URL: they are not signed.
    pub fn signature(&self, token: &Secret) -> String {
        let mut signed = without_credentials(self.target());
        if self.method == Method::Post {
            let mut sorted: Vec<_> = self.parameters.iter().collect();
            sorted.sort();
            sorted.iter().for_each(|(name, value)| signed.extend([name.as_str(), value.as_str()]));
        }
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.reveal().as_bytes()) else {
            return String::new();
        };
        mac.update(signed.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    fn form(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }
}

fn without_credentials(target: String) -> String {
    match Url::parse(&target) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            // Neither can fail with a host, which http has.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.into()
        }
        _ => target,
    }
}

/// A URL for the log: what stands behind the path may be secret, and so may a password. A name that is none stays as it is.
pub fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.set_query(None);
            url.set_fragment(None);
            url.into()
        }
        Err(_) if url.contains(['?', '#', '@']) => "(no URL)".to_owned(),
        Err(_) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, method: Method) -> Request {
        let parameters = vec![("foo".to_owned(), "bar".to_owned())];
        Request { url: url.to_owned(), method, parameters }
    }

    fn facts() -> Facts {
        Facts {
            channel: "c".into(),
            call_sid: "CA1".into(),
            account_sid: "AC1".into(),
            auth_token: Secret::new("12345"),
            direction: Direction::OutboundApi,
            api_version: "2010-04-01".into(),
            from: "1000".into(),
            to: "+85512456869".into(),
            default_voice: "Basic.Kal".into(),
            fallback: None,
        }
    }

    #[test]
    fn h1_a_post_keeps_its_query_and_has_a_form() {
        let post = request("https://example.com/path?b=2&a=1", Method::Post);
        assert_eq!(post.target(), "https://example.com/path?b=2&a=1");
        assert_eq!(post.body(), "foo=bar");
        // echo -n 'https://example.com/path?b=2&a=1foobar' | openssl dgst -sha1 -hmac 12345 -binary | base64
        assert_eq!(post.signature(&Secret::new("12345")), "h1KmzNz4UadeWi/z4aQBSVXcryI=");
    }

    #[test]
    fn h2_a_get_has_its_parameters_behind_its_query_and_signs_the_url_alone() {
        let get = request("https://example.com/path?b=2&a=1", Method::Get);
        assert_eq!(get.target(), "https://example.com/path?b=2&a=1&foo=bar");
        assert_eq!(get.body(), "");
        assert_eq!(get.signature(&Secret::new("12345")), "EBoeBFosvPV1cYQVYTwveblWIRw=");
        assert_eq!(request("https://a/", Method::Get).target(), "https://a/?foo=bar");
        assert_eq!(request("https://a/?", Method::Get).target(), "https://a/?foo=bar");
    }

    #[test]
    fn h3_h6_parameters_in_their_order_with_plus_signs_that_survive() {
        let url = Url::parse("https://example.com/a#rc=3").unwrap();
        let extras = vec![("Digits", "1*".to_owned())];
        let request = Request::about(&facts(), CallStatus::Ringing, &url, Method::Post, extras);
        assert_eq!(
            request.body(),
            "Caller=1000&Called=%2B85512456869&From=1000&To=%2B85512456869&CallSid=CA1&Direction=outbound-api\
             &AccountSid=AC1&ApiVersion=2010-04-01&CallStatus=ringing&Digits=1*"
        );
        assert_eq!(request.target(), "https://example.com/a");
    }

    #[test]
    fn h8_headers() {
        let headers = request("https://example.com/", Method::Get).headers(&Secret::new("t"));
        let value = |name: &str| headers.iter().find(|(n, _)| *n == name).unwrap().1.as_str();
        assert_eq!(value("Content-Type"), "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(value("User-Agent"), "TwilioProxy/1.1");
        assert_eq!(value("Accept"), "text/xml, application/xml, text/html");
        assert_eq!(value("Cache-Control"), "max-age=259200");
        assert_eq!(value("X-Twilio-Signature").len(), 28);
    }

    /// The example of Twilio's own documentation.
    #[test]
    fn h9_the_signature_of_a_known_request() {
        let pairs = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+12349013030"),
            ("Digits", "1234"),
            ("From", "+12349013030"),
            ("To", "+18005551212"),
        ];
        let request = Request {
            url: "https://mycompany.com/myapp.php?foo=1&bar=2".into(),
            method: Method::Post,
            parameters: pairs.iter().rev().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        assert_eq!(request.signature(&Secret::new("12345")), "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
    }

    #[test]
    fn name_and_password_are_asked_with_and_not_signed() {
        let token = Secret::new("12345");
        let with = request("https://user:pass@example.com/path", Method::Post);
        assert_eq!(with.target(), "https://user:pass@example.com/path");
        assert_eq!(
            with.signature(&token),
            request("https://example.com/path", Method::Post).signature(&token)
        );
    }
}
