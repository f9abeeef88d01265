//! One connection as a client sees it, from the first byte to the last: log in, ask, get answers in order, hear events, notice
//! that the other side is gone.
//!
//! This file must not contain: sockets, clocks, randomness. Bytes and the time come in; bytes ([`Link::output`]) and
//! [`Outcome`]s go out.

mod calls;
mod outcome;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::block::Limits;
use crate::command::{Command, Subscription};
use crate::event::Event;
use crate::frame::{Frame, FrameDecoder, Kind, Reply};
use crate::text::{Name, Password, Rest};
use calls::{Calls, Turn};

pub use outcome::{CallError, Outcome, Reason, Ticket};

/// How to log in.
#[derive(Debug, Clone)]
pub struct Login {
    /// event_socket.conf's `password`.
    pub password: Password,
    /// The events that are wanted. BACKGROUND_JOB is added if it is missing: it brings the answers to `bgapi`.
    pub subscription: Subscription,
    /// Filters, if only some of those events are wanted: those come that fit one. With any, one for BACKGROUND_JOB is added.
    pub filters: Vec<(Name, Rest)>,
}

/// How long a link waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For the log-in, all of it. FreeSWITCH waits 25 s for the password.
    pub login: Duration,
    /// After so long without a byte FreeSWITCH is asked for one.
    pub ping_after: Duration,
    /// If none comes for so long after that the connection is taken for dead. Must be longer than any `api` takes, since
    /// FreeSWITCH answers nothing else meanwhile.
    pub silent: Duration,
    /// For the answers that are still due when the link is closed.
    pub close: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            login: Duration::from_secs(10),
            ping_after: Duration::from_secs(5),
            silent: Duration::from_secs(15),
            close: Duration::from_secs(5),
        }
    }
}

const JOB: &str = "BACKGROUND_JOB";

/// Bytes that wait to be sent: more commands are refused beyond this.
const MOST_OUTPUT: usize = 16 << 20;

/// The state of one connection.
#[derive(Debug)]
pub struct Link {
    decoder: FrameDecoder,
    session: Session,
}

/// All but the decoder, whose frames are borrowed while they are dealt with.
#[derive(Debug)]
struct Session {
    login: Login,
    timing: Timing,
    phase: Phase,
    calls: Calls,
    /// Bytes to be sent, and before them those that were.
    output: Vec<u8>,
    sent: usize,
    outcomes: VecDeque<Outcome>,
    /// Core-UUID, while the log-in goes on.
    core: Option<String>,
    /// When the last byte came, or the connection began.
    heard: Instant,
    /// When FreeSWITCH was asked for a sign of life that did not come yet.
    pinged: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until the password was asked for and accepted, and the subscription was.
    LogIn {
        until: Instant,
        asked: bool,
    },
    Up,
    /// `exit` was sent.
    Closing {
        until: Instant,
    },
    Down,
}

impl Link {
    /// For a connection that was just made.
    pub fn new(login: Login, timing: Timing, limits: Limits, now: Instant) -> Self {
        let phase = Phase::LogIn { until: now + timing.login, asked: false };
        let session = Session {
            login,
            timing,
            phase,
            calls: Calls::default(),
            output: Vec::new(),
            sent: 0,
            core: None,
            outcomes: VecDeque::new(),
            heard: now,
            pinged: None,
        };
        Link { decoder: FrameDecoder::new(limits), session }
    }

