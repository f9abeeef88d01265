//! `<Conference>`: a room for many.

use super::callback::events_of;
use crate::element::Element;
use crate::error::Fault;
use crate::url_ref::UrlRef;
use crate::verbs::{Method, Reading};

/// `<Conference>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conference {
    /// The room, as written, without white space at its ends.
    pub name: String,
    /// `muted`: whether this caller only listens.
    pub muted: bool,
    /// `beep`
    pub beep: Beep,
    /// `startConferenceOnEnter`: whether the conference begins with this caller. True.
    pub start_conference_on_enter: bool,
    /// `endConferenceOnExit`: whether it ends with this caller.
    pub end_conference_on_exit: bool,
    /// `waitUrl`: what is heard until it begins.
    pub wait: WaitMusic,
    /// `waitMethod`
    pub wait_method: Method,
    /// `maxParticipants`: 2 to 250. 250.
    pub max_participants: u32,
    /// `record`: whether it is recorded from its beginning.
    pub record: bool,
    /// `participantLabel`
    pub participant_label: Option<String>,
    /// `statusCallback`
    pub status_callback: Option<RoomCallback>,
}

/// `statusCallback` of a conference, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomCallback {
    /// `statusCallback`: who is told.
    pub url: UrlRef,
    /// `statusCallbackMethod`
    pub method: Method,
    /// `statusCallbackEvent`: what of, each once; nothing where nothing is said.
    pub events: Vec<RoomEvent>,
}

/// Something that happens in a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoomEvent {
    /// It begins.
    Start,
    /// It is over.
    End,
    /// Somebody comes.
    Join,
    /// Somebody goes.
    Leave,
}

const EVENTS: [(&str, Option<RoomEvent>); 9] = [
    ("start", Some(RoomEvent::Start)),
    ("end", Some(RoomEvent::End)),
    ("join", Some(RoomEvent::Join)),
    ("leave", Some(RoomEvent::Leave)),
    // They never happen here: nobody is muted, held, changed or announced later on, and who speaks is not told.
    ("mute", None),
    ("hold", None),
    ("modify", None),
    ("speaker", None),
    ("announcement", None),
];

/// When a beep is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Beep {
    /// When somebody comes or goes.
    Both,
    /// Never.
    Never,
    /// When somebody comes.
    OnEnter,
    /// When somebody goes.
    OnExit,
}

/// What is heard while waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitMusic {
    /// Music, where nothing is said.
    Default,
    /// Nothing: `waitUrl` is empty.
    Silence,
    /// What this document or file says.
    Url(UrlRef),
}

impl Conference {
    /// Twilio's largest conference.
    const MAX_PARTICIPANTS: u32 = 250;

    pub(super) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Conference, Fault> {
        let name = element.only_text()?;
        if name.is_empty() {
            return Err(element.lacks("the name of a room"));
        }
        let beeps = [
            ("true", Beep::Both),
            ("false", Beep::Never),
            ("onEnter", Beep::OnEnter),
            ("onExit", Beep::OnExit),
        ];
        let records =
            [("do-not-record", false), ("false", false), ("record-from-start", true), ("true", true)];
        let largest = Conference::MAX_PARTICIPANTS;
        let participants =
            element.number("maxParticipants", 2..=largest, "a whole number, 2 or more", reading);
        Ok(Conference {
            name: name.to_owned(),
            muted: element.flag("muted", false, reading),
            beep: element.choice("beep", &beeps, Beep::Both, "true, false, onEnter or onExit", reading),
            start_conference_on_enter: element.flag("startConferenceOnEnter", true, reading),
            end_conference_on_exit: element.flag("endConferenceOnExit", false, reading),
            wait: wait(element, reading),
            wait_method: element.method("waitMethod", reading),
            max_participants: participants.unwrap_or(largest),
            record: element.choice("record", &records, false, "do-not-record or record-from-start", reading),
            participant_label: element.word("participantLabel"),
            status_callback: RoomCallback::read(element, reading),
        })
    }
}

impl RoomCallback {
    fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Option<RoomCallback> {
        let url = element.callback("statusCallback", reading);
        let method = element.method("statusCallbackMethod", reading);
        let mut events = Vec::new();
        let expected = "start, end, join, leave, mute, hold, modify, speaker or announcement";
        events_of(element, &EVENTS, expected, reading, |event: Option<RoomEvent>| {
            if let Some(event) = event.filter(|event| !events.contains(event)) {
                events.push(event);
            }
        });
        url.map(|url| RoomCallback { url, method, events })
    }
}

fn wait(element: &Element<'_>, reading: &mut Reading<'_>) -> WaitMusic {
    match element.attribute("waitUrl") {
        None => WaitMusic::Default,
        Some(attribute) if attribute.value.trim().is_empty() => WaitMusic::Silence,
        Some(_) => element.callback("waitUrl", reading).map_or(WaitMusic::Default, WaitMusic::Url),
    }
}
