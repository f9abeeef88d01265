//! The task that asks: each target by itself, so that one that hangs keeps no other waiting.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Uri;
use rustc_hash::FxHashMap;
use tokio::task::JoinHandle;

use super::figures::MOST;
use super::{Figures, Polled, Rules};
use crate::fetch::Web;
use crate::live::Live;
use crate::table::Policy;

/// Asks until the process ends; not at all where nobody chooses by the answers.
pub async fn run(live: Arc<Live>) {
    if live.config.choice.policy != Policy::LeastLoaded {
        return;
    }
    let web = match Web::plain(MOST) {
        Ok(web) => web,
        Err(error) => return tracing::error!(error, "targets cannot be asked how full they are"),
    };
    let mut lists = live.load.list.subscribe();
    let mut asked: FxHashMap<(String, SocketAddr), JoinHandle<()>> = FxHashMap::default();
    loop {
        let list = Arc::clone(&lists.borrow_and_update());
        let mut before = std::mem::take(&mut asked);
        for polled in list.iter() {
            // Its gauge is the one that it had: the table takes it along.
            let key = (polled.target.clone(), polled.address);
            let task = before.remove(&key);
            let task = task.unwrap_or_else(|| {
                tokio::spawn(ask_again_and_again(Arc::clone(&live), polled.clone(), web.clone()))
            });
            asked.insert(key, task);
        }
        before.into_values().for_each(|task| task.abort());
        if lists.changed().await.is_err() {
            return;
        }
    }
}

async fn ask_again_and_again(live: Arc<Live>, polled: Polled, web: Web) {
    let rules = &live.config.load;
    let (target, mut failed, mut closed) = (&polled.target, false, false);
    // Spread over a whole interval, whatever came together.
    tokio::time::sleep(rules.poll.mul_f64(fraction())).await;
    loop {
        match ask(rules, polled.address, &web).await {
            Ok(figures) => {
                if std::mem::replace(&mut closed, !figures.accepting) == figures.accepting {
                    tracing::info!(
                        target,
                        accepting = figures.accepting,
                        "what its controller says of new calls"
                    );
                }
                if std::mem::take(&mut failed) {
                    tracing::info!(target, "it says again how full it is");
                }
                live.metrics.load_polled(true);
                polled.gauge.take(figures, Live::now());
            }
            Err(error) => {
                live.metrics.load_polled(false);
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!(target, address = %polled.address, error, "it does not say how full it is");
                }
            }
        }
        let share = 1.0 + rules.jitter * (2.0 * fraction() - 1.0);
        tokio::time::sleep(rules.poll.mul_f64(share.max(0.0))).await;
    }
}

async fn ask(rules: &Rules, address: SocketAddr, web: &Web) -> Result<Figures, String> {
    let url: Uri = format!("http://{address}/load").parse().map_err(|_| "expected an address of HTTP")?;
    let answer = async { Figures::from_json(&web.get(&url).await?) };
    let late = |_| Err(format!("expected an answer within {:?}, found none", rules.timeout));
    tokio::time::timeout(rules.timeout, answer).await.unwrap_or_else(late)
}

/// A number from 0 to 1, another one each time.
fn fraction() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}
