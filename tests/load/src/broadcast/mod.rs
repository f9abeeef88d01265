//! The night of the flood: thousands of calls are to be made while what makes them is killed and added to.
//!
//! The platform's stand-in asks several controllers, each with a stand-in FreeSWITCH, for calls over several trunks. Some
//! callees are busy, some let it ring, some do not exist, some have a carrier that is broken or dead. Controllers and
//! proxies are killed and started again meanwhile, and one is added. What must hold then is in `verdict.rs`.
//!
//! | file | what it holds |
//! |---|---|
//! | `site.rs` | everybody who takes part |
//! | `queue.rs` | the platform's queue: asks until a call is made |
//! | `deeds.rs` | what is done to the system, and when |
//! | `inbound.rs` | callers who call in meanwhile |
//! | `history.rs`, `verdict.rs` | what was seen, and what of it is not as it must be |
//! | `report.rs` | the page with plots |

mod deeds;
pub mod history;
mod inbound;
pub(crate) mod queue;
mod report;
mod site;
pub mod verdict;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lab::platform::State;

use crate::system;
use deeds::Deeds;
use history::{Call, History};
use inbound::Callers;
use queue::{Queue, Wanted};
use site::{Site, Way};

/// The trunks: calls at once, and calls that begin in a second. What holds calls back is the one for some, the other for
/// others.
const WAYS: [Way; 4] = [("trunk A", 60, 20), ("trunk B", 40, 10), ("trunk C", 24, 15), ("trunk D", 80, 25)];

/// Asks that the platform has under way at once.
const WORKERS: usize = 16;

/// How long nothing may happen before it is given up.
const STUCK: Duration = Duration::from_secs(60);

/// A night as it is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls to make.
    pub calls: usize,
    /// How many come due in a minute.
    pub per_minute: u32,
    /// Controllers in the beginning, each with its FreeSWITCH.
    pub controllers: usize,
    /// Proxies.
    pub proxies: usize,
    /// How often a controller is killed.
    pub kills: u32,
    /// The page to write.
    pub report: Option<PathBuf>,
    /// Where the controllers' logs are to be put.
    pub logs: Option<PathBuf>,
    /// What decides whom the queue asks.
    pub seed: u64,
}

/// Lives through a night, prints how it goes, and says whether all was as it must be.
///
/// # Errors
/// When something does not start, or the report cannot be written.
pub fn run(options: &Options) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let history = runtime.block_on(night(options))?;
    let faults = verdict::faults(&history);
    println!("\n{}", report::text(&history));
    if let Some(file) = &options.report {
        let page = report::page(&history, &faults, &system::machine(), &system::today());
        std::fs::write(file, page).with_context(|| file.display().to_string())?;
        println!("The report is in {}.", file.display());
    }
    faults.iter().take(20).for_each(|fault| println!("  wrong: {fault}"));
    match faults.len() {
        0 => println!(
            "PASS: every call has one final status, nobody was called twice, no trunk was over its limit."
        ),
        many => println!("FAIL: {many} things were not as they must be."),
    }
    Ok(faults.is_empty())
}

async fn night(options: &Options) -> Result<History> {
    let mut site = Site::start(options.controllers, options.proxies, &WAYS).await?;
    let spread = Duration::from_secs_f64(options.calls as f64 * 60.0 / f64::from(options.per_minute.max(1)));
    println!(
        "{} calls within {:.0} s over {} trunks, by {} controllers; {} proxies before them",
        options.calls,
        spread.as_secs_f64(),
        WAYS.len(),
        options.controllers,
        options.proxies
    );
    let began = Instant::now();
    let wanted = wanted(&site, options.calls);
    let queue = Queue::new(Arc::clone(&site.platform), wanted, spread, began, options.seed);
    site.apis().into_iter().for_each(|api| queue.add(api));
    for _ in 0..WORKERS {
        tokio::spawn(Arc::clone(&queue).work());
    }
    let stalls = Arc::<Mutex<Vec<_>>>::default();
    let looking = tokio::spawn(look(began, Arc::clone(&stalls)));
    let callers = Callers::start(site.front(), began).await?;
    let deeds = Deeds::plan(spread, options.kills, options.controllers, options.proxies);
    let mut watch = Watch { began, ended: HashMap::new(), changed: began, known: (0, 0), told: began };
    let marks = watch.through(&mut site, &queue, deeds).await?;
    let inbound = callers.finish().await;
    watch.records(&site);
    if let Some(directory) = &options.logs {
        site.write_logs(directory)?;
    }
    let (mut calls, mut faults) = queue.calls();
    site.platform.look(|state| {
        calls.iter_mut().for_each(|call| watch.complete(call, state));
        faults.extend(state.faults.iter().cloned());
    });
    looking.abort();
    let stalls = stalls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let trunks = site.trunks(began);
    Ok(History { calls, trunks, inbound, marks, faults, stalls, lasted: began.elapsed() })
}

