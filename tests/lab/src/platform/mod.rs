//! A stand-in for the Somleng API as a switch sees it: as strict as the real one, and it notes what a switch does wrong.
//!
//! It knows numbers and ways out ([`Platform::number`], [`Platform::way`]), refuses, fails and lags on demand
//! ([`Platform::disturb`]), and says what it was told ([`Platform::state`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `state.rs` | its calls and recordings, and what each request does to them |
//! | `body.rs` | what may stand in a request |

mod body;
mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Given;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::locked;

pub use state::{Call, Recording, State};

/// Who may ask, and with which password.
pub const USER: &str = "services";
/// See [`USER`].
pub const PASSWORD: &str = "platform-password";
/// Whose calls they are.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// The key of its signatures.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// The only region that it has.
pub const REGION: &str = "hydrogen";

/// A request, as it came and as it was answered.
#[derive(Debug, Clone)]
pub struct Told {
    /// `POST /phone_call_events`
    pub what: String,
    /// The JSON.
    pub body: Value,
    /// The status that answered it; 0 if nothing did.
    pub status: u16,
    /// When it came.
    pub at: Instant,
}

/// What goes wrong with some of the requests.
#[derive(Debug, Clone)]
pub struct Disturbance {
    /// How `METHOD /path` begins.
    pub of: String,
    /// What is in their bodies.
    pub with: String,
    /// How many of them are disturbed.
    pub times: usize,
    /// They are answered so much later.
    pub lag: Duration,
    /// They are answered with this, and not done.
    pub status: Option<u16>,
    /// They are done, and answered with 502 all the same.
    pub done: bool,
}

impl Disturbance {
    /// Refuses or fails so many times.
    #[must_use]
    pub fn failing(of: &str, status: u16, times: usize) -> Self {
        Self {
            of: of.to_owned(),
            with: String::new(),
            times,
            lag: Duration::ZERO,
            status: Some(status),
            done: false,
        }
    }

    /// Answers later, so many times.
    #[must_use]
    pub fn lagging(of: &str, lag: Duration, times: usize) -> Self {
        Self { of: of.to_owned(), with: String::new(), times, lag, status: None, done: false }
    }

    /// Only those with this in their bodies.
    #[must_use]
    pub fn with(self, text: &str) -> Self {
        Self { with: text.to_owned(), ..self }
    }

    /// Does what it is asked, and says that something is wrong.
    #[must_use]
    pub fn lying(of: &str, times: usize) -> Self {
        Self { of: of.to_owned(), with: String::new(), times, lag: Duration::ZERO, status: None, done: true }
    }
}

/// A running platform; it stops when dropped.
#[derive(Debug)]
pub struct Platform {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    disturbances: Mutex<Vec<Disturbance>>,
}

impl Platform {
    /// Starts one at an address; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("no port at {address}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // It ends by being dropped.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, task })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a controller's settings say to use it.
    #[must_use]
    pub fn settings(&self) -> String {
        let url = self.url();
        format!("[platform]\nurl = \"{url}\"\nuser = \"{USER}\"\npassword = \"{PASSWORD}\"\n")
    }

    /// A number, and what the answer to a call to it has beside what all have: `voice_url`, `twiml`, ...
    pub fn number(&self, number: &str, application: Value) {
        locked(&self.shared.state).numbers.insert(number.to_owned(), application);
    }

    /// How numbers that begin so are reached: `routing_parameters`.
    pub fn way(&self, prefix: &str, routing: Value) {
        locked(&self.shared.state).ways.insert(prefix.to_owned(), routing);
    }

    /// Where raw recordings are, in a directory in the place of a bucket: from now on a recording that is told of must lie
    /// there. `url` is what stands before its name.
    pub fn bucket(&self, directory: PathBuf, url: &str) {
        locked(&self.shared.state).bucket = Some((directory, url.to_owned()));
    }

    /// A call that it is going to ask a switch for.
    pub fn queued(&self, sid: &str) {
        locked(&self.shared.state).calls.entry(sid.to_owned()).or_default();
    }

    /// A call that it has asked a switch for: what was sent, and the name that the switch has given it.
    pub fn made(&self, sid: &str, external_id: &str) {
        locked(&self.shared.state).made(sid, external_id);
    }

    /// A call data record, as `mod_json_cdr` sends it.
    pub fn record(&self, variables: &[(String, String)]) {
        let variables = variables.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let variables: serde_json::Map<_, _> = variables.collect();
        let body = format!("cdr={}", STANDARD.encode(json!({ "variables": variables }).to_string()));
        locked(&self.shared.state).take(&Method::POST, "/call_data_records", body.as_bytes());
    }

    /// Requests go wrong from now on.
    pub fn disturb(&self, disturbance: Disturbance) {
        locked(&self.shared.disturbances).push(disturbance);
    }

    /// All is well from now on.
    pub fn undisturb(&self) {
        locked(&self.shared.disturbances).clear();
    }

    /// What it knows.
    #[must_use]
    pub fn state(&self) -> State {
        locked(&self.shared.state).clone()
    }

    /// Looks at what it knows, which may be too much to be copied.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&locked(&self.shared.state))
    }

    /// The requests that begin so, oldest first.
    #[must_use]
    pub fn told(&self, what: &str) -> Vec<Told> {
        let state = locked(&self.shared.state);
        state.told.iter().filter(|told| told.what.starts_with(what)).cloned().collect()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn disturbance(&self, what: &str, body: &[u8]) -> Option<Disturbance> {
        let body = String::from_utf8_lossy(body);
        let mut all = locked(&self.disturbances);
        let found = all
            .iter_mut()
            .find(|one| one.times > 0 && what.starts_with(&one.of) && body.contains(&one.with))?;
        found.times -= 1;
        Some(found.clone())
    }
}

async fn answer(
    Given(shared): Given<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (what, at) = (format!("{method} {}", uri.path()), Instant::now());
    let disturbance = shared.disturbance(&what, &body);
    let place = locked(&shared.state).note(Told {
        what: what.clone(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        status: 0,
        at,
    });
    let (status, answer) = match &disturbance {
        Some(Disturbance { status: Some(status), .. }) => (*status, json!({ "message": "disturbed" })),
        _ => match heard(&headers, uri.path()) {
            Err((status, message)) => {
                let mut state = locked(&shared.state);
                state.faults.push(format!("{what}: {message}"));
                (status, json!({ "message": message }))
            }
            Ok(()) => locked(&shared.state).take(&method, uri.path(), &body),
        },
    };
    let (status, answer) = match &disturbance {
        Some(Disturbance { done: true, .. }) => (502, json!({ "message": "disturbed" })),
        _ => (status, answer),
    };
    locked(&shared.state).answered(place, status);
    if let Some(disturbance) = disturbance {
        tokio::time::sleep(disturbance.lag).await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match answer {
        Value::Null => status.into_response(),
        answer => (status, axum::Json(answer)).into_response(),
    }
}

/// Whether the one who asks may, and says JSON both ways.
fn heard(headers: &HeaderMap, path: &str) -> Result<(), (u16, String)> {
    let value = |name: &header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    if value(&header::AUTHORIZATION) != expected {
        return Err((401, "expected the user and password of the platform".to_owned()));
    }
    let json = "application/json";
    let expected = match path {
        "/call_data_records" => vec![(header::CONTENT_TYPE, "application/x-www-form-base64-encoded")],
        _ => vec![(header::CONTENT_TYPE, json), (header::ACCEPT, json)],
    };
    for (name, expected) in expected {
        if value(&name) != expected {
            return Err((406, format!("{name}: expected {expected}, found {:?}", value(&name))));
        }
    }
    Ok(())
}
