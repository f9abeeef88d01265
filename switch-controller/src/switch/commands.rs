//! What commands say. All text of customers goes through the types of crates/esl here, which refuse what FreeSWITCH would
//! read as something else.
//!
//! This file must not contain: I/O of any kind.

use std::path::PathBuf;
use std::time::Duration;

use esl::{
    Api, Argument, Command, DialString, Execute, Name, Originate, Refused, Uuid, VariableName, VariableValue,
    Word,
};

use super::events::ASK;
use crate::call::action::{LegEnd, Refusal, Sound, Whom};
use crate::call::facts::Facts;
use crate::call::input::Ask;

/// The variable that says that a channel is ours; and of which call.
pub(super) const CALL_SID: &str = "switchyard_call_sid";

/// How long a key sounds, and how long it is still before the next one.
const KEY: Duration = Duration::from_millis(250);
const GAP: Duration = Duration::from_millis(100);

/// So many keys at once: FreeSWITCH takes no longer row (switch_core_session_send_dtmf_string).
const MOST_KEYS: usize = 50;

/// What others hear when somebody comes into a conference, or goes.
const BEEP: &str = "tone_stream://%(200,0,880)";

/// Takes a channel out of a conference; what it heard of it is over then.
pub(super) fn leave_room(channel: &Uuid, room: &str) -> Result<Api, Refused> {
    in_room(channel, room, "kick")
}

/// Says whether a channel is in a conference: an error if not.
pub(super) fn find_in_room(channel: &Uuid, room: &str) -> Result<Api, Refused> {
    in_room(channel, room, "get-uuid")
}

fn in_room(channel: &Uuid, room: &str, action: &str) -> Result<Api, Refused> {
    let member = Word::new(format!("uuid={channel}"))?;
    Ok(Api::call(&Name::new("conference")?, [&Word::new(room)?, &Word::new(action)?, &member]))
}

/// Asks the other end to call somebody else, and does not hang up for that.
pub(super) fn refer(channel: &Uuid, to: &str) -> Result<[Command; 2], Refused> {
    // FreeSWITCH puts another scheme before any that is not in small letters (mod_sofia, INDICATE_DEFLECT).
    let refused = |found| Refused { place: "a REFER's target", found, at: 0 };
    let rest = to.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("sip"));
    let (_, rest) = rest.ok_or_else(|| refused("a scheme other than sip:"))?;
    // It keeps no more of it.
    if rest.len() > 1000 {
        return Err(refused("more than 1000 bytes"));
    }
    let execute = |application: &str, argument: String| {
        Ok(Execute::new(channel.clone(), Name::new(application)?, Some(Argument::new(argument)?)))
    };
    Ok([
        Command::Execute(execute("set", "sip_refer_continue_after_reply=true".to_owned())?),
        Command::Execute(execute("deflect", format!("sip:{rest}"))?),
    ])
}

/// `uuid_setvar_multi`.
pub(super) fn set(channel: &Uuid, variables: &[(&str, &str)]) -> Result<Api, Refused> {
    let pair = |(name, value): &(&str, &str)| Ok((VariableName::new(*name)?, VariableValue::new(*value)?));
    let variables: Vec<_> = variables.iter().map(pair).collect::<Result<_, Refused>>()?;
    Api::uuid_setvar_multi(channel, &variables)
}

