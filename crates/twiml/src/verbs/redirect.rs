//! `<Redirect>`: goes on with another document.

use super::{Method, Reading};
use crate::element::Element;
use crate::error::Fault;
use crate::url_ref::UrlRef;

/// `<Redirect>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Where the other document is.
    pub url: UrlRef,
    /// `method`
    pub method: Method,
}

impl Redirect {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Redirect, Fault> {
        Ok(Redirect { url: element.text_url()?, method: element.method("method", reading) })
    }
}
