//! Sound: PCMU over RTP in 20 ms packets, RFC 4733 digits, and how loud it was.
//!
//! All but [`port`] is arithmetic over bytes; the clock and the socket are in [`port`].

pub mod digits;
pub mod g711;
pub mod mp3;
pub mod port;
pub mod rtp;
pub mod sound;
pub mod stream;
pub mod wav;

pub use port::{MediaPort, Playing};
pub use sound::{Energy, Tone};
pub use stream::{AudioReport, Source, Stream};

/// Samples in one packet: 20 ms at 8000 Hz (RFC 3551 4.5.14).
pub const FRAME: usize = 160;

/// Samples per second of PCMU.
pub const RATE: f64 = 8000.0;
