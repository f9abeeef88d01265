//! The platform's queue: asks controllers for calls until each is made, as often and as late as they say.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lab::platform::{ACCOUNT, Platform, TOKEN};
use lab::signalling::Ids;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::history::Call;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// When to ask again where nobody has answered.
const AGAIN: Duration = Duration::from_millis(500);

/// One call in so many is asked for twice at once, as by a queue that delivers twice.
const DOUBLE: u64 = 40;

/// A call that is to be made.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whom it calls.
    pub number: String,
    /// The carrier that reaches him.
    pub carrier: SocketAddr,
    /// What is executed for him.
    pub document: String,
}

/// The queue.
pub struct Queue {
    platform: Arc<Platform>,
    wanted: Vec<Wanted>,
    inner: Mutex<Inner>,
    began: Instant,
}

struct Inner {
    calls: Vec<Call>,
    /// When each call that is not made is to be asked for next.
    due: BTreeSet<(Instant, usize)>,
    controllers: Vec<SocketAddr>,
    faults: Vec<String>,
    ids: Ids,
}

/// What became of an ask.
enum Answer {
    Made {
        id: String,
    },
    Later(Duration),
    /// Nobody was there: nothing was asked.
    Nobody,
    /// It was asked, and nobody knows what came of it.
    Lost,
    Refused(String),
}

