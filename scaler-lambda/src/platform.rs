//! The Somleng API is told the capacity: how many switches take calls.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use crate::settings::Platform;

/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tells it.
///
/// # Errors
///
/// It does not answer, or refuses.
pub async fn tell(platform: &Platform, capacity: usize) -> Result<(), String> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let connector = https::connector(https::system(), http).map_err(|error| error.to_string())?;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let credentials = STANDARD.encode(format!("{}:{}", platform.user, platform.password));
    let body = json!({"region": platform.region, "capacity": capacity}).to_string();
    let request = Request::post(format!("{}/call_service_capacities", platform.url.trim_end_matches('/')))
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Basic {credentials}"))
        .body(Full::from(body))
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(TIMEOUT, client.request(request)).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("expected an answer of 200, found {}", answer.status())),
        Ok(Err(error)) => Err(https::with_causes(&error)),
        Err(_) => Err(format!("expected an answer within {TIMEOUT:?}, found none")),
    }
}
