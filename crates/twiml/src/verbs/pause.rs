//! `<Pause>`: waits.

use std::time::Duration;

use super::Reading;
use crate::element::Element;

/// `<Pause>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// `length`: whole seconds, 1 where it is missing.
    pub length: Duration,
}

impl Pause {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Pause {
        reading.ignored_content(element);
        Pause { length: element.seconds("length", 0, 1, reading) }
    }
}
