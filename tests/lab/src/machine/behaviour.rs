//! What an answering machine does with a call.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};

use crate::media::Source;

/// How long a machine rings when nothing else is said.
pub const RINGING: Duration = Duration::from_millis(300);

const TONE: Source = Source::Tone(440);
const BUSY: u16 = 486;

/// What to do with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Ring, answer, and play.
    Answer {
        /// Time from 180 to 200.
        ringing: Duration,
        /// What the caller hears.
        source: Source,
        /// Hang up so long after the ACK; `None` leaves it to the caller.
        hang_up_after: Option<Duration>,
    },
    /// Ring, and refuse.
    Refuse {
        /// Time from 180 to the refusal; zero for a refusal without ringing.
        ringing: Duration,
        /// The final answer's code.
        code: u16,
    },
    /// Ring until the caller gives up.
    Ring,
    /// Say 100, and wait to be told from outside (`lab::switch`).
    Wait,
    /// No SIP answer at all, as from a machine that is dead.
    Silent,
}

impl Behaviour {
    /// Answers with this sound and waits for the caller to hang up.
    #[must_use]
    pub fn play(source: Source) -> Self {
        Self::Answer { ringing: RINGING, source, hang_up_after: None }
    }

    /// Refuses at once.
    #[must_use]
    pub fn refuse(code: u16) -> Self {
        Self::Refuse { ringing: Duration::ZERO, code }
    }

    /// What is usual for the user part of a Request-URI: the names which `lab demo` prints, a behaviour spelled out
    /// (`refuse:603`), and a tone for any number.
    #[must_use]
    pub fn of_user(user: &str) -> Self {
        match user {
            "busy" => Self::refuse(BUSY),
            "hangup" => {
                Self::Answer { ringing: RINGING, source: TONE, hang_up_after: Some(Duration::from_secs(1)) }
            }
            _ => user.parse().unwrap_or(Self::play(TONE)),
        }
    }

    /// Whom a broadcast reaches at a number, by its last two digits: of a hundred, 60 hear it to its end and 10 hang up in
    /// the middle, 10 are busy, 8 let it ring, 5 do not exist, 3 have a carrier that is broken, 4 one that says nothing.
    #[must_use]
    pub fn of_callee(number: &str) -> Self {
        let digit = |at: usize| {
            number.bytes().rev().nth(at).map_or(0, |byte| u64::from(byte.wrapping_sub(b'0') % 10))
        };
        let last = 10 * digit(1) + digit(0);
        let ringing = Duration::from_millis(200 + 150 * digit(0));
        let answer = |hang_up_after| Self::Answer { ringing, source: Source::Silence, hang_up_after };
        match last {
            0..60 => answer(None),
            60..70 => answer(Some(Duration::from_millis(800))),
            70..80 => Self::Refuse { ringing: if last < 75 { Duration::ZERO } else { ringing }, code: BUSY },
            80..88 => Self::Ring,
            88..93 => Self::refuse(404),
            93..96 => Self::refuse(503),
            _ => Self::Silent,
        }
    }
}

impl FromStr for Behaviour {
    type Err = Error;

    /// Reads `tone:440`, `echo`, `quiet`, `refuse:486`, `ring` or `silent`. Behind the first four may stand
    /// `,ringing=SECONDS`, and behind the first three `,hangup=SECONDS`.
    fn from_str(text: &str) -> Result<Self> {
        let (what, options) = text.split_once(',').unwrap_or((text, ""));
        let mut ringing = None;
        let mut hang_up_after = None;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("ringing", time)) => ringing = Some(seconds(time)?),
                Some(("hangup", time)) => hang_up_after = Some(seconds(time)?),
                _ => bail!("expected ringing=SECONDS or hangup=SECONDS, found {option:?}"),
            }
        }
        let (name, value) = what.split_once(':').unwrap_or((what, ""));
        let source = match (name, value) {
            ("tone", "") => TONE,
            ("tone", hertz) => Source::Tone(hertz.parse().context("the tone's frequency in hertz")?),
            ("echo", "") => Source::Echo,
            ("quiet", "") => Source::Silence,
            ("refuse", code) if hang_up_after.is_none() => {
                let code = if code.is_empty() { Ok(BUSY) } else { code.parse() };
                let code = code.ok().filter(|code| (300..700).contains(code));
                let code =
                    code.with_context(|| format!("expected a code from 300 to 699, found {value:?}"))?;
                return Ok(Self::Refuse { ringing: ringing.unwrap_or_default(), code });
            }
            ("ring", "") if options.is_empty() => return Ok(Self::Ring),
            ("silent", "") if options.is_empty() => return Ok(Self::Silent),
            _ => bail!("expected tone[:HZ], echo, quiet, refuse[:CODE], ring or silent, found {text:?}"),
        };
        Ok(Self::Answer { ringing: ringing.unwrap_or(RINGING), source, hang_up_after })
    }
}

