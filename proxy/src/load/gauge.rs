//! How full one target is: written by the task that asks, read wherever a target is chosen.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Figures;

/// The grain of room: a share of the target.
const WHOLE: u64 = 0xffff;

/// What is known of how full a target is. Choosing by it costs two loads; nothing is ordered by them.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Where it is asked; nowhere if the target has no such port.
    pub address: Option<SocketAddr>,
    /// When FreeSWITCH said so, in milliseconds since 1970, and how much of it is free: 16 bits. 0: never.
    room: AtomicU64,
    /// When the controller said so, likewise, and whether it takes calls: 1 bit.
    welcome: AtomicU64,
    shown: Mutex<Option<Known>>,
}

/// What is shown to people.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What was said.
    pub figures: Figures,
    /// When, since 1970.
    pub at: Duration,
}

impl Gauge {
    /// Of nothing yet.
    pub fn new(address: Option<SocketAddr>) -> Self {
        Gauge { address, ..Gauge::default() }
    }

    /// The target has said this, now (since 1970).
    pub fn take(&self, figures: Figures, now: Duration) {
        let age = Duration::try_from_secs_f64(figures.age).unwrap_or(Duration::MAX);
        let free = (figures.room() * WHOLE as f64) as u64;
        self.room.store(milliseconds(now.saturating_sub(age)) << 16 | free.min(WHOLE), Ordering::Relaxed);
        self.welcome.store(milliseconds(now) << 1 | u64::from(figures.accepting), Ordering::Relaxed);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Known { figures, at: now });
    }

    /// How much of it is free, if that was said within `stale`. Larger is better.
    pub fn room(&self, now: Duration, stale: Duration) -> Option<u16> {
        let room = self.room.load(Ordering::Relaxed);
        is_fresh(room >> 16, now, stale).then_some((room & WHOLE) as u16)
    }

    /// Whether it takes new calls, if it said so within `stale`.
    pub fn is_open(&self, now: Duration, stale: Duration) -> Option<bool> {
        let welcome = self.welcome.load(Ordering::Relaxed);
        is_fresh(welcome >> 1, now, stale).then_some(welcome & 1 == 1)
    }

    /// What it said last, however long ago.
    pub fn shown(&self) -> Option<Known> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whichever way a clock was set meanwhile.
fn is_fresh(at: u64, now: Duration, stale: Duration) -> bool {
    at > 0 && Duration::from_millis(at).abs_diff(now) <= stale
}

/// Until the year 10889 they leave 16 bits free.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX) & (u64::MAX >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);
    const STALE: Duration = Duration::from_secs(30);

    fn figures(sessions: u64, age: f64, accepting: bool) -> Figures {
        let (max_sessions, idle_cpu) = (100, 100.0);
        Figures { sessions, max_sessions, calls: 0, max_calls: 0, idle_cpu, accepting, age }
    }

    #[test]
    fn what_is_old_is_not_used() {
        let (gauge, second) = (Gauge::default(), Duration::from_secs(1));
        assert_eq!((gauge.room(NOW, STALE), gauge.is_open(NOW, STALE)), (None, None));
        gauge.take(figures(25, 10.0, false), NOW);
        let room = gauge.room(NOW, STALE).unwrap();
        assert!((f64::from(room) / f64::from(u16::MAX) - 0.75).abs() < 0.001, "{room}");
        assert_eq!(gauge.is_open(NOW, STALE), Some(false));
        // The figures were ten seconds old; that it takes no calls was not.
        assert_eq!(gauge.room(NOW + 20 * second, STALE), Some(room));
        assert_eq!(gauge.room(NOW + 21 * second, STALE), None);
        assert_eq!(gauge.is_open(NOW + 30 * second, STALE), Some(false));
        assert_eq!(gauge.is_open(NOW + 31 * second, STALE), None);
        // A clock that is set back by an hour does not make them good for an hour.
        assert_eq!(gauge.room(NOW - 3600 * second, STALE), None);
        gauge.take(figures(25, 0.0, true), NOW);
        assert_eq!(gauge.is_open(NOW, STALE), Some(true));
    }

    #[test]
    fn no_figures_break_it() {
        for age in [0.0, 1e9, 1.8e19] {
            for now in [Duration::ZERO, NOW, Duration::MAX] {
                let gauge = Gauge::default();
                gauge.take(figures(u64::MAX, age, true), now);
                assert!(gauge.room(now, STALE).is_none_or(|room| room == 0));
            }
        }
    }
}
