//! The proxy: a SIP-aware load balancer between carriers and FreeSWITCH.
//!
//! In the order that a datagram travels: [`socket`] (the system calls) -> [`worker`] (the loop) -> [`route`] (what
//! becomes of it, without I/O; [`pins`] remember INVITEs that are under way) -> [`worker`] -> wire. Where there are several workers, [`steer`] keeps each call on one. Beside it [`stream`] (TCP, TLS), [`table`] (who is there), [`watch`]
//! (the target list), [`access`] (who may call), [`guard`] (how often), [`capture`] (a mirror for a collector), [`admin`] (health, metrics, targets), [`metrics`], [`log`] and [`config`]; [`live`] is what all of
//! them share, and [`mod@run`] sets them going.

pub mod access;
pub mod admin;
pub mod bind;
pub mod capture;
pub mod config;
pub mod drains;
pub mod guard;
pub mod handover;
pub mod health;
pub mod keys;
pub mod live;
pub mod log;
pub mod metrics;
pub mod networks;
pub mod pins;
pub mod route;
pub mod run;
pub mod serving;
pub mod socket;
pub mod steer;
pub mod stream;
pub mod table;
pub mod watch;
pub mod worker;

pub use run::run;
