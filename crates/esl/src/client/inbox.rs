//! Events on their way to the user: a queue that never makes the reader wait, and says what did not fit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::event::Event;
use crate::link::Reason;

/// What a client has to tell, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A connection is up, and events come from here on. What happened before is to be asked for
    /// ([`crate::Api::show_channels`], [`crate::Api::uuid_dump`]).
    Up {
        /// Whether this is another run of FreeSWITCH than the one before: all calls of that are gone.
        restarted: bool,
    },
    /// An event.
    Event(Event),
    /// So many events came faster than they were taken, and are lost. As after [`Notice::Up`], the user has to ask how
    /// things are.
    Overflow {
        /// How many.
        lost: u64,
    },
    /// The connection ended, or could not be made; another attempt follows.
    Down(Reason),
}

/// The user's end.
#[derive(Debug)]
pub struct Inbox(Arc<Shared>);

/// The driver's end.
#[derive(Debug)]
pub(super) struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug)]
struct Queue {
    notices: VecDeque<Notice>,
    /// How many of them are events.
    events: usize,
    most: usize,
    ended: bool,
}

pub(super) fn inbox(most: usize) -> (Inbox, Outbox) {
    let queue = Queue { notices: VecDeque::new(), events: 0, most: most.max(1), ended: false };
    let shared = Arc::new(Shared { queue: Mutex::new(queue), changed: Notify::new() });
    (Inbox(shared.clone()), Outbox(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    /// The next notice, when there is one; `None` after the client was closed.
    pub async fn next(&mut self) -> Option<Notice> {
        loop {
            {
                let mut queue = self.0.lock();
                if let Some(notice) = queue.notices.pop_front() {
                    queue.events -= usize::from(matches!(notice, Notice::Event(_)));
                    return Some(notice);
                }
                if queue.ended {
                    return None;
                }
            }
            // One reader only, since `next` takes `&mut self`: a notice between the look and the wait leaves a permit.
            self.0.changed.notified().await;
        }
    }
}

impl Outbox {
    pub(super) fn push(&self, notice: Notice) {
        self.0.lock().push(notice);
        self.0.changed.notify_one();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_one();
    }
}

impl Queue {
    /// Keeps the queue bounded: no more events than `most`, one overflow notice in a row, and no ups and downs without
    /// anything between them.
    fn push(&mut self, notice: Notice) {
        match notice {
            Notice::Event(_) if self.events >= self.most => match self.notices.back_mut() {
                Some(Notice::Overflow { lost }) => *lost += 1,
                _ => self.notices.push_back(Notice::Overflow { lost: 1 }),
            },
            Notice::Event(_) => {
                self.events += 1;
                self.notices.push_back(notice);
            }
            Notice::Down(_) => {
                if let Some(Notice::Down(_)) = self.notices.back() {
                    self.notices.pop_back();
                }
                self.notices.push_back(notice);
            }
            Notice::Up { restarted } => self.push_up(restarted),
            Notice::Overflow { .. } => self.notices.push_back(notice),
        }
    }

    /// `Up, Down, Up` is `Up`, if nothing else came between; a restart is not forgotten.
    fn push_up(&mut self, mut restarted: bool) {
        let mut last_two = self.notices.iter().rev().take(2);
        if let (Some(Notice::Down(_)), Some(Notice::Up { restarted: before })) =
            (last_two.next(), last_two.next())
        {
            restarted |= *before;
            self.notices.truncate(self.notices.len() - 2);
        }
        self.notices.push_back(Notice::Up { restarted });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> Notice {
        Notice::Event(Event::new([("Event-Name", name)], None))
    }

    fn after(notices: impl IntoIterator<Item = Notice>) -> Vec<Notice> {
        let mut queue = Queue { notices: VecDeque::new(), events: 0, most: 2, ended: false };
        notices.into_iter().for_each(|notice| queue.push(notice));
        queue.notices.into()
    }

    const UP: Notice = Notice::Up { restarted: false };
    const DOWN: Notice = Notice::Down(Reason::Disconnected);

    #[test]
    fn events_beyond_the_limit_are_counted_where_they_are_missing() {
        let lost = Notice::Overflow { lost: 2 };
        let found = after([UP, event("A"), event("B"), event("C"), event("D")]);
        assert_eq!(found, [UP, event("A"), event("B"), lost]);
        let lost = || Notice::Overflow { lost: 1 };
        let found = after([event("A"), event("B"), event("C"), DOWN, UP, event("D")]);
        assert_eq!(found, [event("A"), event("B"), lost(), DOWN, UP, lost()]);
    }

    #[test]
    fn ups_and_downs_of_a_user_who_does_not_look_do_not_pile_up() {
        let restart = Notice::Up { restarted: true };
        assert_eq!(after([UP, DOWN, restart, DOWN, UP]), [Notice::Up { restarted: true }]);
        assert_eq!(after([UP, DOWN, DOWN, DOWN]), [UP, DOWN]);
        assert_eq!(after([UP, event("A"), DOWN, UP, DOWN, DOWN]), [UP, event("A"), DOWN, UP, DOWN]);
    }

    #[tokio::test]
    async fn events_fit_again_when_others_were_taken() {
        let (mut inbox, outbox) = inbox(1);
        for name in ["A", "B", "C"] {
            outbox.push(event(name));
        }
        assert_eq!(inbox.next().await, Some(event("A")));
        outbox.push(event("D"));
        drop(outbox);
        assert_eq!(inbox.next().await, Some(Notice::Overflow { lost: 2 }));
        assert_eq!(inbox.next().await, Some(event("D")));
        assert_eq!(inbox.next().await, None);
    }
}
