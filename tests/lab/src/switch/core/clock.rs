//! The time of day, as events tell it: a beginning that is handed in, and how long ago that was.

use std::time::{Duration, Instant};

/// Turns instants into microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
    epoch: Duration,
}

impl Clock {
    pub(super) fn new(started: Instant, epoch: Duration) -> Self {
        Clock { started, epoch }
    }

    pub(super) fn micros(&self, now: Instant) -> u64 {
        (self.epoch + now.saturating_duration_since(self.started)).as_micros() as u64
    }

    pub(super) fn seconds(&self, now: Instant) -> u64 {
        self.micros(now) / 1_000_000
    }

    pub(super) fn up(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }
}

/// Days since 1970 as year, month and day (Gregorian; era of 400 years beginning in March).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// `2026-11-22 08:02:20`.
pub(super) fn stamp(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    let ((year, month, day), time) = (date(seconds / 86_400), seconds % 86_400);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

/// `Sun, 22 Nov 2026 08:02:20 GMT`.
pub(super) fn gmt(micros: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = micros / 86_400_000_000;
    let (year, month, day) = date(days);
    let weekday = DAYS.get((days % 7) as usize).copied().unwrap_or_default();
    let month = MONTHS.get(month.saturating_sub(1) as usize).copied().unwrap_or_default();
    let time = micros / 1_000_000 % 86_400;
    format!(
        "{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} GMT",
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_time_is_told_as_it_was_recorded() {
        assert_eq!(stamp(1_795_334_540_310_005), "2026-11-22 08:02:20");
        assert_eq!(gmt(1_795_334_540_310_005), "Sun, 22 Nov 2026 08:02:20 GMT");
        assert_eq!(gmt(951_782_400_000_000), "Tue, 29 Feb 2000 00:00:00 GMT");
    }
}