impl Queue {
    /// These calls come due one after the other within `spread`, from `began` on.
    #[must_use]
    pub fn new(
        platform: Arc<Platform>,
        wanted: Vec<Wanted>,
        spread: Duration,
        began: Instant,
        seed: u64,
    ) -> Arc<Self> {
        let mut ids = Ids::seeded(seed);
        let mut sid = || format!("CA{:016x}{:016x}", ids.number(), ids.number());
        let call = |wanted: &Wanted| Call { sid: sid(), number: wanted.number.clone(), ..Call::default() };
        let calls: Vec<_> = wanted.iter().map(call).collect();
        calls.iter().for_each(|call| platform.queued(&call.sid));
        let count = u32::try_from(calls.len()).unwrap_or(u32::MAX).max(1);
        let due = (0..count).map(|number| (began + spread * number / count, number as usize));
        let due = due.take(calls.len()).collect();
        let inner = Inner { calls, due, controllers: Vec::new(), faults: Vec::new(), ids };
        Arc::new(Self { platform, wanted, inner: Mutex::new(inner), began })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more controller that may be asked.
    pub fn add(&self, controller: SocketAddr) {
        self.lock().controllers.push(controller);
    }

    /// How many calls are made, and how many of those that are not are due.
    #[must_use]
    pub fn made(&self) -> (usize, usize) {
        let (inner, now) = (self.lock(), Instant::now());
        let made = inner.calls.iter().filter(|call| call.made.is_some()).count();
        (made, inner.due.iter().take_while(|(at, _)| *at <= now).count())
    }

    /// What is known of the calls, and what controllers said that they must not say.
    #[must_use]
    pub fn calls(&self) -> (Vec<Call>, Vec<String>) {
        let inner = self.lock();
        (inner.calls.clone(), inner.faults.clone())
    }

    /// Asks for what is due, for ever.
    pub async fn work(self: Arc<Self>) {
        loop {
            match self.next() {
                Some((number, controllers)) => {
                    let asks = controllers.into_iter().map(|controller| self.ask(number, controller));
                    for answer in futures(asks).await {
                        self.take(number, answer);
                    }
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// The next call that is due, and who is to be asked for it.
    fn next(&self) -> Option<(usize, Vec<SocketAddr>)> {
        let mut inner = self.lock();
        let (_, number) = inner.due.first().copied().filter(|(at, _)| *at <= Instant::now())?;
        inner.due.pop_first();
        let (first, double) = (inner.ids.number() as usize, inner.ids.number().is_multiple_of(DOUBLE));
        let count = inner.controllers.len().max(1);
        let which = |step: usize| inner.controllers.get((first + step) % count).copied();
        let asked: Vec<_> = (0..1 + usize::from(double)).filter_map(which).collect();
        if let Some(call) = inner.calls.get_mut(number) {
            call.asked += 1;
        }
        Some((number, asked))
    }

    fn take(&self, number: usize, answer: Answer) {
        let at = self.began.elapsed();
        let mut inner = self.lock();
        let wait = Duration::from_millis(inner.ids.number() % 500);
        let Inner { calls, due, faults, .. } = &mut *inner;
        let Some(call) = calls.get_mut(number) else { return };
        let again = match answer {
            Answer::Made { id } => {
                call.names.insert(id.clone());
                call.made.get_or_insert(at);
                self.platform.made(&call.sid, &id);
                return due.retain(|(_, other)| *other != number);
            }
            Answer::Later(after) => after,
            Answer::Nobody => AGAIN,
            Answer::Lost => {
                call.unanswered.push(at);
                AGAIN
            }
            Answer::Refused(what) => {
                faults.push(format!("{}: {what}", call.sid));
                AGAIN
            }
        };
        // Whoever asked twice at once has a place already.
        if call.made.is_none() && !due.iter().any(|(_, other)| *other == number) {
            due.insert((Instant::now() + again + wait, number));
        }
    }

    async fn ask(&self, number: usize, controller: SocketAddr) -> Answer {
        let Some(body) = self.body(number) else { return Answer::Nobody };
        let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, TcpStream::connect(controller)).await else {
            return Answer::Nobody;
        };
        match tokio::time::timeout(PATIENCE, post(stream, controller, &body)).await {
            Ok(Ok((200, _, answer))) => match answer.get("id").and_then(Value::as_str) {
                Some(id) => Answer::Made { id: id.to_owned() },
                None => Answer::Refused(format!("expected an id, found {answer}")),
            },
            Ok(Ok((429 | 503, Some(after), _))) => Answer::Later(after),
            Ok(Ok((status, _, answer))) => Answer::Refused(format!("refused with {status} {answer}")),
            Ok(Err(_)) | Err(_) => Answer::Lost,
        }
    }

    fn body(&self, number: usize) -> Option<String> {
        let sid = self.lock().calls.get(number)?.sid.clone();
        let Wanted { number, carrier, document } = self.wanted.get(number)?;
        let body = json!({
            "sid": sid, "to": number, "from": "1294", "twiml": document,
            "account_sid": ACCOUNT, "account_auth_token": TOKEN, "carrier_sid": "CR1",
            "direction": "outbound-api", "call_direction": "outbound", "api_version": "2010-04-01",
            "routing_parameters": { "destination": number, "host": carrier.to_string() },
            "billing_parameters": { "enabled": false, "category": "outbound_calls", "billing_mode": "prepaid" },
        });
        Some(body.to_string())
    }
}

/// All of them at once, to the end of the last.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    match (all.pop(), all.pop()) {
        (Some(one), Some(other)) => {
            let (one, other) = tokio::join!(one, other);
            vec![one, other]
        }
        (Some(one), None) => vec![one.await],
        _ => Vec::new(),
    }
}

/// POST /calls. Status, `Retry-After` and answer.
pub(crate) async fn post(
    mut stream: TcpStream,
    host: SocketAddr,
    body: &str,
) -> Result<(u16, Option<Duration>, Value)> {
    let length = body.len();
    let head = format!(
        "POST /calls HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    read(&String::from_utf8_lossy(&answer))
}

fn read(answer: &str) -> Result<(u16, Option<Duration>, Value)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("no end of the HTTP header")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no HTTP status")?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut after = fields.filter(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let after = after.next().and_then(|(_, value)| value.trim().parse().ok()).map(Duration::from_secs);
    Ok((status, after, serde_json::from_str(body).unwrap_or(Value::Null)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_the_time_to_wait() {
        let (status, after, body) =
            read("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\n\r\n{\"message\":\"full\"}").unwrap();
        assert_eq!((status, after), (429, Some(Duration::from_secs(7))));
        assert_eq!(body["message"], "full");
        assert!(read("HTTP/1.1 200 OK\r\n").is_err() && read("").is_err());
    }
}
