//! What became of each call. This module must not contain: sockets, clocks, messages.

use std::time::Duration;

use crate::histogram::Histogram;

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Due,
    Invited,
    Answered,
    Completed,
    Refused,
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    /// Microseconds from the first call's due time.
    started: u64,
    stage: Stage,
}

/// How many calls are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Their INVITE was sent.
    pub started: u64,
    /// A 200 to the BYE came.
    pub completed: u64,
    /// A final response other than 200 came.
    pub refused: u64,
    /// Neither came in time.
    pub lost: u64,
}

impl Counts {
    /// Calls that are going on.
    pub fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.completed + self.refused + self.lost)
    }
}

/// All calls of a run; they start in the order of their numbers. Times are in microseconds from the first one's due
/// time.
pub struct Calls {
    calls: Vec<Call>,
    warm: usize,
    /// How long a call may take, in microseconds.
    patience: u64,
    /// All calls before this one are over.
    oldest: usize,
    /// How many are how far.
    pub counts: Counts,
    /// From INVITE to 200, without those for warming up.
    pub answer_time: Histogram,
    /// From when a call was due to its INVITE, without those for warming up.
    pub lateness: Histogram,
}

impl Calls {
    /// So many calls, of which the first are for warming up.
    pub fn new(calls: usize, warm: usize, patience: Duration) -> Self {
        let patience = patience.as_micros() as u64;
        Calls {
            calls: vec![Call { started: 0, stage: Stage::Due }; calls],
            warm,
            patience,
            oldest: 0,
            counts: Counts::default(),
            answer_time: Histogram::new(),
            lateness: Histogram::new(),
        }
    }

    /// The call that starts next, if there is one.
    pub fn next(&self) -> Option<usize> {
        usize::try_from(self.counts.started).ok().filter(|next| *next < self.calls.len())
    }

    /// Its INVITE is being sent. Says how late that is.
    pub fn started(&mut self, number: usize, due: u64, now: u64) -> u64 {
        let late = now.saturating_sub(due);
        if let Some(call) = self.calls.get_mut(number) {
            *call = Call { started: now, stage: Stage::Invited };
            self.counts.started += 1;
            if number >= self.warm {
                self.lateness.record(late);
            }
        }
        late
    }

    /// A 200 to its INVITE came. Says how long that took; `None` if it is not the first one or comes too late.
    pub fn answered(&mut self, number: usize, now: u64) -> Option<u64> {
        let call = self.calls.get_mut(number).filter(|call| call.stage == Stage::Invited)?;
        call.stage = Stage::Answered;
        let time = now.saturating_sub(call.started);
        if number >= self.warm {
            self.answer_time.record(time);
        }
        Some(time)
    }

    /// A 200 to its BYE came. Says whether that ends it.
    pub fn completed(&mut self, number: usize) -> bool {
        let ends = self.end(number, Stage::Completed, |stage| stage == Stage::Answered);
        self.counts.completed += u64::from(ends);
        ends
    }

    /// A final response other than 200 came. Says whether that ends it.
    pub fn refused(&mut self, number: usize) -> bool {
        let ends =
            self.end(number, Stage::Refused, |stage| matches!(stage, Stage::Invited | Stage::Answered));
        self.counts.refused += u64::from(ends);
        ends
    }

    fn end(&mut self, number: usize, as_: Stage, may: impl Fn(Stage) -> bool) -> bool {
        match self.calls.get_mut(number) {
            Some(call) if may(call.stage) => {
                call.stage = as_;
                true
            }
            _ => false,
        }
    }

    /// Gives up what has taken too long.
    pub fn expire(&mut self, now: u64) {
        let patience = self.patience;
        while let Some(call) = self.calls.get_mut(self.oldest) {
            match call.stage {
                Stage::Due => return,
                Stage::Invited | Stage::Answered if now < call.started + patience => return,
                Stage::Invited | Stage::Answered => {
                    call.stage = Stage::Lost;
                    self.counts.lost += 1;
                }
                Stage::Completed | Stage::Refused | Stage::Lost => {}
            }
            self.oldest += 1;
        }
    }

    /// Whether all calls were started and none is going on.
    pub fn over(&self) -> bool {
        self.next().is_none() && self.counts.in_flight() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::GIVE_UP;

    const LONG: u64 = 2_000_000;

    #[test]
    fn a_call_goes_from_its_start_to_its_end() {
        let mut calls = Calls::new(1, 0, GIVE_UP);
        assert_eq!((calls.next(), calls.over()), (Some(0), false));
        assert_eq!(calls.started(0, 100, 130), 30);
        assert_eq!((calls.next(), calls.counts.in_flight()), (None, 1));
        assert!(!calls.completed(0), "not before it is answered");
        assert_eq!((calls.answered(0, 1130), calls.answered(0, 1200)), (Some(1000), None));
        assert_eq!((calls.completed(0), calls.completed(0), calls.refused(0)), (true, false, false));
        assert_eq!(calls.counts, Counts { started: 1, completed: 1, ..Counts::default() });
        assert_eq!((calls.answer_time.count(), calls.lateness.max(), calls.over()), (1, 30, true));
    }

    #[test]
    fn a_call_is_lost_when_its_time_is_over_and_stays_so() {
        let mut calls = Calls::new(3, 0, GIVE_UP);
        (0..3).for_each(|number| assert_eq!(calls.started(number, 0, number as u64), number as u64));
        calls.answered(1, 5);
        calls.expire(LONG - 1);
        assert_eq!(calls.counts.lost, 0);
        calls.expire(LONG + 1);
        assert_eq!((calls.counts.lost, calls.counts.in_flight(), calls.over()), (2, 1, false));
        assert_eq!((calls.answered(0, LONG + 2), calls.completed(1), calls.refused(7)), (None, false, false));
        assert!(calls.refused(2) && calls.over());
        calls.expire(u64::MAX);
        assert_eq!(calls.counts, Counts { started: 3, completed: 0, refused: 1, lost: 2 });
    }

    #[test]
    fn calls_that_are_not_started_yet_are_not_given_up() {
        let mut calls = Calls::new(2, 0, GIVE_UP);
        calls.started(0, 0, 0);
        calls.expire(10 * LONG);
        assert_eq!((calls.counts.lost, calls.next()), (1, Some(1)));
    }

    #[test]
    fn warming_up_is_in_no_figure_of_time() {
        let mut calls = Calls::new(2, 1, GIVE_UP);
        (0..2).for_each(|number| assert_eq!(calls.started(number, 0, 10), 10));
        (0..2).for_each(|number| assert_eq!(calls.answered(number, 40), Some(30)));
        assert_eq!((calls.answer_time.count(), calls.lateness.count(), calls.counts.started), (1, 1, 2));
    }
}
