//! `<Dial>`: connects the call to others. Its nouns have files of their own.

mod callback;
mod conference;
mod number;
mod sip;

pub use callback::{CallEvent, StatusCallback};
pub use conference::{Beep, Conference, RoomCallback, RoomEvent, WaitMusic};
pub use number::Number;
pub use sip::Sip;

use std::time::Duration;

use super::{Method, Reading, Trim};
use crate::element::{Element, Node};
use crate::error::Fault;
use crate::url_ref::UrlRef;

/// `<Dial>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Who is called.
    pub to: DialTo,
    /// `action`: requested when the call to the others is over; where there is none, the next verb follows.
    pub action: Option<UrlRef>,
    /// `method` of the action.
    pub method: Method,
    /// `timeout`: how long it rings. 30 seconds, at most 600.
    pub timeout: Duration,
    /// `timeLimit`: the longest call to the others. 14400 seconds.
    pub time_limit: Duration,
    /// `hangupOnStar`: whether the caller's `*` ends the call to the others.
    pub hangup_on_star: bool,
    /// `callerId`: what the others see; the caller's own where there is none.
    pub caller_id: Option<String>,
    /// `answerOnBridge`: whether the caller hears ringing, and is answered when one of the others answers.
    pub answer_on_bridge: bool,
    /// `ringTone`: the country whose ringing the caller hears, in small letters.
    pub ring_tone: Option<String>,
    /// `sequential`: whether the others are called one after another, not at once.
    pub sequential: bool,
    /// `record`
    pub record: DialRecording,
    /// `trim`
    pub trim: Trim,
    /// `recordingStatusCallback`: is told when the recording can be had.
    pub recording_status_callback: Option<UrlRef>,
    /// `recordingStatusCallbackMethod`, if it is named.
    pub recording_status_callback_method: Option<Method>,
}

/// Who is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialTo {
    /// One to [`Dial::MAX_LEGS`] others, in the order of the document.
    Legs(Vec<Leg>),
    /// A conference, which is never called together with others.
    Conference(Conference),
}

/// One of those who are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leg {
    /// `<Number>`, or a number as text in `<Dial>`.
    Number(Number),
    /// `<Sip>`
    Sip(Sip),
}

/// What of a call is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialRecording {
    /// Nothing.
    DoNotRecord,
    /// From the answer on.
    FromAnswer {
        /// Each side on a channel of its own.
        dual: bool,
    },
    /// From the ringing on.
    FromRinging {
        /// Each side on a channel of its own.
        dual: bool,
    },
}

impl Dial {
    /// How many can be called at once (Twilio: "up to ten").
    pub const MAX_LEGS: usize = 10;
    /// The longest `timeout`, in seconds (Twilio).
    const MAX_TIMEOUT: u32 = 600;

    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Dial, Fault> {
        let timeout = element.number("timeout", 1..=Dial::MAX_TIMEOUT, "whole seconds, 1 or more", reading);
        Ok(Dial {
            to: to(element, reading)?,
            action: element.url("action")?,
            method: element.method("method", reading),
            timeout: Duration::from_secs(timeout.unwrap_or(30).into()),
            time_limit: element.seconds("timeLimit", 1, 14_400, reading),
            hangup_on_star: element.flag("hangupOnStar", false, reading),
            caller_id: element.word("callerId"),
            answer_on_bridge: element.flag("answerOnBridge", false, reading),
            ring_tone: ring_tone(element, reading),
            sequential: element.flag("sequential", false, reading),
            record: recording(element, reading),
            trim: element.trim(reading),
            recording_status_callback: element.callback("recordingStatusCallback", reading),
            recording_status_callback_method: element.named_method("recordingStatusCallbackMethod", reading),
        })
    }
}

fn to(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<DialTo, Fault> {
    let (mut legs, mut conference) = (Vec::new(), None);
    for node in element.content() {
        let (name, offset) = match node {
            Node::Text { offset, .. } => ("text", *offset),
            Node::Element(child) => (child.name, child.offset),
        };
        // A conference stands alone.
        if conference.is_some() || (name == "Conference" && !legs.is_empty()) {
            return Err(element.refuses(name, offset));
        }
        match node {
            Node::Text { .. } => legs.push(Leg::Number(Number::plain(node.trimmed()))),
            Node::Element(noun) => {
                match noun.name {
                    "Number" => legs.push(Leg::Number(Number::read(noun, reading)?)),
                    "Sip" => legs.push(Leg::Sip(Sip::read(noun, reading)?)),
                    "Conference" => conference = Some(Conference::read(noun, reading)?),
                    name => return Err(element.refuses(name, offset)),
                }
                reading.ignored_attributes(noun);
            }
        }
        if legs.len() > Dial::MAX_LEGS {
            return Err(Fault::too_much(offset, "destinations in <Dial>", legs.len(), Dial::MAX_LEGS));
        }
    }
    match conference {
        Some(conference) => Ok(DialTo::Conference(conference)),
        None if legs.is_empty() => Err(element.lacks("a number, or one of <Number>, <Sip> and <Conference>")),
        None => Ok(DialTo::Legs(legs)),
    }
}

fn recording(element: &Element<'_>, reading: &mut Reading<'_>) -> DialRecording {
    use DialRecording::{DoNotRecord, FromAnswer, FromRinging};
    let words = [
        ("do-not-record", DoNotRecord),
        ("false", DoNotRecord),
        ("record-from-answer", FromAnswer { dual: false }),
        ("true", FromAnswer { dual: false }),
        ("record-from-answer-dual", FromAnswer { dual: true }),
        ("record-from-ringing", FromRinging { dual: false }),
        ("record-from-ringing-dual", FromRinging { dual: true }),
    ];
    let expected = "do-not-record, record-from-answer or record-from-ringing, the last two also with -dual";
    element.choice("record", &words, DoNotRecord, expected, reading)
}

fn ring_tone(element: &Element<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let attribute = element.attribute("ringTone").filter(|a| !a.value.trim().is_empty())?;
    let tone = attribute.value.trim().to_ascii_lowercase();
    let good = (2..=8).contains(&tone.len()) && tone.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if !good {
        reading.warn(element.invalid(attribute, "a country's code such as \"us\" or \"us-old\""));
    }
    good.then_some(tone)
}
