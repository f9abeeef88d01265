//! Who a call belongs to, how numbers are reached, where recordings go: what the controller asks of whoever runs the service.
//!
//! | file | what it holds |
//! |---|---|
//! | `routes.rs` | the answers out of one file |
//! | `routes/` | that file: how it is read, which number fits |
//! | `somleng.rs` | the answers of the Somleng API, and what it is told |
//! | `gateway.rs` | registered clients: where one is just now |
//! | `dial.rs` | how a number is written for a trunk |
//! | `national.rs` | numbers as they are dialled within their country |

pub mod dial;
pub mod gateway;
mod national;
pub mod routes;
pub mod somleng;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use twiml::Method;

use crate::call::action::Report;
use crate::call::facts::{Application, Facts};
use crate::call::input::{HangUp, Problem, Route};

/// An answer that takes its time.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call that came in, as FreeSWITCH tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The channel.
    pub channel: String,
    /// Who calls: the number, as it came.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// Header fields `X-...` of the INVITE, without what FreeSWITCH puts before their names.
    pub headers: Vec<(String, String)>,
    /// What else SIP said: `sip_from_host`, `sip_to_host`, `sip_network_ip`, `sip_via_host`, as far as it is known.
    pub variables: Vec<(String, String)>,
}

impl Incoming {
    /// A header field, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Whose call it is.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What is known of it.
    pub facts: Facts,
    /// What it executes.
    pub application: Application,
    /// Header fields that our answers to the INVITE carry.
    pub answer_headers: Vec<(String, String)>,
    /// Variables that the channel gets.
    pub variables: Vec<(String, String)>,
}

/// A recording that the platform knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Its name.
    pub sid: String,
    /// Where the customer will find it, if that is known so early.
    pub url: Option<String>,
}

/// What becomes of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// It is over.
    Completed {
        /// Whether and when it was answered, since the beginning of time that calls have.
        answered_at: Option<Duration>,
        /// How it ended.
        end: HangUp,
    },
}

/// A call, or a leg of one, that the platform knows and FreeSWITCH never had a channel for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmade<'a> {
    /// The platform's name for it.
    pub call_sid: &'a str,
    /// The channel that it would have had.
    pub channel: &'a str,
    /// Why there was none.
    pub end: &'a HangUp,
}

/// Why a call is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// The number leads nowhere: 404.
    NoSuchNumber(String),
    /// The caller may not: 403.
    Forbidden(String),
    /// Nobody could say now: 503, and the proxy tries another FreeSWITCH.
    Unavailable(String),
}

/// Whoever runs the service.
pub trait Platform: Send + Sync {
    /// Who a call belongs to that came in.
    fn claim<'a>(&'a self, incoming: &'a Incoming) -> Soon<'a, Result<Claim, NotTaken>>;

    /// How destinations are reached: one route for each, in the same order.
    fn routes<'a>(
        &'a self,
        facts: &'a Facts,
        destinations: &'a [String],
        caller_id: Option<&'a str>,
    ) -> Soon<'a, Result<Vec<Route>, Problem>>;

    /// A recording begins.
    fn begin_recording<'a>(
        &'a self,
        facts: &'a Facts,
        callback: Option<(String, Method)>,
    ) -> Soon<'a, Result<Begun, Problem>>;

    /// A recording is over, and lies there. The answer is where the customer fetches it.
    fn keep_recording<'a>(
        &'a self,
        facts: &'a Facts,
        begun: &'a Begun,
        file: &'a Path,
    ) -> Soon<'a, Result<String, Problem>>;

    /// Something that happened to a call. What is told of a call is told in this order, and nobody waits for it.
    fn report(&self, facts: &Facts, report: Report);

    /// Something that happened to a leg of a call, on a channel of its own; in order with what is told of the call.
    fn leg(&self, _: &Facts, _: &str, _: Event) {}

    /// A call, or a leg of this one, never had a channel: no call data record will say how it ended.
    fn unmade(&self, _: &Facts, _: &Unmade<'_>) {}

    /// These channels live.
    fn heartbeat<'a>(&'a self, _: &'a [String]) -> Soon<'a, ()> {
        Box::pin(async {})
    }

    /// Waits until everything has been told of a call.
    fn told<'a>(&'a self, _: &'a Facts) -> Soon<'a, ()> {
        Box::pin(async {})
    }

    /// Waits until everything has been told.
    fn flush(&self) -> Soon<'_, ()> {
        Box::pin(async {})
    }
}
