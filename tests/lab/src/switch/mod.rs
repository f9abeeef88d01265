//! A stand-in for FreeSWITCH: an event socket that behaves as the real one did, with real SIP and RTP behind it, so that
//! a controller runs where there is no FreeSWITCH.
//!
//! | file | what it holds |
//! |---|---|
//! | `core/` | all behaviour, without sockets |
//! | `run.rs` | the one loop that owns sockets and files |
//! | `any.rs` | [`AnySwitch`]: this one, or a real FreeSWITCH |
//!
//! # What is held against recordings
//!
//! `tests/lab/tests/switch.rs` runs against either. `tests/lab/tests/switch_replay.rs` plays the controller's side and the telephone's side of each `parked-*` and
//! `inbound-*` recording to [`Core`], and compares what comes back:
//!
//! | compared | how |
//! |---|---|
//! | replies to commands | all bytes, but for what changes from run to run: times, counts, UUIDs of FreeSWITCH's own |
//! | `Event-Name` | order within each channel; channels of a real FreeSWITCH are threads, which overtake each other |
//! | `Channel-State`, `Channel-State-Number`, `Channel-Call-State`, `Answer-State`, `Call-Direction` | each event |
//! | `Application`, `Application-Data`, `Application-Response`, `Application-UUID` | each event |
//! | `Hangup-Cause`, `DTMF-Digit`, `DTMF-Source`, `Playback-Status`, `Playback-File-Path`, `Playback-File-Type` | each event |
//! | `Record-File-Path`, `Record-Completion-Cause` | each event |
//! | `Other-Leg-Unique-ID`, `Bridge-A-Unique-ID`, `Bridge-B-Unique-ID` | each event |
//! | `Job-Command`, `Job-Command-Arg`, the job's body | each event |
//! | variables `sip_term_status`, `proto_specific_hangup_cause`, `sip_invite_failure_status`, `sip_hangup_disposition`, `hangup_cause`, `hangup_cause_q850`, `endpoint_disposition`, `current_application`, `current_application_response`, `park_timeout`, `park_after_bridge`, `last_bridge_to`, `bridge_uuid`, `last_bridge_hangup_cause`, `RECORD_*`, `sip_h_*` | each event |
//!
//! # What is different, and known to be
//!
//! | FreeSWITCH | here |
//! |---|---|
//! | conferences: 250 subcommands, and CUSTOM events of everything | `kick`, `get-uuid` and `list`; the flag `mute`; sounds at coming and going; no events |
//! | `deflect` hangs up when there is an answer, or goes on (`sip_refer_continue_after_reply`) | the second, of calls that came |
//! | MP3, and whatever else its modules read | `FILE NOT FOUND`; WAV with 16-bit PCM, tone_stream and silence_stream are played |
//! | four profiles, UDP and TCP | one address, over UDP; a dial string may name any profile |
//! | PCMU, PCMA, G722 | PCMU alone; an offer without it gets 488 |
//! | plays before the answer (183) | what is played before the answer is heard by nobody |
//! | a bridged leg executes what it is sent | it does so when it is parked again |
//! | a recording that is stopped at once may leave no file | leaves an empty one |
//! | a recording whose directory cannot be made: `-ERR Cannot record session!` | `+OK Success`, and no file |
//! | two recordings into one file | the second one is not begun |
//! | `uuid_bridge` of a channel with itself | `-ERR Invalid uuid` |
//! | `show channels` is late by what its database takes | `as json` has channels 300 ms too late and too long, all else is at once |
//! | `originate` to any application and into the dialplan | `&park()` alone; else `-ERR CHAN_NOT_IMPLEMENTED` |
//! | `filter` with regular expressions | refused |
//! | `Playback-Status: break` comes with `playback_ms` of a buffer's length | of what was played |
//! | inband digits (`start_dtmf`) | RFC 4733 alone |
//! | 100 variables and more | those above, and what an INVITE says |
//! | nobody listens at the address: the network says so | the same, found out by an empty line sent there |

mod any;
pub mod core;
mod run;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use any::AnySwitch;
pub use core::{Action, Core};

use crate::child::Directory;
use crate::locked;
use crate::signalling::Ids;
use crate::signalling::resend::GIVE_UP;
use crate::trace::Trace;
use crate::wire::Wire;

/// How a stand-in is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it receives SIP, over UDP; port 0 takes any free one.
    pub address: SocketAddr,
    /// The event socket's password.
    pub password: String,
    /// How long a call may wait that nobody takes; whole seconds, counted by the clock's.
    pub take_within: Duration,
    /// Legs at once; one call less is let in.
    pub max_sessions: usize,
    /// How often HEARTBEAT is told.
    pub heartbeat: Duration,
    /// The sofia profile at which calls come.
    pub profile: String,
    /// How long a channel goes on where it was after `uuid_park`: what is executed meanwhile is broken off.
    pub moves_after: Duration,
    /// Whether there is sound. Without it calls by the thousand cost little: no RTP and no ports, nothing is recorded, and
    /// what is played takes its time and is not heard.
    pub sound: bool,
    /// Whether what `mod_json_cdr` would send is kept for [`Switch::take_records`].
    pub records: bool,
    /// How long an originated leg whose channel is gone answers what comes again.
    pub linger: Duration,
}

