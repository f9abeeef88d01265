//! Framing: the frames are the same however the stream is cut.

use sip::stream::{Frame, Framer};
use sip::{Index, Limits, Message};

/// Two limits, so that their errors are met too.
const NARROW: Limits = Limits { message_bytes: 400, fields: 8, line_bytes: 100 };

/// Checks everything about one byte stream.
pub fn stream(bytes: &[u8]) {
    for limits in [Limits::default(), NARROW] {
        let whole = frames(bytes, &limits, |_| usize::MAX);
        let mut seed =
            bytes.iter().fold(1u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        let by_chance = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1 + (seed >> 16) as usize % 40
        };
        assert_eq!(whole, frames(bytes, &limits, |_| 1));
        assert_eq!(whole, frames(bytes, &limits, |at| 1 + at % 5));
        assert_eq!(whole, frames(bytes, &limits, by_chance));
        in_order(bytes, &whole.0);
        whole.0.iter().flatten().for_each(|frame| reads(frame, &limits));
    }
}

/// The frames (`None` for a ping), whether the stream broke, and whether a message has begun at its end.
type Frames = (Vec<Option<Vec<u8>>>, bool, bool);

fn frames(mut bytes: &[u8], limits: &Limits, mut size: impl FnMut(usize) -> usize) -> Frames {
    let (mut framer, mut all, mut at) = (Framer::new(*limits), Vec::new(), 0);
    while !bytes.is_empty() {
        let (now, later) = bytes.split_at(size(at).min(bytes.len()));
        framer.push(now);
        (bytes, at) = (later, at + now.len());
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(frame))) => all.push(Some(frame.to_vec())),
                Ok(Some(Frame::Ping)) => all.push(None),
                Ok(None) => break,
                Err(_) => return (all, true, false),
            }
        }
    }
    let in_message = framer.is_in_message();
    (all, false, in_message)
}

/// Nothing is made up or left out but empty lines.
fn in_order(mut bytes: &[u8], frames: &[Option<Vec<u8>>]) {
    for frame in frames {
        let frame = frame.as_deref().unwrap_or(b"\r\n\r\n");
        let at =
            bytes.windows(frame.len()).position(|window| window == frame).expect("a frame is in the stream");
        assert!(bytes[..at].iter().all(|byte| b"\r\n".contains(byte)));
        bytes = &bytes[at + frame.len()..];
    }
}

fn reads(frame: &[u8], limits: &Limits) {
    let mut index = Index::new();
    let msg = Message::parse(frame, &mut index, limits).expect("a frame is a message");
    assert!(msg.defect().is_none() && frame.ends_with(msg.bytes()));
    assert_eq!(msg.body().map(<[u8]>::len).ok(), msg.content_length().ok().flatten());
}
