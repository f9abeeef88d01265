//! Lambda's Runtime API, and the Lambda's own program under it, unchanged.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::Notify;

use super::{Cloud, World, json, lock};
use crate::child::{Child, binary};
use crate::pause;

/// How long an invocation may take.
const WITHIN: Duration = Duration::from_secs(30);

/// Events that wait, and what came of those that do not any more.
#[derive(Default)]
pub struct Lambda {
    events: VecDeque<(String, Value)>,
    came: Arc<Notify>,
    outcomes: BTreeMap<String, Result<Value, Value>>,
    invocations: usize,
    first_asked: Option<Instant>,
}

/// The Lambda's program. Killed when dropped.
pub struct LambdaProcess<'c> {
    child: Child,
    cloud: &'c Cloud,
    began: Instant,
}

impl<'c> LambdaProcess<'c> {
    /// Starts it, with these variables beside those that lead to `cloud`; its log is a file in `directory`.
    ///
    /// # Errors
    ///
    /// No binary.
    pub fn start(cloud: &'c Cloud, variables: &[(&str, &str)], directory: &Path) -> Result<Self> {
        let mut command = Command::new(binary("scaler-lambda", "SWITCHYARD_SCALER_LAMBDA")?);
        let runtime = cloud.address.to_string();
        command
            .envs(cloud.variables())
            .env("AWS_LAMBDA_RUNTIME_API", runtime)
            .env("AWS_LAMBDA_FUNCTION_NAME", "scaler")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/scaler")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("SWITCHYARD_ECS_CLUSTER", "main")
            .env("SWITCHYARD_ECS_SERVICE", "switch")
            .env("SWITCHYARD_SNAPSHOT_URL", "s3://fleet/targets.json")
            .envs(variables.iter().copied());
        cloud.lambda().first_asked = None;
        let began = Instant::now();
        let child = Child::spawn(
            "the Lambda",
            &mut command,
            Some("SWITCHYARD_"),
            directory.join("scaler-lambda.log"),
        )?;
        Ok(LambdaProcess { child, cloud, began })
    }

    /// Invokes it with an event, and waits for what comes of it: its answer, or the error that it told.
    ///
    /// # Errors
    ///
    /// Nothing comes of it, or the program has left: with its log.
    pub fn invoke(&mut self, event: &Value) -> Result<Result<Value, Value>> {
        let id = {
            let mut lambda = self.cloud.lambda();
            lambda.invocations += 1;
            let id = format!("request-{}", lambda.invocations);
            lambda.events.push_back((id.clone(), event.clone()));
            lambda.came.notify_waiters();
            id
        };
        let deadline = Instant::now() + WITHIN;
        while Instant::now() < deadline {
            if let Some(outcome) = self.cloud.lambda().outcomes.remove(&id) {
                return Ok(outcome);
            }
            if let Some(status) = self.child.exit()? {
                bail!("the Lambda left with {status}; its log:\n{}", self.child.log());
            }
            pause(Duration::from_millis(2));
        }
        bail!("nothing came of {event} within {WITHIN:?}; the Lambda's log:\n{}", self.child.log())
    }

    /// How long it took from its start until it asked for its first event.
    ///
    /// # Errors
    ///
    /// It has not yet.
    pub fn time_to_ready(&self) -> Result<Duration> {
        let asked = self.cloud.lambda().first_asked.context("it has asked for no event yet")?;
        Ok(asked.duration_since(self.began))
    }

    /// Its log so far, metrics among it.
    pub fn log(&self) -> String {
        self.child.log()
    }
}

pub(super) async fn answer(world: &World, path: &str, body: &[u8]) -> Response {
    let rest = path.trim_start_matches("/2018-06-01/runtime/invocation/");
    match rest.split_once('/') {
        None if rest == "next" => next(world).await,
        Some((id, kind @ ("response" | "error"))) => {
            let said = json(body).unwrap_or_default();
            let outcome = if kind == "response" { Ok(said) } else { Err(said) };
            lock(&world.lambda).outcomes.insert(id.to_owned(), outcome);
            StatusCode::ACCEPTED.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn next(world: &World) -> Response {
    loop {
        let came = {
            let mut lambda = lock(&world.lambda);
            lambda.first_asked.get_or_insert_with(Instant::now);
            if let Some((id, event)) = lambda.events.pop_front() {
                let headers = [
                    ("Lambda-Runtime-Aws-Request-Id", id),
                    ("Lambda-Runtime-Deadline-Ms", "4102444800000".to_owned()),
                    (
                        "Lambda-Runtime-Invoked-Function-Arn",
                        "arn:aws:lambda:eu-central-1:1:function:scaler".to_owned(),
                    ),
                    ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
                ];
                return (headers, event.to_string()).into_response();
            }
            Arc::clone(&lambda.came)
        };
        // Looked at again every now and then: an event may have come between.
        let _ = tokio::time::timeout(Duration::from_millis(20), came.notified()).await;
    }
}
