//! What was seen of a night: by the platform, by the carriers' machines, by those who called in.

use std::collections::BTreeSet;
use std::time::Duration;

/// The time in which calls per second are counted.
const SECOND: Duration = Duration::from_secs(1);

/// What came while nobody looked is seen so long after somebody looks again, at most.
const LATELY: Duration = Duration::from_millis(100);

/// Everything that was seen. Times are since the beginning.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The calls that the platform has asked for.
    pub calls: Vec<Call>,
    /// The ways out.
    pub trunks: Vec<Trunk>,
    /// Those who called in meanwhile.
    pub inbound: Vec<Inbound>,
    /// What was done to the system.
    pub marks: Vec<Mark>,
    /// What the platform found wrong with what it was told.
    pub faults: Vec<String>,
    /// When who looked on did not get to look: from, to. What comes then is seen later than it came.
    pub stalls: Vec<(Duration, Duration)>,
    /// How long it took.
    pub lasted: Duration,
}

/// A call as the platform knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub sid: String,
    /// Whom it calls.
    pub number: String,
    /// The names under which controllers said that it was made: one.
    pub names: BTreeSet<String>,
    /// How often it was asked for, all controllers together.
    pub asked: u32,
    /// When an ask was found to get no answer.
    pub unanswered: Vec<Duration>,
    /// When a controller said first that it was made.
    pub made: Option<Duration>,
    /// Its call data records.
    pub records: u32,
    /// The status by the first of them.
    pub status: Option<&'static str>,
    /// When that came.
    pub ended: Option<Duration>,
    /// What it was told of the call: `ringing`, `answered`, `completed`, without what was told twice.
    pub events: Vec<String>,
}

/// A way out.
#[derive(Debug, Clone, Default)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Calls at once.
    pub calls: u32,
    /// Calls that begin in a second.
    pub per_second: u32,
    /// The calls that its carrier got, each INVITE once.
    pub seen: Vec<Seen>,
}

/// A call as a carrier saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The platform's name, as the INVITE had it.
    pub sid: String,
    /// Who was called.
    pub number: String,
    /// When the INVITE came.
    pub began: Duration,
    /// When nothing was left of it.
    pub ended: Option<Duration>,
    /// The final answer that the carrier gave.
    pub answer: Option<u16>,
}

/// A call to one of our numbers.
#[derive(Debug, Clone, Default)]
pub struct Inbound {
    /// When it began.
    pub began: Duration,
    /// Whether it was answered and lasted to the end of its document.
    pub completed: bool,
    /// What came of it, in words.
    pub report: String,
}

/// Something that was done to the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Duration,
    /// What: `controller 2 is killed`.
    pub what: String,
    /// Whether a controller died.
    pub kill: bool,
}

impl Trunk {
    /// How many calls it had, each time that the number changed.
    #[must_use]
    pub fn load(&self) -> Vec<(Duration, u32)> {
        let begun = self.seen.iter().map(|seen| (seen.began, 1));
        let ended = self.seen.iter().filter_map(|seen| Some((seen.ended?, -1)));
        let mut changes: Vec<(Duration, i32)> = begun.chain(ended).collect();
        // What ends in the same instant has ended.
        changes.sort_unstable();
        let mut calls = 0;
        let count = |(at, change): (Duration, i32)| {
            calls += change;
            (at, u32::try_from(calls).unwrap_or_default())
        };
        changes.into_iter().map(count).collect()
    }

    /// The most calls at once.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.load().iter().map(|(_, calls)| *calls).max().unwrap_or_default()
    }

    /// The most calls that began within any second, and when the last of them did. What came while nobody looked may have
    /// come as much earlier as that lasted.
    #[must_use]
    pub fn most_per_second(&self, stalls: &[(Duration, Duration)]) -> (u32, Duration) {
        let mut begun: Vec<_> = self.seen.iter().map(|seen| seen.began).collect();
        begun.sort_unstable();
        let late = |begin: Duration| -> Duration {
            let lately = stalls.iter().filter(|stall| stall.0 <= begin && stall.1 + LATELY >= begin);
            lately.map(|stall| stall.1.min(begin).saturating_sub(stall.0)).sum()
        };
        let (mut most, mut first) = ((0, Duration::ZERO), 0);
        for (last, at) in begun.iter().enumerate() {
            while begun.get(first).is_some_and(|begin| *at + late(*begin) >= *begin + SECOND) {
                first += 1;
            }
            let count = u32::try_from((last + 1).saturating_sub(first)).unwrap_or(u32::MAX);
            if count > most.0 {
                most = (count, *at);
            }
        }
        most
    }
}
