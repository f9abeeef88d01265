//! Which targets are alive: OPTIONS probes, and what calls tell by failing.
//!
//! | file | what it does |
//! |---|---|
//! | `standing.rs` | what is thought of one SIP port after each answer and each failure |
//! | `prober.rs` | who is asked when; pure: `now` is given, commands come out |
//! | `mark.rs` | what is thought, where it is read: by the table when it picks, by the admin port |
//! | `run.rs` | the task around the prober: sends, counts, logs |
//!
//! What a probe looks like, and how its answer is known again, is in `route/probe.rs`.

mod mark;
mod prober;
mod run;
mod standing;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};

use crate::pins::Signal;
use crate::table::Table;

pub use mark::{Condition, Mark};
pub use prober::{Change, Command, Probed, Prober, Reason};
pub use run::run;
pub use standing::Standing;

/// How many events may wait for the prober. What comes then is lost, as a datagram would be.
const MAX_EVENTS: usize = 16_384;

/// How targets are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Between two probes of one port.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// So many good probes in a row bring a port back that was down.
    pub rise: u32,
    /// So many failures in a row take it down.
    pub fall: u32,
    /// Each interval is up to this share longer or shorter, so that probes do not fall into step.
    pub jitter: f64,
    /// Status codes that do not count as an answer.
    pub failing: Vec<u16>,
}

/// The answer to a probe of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whom it came from.
    pub source: SocketAddr,
    /// Which port was asked.
    pub slot: u32,
    /// Which of all probes it answers.
    pub sequence: u32,
    /// The status code.
    pub code: u16,
}

/// What the prober is told by the rest of the proxy. Telling it never waits.
#[derive(Debug)]
pub struct Health {
    events: mpsc::Sender<Event>,
    list: watch::Sender<Arc<Vec<Probed>>>,
    marks: ArcSwap<FxHashMap<SocketAddr, Arc<Mark>>>,
    /// Ports of which anything bad is known.
    troubled: AtomicUsize,
    /// For the prober, which takes it once.
    inbox: Mutex<Option<Inbox>>,
}

#[derive(Debug)]
enum Event {
    Answer(Answer),
    Call(SocketAddr, Signal),
}

#[derive(Debug)]
struct Inbox {
    events: mpsc::Receiver<Event>,
    list: watch::Receiver<Arc<Vec<Probed>>>,
}

impl Default for Health {
    fn default() -> Self {
        let (events, inbox) = mpsc::channel(MAX_EVENTS);
        let (list, lists) = watch::channel(Arc::default());
        Health {
            events,
            list,
            marks: ArcSwap::default(),
            troubled: AtomicUsize::new(0),
            inbox: Mutex::new(Some(Inbox { events: inbox, list: lists })),
        }
    }
}

impl Health {
    /// A call told this about the target's port at this address. Where it got nothing, the port is suspect and probed
    /// at once, and down if that happens too often; any answer clears it. Good news of those of whom nothing bad is
    /// known costs a load.
    pub fn learn(&self, address: SocketAddr, signal: Signal) {
        let bad =
            || self.marks.load().get(&address).is_some_and(|mark| mark.condition() != Condition::Healthy);
        match signal {
            Signal::Silent | Signal::Unreachable => {}
            Signal::Answered if self.troubled.load(Ordering::Relaxed) > 0 && bad() => {}
            Signal::Answered => return,
        }
        let _ = self.events.try_send(Event::Call(address, signal));
    }

    /// The answer to a probe came.
    pub fn answer(&self, answer: Answer) {
        let _ = self.events.try_send(Event::Answer(answer));
    }

    /// These are the targets from now on. `port_names` are the listeners', in order: each port is probed from the first
    /// listener that sends calls to ports of its name.
    pub fn take_table(&self, table: &Table, port_names: &[String]) {
        let probed = table.endpoints().filter_map(|(port_name, place, endpoint)| {
            Some(Probed {
                target: table.targets().get(usize::from(place))?.id.clone(),
                port_name: port_name.to_owned(),
                address: endpoint.address,
                transport: endpoint.transport,
                listener: port_names.iter().position(|name| name == port_name)?,
                mark: Arc::clone(&endpoint.mark),
            })
        });
        let marks = table.endpoints().map(|(_, _, e)| (e.address, Arc::clone(&e.mark))).collect();
        self.marks.store(Arc::new(marks));
        self.list.send_replace(Arc::new(probed.collect()));
    }

    fn take_inbox(&self) -> Option<Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
