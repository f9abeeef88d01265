//! What a history's bytes say: steps, each with a message that may speak of what the proxy sent before.
//!
//! The first byte chooses the settings. Then come steps, with a byte 1E between them: three bytes (who sends, how, what
//! time passes before; digits in the corpus), then the message. In it a byte 1F and a letter stand for a part of the
//! request that the proxy sent last, so that answers, ACKs and requests of dialogs come about that no mutation would
//! ever guess: branches and tokens are signed.

use std::net::SocketAddr;
use std::time::Duration;

use proxy::route::Transport;

/// Between two steps.
pub const NEXT: u8 = 0x1E;
/// Before a letter that stands for a part of what was sent.
pub const PART: u8 = 0x1F;

/// More are not played: what a history can show, it shows in so many.
const MOST_STEPS: usize = 24;
/// A message grows no further by its parts.
const MOST_BYTES: usize = 16 * 1024;

/// Who sends: carriers, targets, a target that was never listed, a stranger, a carrier's phone behind a NAT, a target
/// whose address is written as IPv6, ourselves, this machine.
const SOURCES: [&str; 11] = [
    "175.100.32.29:5060",
    "10.10.1.21:5060",
    "10.10.1.22:5060",
    "10.10.1.23:5060",
    "10.10.1.99:5062",
    "198.51.100.66:5060",
    "175.100.32.77:40123",
    "[::ffff:10.10.1.21]:5060",
    "10.10.1.162:5060",
    "127.0.0.1:5060",
    "[2001:db8::9]:5060",
];

const PAUSES: [u64; 8] = [0, 10, 100, 600, 1_100, 5_000, 40_000, 200_000];

/// One step.
pub struct Step<'a> {
    pub event: Event,
    pub pause: Duration,
    pub message: &'a [u8],
    source: usize,
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A message comes to a listener.
    Comes(usize, Transport, bool),
    /// What was sent last comes back as undeliverable.
    CameBack,
    /// The target that was sent something last is down.
    Down,
    /// All targets are well.
    Up,
    /// Another list of targets is in force.
    OtherList,
}

impl Step<'_> {
    /// Who sends: whoever was sent something last, or somebody of the list.
    pub fn source(&self, last: Option<SocketAddr>) -> SocketAddr {
        let listed = || SOURCES.get(self.source).and_then(|text| text.parse().ok());
        listed().or(last).unwrap_or_else(|| SocketAddr::from(([192, 0, 2, 1], 5060)))
    }
}

/// The settings' number, and the steps.
pub fn read(bytes: &[u8]) -> (u8, impl Iterator<Item = Step<'_>>) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    (first.wrapping_sub(b'0'), rest.split(|byte| *byte == NEXT).take(MOST_STEPS).filter_map(step))
}

fn step(bytes: &[u8]) -> Option<Step<'_>> {
    let ([source, way, pause], message) = bytes.split_first_chunk()?;
    let [source, way, pause] = [source, way, pause].map(|byte| usize::from(byte.wrapping_sub(b'0')));
    let event = match way % 9 {
        0 => Event::Comes(0, Transport::Udp, false),
        1 => Event::Comes(1, Transport::Udp, false),
        2 => Event::Comes(0, Transport::Tcp, false),
        3 => Event::Comes(1, Transport::Tls, false),
        4 => Event::Comes(0, Transport::Udp, true),
        5 => Event::CameBack,
        6 => Event::Down,
        7 => Event::Up,
        _ => Event::OtherList,
    };
    let pause = PAUSES.get(pause % PAUSES.len()).copied().unwrap_or_default();
    // One more than there are: the one that was sent something last.
    Some(Step { event, pause: Duration::from_millis(pause), message, source: source % (SOURCES.len() + 1) })
}

/// The message with its parts in place: `v` Via lines, `r` Route as the caller has it, `R` as the callee, `b` the
/// topmost branch, `d` the token, `i` From, Call-ID and CSeq lines, `t` the To line without its end.
pub fn with_parts(message: &[u8], sent: &[u8]) -> Vec<u8> {
    let mut pieces = message.split(|byte| *byte == PART);
    let mut all = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let Some((letter, rest)) = piece.split_first() else { continue };
        match letter {
            b'v' => lines(sent, &["via:"]).for_each(|line| all.extend_from_slice(line)),
            b'i' => lines(sent, &["from:", "call-id:", "cseq:"]).for_each(|line| all.extend_from_slice(line)),
            b't' => lines(sent, &["to:"]).for_each(|line| all.extend_from_slice(line.trim_ascii_end())),
            b'R' => lines(sent, &["record-route:"]).for_each(|line| route(line, &mut all)),
            b'r' => {
                let lines: Vec<_> = lines(sent, &["record-route:"]).collect();
                lines.iter().rev().for_each(|line| route(line, &mut all));
            }
            b'b' => all.extend_from_slice(behind(sent, b"branch=")),
            b'd' => all.extend_from_slice(behind(sent, b";did=")),
            _ => {}
        }
        all.extend_from_slice(rest);
        all.truncate(MOST_BYTES);
    }
    all
}

/// The lines of a head that begin so, in any case.
fn lines<'a>(head: &'a [u8], starts: &'a [&str]) -> impl Iterator<Item = &'a [u8]> {
    let begins = |line: &[u8], start: &str| {
        line.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes()))
    };
    head.split_inclusive(|byte| *byte == b'\n')
        .filter(move |line| starts.iter().any(|start| begins(line, start)))
}

fn route(record_route: &[u8], all: &mut Vec<u8>) {
    all.extend_from_slice(record_route.get(b"Record-".len()..).unwrap_or_default());
}

/// What stands behind the first `name`, up to what ends a parameter.
fn behind<'a>(text: &'a [u8], name: &[u8]) -> &'a [u8] {
    let at = text.windows(name.len()).position(|window| window == name).map(|at| at + name.len());
    let value = at.and_then(|at| text.get(at..)).unwrap_or_default();
    value.split(|byte| b";>, \r\n".contains(byte)).next().unwrap_or_default()
}
