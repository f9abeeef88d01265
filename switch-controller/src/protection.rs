//! ECS's scale-in protection of our task: held while there is work that would be lost with it, given back when that is done.
//! ECS stops no protected task, neither to scale in nor to deploy another revision.
//!
//! [`Protection`] decides and knows no clock and no socket; [`run`] asks the agent (`ECS_AGENT_URI`, which ECS sets:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html>).

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The variable that says where the agent is.
pub const AGENT: &str = "ECS_AGENT_URI";

/// For how long it is asked for: what a controller that was killed leaves behind ends by itself.
const MINUTES: u64 = 60;
/// When it is asked for again.
const RENEW: Duration = Duration::from_secs(MINUTES * 60 / 3);
/// How often it is looked, and tried again.
const POLL: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(5);
/// How long the agent may take, and how much it may say.
const TIMEOUT: Duration = Duration::from_secs(5);
const MOST: usize = 64 << 10;

/// What ECS is to be told, and when.
#[derive(Debug, Default)]
pub struct Protection {
    /// Whether the agent has been told anything by this process: an earlier one may have left the protection on.
    is_known: bool,
    /// Since when it is held.
    held: Option<Instant>,
    /// When a request failed.
    failed: Option<Instant>,
}

impl Protection {
    /// What the agent is to be asked now: to protect, to give back, or nothing.
    pub fn due(&self, busy: bool, now: Instant) -> Option<bool> {
        let is_later = |since: Instant, time| now.saturating_duration_since(since) >= time;
        if self.failed.is_some_and(|failed| !is_later(failed, AGAIN)) {
            return None;
        }
        match (busy, self.held) {
            _ if !self.is_known => Some(busy),
            (true, None) => Some(true),
            (true, Some(held)) => is_later(held, RENEW).then_some(true),
            (false, Some(_)) => Some(false),
            (false, None) => None,
        }
    }

    /// What became of it.
    pub fn done(&mut self, protect: bool, ok: bool, now: Instant) {
        self.failed = (!ok).then_some(now);
        if ok {
            self.is_known = true;
            self.held = protect.then_some(now);
        }
    }
}

/// Holds the protection while there is work, as `busy` says. Never ends.
pub async fn run(agent: String, busy: impl Fn() -> bool) {
    let mut protection = Protection::default();
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(protect) = protection.due(busy(), Instant::now()) else { continue };
        let asked = ask(&agent, protect).await;
        protection.done(protect, asked.is_ok(), Instant::now());
        match asked {
            Ok(()) => tracing::info!(protect, "scale-in protection of this task"),
            Err(error) => tracing::warn!(protect, error, "scale-in protection of this task: not changed"),
        }
    }
}

async fn ask(agent: &str, protect: bool) -> Result<(), String> {
    let body = match protect {
        true => json!({"ProtectionEnabled": true, "ExpiresInMinutes": MINUTES}),
        false => json!({"ProtectionEnabled": false}),
    };
    let request = Request::put(format!("{}/task-protection/v1/state", agent.trim_end_matches('/')))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(body.to_string()))
        .map_err(|error| error.to_string())?;
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let answer = async {
        let answer = client.request(request).await.map_err(|error| https::with_causes(&error))?;
        let status = answer.status();
        let body =
            Limited::new(answer.into_body(), MOST).collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    let late = || Err(format!("expected an answer within {TIMEOUT:?}, found none"));
    let (status, body) = tokio::time::timeout(TIMEOUT, answer).await.unwrap_or_else(|_| late())?;
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let enabled =
        said.get("protection").and_then(|now| now.get("ProtectionEnabled")).and_then(Value::as_bool);
    match enabled == Some(protect) {
        true => Ok(()),
        false => Err(format!("expected ProtectionEnabled {protect}, found {status}: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn it_is_held_while_there_are_calls_renewed_in_time_and_given_back_at_the_end() {
        let (mut protection, began) = (Protection::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(protection.due(true, at(0)), Some(true), "an earlier process may have left it off");
        assert_eq!(protection.due(false, at(0)), Some(false), "or on");
        protection.done(false, true, at(0));
        assert_eq!(protection.due(false, at(0)), None);
        assert_eq!(protection.due(true, at(1)), Some(true));
        protection.done(true, true, at(1));
        assert_eq!(protection.due(true, at(2)), None);
        assert_eq!(protection.due(true, at(1 + 20 * 60)), Some(true));
        protection.done(true, false, at(1201));
        assert_eq!(protection.due(true, at(1202)), None, "not at once again");
        assert_eq!(protection.due(true, at(1206)), Some(true));
        assert_eq!(protection.due(false, at(1206)), Some(false));
        protection.done(false, true, at(1206));
        assert_eq!(protection.due(false, at(1300)), None);
        assert_eq!(protection.due(true, at(1300)), Some(true));
    }

    /// An agent that answers so once; returns what it was asked.
    async fn asked(answer: &str, protect: bool) -> (Result<(), String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let agent = format!("http://{}/api/abc", listener.local_addr().unwrap());
        let answer = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        let agent_thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"}") {
                let length = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..length]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let outcome = ask(&agent, protect).await;
        (outcome, agent_thread.join().unwrap())
    }

    #[tokio::test]
    async fn the_agent_is_asked_as_aws_documents_and_its_refusals_are_errors() {
        let held =
            "{\"protection\": {\"ProtectionEnabled\": true, \"ExpirationDate\": \"2026-11-22T08:00:00Z\"}}";
        let (outcome, request) = asked(held, true).await;
        assert_eq!(outcome, Ok(()));
        assert!(request.starts_with("PUT /api/abc/task-protection/v1/state HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("{\"ExpiresInMinutes\":60,\"ProtectionEnabled\":true}"), "{request}");
        let refusal = "{\"failure\": {\"Reason\": \"DEPLOYMENT_BLOCKED\"}}";
        assert!(asked(refusal, true).await.0.unwrap_err().contains("DEPLOYMENT_BLOCKED"));
        assert!(asked("nonsense", false).await.0.is_err());
        assert!(ask("http://127.0.0.1:1", true).await.unwrap_err().contains("refused"));
    }
}
