//! `<Number>`: a telephone number.

use super::StatusCallback;
use crate::element::Element;
use crate::error::Fault;
use crate::url_ref::UrlRef;
use crate::verbs::{Digits, Method, Reading};

/// `<Number>`, or a number as text in `<Dial>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// As written, without white space at its ends: "+855 16 701721".
    pub number: String,
    /// `sendDigits`: keys that are played when it is answered.
    pub send_digits: Option<Digits>,
    /// `url`: a document for the one who answers, before both are connected.
    pub url: Option<UrlRef>,
    /// `method` of `url`.
    pub method: Method,
    /// `statusCallback`
    pub status_callback: Option<StatusCallback>,
}

impl Number {
    /// A number about which no more is said.
    pub(super) fn plain(number: &str) -> Number {
        Number {
            number: number.to_owned(),
            send_digits: None,
            url: None,
            method: Method::Post,
            status_callback: None,
        }
    }

    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Number, Fault> {
        let number = element.only_text()?;
        if number.is_empty() {
            return Err(element.lacks("a number"));
        }
        Ok(Number {
            number: number.to_owned(),
            send_digits: element.digits("sendDigits")?,
            url: element.url("url")?,
            method: element.method("method", reading),
            status_callback: StatusCallback::read(element, reading),
        })
    }
}
