//! `<Hangup>`: ends the call.

use super::Reading;
use crate::element::Element;

/// `<Hangup>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hangup {}

impl Hangup {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Hangup {
        reading.ignored_content(element);
        Hangup {}
    }
}
