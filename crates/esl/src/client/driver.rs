//! The loop that owns the socket.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout};

use super::inbox::{Notice, Outbox};
use super::{Ask, Settings};
use crate::frame::Reply;
use crate::link::{CallError, Link, Outcome, Reason, Ticket};
use crate::reconnect::Memory;

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// Asks that are taken together before anything is written, so that they leave in one packet.
const ASKS_AT_ONCE: usize = 256;

type Answer = oneshot::Sender<Result<Reply, CallError>>;

/// What drives a client.
pub struct Driver {
    settings: Settings,
    asked: mpsc::Receiver<Ask>,
    outbox: Outbox,
    random: Box<dyn FnMut() -> u64 + Send>,
    memory: Memory,
    /// Who waits for which answer.
    answers: HashMap<Ticket, Answer>,
    closing: bool,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Driver {
    pub(super) fn new(
        settings: Settings,
        asked: mpsc::Receiver<Ask>,
        outbox: Outbox,
        random: Box<dyn FnMut() -> u64 + Send>,
    ) -> Self {
        let (memory, answers) = (Memory::default(), HashMap::new());
        Driver { settings, asked, outbox, random, memory, answers, closing: false }
    }

    /// Connects, and connects again, until the client is closed.
    pub async fn run(mut self) {
        loop {
            match self.connect().await {
                Some(Ok(stream)) => self.serve(&stream).await,
                Some(Err(error)) => self.outbox.push(Notice::Down(Reason::Unreachable(error))),
                None => return,
            }
            let wait = self.memory.down(&self.settings.backoff, (self.random)());
            if self.closing || self.unless_closed(sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// `None` if the client is closed meanwhile.
    async fn connect(&mut self) -> Option<Result<TcpStream, String>> {
        let (address, patience) = (self.settings.address.clone(), self.settings.timing.login);
        let attempt = async move {
            let connected = timeout(patience, TcpStream::connect(&address)).await;
            let stream = connected.map_err(|_| format!("{address}: no connection within {patience:?}"))?;
            let stream = stream.map_err(|error| format!("{address}: {error}"))?;
            stream.set_nodelay(true).map_err(|error| format!("{address}: {error}"))?;
            Ok(stream)
        };
        self.unless_closed(attempt).await
    }

    /// Waits for something without a connection: who asks meanwhile is told so.
    async fn unless_closed<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return Some(done),
                ask = self.asked.recv() => match ask {
                    Some(Ask::Call { answer, .. }) => {
                        let _ = answer.send(Err(CallError::NotUp));
                    }
                    Some(Ask::Close) | None => {
                        self.closing = true;
                        return None;
                    }
                },
            }
        }
    }

    /// One connection, to its end.
    async fn serve(&mut self, stream: &TcpStream) {
        let Settings { login, timing, limits, .. } = &self.settings;
        let mut link = Link::new(login.clone(), *timing, *limits, Instant::now());
        let mut buffer = vec![0; READ_BYTES];
        loop {
            self.tell(&mut link);
            if link.is_down() {
                return;
            }
            let interest = match link.output() {
                [] => Interest::READABLE,
                _ => Interest::READABLE | Interest::WRITABLE,
            };
            let due = link.next_timeout().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            tokio::select! {
                ready = stream.ready(interest) => match ready {
                    Ok(_) => transfer(stream, &mut link, &mut buffer),
                    Err(_) => link.disconnected(),
                },
                ask = self.asked.recv(), if !self.closing => self.asks(ask, &mut link),
                () = sleep_until(due.into()) => link.timed_out(Instant::now()),
            }
        }
    }

    /// Takes what is asked, and what else waits.
    fn asks(&mut self, first: Option<Ask>, link: &mut Link) {
        let now = Instant::now();
        let mut next = first;
        for taken in 1.. {
            match next {
                Some(Ask::Call { command, patience, answer }) => match link.send(&command, patience, now) {
                    Ok(ticket) => drop(self.answers.insert(ticket, answer)),
                    Err(error) => drop(answer.send(Err(error))),
                },
                Some(Ask::Close) | None => {
                    self.closing = true;
                    return link.close(now);
                }
            }
            if taken == ASKS_AT_ONCE {
                return;
            }
            next = match self.asked.try_recv() {
                Ok(ask) => Some(ask),
                Err(_) => return,
            };
        }
    }

    /// Hands out what the link has to tell.
    fn tell(&mut self, link: &mut Link) {
        while let Some(outcome) = link.next_outcome() {
            match outcome {
                Outcome::Up { core } => {
                    let restarted = self.memory.up(core.as_deref());
                    self.outbox.push(Notice::Up { restarted });
                }
                Outcome::Answer(ticket, result) => {
                    if let Some(answer) = self.answers.remove(&ticket) {
                        let _ = answer.send(result);
                    }
                }
                Outcome::Event(event) => self.outbox.push(Notice::Event(event)),
                // The user misses an event, for whatever reason.
                Outcome::BadEvent(_) => self.outbox.push(Notice::Overflow { lost: 1 }),
                Outcome::Down(reason) => self.outbox.push(Notice::Down(reason)),
            }
        }
    }
}

/// Reads and writes what is possible without waiting. Reading comes first and never waits for writing: FreeSWITCH would
/// stop reading while nobody takes what it sends.
fn transfer(stream: &TcpStream, link: &mut Link, buffer: &mut [u8]) {
    use std::io::ErrorKind::WouldBlock;
    match stream.try_read(buffer) {
        Ok(0) => link.disconnected(),
        Ok(count) => link.received(buffer.get(..count).unwrap_or_default(), Instant::now()),
        Err(error) if error.kind() == WouldBlock => (),
        Err(_) => link.disconnected(),
    }
    if link.output().is_empty() {
        return;
    }
    match stream.try_write(link.output()) {
        Ok(count) => link.sent(count),
        Err(error) if error.kind() == WouldBlock => (),
        Err(_) => link.disconnected(),
    }
}
