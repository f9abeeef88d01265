//! DNS: next hops that are host names (RFC 3263), and target lists that are kept in DNS.
//!
//! | file | what it does | I/O |
//! |---|---|---|
//! | `destination.rs` | a host name that a URI leads to | none |
//! | `lookup.rs` | what to ask next, and what the answers amount to | none |
//! | `known.rs` | what was found out, as workers read it | none |
//! | `room.rs` | messages that wait for an answer, or for news of their first try | none |
//! | `fleet.rs` | a target list from records | none |
//! | `asker.rs` | asks the servers | sockets |
//! | `run.rs` | the task between workers and asker | none of its own |
//! | `poll.rs` | the task that keeps the target list up to date | none of its own |
//!
//! A worker never waits: a message whose next hop is a name that is not known leaves it for [`Names`], and comes back to
//! routing when the answer is there.

mod asker;
mod destination;
mod fleet;
mod known;
mod lookup;
mod poll;
mod room;
mod run;

pub use asker::{Asker, AskerError};
pub use destination::{Destination, is_host_name};
pub use fleet::{FleetSource, Look, Taken};
pub use known::{Known, Missing, Rules, ServerId};
pub use lookup::{Able, Answer, Candidate, Family, Lookup, Outcome, Question, Record};
pub use poll::poll;
pub use room::{Held, Limits, Room};
pub use run::{Names, run};
