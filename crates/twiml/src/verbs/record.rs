//! `<Record>`: records the caller.

use std::time::Duration;

use super::{Keys, Method, Reading};
use crate::element::Element;
use crate::error::Fault;
use crate::url_ref::UrlRef;

/// `<Record>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `action`: gets the recording's URL; where there is none, the document's own URL.
    pub action: Option<UrlRef>,
    /// `method` of the action.
    pub method: Method,
    /// `timeout`: how much silence ends the recording. 5 seconds; 0 means that silence does not.
    pub timeout: Duration,
    /// `finishOnKey`: the keys that end the recording. All; none where the attribute is empty.
    pub finish_on_key: Keys,
    /// `maxLength`: the longest recording. 3600 seconds.
    pub max_length: Duration,
    /// `playBeep`: whether a beep is heard before. True.
    pub play_beep: bool,
    /// `trim`
    pub trim: Trim,
    /// `recordingStatusCallback`: is told when the recording can be had.
    pub recording_status_callback: Option<UrlRef>,
    /// `recordingStatusCallbackMethod`, if it is named.
    pub recording_status_callback_method: Option<Method>,
}

/// What is done with silence at the ends of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trim {
    /// It is cut off.
    TrimSilence,
    /// It is kept.
    DoNotTrim,
}

impl Record {
    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Record, Fault> {
        reading.ignored_content(element);
        Ok(Record {
            action: element.url("action")?,
            method: element.method("method", reading),
            timeout: element.seconds("timeout", 0, 5, reading),
            finish_on_key: finish_on_key(element, reading),
            max_length: element.seconds("maxLength", 1, 3_600, reading),
            play_beep: element.flag("playBeep", true, reading),
            trim: element.trim(reading),
            recording_status_callback: element.callback("recordingStatusCallback", reading),
            recording_status_callback_method: element.named_method("recordingStatusCallbackMethod", reading),
        })
    }
}

fn finish_on_key(element: &Element<'_>, reading: &mut Reading<'_>) -> Keys {
    let Some(attribute) = element.attribute("finishOnKey") else { return Keys::all() };
    Keys::parse(&attribute.value).unwrap_or_else(|| {
        reading.warn(element.invalid(attribute, "keys (0 to 9, *, #) or empty"));
        Keys::all()
    })
}

impl Element<'_> {
    pub(super) fn trim(&self, reading: &mut Reading<'_>) -> Trim {
        let words = [("trim-silence", Trim::TrimSilence), ("do-not-trim", Trim::DoNotTrim)];
        self.choice("trim", &words, Trim::TrimSilence, "trim-silence or do-not-trim", reading)
    }

    /// A method, if there is one.
    pub(super) fn named_method(&self, name: &str, reading: &mut Reading<'_>) -> Option<Method> {
        self.attribute(name).is_some().then(|| self.method(name, reading))
    }
}
