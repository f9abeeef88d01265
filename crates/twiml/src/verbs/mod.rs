//! Verbs: what an application asks for. Each has its own file.

mod dial;
mod gather;
mod hangup;
mod keys;
mod pause;
mod play;
mod record;
mod redirect;
mod refer;
mod reject;
mod say;
mod speech;
mod unsupported;

pub use dial::{
    Beep, CallEvent, Conference, Dial, DialRecording, DialTo, Leg, Number, RoomCallback, RoomEvent, Sip,
    StatusCallback, WaitMusic,
};
pub use gather::{Gather, Prompt};
pub use hangup::Hangup;
pub use keys::{Digits, Key, Keys};
pub use pause::Pause;
pub use play::Play;
pub use record::{Record, Trim};
pub use redirect::Redirect;
pub use refer::Refer;
pub use reject::{Reject, RejectReason};
pub use say::Say;
pub use speech::{Speech, SpeechNode};
pub use unsupported::Unsupported;

use crate::element::Element;
use crate::error::{ErrorKind, Fault};
use crate::position::Position;

/// A verb with all that its element says, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Speaks a text.
    Say(Say),
    /// Plays a file or keys.
    Play(Play),
    /// Waits in silence.
    Pause(Pause),
    /// Collects keys.
    Gather(Gather),
    /// Records the caller.
    Record(Record),
    /// Connects the call to others.
    Dial(Dial),
    /// Goes on with another document.
    Redirect(Redirect),
    /// Refuses the call.
    Reject(Reject),
    /// Ends the call.
    Hangup(Hangup),
    /// Hands the call back to where it came from (SIP REFER).
    Refer(Refer),
    /// A verb that TwiML does not have or that is not carried out, or text between verbs.
    Unsupported(Unsupported),
}

/// How a URL is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Parameters go into the query.
    Get,
    /// Parameters go into the body.
    Post,
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

impl Verb {
    /// Its name in TwiML, or as the customer wrote it.
    pub fn name(&self) -> &str {
        match self {
            Verb::Say(_) => "Say",
            Verb::Play(_) => "Play",
            Verb::Pause(_) => "Pause",
            Verb::Gather(_) => "Gather",
            Verb::Record(_) => "Record",
            Verb::Dial(_) => "Dial",
            Verb::Redirect(_) => "Redirect",
            Verb::Reject(_) => "Reject",
            Verb::Hangup(_) => "Hangup",
            Verb::Refer(_) => "Refer",
            Verb::Unsupported(verb) => &verb.name,
        }
    }

    pub(crate) fn read(element: &Element<'_>, reading: &mut Reading<'_>) -> Result<Verb, Fault> {
        let verb = match element.name {
            "Say" => Verb::Say(Say::read(element, reading)),
            "Play" => Verb::Play(Play::read(element, reading)?),
            "Pause" => Verb::Pause(Pause::read(element, reading)),
            "Gather" => Verb::Gather(Gather::read(element, reading)?),
            "Record" => Verb::Record(Record::read(element, reading)?),
            "Dial" => Verb::Dial(Dial::read(element, reading)?),
            "Redirect" => Verb::Redirect(Redirect::read(element, reading)?),
            "Reject" => Verb::Reject(Reject::read(element, reading)),
            "Hangup" => Verb::Hangup(Hangup::read(element, reading)),
            "Refer" => Verb::Refer(Refer::read(element, reading)?),
            name => return Ok(Verb::Unsupported(Unsupported::new(name, reading.position(element.offset)))),
        };
        reading.ignored_attributes(element);
        Ok(verb)
    }
}

/// What is known while a verb is read.
pub(crate) struct Reading<'s> {
    source: &'s str,
    warnings: Vec<Fault>,
}

impl<'s> Reading<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        Reading { source, warnings: Vec::new() }
    }

    pub(crate) fn into_warnings(self) -> Vec<Fault> {
        self.warnings
    }

    fn position(&self, offset: usize) -> Position {
        Position::at(self.source, offset)
    }

    pub(crate) fn warn(&mut self, fault: Fault) {
        self.warnings.push(fault);
    }

    /// To be called when all attributes of an element were asked for.
    fn ignored_attributes(&mut self, element: &Element<'_>) {
        for attribute in element.ignored() {
            self.ignore(element, attribute.offset, format!("'{}'", attribute.name));
        }
    }

    /// For verbs that hold nothing: what they do hold is ignored, since it is clear what they mean.
    fn ignored_content(&mut self, element: &Element<'_>) {
        for node in element.content() {
            match node {
                crate::element::Node::Element(child) => {
                    self.ignore(element, child.offset, format!("<{}>", child.name));
                }
                crate::element::Node::Text { offset, .. } => self.ignore(element, *offset, "text".to_owned()),
            }
        }
    }

    fn ignore(&mut self, element: &Element<'_>, offset: usize, what: String) {
        self.warn(Fault { offset, kind: ErrorKind::Ignored { element: element.name.to_owned(), what } });
    }
}
