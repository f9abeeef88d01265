//! What both ends of a call need to speak SIP: reading, writing, dialogs and retransmission.
//!
//! No socket, clock or randomness in here: callers hand in bytes, `now` and [`Ids`].

pub mod compose;
pub mod dialog;
pub mod ids;
pub mod incoming;
pub mod resend;
pub mod respond;
pub mod sdp;

pub use compose::Draft;
pub use dialog::Dialog;
pub use ids::Ids;
pub use incoming::{Incoming, Start};
pub use resend::{Due, Resend};

/// The methods that telephone and machines understand, for `Allow`.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, NOTIFY";

/// Media type of a session description (RFC 8866).
pub const SDP: &str = "application/sdp";

/// Which end of a call: the one that sent the INVITE, or the one that it reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The telephone, in most calls.
    Caller,
    /// The answering machine, in most calls.
    Callee,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Side::Caller { "caller" } else { "callee" })
    }
}
