//! SIP messages without I/O: bytes -> view -> edits -> bytes.
//!
//! A [`Message`] is an index of spans over the bytes that came in. Nothing is copied and nothing is normalised:
//! order, unknown header fields, case, compact names, folded lines, bytes that are no UTF-8 and bodies stay as they
//! are. What a header field means is read on demand ([`Uri`], [`Via`], [`NameAddr`], [`CSeq`]); what has to change is
//! noted in [`Edits`] and takes effect in one gather of slices, so that everything untouched leaves as it came.
//!
//! This crate must not contain: sockets, clocks, randomness, global state, or an allocation per message (the
//! [`Index`], [`Edits`] and output buffers are the caller's and are reused).
//!
//! | file | what it holds |
//! |---|---|
//! | `message.rs` | [`Message`], [`Index`], [`Field`]: the view |
//! | `access.rs` | the view's typed header fields |
//! | `name.rs`, `method.rs` | names of header fields and methods |
//! | `uri.rs`, `host.rs`, `via.rs`, `name_addr.rs`, `cseq.rs`, `params.rs` | typed values |
//! | `values.rs`, `scan.rs`, `block.rs` | comma-separated values, white space, quoted strings, searches |
//! | `edits.rs` | [`Edits`]: insert, replace, remove |
//! | `peek.rs` | [`peek_call_id`]: the Call-ID without the rest |
//! | `reply.rs` | [`Reply`]: responses made from a request (RFC 3261 8.2.6) |
//! | `write.rs` | numbers and addresses as text |
//! | `stream.rs` | [`stream::Framer`]: messages out of a byte stream (RFC 3261 18.3) |
#![forbid(unsafe_code)]

mod access;
mod block;
mod cseq;
mod edits;
mod error;
mod host;
mod message;
mod method;
mod name;
mod name_addr;
mod params;
mod peek;
mod reply;
mod scan;
pub mod stream;
mod uri;
mod values;
mod via;
mod write;

pub use cseq::CSeq;
pub use edits::Edits;
pub use error::Error;
pub use host::Host;
pub use message::{Field, Index, Limits, Message, RequestLine, StatusLine};
pub use method::Method;
pub use name::Name;
pub use name_addr::NameAddr;
pub use params::{Param, Params};
pub use peek::peek_call_id;
pub use reply::{Reply, Tag};
pub use uri::{Scheme, Uri};
pub use values::Values;
pub use via::{RawVia, Stamp, Via};
pub use write::{write_ip, write_number};
