//! One leg's sound: 20 ms frames out, packets and digits in.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::media::digits::{Ear, Keypad};
use crate::media::rtp::{self, Packet};
use crate::media::{FRAME, g711};

/// Samples of a leg that wait to be recorded; older ones are forgotten.
const MOST_WAITING: usize = 8000;

#[derive(Debug)]
pub(super) struct Media {
    pub(super) peer: Option<SocketAddr>,
    pub(super) keypad: Keypad,
    ear: Ear,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    sent: u64,
    pub(super) received: u64,
    /// What was heard and not recorded yet.
    heard: VecDeque<i16>,
    /// What was passed on from a bridge and not recorded yet.
    said: VecDeque<i16>,
    /// What was heard and not mixed yet, in a conference.
    voice: Option<VecDeque<i16>>,
}

/// What a packet held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    /// A key, and how long it was pressed, in samples.
    Key(char, u16),
}

impl Media {
    pub(super) fn new(ssrc: u32) -> Self {
        Media {
            peer: None,
            keypad: Keypad::default(),
            ear: Ear::default(),
            sequence: 0,
            timestamp: ssrc,
            ssrc,
            sent: 0,
            received: 0,
            heard: VecDeque::new(),
            said: VecDeque::new(),
            voice: None,
        }
    }

    /// Takes in a packet. FreeSWITCH sends RTP to where RTP comes from.
    pub(super) fn hear(&mut self, packet: &Packet<'_>, source: SocketAddr) -> Heard {
        self.peer = Some(source);
        self.received += 1;
        match packet.payload_type {
            rtp::PCMU => {
                keep(&mut self.heard, packet.payload);
                if let Some(voice) = &mut self.voice {
                    keep(voice, packet.payload);
                }
            }
            rtp::EVENTS => {
                let before = self.ear.digits().len();
                self.ear.hear(packet.payload, packet.timestamp);
                if let (true, Some(key)) =
                    (self.ear.digits().len() > before, self.ear.digits().chars().last())
                {
                    let duration = packet.payload.get(2..4).and_then(|pair| pair.try_into().ok());
                    return Heard::Key(key, duration.map_or(0, u16::from_be_bytes));
                }
            }
            _ => {}
        }
        Heard::Nothing
    }

    /// What was heard in the last 20 ms, filled up with silence.
    pub(super) fn take_heard(&mut self) -> [i16; FRAME] {
        take(&mut self.heard)
    }

    /// What was passed on in the last 20 ms, filled up with silence.
    pub(super) fn take_said(&mut self) -> [i16; FRAME] {
        take(&mut self.said)
    }

    /// From now on what is heard is mixed with others; or not any more.
    pub(super) fn confer(&mut self, confers: bool) {
        self.voice = confers.then(VecDeque::new);
    }

    /// What was heard in the last 20 ms, for others.
    pub(super) fn take_voice(&mut self) -> [i16; FRAME] {
        // What waits longer than it takes to be mixed would be heard late for ever.
        if let Some(voice) = &mut self.voice {
            let surplus = voice.len().saturating_sub(3 * FRAME);
            voice.drain(..surplus);
        }
        self.voice.as_mut().map_or([0; FRAME], take)
    }

    /// What was heard before a recording began is not in it.
    pub(super) fn forget_heard(&mut self) {
        self.heard.clear();
        self.said.clear();
    }

    /// The packet of the next 20 ms: a digit that is pressed, or else this sound.
    pub(super) fn packet(&mut self, sound: &[i16; FRAME]) -> Vec<u8> {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(FRAME as u32);
        match self.keypad.next(timestamp) {
            Some(event) => self.number(rtp::EVENTS, event.first, event.began, &event.payload),
            None => self.number(rtp::PCMU, self.sent == 0, timestamp, &sound.map(g711::encode)),
        }
    }

    /// Passes on what another leg sent.
    pub(super) fn relay(&mut self, packet: &Packet<'_>) -> Vec<u8> {
        self.timestamp = packet.timestamp.wrapping_add(FRAME as u32);
        if packet.payload_type == rtp::PCMU {
            keep(&mut self.said, packet.payload);
        }
        self.number(packet.payload_type, packet.marker, packet.timestamp, packet.payload)
    }

    fn number(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.sent += 1;
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        Packet { marker, payload_type, sequence, timestamp, ssrc, payload }.to_bytes()
    }
}

fn keep(waiting: &mut VecDeque<i16>, sound: &[u8]) {
    waiting.extend(sound.iter().copied().map(g711::decode));
    let surplus = waiting.len().saturating_sub(MOST_WAITING);
    waiting.drain(..surplus);
}

fn take(waiting: &mut VecDeque<i16>) -> [i16; FRAME] {
    let mut frame = [0; FRAME];
    let count = waiting.len().min(FRAME);
    frame.iter_mut().zip(waiting.drain(..count)).for_each(|(slot, sample)| *slot = sample);
    frame
}