impl Settings {
    /// One at any free port of an address, with the defaults of `infrastructure/freeswitch`.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self {
            address: SocketAddr::new(address, 0),
            password: "stand-in".to_owned(),
            take_within: Duration::from_secs(3),
            max_sessions: 1000,
            heartbeat: Duration::from_secs(5),
            profile: "nat_gateway".to_owned(),
            moves_after: Duration::from_millis(60),
            sound: true,
            records: false,
            linger: 2 * GIVE_UP,
        }
    }
}

/// A running stand-in. Everything ends when it is dropped.
#[derive(Debug)]
pub struct Switch {
    shared: Arc<Shared>,
    settings: Settings,
    event_socket: SocketAddr,
    directory: Directory,
    tasks: [JoinHandle<()>; 2],
}

/// What the loop and the handle share.
#[derive(Debug)]
struct Shared {
    core: Mutex<Core>,
    /// The handle has done something: the loop looks what follows.
    changed: Notify,
    frozen: Mutex<bool>,
}

impl Switch {
    /// Starts one; its event socket is at a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When an address cannot be bound, or there is no room for a temporary directory.
    pub async fn start(settings: Settings, trace: &Trace) -> Result<Self> {
        let wire = Wire::bind(settings.address, trace.clone()).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no event socket")?;
        let settings = Settings { address: wire.here(), ..settings };
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock before 1970")?;
        let core = Core::new(settings.clone(), Ids::random(), Instant::now(), epoch);
        let (core, changed, frozen) = (Mutex::new(core), Notify::new(), Mutex::new(false));
        let shared = Arc::new(Shared { core, changed, frozen });
        let event_socket = listener.local_addr()?;
        let tasks = run::start(Arc::clone(&shared), wire, listener);
        Ok(Self { shared, settings, event_socket, directory: Directory::create()?, tasks })
    }

    /// Where it receives SIP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.settings.address
    }

    /// Where its event socket listens.
    #[must_use]
    pub fn event_socket(&self) -> SocketAddr {
        self.event_socket
    }

    /// The event socket's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.settings.password
    }

    /// A directory for recordings and sounds, which goes away with this value.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.path("")
    }

    /// How many legs there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        locked(&self.shared.core).sessions()
    }

    /// The variables of each call that has ended since this was asked last: what `mod_json_cdr` sends.
    #[must_use]
    pub fn take_records(&self) -> Vec<Vec<(String, String)>> {
        std::mem::take(&mut locked(&self.shared.core).records)
    }

    /// How long it took, each time since this was asked last, from telling that a sound was played to being told to play the
    /// next one in the same call. Kept for [`Settings::records`].
    #[must_use]
    pub fn take_gaps(&self) -> Vec<Duration> {
        std::mem::take(&mut locked(&self.shared.core).gaps)
    }

    /// This run's Core-UUID.
    #[must_use]
    pub fn core_uuid(&self) -> String {
        locked(&self.shared.core).core_uuid.clone()
    }

    /// Refuses all calls that come for this cause, and ends all originated legs with it; `None` takes them again.
    pub fn refuse(&self, cause: Option<&str>) {
        self.with(|core, _| core.faults.refuse = cause.map(str::to_owned));
    }

    /// Looks at each command so long after it came.
    pub fn slow_replies(&self, delay: Duration) {
        self.with(|core, _| core.faults.slow = delay);
    }

    /// Tells nobody of the next events.
    pub fn lose_events(&self, count: u64) {
        self.with(|core, _| core.faults.lose_events = count);
    }

    /// Turns away new connections to the event socket, as an ACL does.
    pub fn deny_connections(&self, deny: bool) {
        self.with(|core, _| core.faults.deny = deny);
    }

    /// Closes all connections to the event socket. Calls go on. FreeSWITCH does so without a word to a client that has
    /// lost 500 events.
    pub fn close_connections(&self) {
        self.with(|core, _| core.close_listeners(false));
    }

    /// `fsctl pause inbound`, or `resume`.
    pub fn pause(&self, paused: bool) {
        self.with(|core, _| core.paused_inbound = paused);
    }

    /// Legs at once from now on.
    pub fn limit_sessions(&self, most: usize) {
        self.with(|core, _| core.max_sessions = most);
    }

    /// Does nothing at all, as a process that is stopped, until it is thawed. What comes meanwhile waits.
    pub fn freeze(&self, frozen: bool) {
        *locked(&self.shared.frozen) = frozen;
        self.shared.changed.notify_one();
    }

    /// Is killed and started again: no BYE for its calls, no events, another Core-UUID.
    pub fn restart(&self) {
        self.with(|core, now| core.restart(now));
    }

    fn with(&self, act: impl FnOnce(&mut Core, Instant)) {
        act(&mut locked(&self.shared.core), Instant::now());
        self.shared.changed.notify_one();
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Reads a file that is played, if it is there and of a bearable size.
fn read_sound(path: &Path) -> Option<Vec<u8>> {
    const MOST_BYTES: u64 = 64 << 20;
    let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    if length > MOST_BYTES { None } else { std::fs::read(path).ok() }
}
