//! The benchmark of the controller: what a call costs it in memory and time, against the targets.
//!
//! The stand-in for FreeSWITCH has no sound here, and is in this program; a real one is measured where there is one.
//!
//! | file | what it holds |
//! |---|---|
//! | `site.rs` | the controller before its switch, and calls by the thousand |
//! | `targets.rs` | what is to be reached |

mod site;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::{markdown, table, targets::rows};
use crate::histogram::Histogram;
use crate::system;
use site::Site;
pub use targets::Figures;

/// Sounds that each call plays; their gaps are one less.
const SOUNDS: usize = 4;

/// Calls that are made before anything is measured.
const WARM: u32 = 200;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls in progress at once.
    pub held: u32,
    /// Calls per second.
    pub rate: u32,
    /// How many are made at that rate.
    pub calls: u32,
    /// Calls that a real FreeSWITCH has at once, if there is one.
    pub real: u32,
    /// The Markdown file that gets the result.
    pub out: Option<PathBuf>,
}

/// Measures, prints, writes; says whether the targets are met.
///
/// # Errors
/// Something does not start, or calls are not made.
pub fn bench(options: &Options) -> Result<bool> {
    let load = system::load_average();
    println!("{}; load average {load}", system::machine());
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures mean nothing. Use `cargo build --release`.");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(options))?;
    let verdicts = figures.verdicts();
    println!("\n{}", table::text(&rows(&verdicts)));
    if let Some(file) = &options.out {
        let words = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        let text = format!(
            "Measured on {}: {}; load average before it {load}.\n\n    load {words}\n\n{}",
            system::today(),
            system::machine(),
            table::markdown(&rows(&verdicts))
        );
        markdown::write_as("controller-bench", file, &text).with_context(|| file.display().to_string())?;
        println!("written to {}", file.display());
    }
    Ok(verdicts.iter().all(|verdict| verdict.holds))
}

async fn measure(options: &Options) -> Result<Figures> {
    let mut figures = Figures { held: options.held, rate: options.rate, ..Figures::default() };
    let site = Site::start().await?;
    site.make(&site::talk(SOUNDS), WARM, 50).await?;
    site.none_left().await?;
    let before = site.memory();
    site.make("<Response><Gather timeout=\"3600\"/></Response>", options.held, 400).await?;
    site.all_talk(options.held).await?;
    figures.bytes_per_call = (site.memory() as f64 - before as f64) / f64::from(options.held.max(1));
    println!("{} calls in progress: {:.0} bytes each", options.held, figures.bytes_per_call);
    site.end_all().await?;
    drop(site);

    let site = Site::start().await?;
    site.make(&site::talk(SOUNDS), WARM, 50).await?;
    site.none_left().await?;
    drop(site.switch.take_gaps());
    // What is remembered of calls that have ended has its full size after two thirds.
    let first = options.calls * 2 / 3;
    site.make(&site::talk(SOUNDS), first, options.rate).await?;
    site.none_left().await?;
    let before = site.memory();
    let began = std::time::Instant::now();
    site.make(&site::talk(SOUNDS), options.calls - first, options.rate).await?;
    figures.reached = f64::from(options.calls - first) / began.elapsed().as_secs_f64();
    site.none_left().await?;
    figures.growth_per_call =
        (site.memory() as f64 - before as f64) / f64::from((options.calls - first).max(1));
    let mut gaps = Histogram::new();
    for gap in site.switch.take_gaps() {
        gaps.record(u64::try_from(gap.as_micros()).unwrap_or(u64::MAX));
    }
    figures.gaps = gaps.count();
    figures.expected_gaps = u64::from(options.calls) * (SOUNDS as u64 - 1);
    (figures.p50_ms, figures.p99_ms) = (ms(gaps.quantile(0.5)), ms(gaps.quantile(0.99)));
    println!(
        "{} calls at {:.0} calls/s: p99 {:.2} ms between verbs",
        options.calls, figures.reached, figures.p99_ms
    );
    drop(site);

    figures.cpu = site::against_freeswitch(options.real, Duration::from_secs(20)).await?;
    Ok(figures)
}

fn ms(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}
