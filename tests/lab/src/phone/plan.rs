//! What a telephone is told to do in a call.

use std::net::SocketAddr;
use std::time::Duration;

use crate::media::Source;
use crate::signalling::resend::GIVE_UP;

/// One thing to do in a call that has been answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Let time pass.
    Wait(Duration),
    /// Listen until there is sound. A call in which none comes for so long has failed, and is hung up.
    AwaitSound(Duration),
    /// Listen until it has been silent for so long; it may go on for [`Step::LONGEST_SOUND`] before that.
    AwaitSilence(Duration),
    /// Send another sound from now on; the next step begins at once.
    Speak(Source),
    /// Press digits; the next step begins at once.
    Press(String),
    /// Send a request of the dialog (`INFO`, `UPDATE`, `OPTIONS`, ... or `INVITE`, with the same offer again). The
    /// next step begins when it is answered.
    Request(String),
    /// Hang up.
    HangUp,
}

impl Step {
    /// How long sound may go on for which nobody has an end.
    pub const LONGEST_SOUND: Duration = Duration::from_secs(60);
}

/// One call to be placed.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// Where the INVITE is sent.
    pub proxy: SocketAddr,
    /// The Request-URI.
    pub to: String,
    /// The user part of From.
    pub from: String,
    /// Header fields to be added to the INVITE.
    pub headers: Vec<(String, String)>,
    /// Route values which the INVITE carries from the beginning.
    pub routes: Vec<String>,
    /// Sends ACK and BYE to the INVITE's Request-URI without Route, as SIPp's built-in caller does.
    pub ignore_record_route: bool,
    /// Sends everything to `proxy`, whatever the route set says, as through a load balancer's address.
    pub through_proxy: bool,
    /// Asks for answers to the port that requests come from (RFC 3581).
    pub rport: bool,
    /// What the other end hears.
    pub source: Source,
    /// Gives up so long after the INVITE, if there is no final answer by then.
    pub cancel_after: Option<Duration>,
    /// Longest time to a final answer.
    pub patience: Duration,
    /// Takes a REFER, and says that its own call to the other place came to this; `None` refuses it with 405.
    pub referred: Option<u16>,
    /// What to do once the call is answered. After the last step the other end has to hang up.
    pub script: Vec<Step>,
}

impl CallPlan {
    /// A call to a user at a proxy: a tone for one second, then the caller hangs up.
    #[must_use]
    pub fn new(proxy: SocketAddr, user: &str) -> Self {
        Self {
            proxy,
            to: format!("sip:{user}@{proxy}"),
            from: "+85512345678".to_owned(),
            headers: Vec::new(),
            routes: Vec::new(),
            ignore_record_route: false,
            through_proxy: false,
            rport: true,
            source: Source::Tone(440),
            cancel_after: None,
            patience: GIVE_UP,
            referred: None,
            script: vec![Step::Wait(Duration::from_secs(1)), Step::HangUp],
        }
    }

    /// The same call with another script.
    #[must_use]
    pub fn script(self, script: impl IntoIterator<Item = Step>) -> Self {
        Self { script: script.into_iter().collect(), ..self }
    }
}
