//! Attributes as values. What cannot be understood becomes the default, with a warning, unless the verb would do
//! something else than what was asked for.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::element::{Attribute, Element};
use crate::error::{ErrorKind, Fault, Found};
use crate::url_ref::UrlRef;
use crate::verbs::{Method, Reading};

/// The longest time that an attribute can name: Twilio ends a call after 24 hours. What is longer means this.
pub(crate) const MAX_SECONDS: u32 = 86_400;

/// How often something is said or played at most, and what `loop="0"` means.
pub(crate) const MAX_TIMES: u32 = 1_000;

impl Element<'_> {
    /// A text without white space around it; none where it is blank.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        let value = self.attribute(name)?.value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// `GET` or `POST`, in any case.
    pub(crate) fn method(&self, name: &str, reading: &mut Reading<'_>) -> Method {
        self.choice(
            name,
            &[("GET", Method::Get), ("POST", Method::Post)],
            Method::Post,
            "GET or POST",
            reading,
        )
    }

    /// `true` or `false`, in any case.
    pub(crate) fn flag(&self, name: &str, default: bool, reading: &mut Reading<'_>) -> bool {
        self.choice(name, &[("true", true), ("false", false)], default, "true or false", reading)
    }

    /// One of several words, in any case.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
        default: T,
        expected: &'static str,
        reading: &mut Reading<'_>,
    ) -> T {
        let Some(attribute) = self.attribute(name) else { return default };
        let value = attribute.value.trim();
        match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)) {
            Some((_, found)) => *found,
            None => {
                reading.warn(self.invalid(attribute, expected));
                default
            }
        }
    }

    /// A whole number. What is above the range becomes its end; what is below, or no number, is not taken.
    pub(crate) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
        expected: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<u32> {
        let attribute = self.attribute(name)?;
        let number = whole(&attribute.value).filter(|number| number >= range.start());
        if number.is_none() {
            reading.warn(self.invalid(attribute, expected));
        }
        number.map(|number| number.min(*range.end()))
    }

    /// Whole seconds, `least` or more, up to [`MAX_SECONDS`].
    pub(crate) fn seconds(
        &self,
        name: &str,
        least: u32,
        default: u32,
        reading: &mut Reading<'_>,
    ) -> Duration {
        let expected = if least == 0 { "whole seconds" } else { "whole seconds, 1 or more" };
        let seconds = self.number(name, least..=MAX_SECONDS, expected, reading);
        Duration::from_secs(seconds.unwrap_or(default).into())
    }

    /// How often something is said or played: 1 to [`MAX_TIMES`].
    pub(crate) fn times(&self, reading: &mut Reading<'_>) -> u32 {
        match self.number("loop", 0..=MAX_TIMES, "a whole number, 0 or more", reading) {
            Some(0) => MAX_TIMES,
            times => times.unwrap_or(1),
        }
    }

    /// A URL that the verb cannot do without once it is named. Blank means that it is not.
    pub(crate) fn url(&self, name: &str) -> Result<Option<UrlRef>, Fault> {
        let Some(attribute) = self.attribute(name).filter(|a| !a.value.trim().is_empty()) else {
            return Ok(None);
        };
        match UrlRef::parse(&attribute.value) {
            Ok(url) => Ok(Some(url)),
            Err(_) => Err(self.invalid(attribute, "an http or https URL, or a relative one")),
        }
    }

    /// A URL that is told of something: the call goes on without.
    pub(crate) fn callback(&self, name: &str, reading: &mut Reading<'_>) -> Option<UrlRef> {
        self.url(name).unwrap_or_else(|fault| {
            reading.warn(fault);
            None
        })
    }

    pub(crate) fn invalid(&self, attribute: &Attribute<'_>, expected: &'static str) -> Fault {
        let kind = ErrorKind::Invalid {
            element: self.name.to_owned(),
            attribute: Some(attribute.name.to_owned()),
            expected,
            found: Found::value(&attribute.value),
        };
        Fault { offset: attribute.offset, kind }
    }

    /// The element's text is not what it should be.
    pub(crate) fn invalid_text(&self, text: &str, expected: &'static str) -> Fault {
        let element = self.name.to_owned();
        let found = Found::start_of(text);
        Fault { offset: self.offset, kind: ErrorKind::Invalid { element, attribute: None, expected, found } }
    }
}

/// A whole number that is not negative; a fraction is cut off, what is too large is the largest one.
fn whole(text: &str) -> Option<u32> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || !all_digits(digits) || !all_digits(fraction) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn a_whole_number_saturates_and_loses_its_fraction() {
        let good = [("5", 5), (" +05 ", 5), ("2.9", 2), ("2.", 2), ("99999999999999999999999", u32::MAX)];
        for (text, number) in good {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for bad in ["", "-1", "+", ".5", "5s", "1e3", "0x5", "1,5", "٣", "1 2"] {
            assert_eq!(whole(bad), None, "{bad}");
        }
    }
}