/// How a machine chooses its behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// The same for every call.
    Always(Behaviour),
    /// By the user part of the Request-URI, as [`Behaviour::of_user`] says.
    ByUser,
    /// As the people of a broadcast do, each by the last two digits of its number: see [`Behaviour::of_callee`].
    Callees,
}

impl Answering {
    /// The behaviour for a call to this user.
    #[must_use]
    pub fn behaviour(&self, user: &str) -> Behaviour {
        match self {
            Self::Always(behaviour) => *behaviour,
            Self::ByUser => Behaviour::of_user(user),
            Self::Callees => Behaviour::of_callee(user),
        }
    }
}

impl FromStr for Answering {
    type Err = Error;

    /// Reads `by-user`, `callees`, or a [`Behaviour`] for every call.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "by-user" => Ok(Self::ByUser),
            "callees" => Ok(Self::Callees),
            _ => text.parse().map(Self::Always),
        }
    }
}

/// Reads a time in seconds, such as `0.5`.
///
/// # Errors
/// When it is no number of seconds from 0 to a day.
pub fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 =
        text.parse().with_context(|| format!("expected a number of seconds, found {text:?}"))?;
    if !(0.0..=86_400.0).contains(&seconds) {
        bail!("expected 0 to 86400 seconds, found {text}");
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Behaviour {
        text.parse().unwrap()
    }

    #[test]
    fn behaviours_are_read_with_their_options() {
        assert_eq!(read("echo"), Behaviour::play(Source::Echo));
        assert_eq!(read("refuse:603"), Behaviour::refuse(603));
        assert_eq!(
            read("refuse,ringing=1"),
            Behaviour::Refuse { ringing: Duration::from_secs(1), code: 486 }
        );
        assert_eq!((read("ring"), read("silent")), (Behaviour::Ring, Behaviour::Silent));
        let (ringing, hang_up_after) = (Duration::ZERO, Some(Duration::from_millis(500)));
        let expected = Behaviour::Answer { ringing, source: Source::Tone(1000), hang_up_after };
        assert_eq!(read("tone:1000,ringing=0,hangup=0.5"), expected);
        for bad in [
            "",
            "tones",
            "tone:x",
            "refuse:200",
            "echo,loud",
            "echo,hangup=-1",
            "ring:3",
            "ring,hangup=1",
            "refuse,hangup=1",
        ] {
            assert!(bad.parse::<Behaviour>().is_err(), "{bad}");
        }
    }

    #[test]
    fn callees_are_as_many_of_each_kind_as_is_said() {
        let of = |number: u32| Behaviour::of_callee(&format!("+855{number:06}"));
        let count = |is: fn(&Behaviour) -> bool| (1200..1300).map(of).filter(is).count();
        assert_eq!(count(|one| matches!(one, Behaviour::Answer { hang_up_after: None, .. })), 60);
        assert_eq!(count(|one| matches!(one, Behaviour::Answer { hang_up_after: Some(_), .. })), 10);
        assert_eq!(count(|one| matches!(one, Behaviour::Refuse { code: 486, .. })), 10);
        assert_eq!(count(|one| *one == Behaviour::Ring), 8);
        assert_eq!(
            (count(|one| *one == Behaviour::refuse(404)), count(|one| *one == Behaviour::refuse(503))),
            (5, 3)
        );
        assert_eq!(count(|one| *one == Behaviour::Silent), 4);
        assert_eq!(Behaviour::of_callee(""), Behaviour::of_callee("00"));
    }

    #[test]
    fn the_user_chooses_and_any_number_hears_a_tone() {
        let of = |user| Answering::ByUser.behaviour(user);
        assert_eq!(of("echo"), Behaviour::play(Source::Echo));
        assert_eq!(of("busy"), Behaviour::refuse(486));
        assert_eq!(of("+85512345678"), Behaviour::play(Source::Tone(440)));
        assert!(matches!(of("hangup"), Behaviour::Answer { hang_up_after: Some(_), .. }));
        assert_eq!("ring".parse::<Answering>().unwrap().behaviour("echo"), Behaviour::Ring);
    }
}
