//! A client over TCP that stays connected. All decisions are [`crate::Link`]'s and [`crate::Memory`]'s; here bytes, time and
//! messages are only moved.

mod driver;
mod inbox;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::api::Api;
use crate::block::Limits;
use crate::command::Command;
use crate::frame::Reply;
use crate::link::{CallError, Login, Timing};
use crate::reconnect::Backoff;
use crate::text::Uuid;

pub use driver::Driver;
pub use inbox::{Inbox, Notice};

/// How to connect.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port`; FreeSWITCH's is 127.0.0.1:8021. A name is looked up anew for each connection.
    pub address: String,
    /// How to log in.
    pub login: Login,
    /// How long a link waits.
    pub timing: Timing,
    /// How long to wait between connections.
    pub backoff: Backoff,
    /// How much one frame may hold.
    pub limits: Limits,
    /// How many events wait for the user at most (see [`Notice::Overflow`]).
    pub events: usize,
}

impl Settings {
    /// With defaults: 10,000 events wait, which take about 80 MB if all of them carry a channel's variables.
    pub fn new(address: impl Into<String>, login: Login) -> Self {
        Settings {
            address: address.into(),
            login,
            timing: Timing::default(),
            backoff: Backoff::default(),
            limits: Limits::default(),
            events: 10_000,
        }
    }
}

/// Calls that wait to be written. Those who call wait, too, when it is full.
const WAITING: usize = 4_096;

/// Where commands are given. Clones share one connection, and answers come in the order of the commands.
#[derive(Debug, Clone)]
pub struct Client {
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug)]
enum Ask {
    Call { command: Command, patience: Duration, answer: oneshot::Sender<Result<Reply, CallError>> },
    Close,
}

/// A client, its events, and what drives both: the future of [`Driver::run`] has to be spawned.
///
/// `random` gives any 64 bits; it spreads reconnects of many clients.
pub fn client(settings: Settings, random: impl FnMut() -> u64 + Send + 'static) -> (Client, Inbox, Driver) {
    let (asks, asked) = mpsc::channel(WAITING);
    let (inbox, outbox) = inbox::inbox(settings.events);
    (Client { asks }, inbox, Driver::new(settings, asked, outbox, Box::new(random)))
}

impl Client {
    /// Asks FreeSWITCH, and waits for the answer: FreeSWITCH's, or that none came within `patience`. For
    /// [`Command::BgApi`] the answer is what the job printed.
    ///
    /// Nothing is kept for later: while no connection is up it fails at once. Whoever stops waiting still has asked.
    pub async fn call(&self, command: Command, patience: Duration) -> Result<Reply, CallError> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Call { command, patience, answer };
        self.asks.send(ask).await.map_err(|_| CallError::NotUp)?;
        answered.await.unwrap_or(Err(CallError::Disconnected))
    }

    /// [`Command::Api`].
    pub async fn api(&self, api: Api, patience: Duration) -> Result<Reply, CallError> {
        self.call(Command::Api(api), patience).await
    }

    /// [`Command::BgApi`]: what the job printed.
    pub async fn bgapi(&self, api: Api, job: Uuid, patience: Duration) -> Result<Reply, CallError> {
        self.call(Command::BgApi { api, job }, patience).await
    }

    /// Takes leave of FreeSWITCH, for good: answers that are due still come, then the driver ends and with it the events.
    /// The same happens when all clients are dropped.
    pub async fn close(&self) {
        let _ = self.asks.send(Ask::Close).await;
        self.asks.closed().await;
    }
}
