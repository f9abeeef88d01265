//! Calls of API functions (mod_commands), for `api` and `bgapi`.

use crate::error::Refused;
use crate::escape::{escape, word};
use crate::originate::Originate;
use crate::text::{Argument, Cause, Name, Uuid, VariableName, VariableValue, Word};

/// A call of an API function: its name and arguments, escaped as that function reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api(String);

/// What [`Api::uuid_record`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Begins, and ends by itself after so many seconds; 0 is without end.
    Start {
        /// Seconds.
        limit: u32,
    },
    /// Ends.
    Stop,
    /// Writes nothing for a while.
    Pause,
    /// Goes on writing.
    Resume,
    /// Writes silence for a while.
    Mask,
    /// Writes what is heard again.
    Unmask,
}

/// Which calls `fsctl pause` keeps from coming up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that come in.
    Inbound,
    /// Those that are made.
    Outbound,
}

/// Who hears what [`Api::uuid_broadcast`] plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// The channel itself.
    A,
    /// The channel that it is bridged with.
    B,
    /// Both.
    Both,
}

/// uuid_setvar_multi reads so many at most (uuid_setvar_multi_function).
const MOST_VARIABLES: usize = 64;

impl Api {
    /// Any function that splits its arguments at spaces (switch_separate_string) and takes quotes and backslashes away: most
    /// functions with several arguments. Those that read theirs otherwise (`expand`, `eval`, `sched_api`, `bg_system`) are
    /// not to be called so.
    pub fn call<'a>(function: &Name, words: impl IntoIterator<Item = &'a Word>) -> Self {
        let mut call = Api(function.to_string());
        for text in words {
            call.0.push(' ');
            word(text.as_str(), &mut call.0);
        }
        call
    }

    /// The parts are safe and apart by one space.
    fn of(parts: &[&str]) -> Self {
        Api(parts.join(" "))
    }

    /// What is sent behind `api` and `bgapi`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `originate`: prints the channel's UUID when the call is answered, else why not. It takes as long as the call rings:
    /// for `bgapi` only.
    pub fn originate(originate: &Originate) -> Self {
        let mut call = String::from("originate ");
        originate.write(&mut call);
        Api(call)
    }

    /// `uuid_kill`: hangs a channel up, with NORMAL_CLEARING if no cause is given.
    pub fn uuid_kill(channel: &Uuid, cause: Option<&Cause>) -> Self {
        match cause {
            Some(cause) => Api::of(&["uuid_kill", channel.as_str(), cause.as_str()]),
            None => Api::of(&["uuid_kill", channel.as_str()]),
        }
    }

    /// `uuid_bridge`: lets two channels talk to each other.
    pub fn uuid_bridge(channel: &Uuid, other: &Uuid) -> Self {
        Api::of(&["uuid_bridge", channel.as_str(), other.as_str()])
    }

    /// `uuid_setvar`; without a value, or with an empty one, the variable goes away.
    pub fn uuid_setvar(channel: &Uuid, name: &VariableName, value: Option<&VariableValue>) -> Self {
        let mut call = Api::of(&["uuid_setvar", channel.as_str(), name.as_str()]);
        if let Some(value) = value.filter(|value| !value.as_str().is_empty()) {
            call.0.push(' ');
            escape(value.as_str(), ' ', &mut call.0);
        }
        call
    }

    /// `uuid_setvar_multi`: several at once, 64 at most; an empty value takes the variable away.
    pub fn uuid_setvar_multi(
        channel: &Uuid,
        variables: &[(VariableName, VariableValue)],
    ) -> Result<Self, Refused> {
        let refused = |found, at| Refused { place: "uuid_setvar_multi", found, at };
        if variables.is_empty() {
            return Err(refused("no variables", 0));
        }
        if variables.len() > MOST_VARIABLES {
            return Err(refused("more than 64 variables", MOST_VARIABLES));
        }
        let mut call = Api::of(&["uuid_setvar_multi", channel.as_str()]);
        for (index, (name, value)) in variables.iter().enumerate() {
            call.0.push(if index == 0 { ' ' } else { ';' });
            call.0.push_str(name.as_str());
            call.0.push('=');
            escape(value.as_str(), ';', &mut call.0);
        }
        Ok(call)
    }

    /// `uuid_getvar`: prints a variable's value, or `_undef_`.
    pub fn uuid_getvar(channel: &Uuid, name: &VariableName) -> Self {
        Api::of(&["uuid_getvar", channel.as_str(), name.as_str()])
    }

    /// `uuid_break`: ends what the channel plays; with `all`, also what was sent to it to be played next.
    pub fn uuid_break(channel: &Uuid, all: bool) -> Self {
        let parts = ["uuid_break", channel.as_str(), "all"];
        Api::of(parts.get(..if all { 3 } else { 2 }).unwrap_or_default())
    }

    /// `uuid_park`.
    pub fn uuid_park(channel: &Uuid) -> Self {
        Api::of(&["uuid_park", channel.as_str()])
    }

    /// `uuid_record`. To stop needs the path, too.
    pub fn uuid_record(channel: &Uuid, what: Recording, path: &Word) -> Self {
        let action = match what {
            Recording::Start { .. } => "start",
            Recording::Stop => "stop",
            Recording::Pause => "pause",
            Recording::Resume => "resume",
            Recording::Mask => "mask",
            Recording::Unmask => "unmask",
        };
        let mut call = Api::of(&["uuid_record", channel.as_str(), action, ""]);
        word(path.as_str(), &mut call.0);
        if let Recording::Start { limit } = what {
            call.0.push_str(&format!(" {limit}"));
        }
        call
    }

    /// `uuid_broadcast`: plays a file beside what the channel does. Refuses `::` in it, which names an application.
    pub fn uuid_broadcast(channel: &Uuid, file: &Argument, leg: Leg) -> Result<Self, Refused> {
        if let Some(at) = file.as_str().find("::") {
            return Err(Refused { place: "a file to broadcast", found: "::", at });
        }
        let mut call = Api::of(&["uuid_broadcast", channel.as_str(), ""]);
        word(file.as_str(), &mut call.0);
        call.0.push_str(match leg {
            Leg::A => " aleg",
            Leg::B => " bleg",
            Leg::Both => " both",
        });
        Ok(call)
    }

    /// `uuid_dump ... json`: all about a channel, for [`crate::Event::from_json`].
    pub fn uuid_dump(channel: &Uuid) -> Self {
        Api::of(&["uuid_dump", channel.as_str(), "json"])
    }

    /// `uuid_exists`: prints `true` or `false`.
    pub fn uuid_exists(channel: &Uuid) -> Self {
        Api::of(&["uuid_exists", channel.as_str()])
    }

    /// `show channels as json`: `{"row_count": n, "rows": [...]}`, without `rows` where there are none.
    pub fn show_channels() -> Self {
        Api::of(&["show", "channels", "as", "json"])
    }

    /// `global_getvar`.
    pub fn global_getvar(name: &VariableName) -> Self {
        Api::of(&["global_getvar", name.as_str()])
    }

    /// `global_getvar core_uuid`: this run of FreeSWITCH.
    pub fn core_uuid() -> Self {
        Api::of(&["global_getvar", "core_uuid"])
    }

    /// `fsctl pause`: from now on FreeSWITCH refuses calls of that direction.
    pub fn pause(direction: Direction) -> Self {
        Api::of(&["fsctl", "pause", direction.word()])
    }

    /// `fsctl resume`: takes them again.
    pub fn resume(direction: Direction) -> Self {
        Api::of(&["fsctl", "resume", direction.word()])
    }

    /// `fsctl pause_check`: prints `true` or `false`.
    pub fn is_paused(direction: Direction) -> Self {
        Api::of(&["fsctl", "pause_check", direction.word()])
    }

    /// `status`, for people.
    pub fn status() -> Self {
        Api::of(&["status"])
    }
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }
}
