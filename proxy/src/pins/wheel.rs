//! Timers: a wheel of lists, so that setting, moving and ending one costs the same however many there are.

/// How many slots the wheel has: with [`super::TICK`] one turn takes 65 s. Timers beyond are met once a turn.
const SLOTS: usize = 4096;

/// No place.
const NONE: u32 = u32::MAX;

/// A place's neighbours in its slot's list.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    /// When it is due, in ticks, which also says in which slot it stands; `NONE` while no timer runs.
    due: u32,
}

const IDLE: Link = Link { before: NONE, after: NONE, due: NONE };

/// One timer for each of many places.
#[derive(Debug)]
pub(super) struct Wheel {
    heads: Vec<u32>,
    links: Vec<Link>,
    /// The next tick whose slot is looked at.
    tick: u32,
    /// How many timers run.
    running: usize,
}

impl Wheel {
    /// For so many places; memory is used as places are.
    pub(super) fn new(places: usize) -> Self {
        Wheel { heads: vec![NONE; SLOTS], links: Vec::with_capacity(places), tick: 0, running: 0 }
    }

    fn slot(due: u32) -> u32 {
        due % SLOTS as u32
    }

    /// Sets a place's timer, in place of the one that it has. One that is due already comes up next.
    pub(super) fn set(&mut self, place: u32, due: u32) {
        self.stop(place);
        while self.links.len() <= place as usize {
            self.links.push(IDLE);
        }
        let due = due.max(self.tick).min(NONE - 1);
        let slot = Self::slot(due);
        let Some(head) = self.heads.get_mut(slot as usize) else { return };
        let after = std::mem::replace(head, place);
        if let Some(neighbour) = self.links.get_mut(after as usize) {
            neighbour.before = place;
        }
        if let Some(link) = self.links.get_mut(place as usize) {
            *link = Link { before: NONE, after, due };
            self.running += 1;
        }
    }

    /// Ends a place's timer.
    pub(super) fn stop(&mut self, place: u32) {
        let Some(link) = self.links.get_mut(place as usize).filter(|link| link.due != NONE) else { return };
        let old = std::mem::replace(link, IDLE);
        self.running -= 1;
        match self.links.get_mut(old.before as usize) {
            Some(before) => before.after = old.after,
            None => {
                if let Some(head) = self.heads.get_mut(Self::slot(old.due) as usize) {
                    *head = old.after;
                }
            }
        }
        if let Some(after) = self.links.get_mut(old.after as usize) {
            after.before = old.before;
        }
    }

    /// Ends a timer that is due at `now` and tells whose it was; `None` when none is left that is due.
    pub(super) fn due(&mut self, now: u32) -> Option<u32> {
        if self.running == 0 {
            self.tick = self.tick.max(now);
            return None;
        }
        // After a long sleep one turn of the wheel passes everything that is due.
        self.tick = self.tick.max(now.saturating_sub(SLOTS as u32));
        while self.tick <= now {
            let mut place = self.heads.get(Self::slot(self.tick) as usize).copied().unwrap_or(NONE);
            while let Some(link) = self.links.get(place as usize) {
                if link.due <= now {
                    self.stop(place);
                    return Some(place);
                }
                place = link.after;
            }
            self.tick += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all_due(wheel: &mut Wheel, now: u32) -> Vec<u32> {
        let mut places: Vec<u32> = std::iter::from_fn(|| wheel.due(now)).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn a_timer_comes_up_once_when_it_is_due_and_not_before() {
        let mut wheel = Wheel::new(4);
        wheel.set(0, 10);
        wheel.set(1, 10 + SLOTS as u32);
        wheel.set(2, 11);
        wheel.stop(2);
        assert!(all_due(&mut wheel, 9).is_empty());
        assert_eq!(all_due(&mut wheel, 10), [0]);
        assert!(all_due(&mut wheel, 9 + SLOTS as u32).is_empty());
        assert_eq!(all_due(&mut wheel, 10 + SLOTS as u32), [1]);
        assert_eq!(wheel.running, 0);
    }

    #[test]
    fn after_a_sleep_of_several_turns_everything_comes_up() {
        let mut wheel = Wheel::new(4);
        (0..100).for_each(|place| wheel.set(place, 50 + place * 200));
        assert_eq!(all_due(&mut wheel, 1_000_000), (0..100).collect::<Vec<_>>());
        wheel.set(5, 3);
        assert_eq!(all_due(&mut wheel, 1_000_000), [5], "one that is overdue when it is set comes up next");
    }

    #[test]
    fn a_timer_for_the_end_of_time_is_one_like_others() {
        let mut wheel = Wheel::new(2);
        wheel.set(0, u32::MAX);
        wheel.set(1, u32::MAX);
        wheel.stop(1);
        assert!(all_due(&mut wheel, 10).is_empty());
        wheel.set(0, 11);
        assert_eq!(all_due(&mut wheel, 11), [0]);
        assert_eq!(wheel.running, 0);
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_list_does(steps in prop::collection::vec((0u32..40, 0u32..20_000, 0u32..3), 0..200)) {
            let (mut wheel, mut list, mut now) = (Wheel::new(0), vec![None; 40], 0);
            for (place, time, what) in steps {
                match what {
                    0 => { wheel.set(place, now + time); list[place as usize] = Some(now + time); }
                    1 => { wheel.stop(place); list[place as usize] = None; }
                    _ => {
                        now += time / 4;
                        let due: Vec<u32> = (0..40).filter(|p| list[*p as usize].is_some_and(|t| t <= now)).collect();
                        due.iter().for_each(|p| list[*p as usize] = None);
                        prop_assert_eq!(all_due(&mut wheel, now), due);
                    }
                }
                prop_assert_eq!(wheel.running, list.iter().flatten().count());
            }
        }
    }
}
