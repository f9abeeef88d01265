//! FreeSWITCH's behaviour without its sockets: bytes of the event socket, SIP, RTP and `now` come in, [`Action`]s go out.
//!
//! No socket, file or clock in here.
//!
//! | file | what it holds |
//! |---|---|
//! | `listener.rs`, `command.rs` | a connection to the event socket, and its commands |
//! | `api.rs`, `arguments.rs` | API functions, and how their arguments are read |
//! | `inbound.rs`, `outbound.rs` | calls that come, and calls that are originated |
//! | `channel.rs`, `event.rs` | what is known of a leg, and how it is told |
//! | `park.rs`, `application.rs` | a channel's 20 ms, and what it executes |
//! | `media.rs`, `sound.rs`, `record.rs` | RTP, what is played, what is recorded |
//! | `conference.rs` | many legs together (mod_conference) |
//! | `bridge.rs`, `hangup.rs`, `cause.rs` | two legs together, and how a leg ends |

mod api;
mod application;
mod arguments;
mod bridge;
mod cause;
mod channel;
mod clock;
mod command;
mod conference;
mod event;
mod hangup;
mod inbound;
mod listener;
mod media;
mod outbound;
mod park;
mod record;
pub(crate) mod sound;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::channel::{Asked, Channel};
use self::clock::Clock;
use self::listener::Listener;
use super::Settings;
use crate::machine::Call;
use crate::media::rtp::Packet;
use crate::phone::Uac;
use crate::signalling::{Ids, Incoming, Start};

/// How often a channel looks at what it has to do, and sends RTP.
const TICK: Duration = Duration::from_millis(20);

/// Frames that a channel catches up with when it was kept waiting.
const MOST_LATE: u32 = 50;

/// What a [`Core`] wants done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send to a client of the event socket.
    Reply {
        /// Which connection.
        listener: u64,
        /// Whole frames.
        bytes: Vec<u8>,
    },
    /// Close a client's connection, when everything is sent.
    Close {
        /// Which connection.
        listener: u64,
    },
    /// Send a SIP message.
    Sip {
        /// Where it goes.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Find out whether anybody receives there at all; if not, say so with [`Core::unreachable`].
    Probe {
        /// Where.
        to: SocketAddr,
    },
    /// Open a media port, and say so with [`Core::media_opened`].
    OpenMedia {
        /// For which channel.
        channel: String,
    },
    /// Close it.
    CloseMedia {
        /// Which channel's.
        channel: String,
    },
    /// Send an RTP packet from a channel's media port.
    Rtp {
        /// Which channel's.
        channel: String,
        /// Where it goes.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Read a file, and hand it in with [`Core::file_read`].
    ReadFile {
        /// For which channel.
        channel: String,
        /// Where it is.
        path: String,
    },
    /// Write a file, if that is possible.
    WriteFile {
        /// Where.
        path: String,
        /// What.
        bytes: Vec<u8>,
    },
}

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// Calls that come are refused for this cause, and originated legs end with it.
    pub(super) refuse: Option<String>,
    /// So long after it came a command is looked at.
    pub(super) slow: Duration,
    /// So many events are not told to anybody.
    pub(super) lose_events: u64,
    /// An ACL forbids new connections.
    pub(super) deny: bool,
}

/// The signalling of a leg.
#[derive(Debug)]
enum Leg {
    In(Box<Call>),
    Out(Box<Uac>),
}

/// A FreeSWITCH.
#[derive(Debug)]
pub struct Core {
    pub(super) settings: Settings,
    pub(super) core_uuid: String,
    pub(super) faults: Faults,
    pub(super) paused_inbound: bool,
    pub(super) paused_outbound: bool,
    pub(super) max_sessions: usize,
    clock: Clock,
    now: Instant,
    ids: Ids,
    sequence: u64,
    sessions: u64,
    /// Numbers of those who were in a conference.
    members: u32,
    peak: usize,
    listeners: BTreeMap<u64, Listener>,
    channels: BTreeMap<String, Channel>,
    /// By channel; stays for retransmissions when the channel is gone.
    legs: HashMap<String, Leg>,
    /// Originated legs whose channel is gone, and when nothing more is expected of them.
    old_legs: VecDeque<(Instant, String)>,
    /// Channels by the To tag that we gave, by the INVITE's transaction, and by the Call-ID that we made.
    by_tag: HashMap<String, String>,
    by_transaction: HashMap<String, String>,
    by_call_id: HashMap<String, String>,
    /// Originates that have ended, and what they print.
    jobs: Vec<(Instant, Asked, String)>,
    heartbeat: Instant,
    events: Vec<esl::Event>,
    /// Rows of channels that are gone, and until when `show channels as json` prints them.
    late_rows: VecDeque<(Instant, serde_json::Value)>,
    /// Variables of channels that are gone, if they are kept.
    pub(super) records: Vec<Vec<(String, String)>>,
    /// From the end of a sound to the next one.
    pub(super) gaps: Vec<Duration>,
    out: Vec<Action>,
}

