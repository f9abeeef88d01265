//! `<Play>`: plays a file, or keys.

use super::{Digits, Reading};
use crate::element::Element;
use crate::error::Fault;
use crate::url_ref::UrlRef;

/// `<Play>`. It has a URL, keys, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// What is played.
    pub url: Option<UrlRef>,
    /// `loop`: how often it is played, 1 to 1000. 0 in the document means 1000.
    pub times: u32,
    /// `digits`: keys to be played.
    pub digits: Option<Digits>,
}

impl Play {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Play, Fault> {
        let digits = element.digits("digits")?;
        let url = match element.only_text()? {
            "" if digits.is_some() => None,
            "" => return Err(element.lacks("a URL")),
            _ => Some(element.text_url()?),
        };
        Ok(Play { url, times: element.times(reading), digits })
    }
}

impl Element<'_> {
    /// Keys to be played. Leaving wrong ones out would play something else than what was asked for.
    pub(super) fn digits(&self, name: &str) -> Result<Option<Digits>, Fault> {
        let Some(attribute) = self.attribute(name).filter(|a| !a.value.trim().is_empty()) else {
            return Ok(None);
        };
        let digits = Digits::parse(&attribute.value);
        digits.map(Some).ok_or_else(|| self.invalid(attribute, Digits::EXPECTED))
    }

    /// The URL that the element holds.
    pub(super) fn text_url(&self) -> Result<UrlRef, Fault> {
        let text = self.only_text()?;
        if text.is_empty() {
            return Err(self.lacks("a URL"));
        }
        UrlRef::parse(text).map_err(|_| self.invalid_text(text, "an http or https URL, or a relative one"))
    }
}
