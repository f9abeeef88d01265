//! Tells customers' servers what happened, one after another, where the answer does not matter. Nobody waits for it.

use std::sync::Arc;
use std::time::SystemTime;

use settings::Secret;
use tokio::sync::mpsc::{Sender, channel};

use crate::fetch::Cookies;
use crate::live::Live;
use crate::webhook::Request;

/// So many wait at most: a server that is slower than what happens is not told all of it.
const MOST: usize = 256;

/// A line to a customer. What is in it is still told when this is dropped.
#[derive(Debug)]
pub struct Teller(Sender<Request>);

impl Teller {
    /// One whose requests are signed with this token.
    pub fn new(live: Arc<Live>, token: Secret) -> Self {
        let (sender, mut waiting) = channel::<Request>(MOST);
        let telling = live.telling.clone();
        telling.spawn(async move {
            while let Some(request) = waiting.recv().await {
                let told = live.fetcher.document(&request, &token, &Cookies::default()).await;
                live.metrics.fetched(told.is_ok());
                if let Err(problem) = told {
                    tracing::info!(why = problem.0, "a customer could not be told");
                }
            }
        });
        Teller(sender)
    }

    /// Tells something that happened now.
    pub fn tell(&self, mut request: Request) {
        // RFC 2822 writes the same zone otherwise than HTTP does.
        let now = httpdate::fmt_http_date(SystemTime::now()).replace("GMT", "+0000");
        request.parameters.push(("Timestamp".to_owned(), now));
        if self.0.try_send(request).is_err() {
            tracing::info!("a customer's server is too slow: it is not told all");
        }
    }
}
