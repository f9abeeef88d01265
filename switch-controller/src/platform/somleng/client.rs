//! Requests to the Somleng API: JSON, user and password, and what came of them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use https::with_causes;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use settings::Secret;

use super::backoff::{self, random};
use crate::fetch::{self, Everywhere, HttpClient};

/// The most bytes of an answer.
const MOST_BYTES: u64 = 1 << 20;

/// So much of a refusal's text goes into the log.
const SHOWN: usize = 500;

/// Makes requests.
pub struct Client {
    http: HttpClient,
    base: String,
    authorization: String,
    timeout: Duration,
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The platform says no, and will say so again.
    #[error("{status}: {message}")]
    Refused {
        /// 400 to 499.
        status: StatusCode,
        /// Its words.
        message: String,
    },
    /// It was not done, and may be later: there is no connection, or the platform would not take it up (401, 403, 429, 503).
    #[error("{0}")]
    NotDone(String),
    /// Nobody knows whether it was done: no answer in time, none that can be read, or one of something that failed (500),
    /// perhaps behind what was asked.
    #[error("{0}")]
    Unsure(String),
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json(Vec<u8>),
    /// A call data record, in the form of FreeSWITCH's mod_json_cdr.
    Record(Vec<u8>),
}

impl Client {
    /// One for this platform. The error is about trusted roots.
    pub fn new(
        url: &str,
        user: &str,
        password: &Secret,
        timeout: Duration,
        ca: Option<&Path>,
    ) -> Result<Self, String> {
        // The operator's own choice, wherever it is.
        let http = fetch::client(ca, Arc::new(Everywhere)).map_err(|what| format!("platform.ca: {what}"))?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal())));
        Ok(Client { http, base: url.trim_end_matches('/').to_owned(), authorization, timeout })
    }

    /// Asks, and reads the answer.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Fault> {
        let body = serde_json::to_vec(body).map_err(|error| Fault::Unsure(error.to_string()))?;
        let answer = self.send(method, path, Body::Json(body)).await?;
        serde_json::from_slice(&answer).map_err(|error| Fault::Unsure(format!("{path}: {error}")))
    }

    /// The same for whoever waits: again, if it was surely not done, but in no more time than one request has.
    pub async fn ask_in_time<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Fault> {
        let until = Instant::now() + self.timeout;
        let mut failures = 0;
        let asking = async {
            loop {
                let answer = self.ask(method.clone(), path, body).await;
                failures += 1;
                let wait = backoff::wait(failures, random());
                match answer {
                    Err(Fault::NotDone(_)) if Instant::now() + wait < until => tokio::time::sleep(wait).await,
                    answer => return answer,
                }
            }
        };
        let asked = tokio::time::timeout_at(until.into(), asking).await;
        asked.unwrap_or_else(|_| Err(self.late(path)))
    }

    fn late(&self, path: &str) -> Fault {
        Fault::Unsure(format!("{path}: expected an answer within {:?}, found none", self.timeout))
    }

    /// Sends something. The answer's body.
    pub async fn send(&self, method: Method, path: &str, body: Body) -> Result<Vec<u8>, Fault> {
        let sent = tokio::time::timeout(self.timeout, self.sent(method, path, body)).await;
        sent.unwrap_or_else(|_| Err(self.late(path)))
    }

    async fn sent(&self, method: Method, path: &str, body: Body) -> Result<Vec<u8>, Fault> {
        let (kind, body) = match body {
            Body::Json(body) => ("application/json", body),
            Body::Record(body) => ("application/x-www-form-base64-encoded", body),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, kind)
            .header(ACCEPT, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Fault::Unsure(format!("{path}: {error}")))?;
        let response = self.http.request(request).await.map_err(|error| {
            let text = format!("{path}: {}", with_causes(&error));
            if error.is_connect() { Fault::NotDone(text) } else { Fault::Unsure(text) }
        })?;
        let status = response.status();
        let unread = |what| Fault::Unsure(format!("{path}: {what}"));
        let body = fetch::read(response.into_body(), MOST_BYTES).await.map_err(unread)?;
        match status {
            _ if status.is_success() => Ok(body),
            // A password is being changed, or somebody stands in between: neither is about what was asked.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE => Err(Fault::NotDone(format!("{path}: {status}"))),
            _ if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
                Err(Fault::Refused { status, message: message(&body) })
            }
            _ => Err(Fault::Unsure(format!("{path}: {status}"))),
        }
    }
}

/// `{"message": "..."}`, or the beginning of what else it is.
fn message(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = json.as_ref().and_then(|json| json.get("message")).and_then(serde_json::Value::as_str);
    let text = said.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    text.chars().take(SHOWN).collect()
}
