//! The proxy: a SIP-aware load balancer between carriers and FreeSWITCH.
//!
//! In the order that a message travels:
//!
//! | module | what it does |
//! |---|---|
//! | [`socket`], [`stream`] | the system calls of UDP; connections over TCP and TLS |
//! | [`worker`], [`steer`] | the loop; which worker a call belongs to |
//! | [`route`] | what becomes of a message, without I/O |
//! | [`pins`] | INVITEs that are under way, without I/O |
//! | [`table`], [`health`], [`load`] | who is there, how they are, and how full |
//! | [`dns`] | next hops that are names, and target lists kept in DNS |
//! | [`access`], [`guard`] | who may call, and how often |
//! | [`capture`] | a mirror for a collector |
//!
//! Beside them: [`watch`] and [`fetch`] (lists from files and URLs), [`drains`] (what operators drain by hand), [`admin`], [`metrics`], [`log`],
//! [`config`], [`keys`] and [`networks`]. [`live`] is what all of them share; [`bind`], [`serving`], [`handover`] and
//! [`mod@run`] set them going and stop them.

pub mod access;
pub mod admin;
pub mod bind;
pub mod capture;
pub mod config;
pub mod dns;
pub mod drains;
pub mod fetch;
pub mod guard;
pub mod handover;
pub mod health;
pub mod keys;
pub mod live;
pub mod load;
pub mod log;
pub mod metrics;
pub mod networks;
pub mod pace;
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
