//! Who is told how a call to others gets on.

use crate::element::Element;
use crate::url_ref::UrlRef;
use crate::verbs::{Method, Reading};

/// `statusCallback` of a noun, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// `statusCallback`: who is told.
    pub url: UrlRef,
    /// `statusCallbackMethod`
    pub method: Method,
    /// `statusCallbackEvent`: what of, each once. `completed` where nothing is said.
    pub events: Vec<CallEvent>,
}

/// A step of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallEvent {
    /// The call was begun.
    Initiated,
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// It is over.
    Completed,
}

const EVENTS: [(&str, CallEvent); 4] = [
    ("initiated", CallEvent::Initiated),
    ("ringing", CallEvent::Ringing),
    ("answered", CallEvent::Answered),
    ("completed", CallEvent::Completed),
];

impl StatusCallback {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Option<StatusCallback> {
        let url = element.callback("statusCallback", reading);
        let method = element.method("statusCallbackMethod", reading);
        let events = events(element, reading);
        url.map(|url| StatusCallback { url, method, events })
    }
}

fn events(element: &Element<'_>, reading: &mut Reading<'_>) -> Vec<CallEvent> {
    let mut events = Vec::new();
    events_of(element, &EVENTS, "initiated, ringing, answered or completed", reading, |event| {
        if !events.contains(&event) {
            events.push(event);
        }
    });
    if events.is_empty() {
        events.push(CallEvent::Completed);
    }
    events
}

/// The words of `statusCallbackEvent`, up to the first that is none of these.
pub(super) fn events_of<T: Copy>(
    element: &Element<'_>,
    words: &[(&str, T)],
    expected: &'static str,
    reading: &mut Reading<'_>,
    mut found: impl FnMut(T),
) {
    let Some(attribute) = element.attribute("statusCallbackEvent") else { return };
    for word in attribute.value.split([' ', ',']).filter(|word| !word.is_empty()) {
        match words.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, event)) => found(*event),
            None => return reading.warn(element.invalid(attribute, expected)),
        }
    }
}
