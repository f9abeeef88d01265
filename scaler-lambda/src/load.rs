//! How many calls tasks have, by their controllers' own account (`GET /load`): a hint for who leaves. Where the scaler does not
//! reach them, as a Lambda outside the VPC, nobody is asked.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::facts::{Stage, Task};

/// How long an answer may take, and how much it may say.
const TIMEOUT: Duration = Duration::from_secs(1);
const MOST: usize = 4096;

#[derive(Deserialize)]
struct Said {
    sessions: u64,
}

/// Notes how many calls each task that runs has, as far as it says: all are asked at once, on this port.
pub async fn look(tasks: &mut [Task], port: u16) {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let mut asked = JoinSet::new();
    for (place, task) in tasks.iter().enumerate().filter(|(_, task)| task.stage == Stage::Running) {
        let Some(address) = task.address else { continue };
        let (client, address) = (client.clone(), SocketAddr::new(address, port));
        asked.spawn(async move {
            let answer = tokio::time::timeout(TIMEOUT, sessions(&client, address)).await;
            (
                place,
                answer.unwrap_or_else(|_| Err(format!("expected an answer within {TIMEOUT:?}, found none"))),
            )
        });
    }
    while let Some(answered) = asked.join_next().await {
        let Ok((place, sessions)) = answered else { continue };
        let Some(task) = tasks.get_mut(place) else { continue };
        match sessions {
            Ok(sessions) => task.sessions = Some(sessions),
            Err(error) => tracing::warn!(task = task.arn, error, "it does not say how many calls it has"),
        }
    }
}

async fn sessions(client: &Client<HttpConnector, Empty<Bytes>>, address: SocketAddr) -> Result<u64, String> {
    let url: Uri = format!("http://{address}/load").parse().map_err(|_| "expected an address of HTTP")?;
    let answer = client.get(url).await.map_err(|error| https::with_causes(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(format!("expected an answer of 200, found {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(|error| https::with_causes(&*error))?.to_bytes();
    let said: Said = serde_json::from_slice(&body).map_err(|error| format!("expected figures: {error}"))?;
    Ok(said.sessions)
}
