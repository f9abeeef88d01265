//! `<Say>`: speaks a text.

use super::{Reading, Speech};
use crate::element::Element;

/// `<Say>`. Which voice speaks follows from `voice`, `language` and what the platform offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// `voice`: "woman", "Polly.Lotte-Neural". None where it is blank.
    pub voice: Option<String>,
    /// `language`: "nl-NL". None where it is blank.
    pub language: Option<String>,
    /// `loop`: how often it is said, 1 to 1000. 0 in the document means 1000.
    pub times: u32,
    /// What is said.
    pub speech: Speech,
}

impl Say {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Say {
        Say {
            voice: element.word("voice"),
            language: element.word("language"),
            times: element.times(reading),
            speech: Speech::read(element, reading),
        }
    }
}
