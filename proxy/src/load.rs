//! How full the targets are, by their own account: what `dispatch.policy = "least-loaded"` chooses by.
//!
//! | file | what it does |
//! |---|---|
//! | `figures.rs` | what a target's controller says at `GET /load` |
//! | `gauge.rs` | what is left of it where a target is chosen: two atomics that the table shares |
//! | `run.rs` | the task that asks |
//!
//! Who is chosen by them is in `table/choose.rs`.

mod figures;
mod gauge;
mod run;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::table::Table;

pub use figures::Figures;
pub use gauge::{Gauge, Known};
pub use run::run;

/// Which port of a target tells how full it is.
pub const PORT: &str = "control";

/// `[load]`: how targets are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Between two questions to one target.
    pub poll: Duration,
    /// How long an answer may take, whole.
    pub timeout: Duration,
    /// Each interval is up to this share longer or shorter.
    pub jitter: f64,
    /// Figures that are older are not used.
    pub stale: Duration,
}

/// Whom the task asks.
#[derive(Debug, Default)]
pub struct Load {
    list: watch::Sender<Arc<Vec<Polled>>>,
}

/// A target that says how full it is.
#[derive(Debug, Clone)]
struct Polled {
    target: String,
    address: SocketAddr,
    gauge: Arc<Gauge>,
}

impl Load {
    /// These are the targets from now on.
    pub fn take_table(&self, table: &Table) {
        let polled = table.gauges().filter_map(|(target, gauge)| {
            Some(Polled { target: target.id.clone(), address: gauge.address?, gauge: Arc::clone(gauge) })
        });
        self.list.send_replace(Arc::new(polled.collect()));
    }
}
