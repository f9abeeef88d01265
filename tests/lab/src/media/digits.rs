//! Digits as RFC 4733 named events: sending them packet by packet, and reading them out of a stream.

use std::collections::VecDeque;

const KEYS: &str = "0123456789*#ABCD";

/// Packets that make one digit: five that grow, then the last of them three times over (RFC 4733 2.5.1.4).
const PACKETS: u16 = 8;
const LAST: u16 = 6;

/// 20 ms frames of sound between two digits.
const PAUSE: u16 = 4;

/// Samples by which an event grows from packet to packet.
const STEP: u16 = 160;

const END: u8 = 0x80;
const VOLUME: u8 = 10;

/// One packet of a digit being pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The four bytes of RFC 4733 2.3.
    pub payload: [u8; 4],
    /// True for the digit's first packet.
    pub first: bool,
    /// When the digit began, which all its packets carry as their timestamp.
    pub began: u32,
}

/// What stands in a row of digits.
#[derive(Debug, Clone, Copy)]
enum Sign {
    Key(u8),
    /// So many frames of nothing.
    Wait(u16),
}

/// The digits still to be pressed, taken out in packets of 20 ms.
#[derive(Debug, Clone, Default)]
pub struct Keypad {
    waiting: VecDeque<Sign>,
    pressed: Option<(u8, u32, u16)>,
    pause: u16,
}

impl Keypad {
    /// Adds digits to the queue; `w` waits for half a second, `W` for a second; other characters are left out.
    pub fn press(&mut self, digits: &str) {
        self.waiting.extend(digits.chars().filter_map(|sign| match sign {
            'w' => Some(Sign::Wait(25)),
            'W' => Some(Sign::Wait(50)),
            key => code_of(key).map(Sign::Key),
        }));
    }

    /// What to send in this 20 ms instead of sound, if a digit is being pressed.
    pub fn next(&mut self, timestamp: u32) -> Option<Event> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let (code, began, packet) = match self.pressed.take() {
            Some(pressed) => pressed,
            None => match self.waiting.pop_front()? {
                Sign::Key(code) => (code, timestamp, 1),
                Sign::Wait(frames) => {
                    self.pause = frames - 1;
                    return None;
                }
            },
        };
        if packet < PACKETS {
            self.pressed = Some((code, began, packet + 1));
        } else {
            self.pause = PAUSE;
        }
        let end = if packet < LAST { 0 } else { END };
        let [high, low] = (packet.min(LAST) * STEP).to_be_bytes();
        Some(Event { payload: [code, end | VOLUME, high, low], first: packet == 1, began })
    }
}

/// Reads digits: one for each event that ended, however often its end was sent.
#[derive(Debug, Clone, Default)]
pub struct Ear {
    digits: String,
    last_end: Option<u32>,
}

impl Ear {
    /// Takes in an event packet's payload and timestamp.
    pub fn hear(&mut self, payload: &[u8], timestamp: u32) {
        let [code, flags, ..] = payload else { return };
        if flags & END == 0 || self.last_end == Some(timestamp) {
            return;
        }
        if let Some(digit) = KEYS.chars().nth(usize::from(*code)) {
            self.last_end = Some(timestamp);
            self.digits.push(digit);
        }
    }

    /// The digits heard so far.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.digits
    }
}

fn code_of(key: char) -> Option<u8> {
    KEYS.chars().position(|known| known == key.to_ascii_uppercase()).and_then(|code| u8::try_from(code).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(digits: &str) -> Vec<Option<Event>> {
        let mut keypad = Keypad::default();
        keypad.press(digits);
        (0..100).map(|frame| keypad.next(frame * 160)).collect()
    }

    #[test]
    fn digits_are_read_as_they_were_pressed() {
        let mut ear = Ear::default();
        for event in packets("1*#d42").into_iter().flatten() {
            ear.hear(&event.payload, event.began);
        }
        assert_eq!(ear.digits(), "1*#D42");
    }

    #[test]
    fn one_digit_twice_is_two_digits_and_a_lost_end_packet_loses_none() {
        let mut ear = Ear::default();
        let sent = packets("77");
        for event in
            sent.into_iter().flatten().enumerate().filter(|(i, _)| i % 8 != 5).map(|(_, event)| event)
        {
            ear.hear(&event.payload, event.began);
        }
        assert_eq!(ear.digits(), "77");
    }

    #[test]
    fn a_digit_keeps_its_timestamp_grows_and_ends_three_times() {
        let sent: Vec<_> = packets("5").into_iter().flatten().collect();
        assert_eq!(sent.len(), 8);
        assert!(sent.iter().all(|event| event.began == 0));
        assert!(sent[0].first && !sent[1].first);
        assert_eq!(sent[0].payload, [5, 10, 0, 160]);
        assert!(sent[5..].iter().all(|event| event.payload == [5, 0x8a, 3, 192]));
    }

    #[test]
    fn a_w_waits() {
        let began = |digits| packets(digits).iter().position(Option::is_some);
        assert_eq!((began("1"), began("w1"), began("W1")), (Some(0), Some(25), Some(50)));
    }

    #[test]
    fn what_is_no_event_is_ignored() {
        let mut ear = Ear::default();
        ear.hear(b"", 0);
        ear.hear(&[99, 0x8a, 0, 0], 0);
        assert_eq!(ear.digits(), "");
    }
}
