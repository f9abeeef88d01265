//! A stand-in for the parts of AWS that a fleet needs, in one process: ECS with its agents, S3, Secrets Manager and Lambda's
//! Runtime API; and for the API that is told the capacity.
//!
//! It does on demand what the real ones do at times: ECS is late, incomplete, silent or failing; S3 is away. What one
//! would have to wait for there, a test says here: a task runs, becomes healthy, is protected, stops.
//!
//! Blocking, like the rest of what drives programs; the server has a thread and a runtime of its own.

mod ecs;
mod platform;
mod runtime;
mod s3;
mod secrets;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

pub use ecs::{Ecs, Status};
pub use platform::Platform;
pub use runtime::{Lambda, LambdaProcess};
pub use s3::S3;
pub use secrets::Secrets;

/// Where agents are, each by its task.
const AGENTS: &str = "/agent/";

/// The stand-in. It ends when dropped.
pub struct Cloud {
    address: SocketAddr,
    world: Arc<World>,
    end: Option<oneshot::Sender<()>>,
}

#[derive(Default)]
pub(crate) struct World {
    ecs: Mutex<Ecs>,
    s3: Mutex<S3>,
    lambda: Mutex<Lambda>,
    secrets: Mutex<Secrets>,
    platform: Mutex<Platform>,
}

impl Cloud {
    /// On a free port of loopback.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let world = Arc::<World>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("cloud".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                // What is under way when it ends is cut off: the Lambda waits for events for ever.
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    _ = ended => {}
                }
            });
        })?;
        Ok(Cloud { address, world, end: Some(end) })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Variables that lead the AWS SDKs and object stores here.
    pub fn variables(&self) -> Vec<(String, String)> {
        let url = self.url();
        let variables = [
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Its ECS.
    pub fn ecs(&self) -> MutexGuard<'_, Ecs> {
        lock(&self.world.ecs)
    }

    /// Its S3.
    pub fn s3(&self) -> MutexGuard<'_, S3> {
        lock(&self.world.s3)
    }

    /// Where the agent of a task is: `ECS_AGENT_URI`.
    pub fn agent(&self, task: &str) -> String {
        format!("{}{AGENTS}{task}", self.url())
    }

    /// Its Secrets Manager.
    pub fn secrets(&self) -> MutexGuard<'_, Secrets> {
        lock(&self.world.secrets)
    }

    /// The API that is told the capacity.
    pub fn platform(&self) -> MutexGuard<'_, Platform> {
        lock(&self.world.platform)
    }

    fn lambda(&self) -> MutexGuard<'_, Lambda> {
        lock(&self.world.lambda)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.end.take().map(|end| end.send(()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(world): State<Arc<World>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path().starts_with("/2018-06-01/runtime/") {
        return runtime::answer(&world, uri.path(), &body).await;
    }
    if let Some(task) = uri.path().strip_prefix(AGENTS) {
        return lock(&world.ecs).agent(task, &body);
    }
    if let Some(operation) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return match operation.starts_with("secretsmanager.") {
            true => lock(&world.secrets).answer(operation, &body),
            false => lock(&world.ecs).answer(operation, &body),
        };
    }
    if uri.path() == Platform::PATH {
        return lock(&world.platform).answer(&headers, &body);
    }
    let answered = lock(&world.s3).answer(&method, uri.path(), &headers, &body);
    answered.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, error.to_string()).into_response())
}

fn json(body: &[u8]) -> Result<serde_json::Value> {
    serde_json::from_slice(body).context("JSON")
}
