//! Cookies of one call (RFC 6265): what a customer's servers want to be told again in the same call, and in no other.

use std::sync::{Mutex, PoisonError};

use cookie_store::CookieStore;
use hyper::HeaderMap;
use hyper::header::SET_COOKIE;
use url::Url;

/// No call keeps more ...
const MOST: usize = 20;

/// ... nor longer ones, in bytes (RFC 6265 6.1 asks for 4096).
const LONGEST: usize = 4096;

/// The cookies of a call. Most calls have none, and hold nothing for them.
#[derive(Debug, Default)]
pub struct Cookies(Mutex<Option<Box<CookieStore>>>);

impl Cookies {
    /// The Cookie field of a request for this URL, if there is anything to tell.
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        let store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = store.as_ref()?.get_request_values(url).map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<_> = pairs.collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes the cookies of an answer. What is too long, or too much, is left.
    pub(super) fn take(&self, url: &Url, headers: &HeaderMap) {
        let fields = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for field in fields.filter(|field| field.len() <= LONGEST).take(MOST) {
            let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let store = store.get_or_insert_default();
            // One of a name that is there takes its place: for all others there must be room.
            let before = store.iter_unexpired().count();
            let mut with = (before >= MOST).then(|| store.clone());
            if with.as_mut().unwrap_or(store).parse(field, url).is_err() {
                continue;
            }
            if let Some(with) = with.filter(|with| with.iter_unexpired().count() <= MOST) {
                *store = with;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(cookies: &Cookies, url: &str, fields: &[String]) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(SET_COOKIE, field.parse().unwrap());
        }
        cookies.take(&Url::parse(url).unwrap(), &headers);
    }

    fn of(cookies: &Cookies, url: &str) -> Option<String> {
        cookies.of(&Url::parse(url).unwrap())
    }

    #[test]
    fn h16_what_a_server_sets_it_is_told_again_and_no_other() {
        let cookies = Cookies::default();
        assert_eq!(of(&cookies, "https://a.example/"), None);
        take(&cookies, "https://a.example/x", &["s=1; Path=/; Secure; HttpOnly".to_owned()]);
        assert_eq!(of(&cookies, "https://a.example/y").as_deref(), Some("s=1"));
        assert_eq!(of(&cookies, "http://a.example/y"), None, "Secure");
        assert_eq!(of(&cookies, "https://b.example/y"), None);
        take(&cookies, "https://b.example/", &["s=2; Domain=a.example".to_owned()]);
        assert_eq!(of(&cookies, "https://a.example/y").as_deref(), Some("s=1"), "of another's domain");
        take(&cookies, "https://a.example/", &["s=; Path=/; Max-Age=0".to_owned()]);
        assert_eq!(of(&cookies, "https://a.example/y"), None);
    }

    #[test]
    fn a_call_keeps_a_few_short_ones() {
        let cookies = Cookies::default();
        for round in 0..5 {
            let many: Vec<_> = (0..100).map(|number| format!("c{round}-{number}=1; Path=/")).collect();
            take(&cookies, "http://a.example/", &many);
        }
        let field = of(&cookies, "http://a.example/").unwrap();
        assert_eq!(field.split("; ").count(), MOST);
        take(&cookies, "http://a.example/", &["c0-1=2; Path=/".to_owned()]);
        assert!(
            of(&cookies, "http://a.example/").unwrap().contains("c0-1=2"),
            "one that is there may change"
        );
        let long = Cookies::default();
        take(&long, "http://a.example/", &[format!("l={}", "x".repeat(LONGEST))]);
        assert_eq!(of(&long, "http://a.example/"), None);
    }
}
