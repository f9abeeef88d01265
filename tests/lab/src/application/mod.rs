//! A customer's application: the registration menu of an early-warning line, served over HTTP.
//!
//! It greets, lets the caller choose a province by keys, records a name, thanks, and hangs up. Requests without a right
//! signature get 403, and are counted.
//!
//! | path | parameters beside those of each call | answer |
//! |---|---|---|
//! | `/voice` | none | the menu |
//! | `/province` | `Digits` | the question for the name |
//! | `/name` | `RecordingUrl`, `RecordingDuration` | thanks |

pub mod menu;
mod signature;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::form_urlencoded;

use crate::locked;

/// The AccountSid that requests are to carry.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// Calls that are kept at most; of later ones nothing is known.
const KEPT: usize = 10_000;

/// What the application knows of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// `From`.
    pub caller: String,
    /// The province, once it was chosen.
    pub province: Option<&'static str>,
    /// Where the recorded name is.
    pub recording: Option<String>,
    /// How long it is, in seconds, as it was told.
    pub seconds: Option<String>,
    /// The paths that were asked for, in order.
    pub asked: Vec<String>,
}

/// What has come so far.
#[derive(Debug, Clone, Default)]
pub struct Registrations {
    /// By CallSid.
    pub calls: BTreeMap<String, Registration>,
    /// Requests that were refused: no right signature, or of another account.
    pub refused: u64,
}

impl Registrations {
    /// All calls of a caller.
    #[must_use]
    pub fn of(&self, caller: &str) -> Vec<&Registration> {
        self.calls.values().filter(|call| call.caller == caller).collect()
    }
}

/// A running application; it stops when dropped.
#[derive(Debug)]
pub struct Application {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    token: String,
    registrations: Mutex<Registrations>,
}

impl Application {
    /// Starts one at an address; port 0 takes any free one. `token` is the key of its signatures.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, token: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("no port at {address}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { address, token: token.to_owned(), registrations: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // It ends by being dropped.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { shared, task })
    }

    /// The URL of its menu.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/voice", self.shared.address)
    }

    /// What has come so far.
    #[must_use]
    pub fn registrations(&self) -> Registrations {
        locked(&self.shared.registrations).clone()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let signed = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let url = format!("http://{}{uri}", shared.address);
    let right = signature::of_post(&shared.token, &url, &parameters);
    let mut registrations = locked(&shared.registrations);
    let account = parameter(&parameters, "AccountSid");
    if method != Method::POST || signed != Some(right.as_str()) || account != ACCOUNT {
        registrations.refused += 1;
        return (StatusCode::FORBIDDEN, "expected a POST with a right X-Twilio-Signature\n").into_response();
    }
    match registrations.take(uri.path(), &parameters) {
        Some(document) => ([(header::CONTENT_TYPE, "text/xml")], document).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Registrations {
    /// Notes what a request says; the document that answers it, if there is one.
    fn take(&mut self, path: &str, parameters: &[(String, String)]) -> Option<String> {
        let sid = parameter(parameters, "CallSid");
        if sid.is_empty() || (self.calls.len() >= KEPT && !self.calls.contains_key(sid)) {
            return None;
        }
        let call = self.calls.entry(sid.to_owned()).or_default();
        call.caller = parameter(parameters, "From").to_owned();
        call.asked.push(path.to_owned());
        match path {
            "/voice" => Some(menu::welcome()),
            "/province" => {
                call.province = menu::province(parameter(parameters, "Digits"));
                Some(call.province.map_or_else(menu::unknown, menu::chosen))
            }
            "/name" => {
                call.recording = Some(parameter(parameters, "RecordingUrl").to_owned());
                call.seconds = Some(parameter(parameters, "RecordingDuration").to_owned());
                Some(menu::thanks())
            }
            _ => None,
        }
    }
}

fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
    parameters.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_call_is_registered_step_by_step() {
        let mut all = Registrations::default();
        let ask = |all: &mut Registrations, path: &str, more: &[(&str, &str)]| {
            let call = [&[("CallSid", "CA1"), ("From", "+855")][..], more].concat();
            all.take(path, &parameters(&call))
        };
        assert!(
            ask(&mut all, "/voice", &[]).unwrap().contains("<Gather action=\"/province\" numDigits=\"2\"")
        );
        assert!(ask(&mut all, "/province", &[("Digits", "99")]).unwrap().contains("<Redirect>/voice"));
        assert!(ask(&mut all, "/province", &[("Digits", "12")]).unwrap().contains("Phnom Penh"));
        assert!(ask(&mut all, "/name", &[("RecordingUrl", "http://r")]).unwrap().contains("<Hangup/>"));
        assert_eq!(ask(&mut all, "/else", &[]), None);
        assert_eq!(all.take("/voice", &[]), None);
        let call = all.of("+855")[0];
        assert_eq!((call.province, call.recording.as_deref()), (Some("Phnom Penh"), Some("http://r")));
    }

    #[tokio::test]
    async fn a_request_that_is_not_signed_is_refused() {
        let application = Application::start("127.0.0.1:0".parse().unwrap(), "token").await.unwrap();
        let address = application.shared.address;
        let asked = tokio::task::spawn_blocking(move || {
            crate::http::text(address, "POST", "/voice", &["X-Twilio-Signature: AAAA"])
        });
        assert_eq!(asked.await.unwrap().unwrap().0, 403);
        assert_eq!(application.registrations().refused, 1);
        assert!(application.registrations().calls.is_empty());
    }
}
