//! The Somleng API is told the capacity: how many switches take calls.

use std::time::Duration;

use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::SdkConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::sync::Mutex;

use crate::settings::{self, Password};

/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The Somleng API, and how we are known there.
#[derive(Debug)]
pub struct Platform {
    settings: settings::Platform,
    secrets: Secrets,
    /// As it was read last. A rotated one is read when the one before is refused.
    password: Mutex<Option<String>>,
}

impl Platform {
    /// Nothing is asked yet.
    pub fn new(settings: settings::Platform, aws: &SdkConfig) -> Self {
        Platform { settings, secrets: Secrets::new(aws), password: Mutex::default() }
    }

    /// Its root, for the log.
    pub fn url(&self) -> &str {
        &self.settings.url
    }

    /// Tells it.
    ///
    /// # Errors
    ///
    /// It does not answer, or refuses, or nobody knows our password.
    pub async fn tell(&self, capacity: usize) -> Result<(), String> {
        let mut known = self.password.lock().await;
        let is_known = known.is_some();
        let password = match known.take() {
            Some(password) => password,
            None => self.read_password().await?,
        };
        let mut status = self.post(&password, capacity).await;
        let mut password = Some(password);
        if is_known && status == Ok(StatusCode::UNAUTHORIZED) {
            let new = self.read_password().await?;
            status = self.post(&new, capacity).await;
            password = Some(new);
        }
        *known = password.filter(|_| status != Ok(StatusCode::UNAUTHORIZED));
        match status? {
            status if status.is_success() => Ok(()),
            status => Err(format!("expected an answer of 200, found {status}")),
        }
    }

    async fn read_password(&self) -> Result<String, String> {
        let arn = match &self.settings.password {
            Password::Known(password) => return Ok(password.clone()),
            Password::Secret(arn) => arn,
        };
        let answer = self.secrets.get_secret_value().secret_id(arn).send().await;
        let answer =
            answer.map_err(|error| format!("Secrets Manager, {arn}: {}", DisplayErrorContext(error)))?;
        let text = answer.secret_string().map(str::to_owned);
        text.ok_or_else(|| format!("Secrets Manager, {arn}: expected text, found none"))
    }

    async fn post(&self, password: &str, capacity: usize) -> Result<StatusCode, String> {
        let settings::Platform { url, user, region, .. } = &self.settings;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let connector = https::connector(https::system(), http).map_err(|error| error.to_string())?;
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        let body = json!({"region": region, "capacity": capacity}).to_string();
        let request = Request::post(format!("{}/call_service_capacities", url.trim_end_matches('/')))
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Basic {credentials}"))
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        match tokio::time::timeout(TIMEOUT, client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer.status()),
            Ok(Err(error)) => Err(https::with_causes(&error)),
            Err(_) => Err(format!("expected an answer within {TIMEOUT:?}, found none")),
        }
    }
}
