//! Callers who call in meanwhile, by the proxies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lab::media::Source;
use lab::phone::{CallPlan, Phone};
use lab::trace::Trace;
use tokio::task::{JoinHandle, JoinSet};

use super::history::Inbound;
use super::site::NUMBER;

/// How often somebody calls.
const EVERY: Duration = Duration::from_millis(400);

/// Callers at work.
pub struct Callers {
    over: Arc<AtomicBool>,
    task: JoinHandle<Vec<Inbound>>,
}

impl Callers {
    /// They call one proxy after the other, until they are told to finish.
    ///
    /// # Errors
    /// When there is no port for them.
    pub async fn start(proxies: Vec<SocketAddr>, began: Instant) -> Result<Self> {
        let phone = Phone::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &Trace::keeping(0)).await;
        let (phone, over) = (Arc::new(phone?), Arc::<AtomicBool>::default());
        let task = tokio::spawn(call(proxies, phone, began, Arc::clone(&over)));
        Ok(Self { over, task })
    }

    /// Nobody calls any more; what became of all calls.
    pub async fn finish(self) -> Vec<Inbound> {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.unwrap_or_default()
    }
}

async fn call(
    proxies: Vec<SocketAddr>,
    phone: Arc<Phone>,
    began: Instant,
    over: Arc<AtomicBool>,
) -> Vec<Inbound> {
    let (mut calls, mut proxies) = (JoinSet::new(), proxies.into_iter().cycle());
    while !over.load(Ordering::Relaxed)
        && let Some(proxy) = proxies.next()
    {
        let (phone, at) = (Arc::clone(&phone), began.elapsed());
        calls.spawn(async move {
            let plan = CallPlan { source: Source::Echo, ..CallPlan::new(proxy, NUMBER).script(Vec::new()) };
            match phone.call(plan).await.context("no port") {
                Ok(report) => {
                    let (completed, text) = (report.completed(), report.to_string());
                    let lines = text
                        .lines()
                        .take(5)
                        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
                    Inbound { began: at, completed, report: lines.collect::<Vec<_>>().join("; ") }
                }
                Err(error) => Inbound { began: at, completed: false, report: format!("{error:#}") },
            }
        });
        tokio::time::sleep(EVERY).await;
    }
    calls.join_all().await
}