    /// Takes bytes that came from FreeSWITCH.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        if self.is_down() {
            return;
        }
        self.session.heard = now;
        self.decoder.push(bytes);
        while !self.session.is_down() {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => self.session.frame(&frame),
                Ok(None) => break,
                Err(error) => self.session.end(Reason::Unreadable(error)),
            }
        }
    }

    /// Asks FreeSWITCH something. The answer is an [`Outcome::Answer`] with this ticket: FreeSWITCH's, or that none came
    /// within `patience`. For [`Command::BgApi`] it is what the job printed.
    ///
    /// Refuses when the link is not up, or when too much waits already. `Auth` and `Exit` are the link's own affair.
    pub fn send(&mut self, command: &Command, patience: Duration, now: Instant) -> Result<Ticket, CallError> {
        let session = &mut self.session;
        if session.phase != Phase::Up || matches!(command, Command::Auth(_) | Command::Exit) {
            return Err(CallError::NotUp);
        }
        if session.calls.is_full() || session.output.len() - session.sent > MOST_OUTPUT {
            return Err(CallError::TooMany);
        }
        command.write_to(&mut session.output);
        Ok(session.calls.open(command, now + patience))
    }

    /// Sends `exit`, and takes no more commands. Answers that are due still come, and the last outcome is
    /// [`Reason::Closed`].
    pub fn close(&mut self, now: Instant) {
        match self.session.phase {
            Phase::Up => {
                self.session.phase = Phase::Closing { until: now + self.session.timing.close };
                self.session.put(&Command::Exit, Turn::Exit);
            }
            Phase::LogIn { .. } => self.session.end(Reason::Closed),
            Phase::Closing { .. } | Phase::Down => (),
        }
    }

    /// The connection broke, or FreeSWITCH closed it.
    pub fn disconnected(&mut self) {
        let closing = matches!(self.session.phase, Phase::Closing { .. });
        self.session.end(if closing { Reason::Closed } else { Reason::Disconnected });
    }

    /// Bytes that are to be sent.
    pub fn output(&self) -> &[u8] {
        self.session.output.get(self.session.sent..).unwrap_or_default()
    }

    /// So many bytes of the output were sent.
    pub fn sent(&mut self, count: usize) {
        let Session { output, sent, .. } = &mut self.session;
        *sent = (*sent + count).min(output.len());
        // Only when at least half is sent, so that each byte is moved once at most.
        if *sent * 2 >= output.len() {
            output.drain(..*sent);
            *sent = 0;
        }
    }

    /// What came of it. To be asked for until there is nothing more, after everything else that was called.
    pub fn next_outcome(&mut self) -> Option<Outcome> {
        self.session.outcomes.pop_front()
    }

    /// When [`Link::timed_out`] is to be called at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        let session = &self.session;
        let own = match session.phase {
            Phase::LogIn { until, .. } | Phase::Closing { until } => until,
            Phase::Up => match session.pinged {
                Some(pinged) => pinged.max(session.heard) + session.timing.silent,
                None => session.heard + session.timing.ping_after,
            },
            Phase::Down => return None,
        };
        Some(session.calls.next_deadline().map_or(own, |deadline| deadline.min(own)))
    }

    /// Looks what is overdue.
    pub fn timed_out(&mut self, now: Instant) {
        let session = &mut self.session;
        while let Some(ticket) = session.calls.expired(now) {
            session.outcomes.push_back(Outcome::Answer(ticket, Err(CallError::TimedOut)));
        }
        match session.phase {
            Phase::LogIn { until, .. } if now >= until => session.end(Reason::LoginTimedOut),
            Phase::Closing { until } if now >= until => session.end(Reason::Closed),
            Phase::Up => session.look_for_life(now),
            _ => (),
        }
    }

    /// Whether it has ended.
    pub fn is_down(&self) -> bool {
        self.session.is_down()
    }
}

impl Session {
    fn is_down(&self) -> bool {
        self.phase == Phase::Down
    }

    fn put(&mut self, command: &Command, turn: Turn) {
        command.write_to(&mut self.output);
        self.calls.expect(turn);
    }

    /// The end: every call gets to know.
    fn end(&mut self, reason: Reason) {
        if self.is_down() {
            return;
        }
        self.phase = Phase::Down;
        (self.output, self.sent) = (Vec::new(), 0);
        let calls = std::mem::take(&mut self.calls);
        let answer = |ticket| Outcome::Answer(ticket, Err(CallError::Disconnected));
        self.outcomes.extend(calls.into_tickets().map(answer));
        self.outcomes.push_back(Outcome::Down(reason));
    }

