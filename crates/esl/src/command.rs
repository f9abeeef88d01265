//! Commands, and how they are written.

use crate::api::Api;
use crate::text::{Argument, Cause, Name, Password, Rest, Uuid};

/// What a client asks of FreeSWITCH. Each gets one answer, in order ([`crate::Reply`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `auth`: the first of all.
    Auth(Password),
    /// `event`: which events to send, in addition to those that are sent already.
    Events(Subscription),
    /// `nixevent`: which to send no more.
    NixEvents {
        /// Events.
        names: Vec<Name>,
        /// Subclasses of CUSTOM.
        custom: Vec<Name>,
    },
    /// `noevents`: none any more; what waits in FreeSWITCH's queue is thrown away.
    NoEvents,
    /// `filter add`: from the first filter on, only events come that fit one.
    Filter {
        /// An event's header.
        header: Name,
        /// Its value, or `/regular expression/`, or either with `!` before it.
        value: Rest,
    },
    /// `filter delete`: one value of a header, or all.
    DeleteFilter {
        /// The header.
        header: Name,
        /// The value.
        value: Option<Rest>,
    },
    /// `api`: the answer is what the function prints. FreeSWITCH reads no other command until it is done.
    Api(Api),
    /// `bgapi`: runs beside. The answer says that it began; a BACKGROUND_JOB event with the same Job-UUID brings what it
    /// printed.
    BgApi {
        /// What.
        api: Api,
        /// A UUID of our own, so that the event is known even if it comes before the answer.
        job: Uuid,
    },
    /// `sendmsg` with `execute`.
    Execute(Execute),
    /// `sendmsg` with `hangup`: when its turn comes among the channel's messages. At once: [`Api::uuid_kill`].
    Hangup {
        /// Which channel.
        channel: Uuid,
        /// Why.
        cause: Cause,
    },
    /// `exit`: FreeSWITCH answers and closes the connection.
    Exit,
}

/// In which format events come. FreeSWITCH has one for each connection: the one asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// URL-encoded lines, which do not keep every value as it was ([`crate::Event::from_plain`]).
    Plain,
    /// One JSON object for each event.
    #[default]
    Json,
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// How they are to come.
    pub format: Format,
    /// `CHANNEL_PARK`, `BACKGROUND_JOB`, ... FreeSWITCH passes over what it does not know.
    pub names: Vec<Name>,
    /// Subclasses of CUSTOM: `conference::maintenance`.
    pub custom: Vec<Name>,
}

/// An application to run on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execute {
    /// Which channel.
    pub channel: Uuid,
    /// Which application: `playback`.
    pub application: Name,
    /// What it is told.
    pub argument: Option<Argument>,
    /// Comes back as Application-UUID in CHANNEL_EXECUTE and CHANNEL_EXECUTE_COMPLETE.
    pub event_uuid: Option<Uuid>,
    /// Whether the next one waits until this is done.
    pub event_lock: bool,
    /// How often; `None` is once, a negative number without end.
    pub loops: Option<i32>,
}

impl Execute {
    /// Once, with `event-lock`.
    pub fn new(channel: Uuid, application: Name, argument: Option<Argument>) -> Self {
        Execute { channel, application, argument, event_uuid: None, event_lock: true, loops: None }
    }
}

impl Command {
    /// Appends the bytes that are sent.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        match self {
            Command::Auth(password) => put(&["auth ", password.reveal()]),
            Command::Events(Subscription { format, names, custom }) => {
                put(&[if *format == Format::Plain { "event plain" } else { "event json" }]);
                put_names(&mut put, names, custom);
            }
            Command::NixEvents { names, custom } => {
                put(&["nixevent"]);
                put_names(&mut put, names, custom);
            }
            Command::NoEvents => put(&["noevents"]),
            Command::Filter { header, value } => put(&["filter add ", header.as_str(), " ", value.as_str()]),
            Command::DeleteFilter { header, value } => {
                put(&["filter delete ", header.as_str()]);
                if let Some(value) = value {
                    put(&[" ", value.as_str()]);
                }
            }
            Command::Api(api) => put(&["api ", api.as_str()]),
            Command::BgApi { api, job } => put(&["bgapi ", api.as_str(), "\nJob-UUID: ", job.as_str()]),
            Command::Execute(execute) => execute.put(&mut put),
            Command::Hangup { channel, cause } => {
                put(&[
                    "sendmsg ",
                    channel.as_str(),
                    "\ncall-command: hangup\nhangup-cause: ",
                    cause.as_str(),
                ]);
            }
            Command::Exit => put(&["exit"]),
        }
        put(&["\n\n"]);
    }

    /// The bytes that are sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        bytes
    }
}

/// Behind CUSTOM everything is a subclass: it comes last.
fn put_names(put: &mut impl FnMut(&[&str]), names: &[Name], custom: &[Name]) {
    names.iter().for_each(|name| put(&[" ", name.as_str()]));
    if !custom.is_empty() {
        put(&[" CUSTOM"]);
        custom.iter().for_each(|name| put(&[" ", name.as_str()]));
    }
}

impl Execute {
    fn put(&self, put: &mut impl FnMut(&[&str])) {
        let argument = self.argument.as_ref().map_or("", Argument::as_str);
        put(&["sendmsg ", self.channel.as_str(), "\ncall-command: execute"]);
        put(&["\nexecute-app-name: ", self.application.as_str(), "\nexecute-app-arg: ", argument]);
        if let Some(loops) = self.loops {
            put(&["\nloops: ", &loops.to_string()]);
        }
        if let Some(event_uuid) = &self.event_uuid {
            put(&["\nEvent-UUID: ", event_uuid.as_str()]);
        }
        if self.event_lock {
            put(&["\nevent-lock: true"]);
        }
    }
}