/// What every call of ours has, whichever way it came to be. Nothing but what the controller asks for stops a playback.
pub(super) fn own_variables(facts: &Facts) -> [(&'static str, &str); 2] {
    [("playback_terminators", "none"), (CALL_SID, &facts.call_sid)]
}

/// What brings a caller back to park when its leg is over. To be set before each bridge: entering park with a park_timeout
/// takes it away (switch_ivr_park).
pub(super) const BACK: [(&str, &str); 1] = [("park_after_bridge", "true")];

/// Plays a sound; the last command's end is the sound's.
pub(super) fn play(channel: &Uuid, ask: Ask, sound: &Sound) -> Result<Vec<Command>, Refused> {
    let own = Uuid::new(format!("{ASK}{}", ask.0))?;
    let execute = |application: &str, argument: String| {
        let execute = Execute::new(channel.clone(), Name::new(application)?, Some(Argument::new(argument)?));
        Ok::<_, Refused>(execute)
    };
    let named = |execute| Command::Execute(Execute { event_uuid: Some(own.clone()), ..execute });
    let playback = |file: &str| Ok(vec![named(execute("playback", file.to_owned())?)]);
    match sound {
        Sound::File(path) => {
            let path = path.to_string_lossy();
            match spoken(&path) {
                // FreeSWITCH takes engine and voice from variables (switch_ivr_play_file).
                Some((engine, voice, text)) => Ok(vec![
                    Command::Execute(execute("set", format!("tts_engine={engine}"))?),
                    Command::Execute(execute("set", format!("tts_voice={voice}"))?),
                    named(execute("playback", format!("{SAY}{text}"))?),
                ]),
                None => playback(&path),
            }
        }
        Sound::Beep => playback("tone_stream://%(250,0,1000)"),
        Sound::Ringback(tones) => playback(&format!("tone_stream://{tones};loops=-1")),
        // Two soft notes, every ten seconds.
        Sound::Waiting => playback("tone_stream://v=-20;%(400,200,523);%(600,8800,392);loops=-1"),
        Sound::Room(seat) => {
            let set = |name: &str, sounds: bool| {
                let sound = if sounds { BEEP } else { "" };
                execute("set", format!("{name}={sound}"))
            };
            let flags = if seat.muted { "+flags{mute}" } else { "" };
            Ok(vec![
                Command::Execute(set("conference_enter_sound", seat.beeps_on_enter)?),
                Command::Execute(set("conference_exit_sound", seat.beeps_on_exit)?),
                named(execute("conference", format!("{}@default{flags}", seat.room))?),
            ])
        }
        Sound::Keys(keys) => {
            let keys: Vec<char> = keys.chars().collect();
            let mut commands = Vec::new();
            for some in keys.chunks(MOST_KEYS) {
                // They are only queued by send_dtmf: what follows must not come before they were sent.
                let length = some.iter().copied().map(length_of_key).sum::<Duration>().as_millis();
                let some = some.iter().collect::<String>();
                let send = execute("send_dtmf", format!("{some}@{}", KEY.as_millis()))?;
                commands.extend([send, execute("sleep", length.to_string())?]);
            }
            if let Some(last) = commands.last_mut() {
                last.event_uuid = Some(own.clone());
            }
            Ok(commands.into_iter().map(Command::Execute).collect())
        }
    }
}

/// What stands before speech where a file's path is expected.
const SAY: &str = "say:";

/// The path of speech of a module of FreeSWITCH: `say:ENGINE:VOICE:TEXT`.
pub fn spoken_path(engine: &str, voice: &str, text: &str) -> PathBuf {
    PathBuf::from(format!("{SAY}{engine}:{voice}:{text}"))
}

fn spoken(path: &str) -> Option<(&str, &str, &str)> {
    let (engine, rest) = path.strip_prefix(SAY)?.split_once(':')?;
    let (voice, text) = rest.split_once(':')?;
    Some((engine, voice, text))
}

fn length_of_key(key: char) -> Duration {
    match key {
        'w' => Duration::from_millis(500),
        'W' => Duration::from_secs(1),
        _ => KEY + GAP,
    }
}

/// How a recording ends by itself. An empty value takes a variable away that an earlier recording has left.
pub(super) fn recording_variables(whom: Whom, silence: Duration) -> [(&'static str, String); 5] {
    let silence = if silence.is_zero() { String::new() } else { silence.as_millis().to_string() };
    let only_if = |holds: bool| if holds { "true".to_owned() } else { String::new() };
    [
        // What the caller says, and not what is played.
        ("RECORD_READ_ONLY", only_if(whom == Whom::Caller)),
        ("RECORD_STEREO", only_if(whom == Whom::Both)),
        ("RECORD_SILENCE_THRESHOLD", "200".to_owned()),
        ("RECORD_INITIAL_TIMEOUT_MS", silence.clone()),
        ("RECORD_FINAL_TIMEOUT_MS", silence),
    ]
}

/// A call that is made.
pub(super) struct Made<'a> {
    /// Its channel.
    pub channel: &'a Uuid,
    /// Whom it calls, for FreeSWITCH.
    pub dial_string: DialString,
    /// Whom the callee sees.
    pub caller_id: &'a str,
    /// How long it rings.
    pub timeout: Duration,
    /// Header fields of its INVITE.
    pub headers: &'a [(String, String)],
    /// More variables.
    pub variables: &'a [(&'a str, &'a str)],
}

impl Made<'_> {
    /// Without early media: what is heard before the answer must not count as one.
    pub(super) fn originate(&self) -> Result<Api, Refused> {
        let seconds = self.timeout.as_secs().max(1).to_string();
        let mut originate = Originate::new(self.channel, self.dial_string.clone())?;
        let own = [
            ("originate_timeout", seconds.as_str()),
            ("ignore_early_media", "true"),
            ("origination_caller_id_number", self.caller_id),
            ("origination_caller_id_name", self.caller_id),
        ];
        for (name, value) in own.iter().chain(self.variables) {
            originate = originate.variable(VariableName::new(*name)?, VariableValue::new(*value)?)?;
        }
        for (name, value) in self.headers {
            let name = VariableName::new(format!("sip_h_{name}"))?;
            originate = originate.variable(name, VariableValue::new(value.as_str())?)?;
        }
        Ok(Api::originate(&originate))
    }
}

