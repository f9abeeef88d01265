//! FreeSWITCH's Event Socket: a codec for both sides, commands that cannot be broken out of, and a client that stays
//! connected.
//!
//! Three layers, each of which can be used without those above it:
//!
//! 1. **Bytes.** [`FrameDecoder`] cuts what FreeSWITCH sends into [`Frame`]s, however the bytes come; an [`Event`] is one of
//!    them, read. [`Command`] is what a client sends. [`server`] is the same from FreeSWITCH's side, for stand-ins.
//! 2. **One connection.** [`Link`] logs in, keeps answers with their calls, and notices when the other side is gone. Bytes
//!    and the time go in, bytes and [`Outcome`]s come out.
//! 3. **A client over TCP** (`client`, behind the feature of that name): connects and connects again, and hands events out by
//!    a queue that never makes the reader wait.
//!
//! Layers 1 and 2 must not contain: sockets, clocks, randomness, global state.
//!
//! # Text in commands
//!
//! A command is a line, and headers; a line end in a caller's name would be the beginning of another command. Behind that
//! FreeSWITCH splits arguments at spaces, commas and semicolons, counts braces, takes quotes and backslashes away, and
//! replaces `${...}` by variables and by what API functions print. So no text goes into a command as a string: there is a
//! type for each place ([`Word`], [`VariableValue`], [`Argument`], [`DialString`], ...), which refuses what cannot be said
//! there, and is escaped when it is written. What FreeSWITCH makes of it was read in its sources (1.11) and is written down
//! again in `tests/model`, against which any text is tried.
//!
//! # Which format for events
//!
//! JSON. In the plain format FreeSWITCH encodes a `%` only if no two hexadecimal digits follow, so that a value `%41` cannot
//! be told from `A`; and it writes an empty value as `_undef_`.
//!
//! # Layout
//!
//! | file | what it holds |
//! |---|---|
//! | `block.rs`, `frame.rs` | [`FrameDecoder`], [`Frame`], [`Reply`], [`Limits`] |
//! | `event.rs`, `event/` | [`Event`]; reading and writing both formats |
//! | `text.rs`, `escape.rs` | text by the place where it stands, and how it is escaped |
//! | `command.rs`, `api.rs`, `originate.rs` | [`Command`], [`Api`], [`Originate`] |
//! | `server.rs` | FreeSWITCH's side |
//! | `link.rs`, `link/` | [`Link`], [`Outcome`], [`Reason`] |
//! | `reconnect.rs` | [`Backoff`], [`Memory`]: when to try again, and whether FreeSWITCH was restarted |
//! | `client.rs`, `client/` | the loop that owns the socket, and the queue of events |
//! | `error.rs` | [`Error`], [`Refused`] |
//!
//! # Example
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use esl::client::{Notice, Settings, client};
//! use esl::{
//!     Api, Argument, Command, DialString, Execute, Login, Name, Originate, Password, Subscription, Uuid, VariableName,
//!     VariableValue,
//! };
//!
//! let names = ["CHANNEL_PARK", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP_COMPLETE"].map(Name::new);
//! let login = Login {
//!     password: Password::new("ClueCon")?,
//!     subscription: Subscription { names: Result::from_iter(names)?, ..Subscription::default() },
//!     filters: Vec::new(),
//! };
//! let random = || 4; // from the operating system
//! let (client, mut inbox, driver) = client(Settings::new("127.0.0.1:8021", login), random);
//! tokio::spawn(driver.run());
//!
//! while let Some(notice) = inbox.next().await {
//!     match notice {
//!         // Whatever happened while nobody listened: ask.
//!         Notice::Up { .. } | Notice::Overflow { .. } => {
//!             let channels = client.api(Api::show_channels(), Duration::from_secs(10)).await?;
//!             println!("{}", channels.text);
//!         }
//!         Notice::Event(event) if event.name() == "CHANNEL_PARK" => {
//!             let channel = Uuid::new(event.unique_id().unwrap_or_default())?;
//!             let tone = Argument::new("tone_stream://%(300,0,500)")?;
//!             let play = Execute::new(channel, Name::new("playback")?, Some(tone));
//!             client.call(Command::Execute(play), Duration::from_secs(5)).await?.ok()?;
//!
//!             // Another call, with a name that nobody vouched for.
//!             let leg = Uuid::new("1a0afbca-b37f-4a98-a588-8ffa1ab3802a")?;
//!             let whom = DialString::sofia(&Name::new("external")?, "1294", "198.51.100.7:5060")?;
//!             let caller = VariableValue::new(event.header("Caller-Caller-ID-Name").unwrap_or_default())?;
//!             let call = Originate::new(&leg, whom)?
//!                 .variable(VariableName::new("origination_caller_id_name")?, caller)?
//!                 .variable(VariableName::new("originate_timeout")?, VariableValue::new("30")?)?;
//!             let (client, job) = (client.clone(), Uuid::new("68c1a1ca-af0b-4f1c-8f20-cb42218bd553")?);
//!             tokio::spawn(async move {
//!                 match client.bgapi(Api::originate(&call), job, Duration::from_secs(60)).await {
//!                     Ok(reply) => println!("{:?}", reply.ok()), // Ok(UUID) or Err("USER_BUSY")
//!                     Err(error) => println!("{error}"),
//!                 }
//!             });
//!         }
//!         Notice::Event(_) => (),
//!         Notice::Down(reason) => println!("{reason}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod api;
mod block;
#[cfg(feature = "client")]
pub mod client;
mod command;
mod error;
mod escape;
mod event;
mod frame;
mod link;
mod originate;
mod reconnect;
pub mod server;
mod text;

pub use api::{Api, Direction, Leg, Recording};
pub use block::Limits;
pub use command::{Command, Execute, Format, Subscription};
pub use error::{Error, Refused};
pub use event::Event;
pub use frame::{Frame, FrameDecoder, Kind, Reply};
pub use link::{CallError, Link, Login, Outcome, Reason, Ticket, Timing};
pub use originate::Originate;
pub use reconnect::{Backoff, Memory};
pub use text::{
    Argument, Cause, DialString, MOST_BYTES, Name, Password, Rest, Uuid, VariableName, VariableValue, Word,
};
