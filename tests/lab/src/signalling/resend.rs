//! Retransmission over UDP: when a message is sent again, and when one gives up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// RFC 3261 17.1.1.1: an estimate of the round trip.
pub const T1: Duration = Duration::from_millis(500);

/// RFC 3261 17.1.2.2: the longest time between two retransmissions, an INVITE's excepted.
pub const T2: Duration = Duration::from_secs(4);

/// How long one tries, and how long one remembers: Timers B, F, H and J.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// What is to be done about a message now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Wait,
    /// Send it again.
    Again,
    /// It has gone unanswered for 64*T1.
    GiveUp,
}

/// A message that is sent again until it is answered.
#[derive(Debug, Clone)]
pub struct Resend {
    /// The message.
    pub bytes: Vec<u8>,
    /// Where it goes.
    pub to: SocketAddr,
    next: Instant,
    end: Instant,
    interval: Duration,
    longest: Duration,
}

impl Resend {
    /// An INVITE just sent. RFC 3261 17.1.1.2: Timer A doubles without a bound, until Timer B.
    #[must_use]
    pub fn invite(bytes: Vec<u8>, to: SocketAddr, now: Instant) -> Self {
        Self { bytes, to, next: now + T1, end: now + GIVE_UP, interval: T1, longest: GIVE_UP }
    }

    /// Another request, or a final answer to an INVITE, just sent.
    /// RFC 3261 17.1.2.2 (Timer E), 17.2.1 (Timer G) and 13.3.1.4: doubles up to T2.
    #[must_use]
    pub fn other(bytes: Vec<u8>, to: SocketAddr, now: Instant) -> Self {
        Self { longest: T2, ..Self::invite(bytes, to, now) }
    }

    /// RFC 3261 17.1.2.2: after a provisional response a request is repeated each T2 only.
    pub fn slow_down(&mut self) {
        self.interval = T2;
    }

    /// When [`Resend::due`] is worth asking again.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.next.min(self.end)
    }

    /// What is to be done now; counts on `Again` being done.
    pub fn due(&mut self, now: Instant) -> Due {
        if now >= self.end {
            return Due::GiveUp;
        }
        if now < self.next {
            return Due::Wait;
        }
        self.interval = (self.interval * 2).min(self.longest);
        // From now, not from when it was due: a process that slept does not fire its backlog at once.
        self.next = now + self.interval;
        Due::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The half seconds at which a message is sent again.
    fn times(mut resend: Resend, start: Instant) -> Vec<u32> {
        let mut times = Vec::new();
        for half in 1..=100 {
            match resend.due(start + T1 * half) {
                Due::Again => times.push(half),
                Due::Wait => {}
                Due::GiveUp => break,
            }
        }
        times
    }

    #[test]
    fn an_invite_doubles_until_32_seconds_and_others_stop_at_4() {
        let (now, to) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], 5060)));
        assert_eq!(times(Resend::invite(Vec::new(), to, now), now), [1, 3, 7, 15, 31, 63]);
        assert_eq!(times(Resend::other(Vec::new(), to, now), now), [1, 3, 7, 15, 23, 31, 39, 47, 55, 63]);
    }
}