/// FreeSWITCH makes 486, 603 and 503 of these.
pub(super) fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Busy => "USER_BUSY",
        Refusal::Rejected => "CALL_REJECTED",
        Refusal::Unavailable => "NORMAL_TEMPORARY_FAILURE",
    }
}

/// Why a leg is ended.
pub(super) fn leg_end(reason: LegEnd) -> &'static str {
    match reason {
        LegEnd::LostRace => "LOSE_RACE",
        LegEnd::CallerGone => "ORIGINATOR_CANCEL",
        LegEnd::Over => "NORMAL_CLEARING",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::action::Seat;

    fn uuid() -> Uuid {
        Uuid::new("c7d6f11e").expect("a uuid")
    }

    fn text(commands: &[Command]) -> String {
        commands.iter().map(|command| String::from_utf8_lossy(&command.to_bytes()).into_owned()).collect()
    }

    #[test]
    fn sounds_come_back_by_their_ask() {
        let play = |sound| text(&play(&uuid(), Ask(3), &sound).expect("can be played"));
        assert_eq!(
            play(Sound::File(PathBuf::from("/cache/a b.wav"))),
            "sendmsg c7d6f11e\ncall-command: execute\nexecute-app-name: playback\nexecute-app-arg: /cache/a b.wav\n\
             Event-UUID: ask-3\nevent-lock: true\n\n"
        );
        let keys = play(Sound::Keys("1w#".to_owned()));
        assert!(keys.contains("execute-app-arg: 1w#@250\n") && !keys.starts_with("Event-UUID"), "{keys}");
        assert!(
            keys.contains("execute-app-name: sleep\nexecute-app-arg: 1200\nEvent-UUID: ask-3\n"),
            "{keys}"
        );
    }

    #[test]
    fn many_keys_are_sent_in_several_rows() {
        let sent = play(&uuid(), Ask(3), &Sound::Keys("1".repeat(120))).expect("can be played");
        assert_eq!(sent.len(), 6);
        let rows = text(&sent);
        assert_eq!(rows.matches("execute-app-name: send_dtmf").count(), 3, "{rows}");
        assert_eq!(rows.matches("execute-app-arg: 17500\n").count(), 2, "{rows}");
        assert!(rows.ends_with("execute-app-arg: 7000\nEvent-UUID: ask-3\nevent-lock: true\n\n"), "{rows}");
        assert_eq!(rows.matches("Event-UUID").count(), 1, "{rows}");
    }

    #[test]
    fn speech_of_a_module_names_engine_and_voice_first() {
        let path = spoken_path("flite", "slt", "one: two");
        let said = text(&play(&uuid(), Ask(3), &Sound::File(path)).expect("can be played"));
        assert!(said.contains("execute-app-name: set\nexecute-app-arg: tts_engine=flite\n"), "{said}");
        assert!(said.contains("execute-app-arg: tts_voice=slt\n"), "{said}");
        assert!(
            said.ends_with("execute-app-arg: say:one: two\nEvent-UUID: ask-3\nevent-lock: true\n\n"),
            "{said}"
        );
    }

    #[test]
    fn a_file_with_a_command_in_its_name_is_refused() {
        for name in ["/a\nb", "/${system rm}", "/a\r\n\r\nbgapi x"] {
            assert!(play(&uuid(), Ask(1), &Sound::File(PathBuf::from(name))).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_conference_has_no_text_of_a_customers() {
        let seat = Seat { room: "CF1".to_owned(), muted: true, beeps_on_enter: true, beeps_on_exit: false };
        let played = text(&play(&uuid(), Ask(3), &Sound::Room(Box::new(seat))).expect("can be played"));
        assert!(
            played.contains("execute-app-arg: conference_enter_sound=tone_stream://%(200,0,880)\n"),
            "{played}"
        );
        assert!(played.contains("execute-app-arg: conference_exit_sound=\n"), "{played}");
        assert!(
            played.ends_with(
                "execute-app-arg: CF1@default+flags{mute}\nEvent-UUID: ask-3\nevent-lock: true\n\n"
            ),
            "{played}"
        );
        let kick = leave_room(&uuid(), "CF1").expect("can be left");
        assert_eq!(kick.as_str(), "conference CF1 kick uuid=c7d6f11e");
    }

    #[test]
    fn a_refer_goes_to_one_sip_uri() {
        let sent = refer(&uuid(), "SIP:alice@example.com;transport=tcp").map(|commands| text(&commands));
        let sent = sent.expect("can be sent");
        assert!(sent.contains("execute-app-arg: sip_refer_continue_after_reply=true\n"), "{sent}");
        assert!(
            sent.contains("app-name: deflect\nexecute-app-arg: sip:alice@example.com;transport=tcp\n"),
            "{sent}"
        );
        let long = format!("sip:{}@a", "x".repeat(1000));
        for bad in ["sips:a@b", "alice", "sip:a@b\n\napi x", "sip:${system x}@b", "sip:a@$${b}", &long] {
            assert!(refer(&uuid(), bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn r14_a_recording_has_whom_it_is_to_have() {
        let of =
            |whom| recording_variables(whom, Duration::ZERO).map(|(name, value)| format!("{name}={value}"));
        assert_eq!(of(Whom::Caller)[..2], ["RECORD_READ_ONLY=true", "RECORD_STEREO="]);
        assert_eq!(of(Whom::All)[..2], ["RECORD_READ_ONLY=", "RECORD_STEREO="]);
        assert_eq!(of(Whom::Both)[..2], ["RECORD_READ_ONLY=", "RECORD_STEREO=true"]);
        assert_eq!(of(Whom::Caller)[2], "RECORD_SILENCE_THRESHOLD=200");
        let beep = text(&play(&uuid(), Ask(1), &Sound::Beep).expect("can be played"));
        assert!(beep.contains("execute-app-arg: tone_stream://%(250,0,1000)\n"), "{beep}");
    }

    #[test]
    fn what_customers_say_stays_in_its_place() {
        let headers = [("X-Name".to_owned(), "a,b=c}{d' e".to_owned())];
        let made = |caller_id, headers| {
            Made {
                channel: &uuid(),
                dial_string: DialString::new("sofia/p/1@h").expect("a dial string"),
                caller_id,
                timeout: Duration::from_secs(30),
                headers,
                variables: &[],
            }
            .originate()
        };
        assert!(made("123", &headers).is_err(), "braces that have no partner");
        let headers = [("X-Name".to_owned(), "a,b c".to_owned())];
        let api = made("1,2", &headers).expect("escaped");
        assert!(api.as_str().ends_with("}sofia/p/1@h &park()"), "{}", api.as_str());
        assert!(!api.as_str().contains("=1,2"), "{}", api.as_str());
    }
}