    fn look_for_life(&mut self, now: Instant) {
        match self.pinged {
            Some(pinged) if now >= pinged.max(self.heard) + self.timing.silent => {
                self.end(Reason::Silent(now.saturating_duration_since(self.heard)));
            }
            None if now >= self.heard + self.timing.ping_after => {
                self.pinged = Some(now);
                self.put(&Command::Api(Api::core_uuid()), Turn::Ping);
            }
            _ => (),
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        match frame.kind() {
            Kind::AuthRequest => match self.phase {
                Phase::LogIn { until, asked: false } => {
                    self.phase = Phase::LogIn { until, asked: true };
                    self.put(&Command::Auth(self.login.password.clone()), Turn::Auth);
                }
                _ => self.end(Reason::OutOfStep),
            },
            Kind::CommandReply | Kind::ApiResponse => {
                if let Some(reply) = frame.reply() {
                    self.reply(frame.kind(), reply);
                }
            }
            Kind::EventPlain | Kind::EventJson => match frame.event() {
                Some(Ok(event)) => self.event(event),
                Some(Err(error)) => self.outcomes.push_back(Outcome::BadEvent(error)),
                None => (),
            },
            Kind::RudeRejection => self.end(Reason::Forbidden),
            // Only connections that FreeSWITCH made linger, which these are not; what follows is read all the same.
            Kind::DisconnectNotice if frame.lingers().is_some() => (),
            Kind::DisconnectNotice => self.end(match self.phase {
                Phase::Closing { .. } => Reason::Closed,
                _ => Reason::Notice(String::from_utf8_lossy(frame.body()).trim().to_owned()),
            }),
            Kind::Other => (),
        }
    }

    fn reply(&mut self, kind: Kind, reply: Reply) {
        let Some((turn, expected)) = self.calls.next_turn() else {
            return self.end(Reason::OutOfStep);
        };
        // A permission that is missing is told as a command/reply, whatever was asked.
        if kind != expected && reply.ok().is_ok() {
            return self.end(Reason::OutOfStep);
        }
        match turn {
            Turn::Auth => match reply.ok() {
                Ok(_) => self.subscribe(),
                Err(_) => self.end(Reason::WrongPassword),
            },
            Turn::Core => self.core = reply.ok().ok().filter(|core| !core.is_empty()).map(str::to_owned),
            Turn::Filter | Turn::Events => match reply.ok() {
                Err(text) => self.end(Reason::Refused(text.to_owned())),
                Ok(_) if turn == Turn::Events => {
                    self.phase = Phase::Up;
                    self.outcomes.push_back(Outcome::Up { core: self.core.take() });
                }
                Ok(_) => (),
            },
            Turn::Ping => self.pinged = None,
            Turn::Exit => self.end(Reason::Closed),
            Turn::Call(ticket) => {
                if self.calls.close(ticket) {
                    self.outcomes.push_back(Outcome::Answer(ticket, Ok(reply)));
                }
            }
            // The answer is the event that follows; unless the job did not begin.
            Turn::Job(ticket) => {
                if reply.ok().is_err() && self.calls.close(ticket) {
                    self.outcomes.push_back(Outcome::Answer(ticket, Ok(reply)));
                }
            }
        }
    }

    /// Subscribes last: the first event comes behind the answer to that (listener_run), and so behind [`Outcome::Up`].
    fn subscribe(&mut self) {
        self.put(&Command::Api(Api::core_uuid()), Turn::Core);
        let Login { mut subscription, mut filters, .. } = self.login.clone();
        if let (Ok(event), Ok(job), Ok(name)) = (Name::new("Event-Name"), Rest::new(JOB), Name::new(JOB)) {
            if !filters.is_empty() {
                filters.push((event, job));
            }
            if !subscription.names.contains(&name) {
                subscription.names.push(name);
            }
        }
        for (header, value) in filters {
            self.put(&Command::Filter { header, value }, Turn::Filter);
        }
        self.put(&Command::Events(subscription), Turn::Events);
    }

    fn event(&mut self, event: Event) {
        let job = if event.name() == JOB { event.job_uuid() } else { None };
        let outcome = match job.and_then(|job| self.calls.close_job(job)) {
            Some(ticket) => {
                let text = event.body().unwrap_or_default().to_owned();
                Outcome::Answer(ticket, Ok(Reply { text, job: job.map(str::to_owned) }))
            }
            None => Outcome::Event(event),
        };
        self.outcomes.push_back(outcome);
    }
}