/// Notes when this program did not get to look at anything for longer than that.
async fn look(began: Instant, stalls: Arc<Mutex<Vec<(Duration, Duration)>>>) {
    const STALL: Duration = Duration::from_millis(15);
    loop {
        let from = began.elapsed();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let to = began.elapsed();
        if to.saturating_sub(from) > STALL {
            stalls.lock().unwrap_or_else(PoisonError::into_inner).push((from, to));
        }
    }
}

/// Whom to call: one number for each call, and all trunks alike.
fn wanted(site: &Site, calls: usize) -> Vec<Wanted> {
    let carriers = site.carriers();
    let call = |number: usize| {
        let trunk = number % carriers.len().max(1);
        let seconds = 1 + number % 3;
        Some(Wanted {
            // However few there are, all kinds are among them.
            number: format!("855{trunk}{:06}", number / carriers.len().max(1) * 37 % 1_000_000),
            carrier: *carriers.get(trunk)?,
            document: format!("<Response><Pause length=\"{seconds}\"/><Hangup/></Response>"),
        })
    };
    (0..calls).filter_map(call).collect()
}

/// Looks on.
struct Watch {
    began: Instant,
    /// When the record of each call came.
    ended: HashMap<String, Duration>,
    /// When something happened last.
    changed: Instant,
    /// Calls made, and ended, by then.
    known: (usize, usize),
    /// When it was told how it goes.
    told: Instant,
}

impl Watch {
    /// Until all is over, or nothing happens any more. What was done meanwhile.
    async fn through(
        &mut self,
        site: &mut Site,
        queue: &Queue,
        mut deeds: Deeds,
    ) -> Result<Vec<history::Mark>> {
        loop {
            self.records(site);
            deeds.act(site, queue, self.began).await?;
            let (now, (made, due)) = (Instant::now(), queue.made());
            if (made, self.ended.len()) != self.known {
                (self.known, self.changed) = ((made, self.ended.len()), now);
            }
            if now.duration_since(self.told) >= Duration::from_secs(1) {
                self.told = now;
                self.tell(site, made, due);
                if deeds.is_done() && self.is_over(site, queue) {
                    break;
                }
                if now.duration_since(self.changed) >= STUCK {
                    println!("nothing has happened for {} s", STUCK.as_secs());
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(deeds.marks)
    }

    /// Hands the platform what FreeSWITCH has recorded of calls.
    fn records(&mut self, site: &Site) {
        for record in site.nodes.iter().flat_map(|node| node.switch.take_records()) {
            // What nobody has claimed is nobody's: the platform takes no notice of it.
            if !record.iter().any(|(name, _)| name == "record_cdr") {
                continue;
            }
            site.platform.record(&record);
            let sid = record.iter().find(|(name, _)| name == "sip_h_X-Somleng-CallSid");
            if let Some((_, sid)) = sid {
                self.ended.entry(sid.clone()).or_insert(self.began.elapsed());
            }
        }
    }

    fn tell(&self, site: &Site, made: usize, due: usize) {
        println!(
            "{:>6.1} s  {made} made, {due} wait, {} legs, {} ended",
            self.began.elapsed().as_secs_f64(),
            site.sessions(),
            self.ended.len()
        );
    }

    /// Whether the platform was told of the end of every call.
    fn is_over(&self, site: &Site, queue: &Queue) -> bool {
        let (calls, _) = queue.calls();
        let is_told = |state: &State, call: &Call| {
            let told = state.calls.get(&call.sid);
            call.made.is_some()
                && told.is_some_and(|call| {
                    call.records > 0 && call.events.iter().any(|event| event == "completed")
                })
        };
        site.platform.look(|state| calls.iter().all(|call| is_told(state, call)))
    }

    /// What the platform knows of a call.
    fn complete(&self, call: &mut Call, state: &State) {
        call.ended = self.ended.get(&call.sid).copied();
        if let Some(known) = state.calls.get(&call.sid) {
            (call.records, call.status) = (known.records, known.status);
            call.events.clone_from(&known.events);
        }
    }
}
