//! Callers, proxies and targets over a network that loses, doubles, delays and reorders, with a clock of their own.
//!
//! A seed chooses everything: how many take part, what they do, what is lost, who dies, which lists come. The same seed
//! is the same history, to the last byte. The proxies are the real core ([`proxy::route::Router::route_pinned`] and
//! [`proxy::pins::Pins`]); everything else is written here after RFC 3261 and shares no code with it.
//!
//! | file | what it holds |
//! |---|---|
//! | `scenario.rs` | what a seed chooses |
//! | `context.rs` | clock, network, record |
//! | `world.rs` | who is there; the loop; what goes wrong |
//! | `links.rs` | connections that break |
//! | `caller.rs`, `target.rs`, `target/bye.rs` | the two ends of a call (17.1, 17.2, 13.2, 13.3) |
//! | `stranger.rs` | who has no business here |
//! | `node.rs` | a proxy: the core and what it is fed with |
//! | `node/streams.rs`, `node/names.rs` | its connections; next hops that are names |
//! | `watch.rs` | what a proxy may send, judged by what it was told |
//! | `ledger.rs` | what is known of each call, and what excuses it |
//! | `spread.rs` | apart from all this: how calls spread over targets, by the proxy's table |
//! | `message.rs`, `rng.rs`, `ladder.rs` | SIP as text, dice, pictures |
//!
//! README.md beside this crate says what must hold and what excuses a call.
#![allow(
    clippy::indexing_slicing,
    reason = "places come from the lists that they index; a mistake here fails a test"
)]
#![forbid(unsafe_code)]

mod caller;
mod context;
mod ladder;
mod ledger;
mod links;
mod message;
mod node;
mod rng;
mod scenario;
pub mod spread;
mod stranger;
mod target;
mod watch;
mod world;

pub use context::Seen;

/// One history.
#[derive(Debug)]
pub struct History {
    /// What was seen.
    pub seen: Seen,
    /// The promise that was broken, with the lines of its call and how to replay it.
    pub breach: Option<String>,
    /// What the seed chose.
    pub scenario: String,
    /// All that was sent, one line each; empty unless it was asked for.
    pub trace: String,
}

/// Lets the history of a seed happen.
pub fn run(seed: u64, trace: bool) -> History {
    let mut world = world::World::new(seed);
    world.run();
    let context = &world.context;
    let report = |breach: &context::Breach| ladder::report(&context.scenario, breach, &context.record);
    History {
        seen: context.seen,
        breach: context.breach.as_ref().map(report),
        scenario: format!("{:?}", context.scenario),
        trace: if trace { ladder::draw(&context.record, None, usize::MAX) } else { String::new() },
    }
}