impl Core {
    /// A FreeSWITCH that has just started: `now`, and how long after the beginning of 1970 that is.
    #[must_use]
    pub fn new(settings: Settings, ids: Ids, now: Instant, epoch: Duration) -> Self {
        let mut core = Core {
            core_uuid: String::new(),
            faults: Faults::default(),
            paused_inbound: false,
            paused_outbound: false,
            max_sessions: settings.max_sessions,
            clock: Clock::new(now, epoch),
            now,
            ids,
            sequence: 0,
            sessions: 0,
            members: 0,
            peak: 0,
            listeners: BTreeMap::new(),
            channels: BTreeMap::new(),
            legs: HashMap::new(),
            old_legs: VecDeque::new(),
            by_tag: HashMap::new(),
            by_transaction: HashMap::new(),
            by_call_id: HashMap::new(),
            jobs: Vec::new(),
            heartbeat: now + settings.heartbeat,
            events: Vec::new(),
            late_rows: VecDeque::new(),
            records: Vec::new(),
            gaps: Vec::new(),
            out: Vec::new(),
            settings,
        };
        core.core_uuid = core.uuid();
        core
    }

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        self.flush_events();
        std::mem::take(&mut self.out)
    }

    /// How many channels there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.channels.len()
    }

    /// Takes in a SIP datagram.
    pub fn sip(&mut self, datagram: &[u8], source: SocketAddr, now: Instant) {
        self.now = now;
        let Ok(message) = Incoming::parse(datagram) else { return };
        match message.start {
            Start::Request(_) => self.sip_request(&message, source),
            Start::Response(code) => self.sip_response(&message, code, source),
        }
    }

    /// Takes in a datagram at a channel's media port.
    pub fn rtp(&mut self, channel: &str, datagram: &[u8], source: SocketAddr, now: Instant) {
        self.now = now;
        let Some(packet) = Packet::parse(datagram) else { return };
        let Some(found) = self.channels.get_mut(channel).filter(|channel| channel.is_answered()) else {
            return;
        };
        let Some(media) = &mut found.media else { return };
        let heard = media.hear(&packet, source);
        let other = found.other.clone().filter(|_| found.bridged);
        if let media::Heard::Key(key, duration) = heard {
            let (key, duration) = (key.to_string(), duration.to_string());
            let extra = [("DTMF-Digit", &*key), ("DTMF-Duration", &*duration), ("DTMF-Source", "RTP")];
            self.tell_of("DTMF", channel, &extra);
        }
        if let Some(other) = other
            && let Some(media) = self.channels.get_mut(&other).and_then(|other| other.media.as_mut())
            && let Some(to) = media.peer
        {
            let bytes = media.relay(&packet);
            self.out.push(Action::Rtp { channel: other, to, bytes });
        }
    }

    /// When [`Core::timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Instant {
        let channels = self.channels.values().map(|channel| channel.tick);
        let legs = self.legs.values().filter_map(Leg::next_timeout);
        let listeners = self.listeners.values().filter_map(Listener::next_timeout);
        let jobs = self.jobs.iter().map(|job| job.0);
        channels.chain(legs).chain(listeners).chain(jobs).fold(self.heartbeat, Instant::min)
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant) {
        self.now = now;
        let due: Vec<_> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.next_timeout().is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        due.iter().for_each(|id| self.leg_timeout(id));
        while self.old_legs.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, id)) = self.old_legs.pop_front() else { break };
            if let Some(Leg::Out(uac)) = self.legs.remove(&id) {
                self.by_call_id.remove(uac.call_id());
            }
        }
        if !self.settings.sound {
            self.rest();
        }
        let mut due: Vec<_> = self
            .channels
            .values()
            .filter(|channel| channel.tick <= now)
            .map(|channel| (channel.tick, channel.uuid.clone()))
            .collect();
        due.sort();
        for (_, id) in due {
            self.ticks(&id);
        }
        let mut jobs = std::mem::take(&mut self.jobs);
        for (_, asked, printed) in jobs.extract_if(.., |job| job.0 <= now) {
            self.job_done(&asked, &printed);
        }
        self.jobs.append(&mut jobs);
        if self.heartbeat <= now {
            self.heartbeat = now + self.settings.heartbeat;
            self.tell_heartbeat();
        }
        self.listener_timeouts();
    }

    /// Without sound, a channel that has nothing to do needs no frames.
    fn rest(&mut self) {
        let (now, next) = (self.now, self.now + TICK);
        let resting = self.channels.values_mut().filter(|channel| channel.tick <= now && channel.rests(now));
        resting.for_each(|channel| channel.tick = next);
    }

    /// What has come due of one channel, frame by frame.
    fn ticks(&mut self, id: &str) {
        for _ in 0..MOST_LATE {
            let Some(channel) = self.channels.get_mut(id).filter(|channel| channel.tick <= self.now) else {
                return;
            };
            channel.tick += TICK;
            self.tick(id);
        }
        if let Some(channel) = self.channels.get_mut(id) {
            channel.tick = self.now + TICK;
        }
    }

    /// Everything ends as when the process is killed and started again: no BYE, no events, another Core-UUID.
    pub fn restart(&mut self, now: Instant) {
        self.now = now;
        self.events.clear();
        self.close_listeners(false);
        let channels = std::mem::take(&mut self.channels);
        self.out.extend(channels.into_keys().map(|channel| Action::CloseMedia { channel }));
        self.legs.clear();
        self.old_legs.clear();
        self.by_tag.clear();
        self.by_transaction.clear();
        self.by_call_id.clear();
        self.jobs.clear();
        (self.paused_inbound, self.paused_outbound) = (false, false);
        (self.sessions, self.peak, self.sequence) = (0, 0, 0);
        self.clock = Clock::new(now, Duration::from_micros(self.clock.micros(now)));
        self.heartbeat = now + self.settings.heartbeat;
        self.core_uuid = self.uuid();
    }

    /// A random UUID (RFC 9562 5.4).
    fn uuid(&mut self) -> String {
        let (a, b) = (self.ids.number(), self.ids.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}
