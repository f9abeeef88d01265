//! One side's sound in one call: what it sends each 20 ms, and what it has heard.
//!
//! No socket and no clock in here: [`super::port`] says when 20 ms have passed and what has come.

use std::time::{Duration, Instant};

use super::digits::{Ear, Keypad};
use super::rtp::{self, Packet};
use super::{Energy, FRAME, Tone, g711};

/// Seconds of a call whose energy is kept one by one; a longer call counts in the total alone.
const SECONDS_KEPT: u64 = 3600;

/// The least RMS of a packet that counts as sound: speech has ten times as much, the noise of coding a tenth.
const LOUD: f64 = 200.0;

/// What one side of a call sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A tone of so many hertz.
    Tone(u16),
    /// Packets without sound.
    Silence,
    /// What it hears, digits included.
    Echo,
}

/// What was sent and heard in a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AudioReport {
    /// RTP packets sent.
    pub sent: u64,
    /// RTP packets received.
    pub received: u64,
    /// Root mean square of all the sound received, 0 to 32767.
    pub rms: f64,
    /// The same for each second since the first packet.
    pub rms_per_second: Vec<f64>,
    /// RFC 4733 digits received.
    pub digits: String,
    /// Datagrams on the media port that were no RTP.
    pub malformed: u64,
}

/// The state of one side's sound.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    tone: Tone,
    keypad: Keypad,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    sent: u64,
    heard: Heard,
}

#[derive(Debug, Default)]
struct Heard {
    packets: u64,
    malformed: u64,
    total: Energy,
    seconds: Vec<Energy>,
    first: Option<Instant>,
    loud: Option<Instant>,
    ear: Ear,
}

impl Stream {
    /// A stream that has sent nothing; `ssrc` is a random number (RFC 3550 8.1).
    #[must_use]
    pub fn new(source: Source, ssrc: u32) -> Self {
        let tone = Tone::new(if let Source::Tone(hertz) = source { hertz } else { 0 });
        let sequence = (ssrc >> 16) as u16;
        let keypad = Keypad::default();
        Self { source, tone, keypad, sequence, timestamp: ssrc, ssrc, sent: 0, heard: Heard::default() }
    }

    /// Presses digits, one after another, beginning with the next packet.
    pub fn press(&mut self, digits: &str) {
        self.keypad.press(digits);
    }

    /// The packet of the next 20 ms. An echo has none but digits: its packets answer what comes.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(FRAME as u32);
        if let Some(event) = self.keypad.next(timestamp) {
            return Some(self.packet(rtp::EVENTS, event.first, event.began, &event.payload));
        }
        let sound = match self.source {
            Source::Tone(_) => self.tone.frame().map(g711::encode),
            Source::Silence => [g711::SILENCE; FRAME],
            Source::Echo => return None,
        };
        Some(self.packet(rtp::PCMU, self.sent == 0, timestamp, &sound))
    }

    /// Takes in a datagram; what it returns goes back to where the sound goes.
    pub fn receive(&mut self, datagram: &[u8], now: Instant) -> Option<Vec<u8>> {
        let Some(packet) = Packet::parse(datagram) else {
            self.heard.malformed += 1;
            return None;
        };
        self.heard.hear(&packet, now);
        if self.source != Source::Echo {
            return None;
        }
        Some(self.packet(packet.payload_type, packet.marker, packet.timestamp, packet.payload))
    }

    /// Sends something else from the next packet on.
    pub fn speak(&mut self, source: Source) {
        self.tone = Tone::new(if let Source::Tone(hertz) = source { hertz } else { 0 });
        self.source = source;
    }

    /// When the last packet came that was not silence.
    #[must_use]
    pub fn last_sound(&self) -> Option<Instant> {
        self.heard.loud
    }

    /// What has been sent and heard so far.
    #[must_use]
    pub fn report(&self) -> AudioReport {
        AudioReport {
            sent: self.sent,
            received: self.heard.packets,
            rms: self.heard.total.rms(),
            rms_per_second: self.heard.seconds.iter().map(Energy::rms).collect(),
            digits: self.heard.ear.digits().to_owned(),
            malformed: self.heard.malformed,
        }
    }

    fn packet(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.sent += 1;
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        Packet { marker, payload_type, sequence, timestamp, ssrc, payload }.to_bytes()
    }
}

impl Heard {
    fn hear(&mut self, packet: &Packet<'_>, now: Instant) {
        self.packets += 1;
        let first = *self.first.get_or_insert(now);
        match packet.payload_type {
            rtp::PCMU => {
                let mut energy = Energy::default();
                packet.payload.iter().for_each(|byte| energy.add(g711::decode(*byte)));
                if energy.rms() >= LOUD {
                    self.loud = Some(now);
                }
                self.listen(packet.payload, now.saturating_duration_since(first));
            }
            rtp::EVENTS => self.ear.hear(packet.payload, packet.timestamp),
            _ => {}
        }
    }

    fn listen(&mut self, sound: &[u8], since_first: Duration) {
        let second = since_first.as_secs().min(SECONDS_KEPT) as usize;
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, Energy::default());
        }
        for sample in sound.iter().copied().map(g711::decode) {
            self.total.add(sample);
            if let Some(energy) = self.seconds.get_mut(second) {
                energy.add(sample);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `from` into `to` for so many packets and answers what `to` sends back of itself.
    fn play(from: &mut Stream, to: &mut Stream, packets: u64) {
        let start = Instant::now();
        for number in 0..packets {
            let now = start + Duration::from_millis(20 * number);
            if let Some(packet) = from.next_packet()
                && let Some(back) = to.receive(&packet, now)
            {
                from.receive(&back, now);
            }
        }
    }

    #[test]
    fn an_echo_gives_back_sound_and_digits() {
        let (mut telephone, mut machine) = (Stream::new(Source::Tone(440), 1), Stream::new(Source::Echo, 2));
        telephone.press("12#");
        play(&mut telephone, &mut machine, 100);
        let (here, there) = (telephone.report(), machine.report());
        assert_eq!((here.sent, here.received, there.sent, there.received), (100, 100, 100, 100));
        assert_eq!((here.digits.as_str(), there.digits.as_str()), ("12#", "12#"));
        assert_eq!(here.rms_per_second.len(), 2);
        assert!(here.rms > 5000.0 && here.rms_per_second.iter().all(|rms| *rms > 5000.0), "{here:?}");
    }

    #[test]
    fn silence_is_sent_and_heard_as_silence() {
        let (mut telephone, mut machine) = (Stream::new(Source::Silence, 1), Stream::new(Source::Silence, 2));
        play(&mut telephone, &mut machine, 10);
        assert_eq!((machine.report().received, machine.report().rms), (10, 0.0));
        assert_eq!(telephone.report().received, 0);
    }

    #[test]
    fn what_is_no_rtp_is_counted() {
        let mut machine = Stream::new(Source::Echo, 1);
        assert_eq!(machine.receive(b"hello", Instant::now()), None);
        assert_eq!((machine.report().malformed, machine.report().received), (1, 0));
    }
}
