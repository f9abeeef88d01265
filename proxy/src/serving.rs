//! What works while the proxy carries calls: started together, and stopped together.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::task::JoinHandle as Task;

use crate::bind::Listenings;
use crate::live::Live;
use crate::worker::Worker;
use crate::{admin, stream};

/// Those that accept connections, and those that carry datagrams.
pub struct Serving {
    accepting: Vec<Task<()>>,
    admin: Task<()>,
    workers: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Starts them.
    pub fn start(live: &Arc<Live>, listenings: &Listenings) -> anyhow::Result<Self> {
        live.stopping.store(false, Ordering::Relaxed);
        let mut accepting = Vec::new();
        for listening in listenings.streams() {
            let (number, transport, socket) = listening.context("cannot accept connections")?;
            accepting.push(tokio::spawn(stream::accept(Arc::clone(live), number, transport, socket)));
        }
        let (for_admin, admin_port) = (Arc::clone(live), listenings.admin().context("admin.bind")?);
        let admin = tokio::spawn(async move {
            if let Err(error) = admin::serve(for_admin, admin_port).await {
                tracing::error!(%error, "the admin port is served no longer");
            }
        });
        Ok(Serving { accepting, admin, workers: start_workers(live)? })
    }

    /// Accepts no connections any more; those that are open go on.
    pub async fn stop_accepting(&mut self) {
        for task in self.accepting.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }

    /// Stops all of them. Messages that were received have been carried when this ends.
    pub async fn stop(mut self, live: &Arc<Live>) {
        self.stop_accepting().await;
        self.admin.abort();
        let _ = self.admin.await;
        live.stopping.store(true, Ordering::Relaxed);
        let (live, workers) = (Arc::clone(live), self.workers);
        let joined = tokio::task::spawn_blocking(move || {
            workers.into_iter().for_each(|worker| drop(worker.join()));
            // What they left for each other when one had stopped already.
            each_worker(&live, |listener, number| {
                Worker::new(Arc::clone(&live), listener, number).carry_mail()
            });
        });
        let _ = joined.await;
    }
}

fn each_worker(live: &Live, mut tell: impl FnMut(usize, usize)) {
    for listener in 0..live.sockets.len() {
        (0..live.config.workers).for_each(|number| tell(listener, number));
    }
}

fn start_workers(live: &Arc<Live>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut workers = Vec::new();
    each_worker(live, |listener, number| {
        let live = Arc::clone(live);
        let thread = std::thread::Builder::new().name(format!("udp-{listener}-{number}"));
        workers.push(thread.spawn(move || Worker::new(live, listener, number).run()));
    });
    workers.into_iter().collect::<Result<_, _>>().context("cannot start a worker")
}
