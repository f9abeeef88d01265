//! What is done to the system, and when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::history::Mark;
use super::queue::Queue;
use super::site::Site;

/// How long a controller is dead, one time after the other: less and more than it takes until others notice.
const DEAD: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(1500), Duration::from_millis(4500)];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Kill(usize),
    Start(usize),
    Add,
    KillProxy(usize),
    StartProxy(usize),
}

/// What is still to be done, and what was.
pub struct Deeds {
    plan: VecDeque<(Duration, Deed)>,
    /// What was done.
    pub marks: Vec<Mark>,
}

impl Deeds {
    /// Within `spread`: so many kills, one controller after the other; a proxy behind each second one, and
    /// in the middle there is one controller more.
    #[must_use]
    pub fn plan(spread: Duration, kills: u32, controllers: usize, proxies: usize) -> Self {
        let mut plan = Vec::new();
        for (number, dead) in (0..kills).zip(DEAD.into_iter().cycle()) {
            let (at, place) = (spread * (number + 1) / (kills + 1), number as usize);
            let controller = place % controllers.max(1);
            plan.extend([(at, Deed::Kill(controller)), (at + dead, Deed::Start(controller))]);
            if number % 2 == 0 && proxies > 0 {
                // Between two controllers: a caller whose proxy and whose controller die has had two misfortunes.
                let (at, proxy) = (at + spread / (kills + 1) / 2, place / 2 % proxies);
                let back = at + Duration::from_millis(1200);
                plan.extend([(at, Deed::KillProxy(proxy)), (back, Deed::StartProxy(proxy))]);
            }
        }
        if kills > 1 {
            plan.push((spread / 2, Deed::Add));
        }
        plan.sort();
        Self { plan: plan.into(), marks: Vec::new() }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.plan.is_empty()
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn act(&mut self, site: &mut Site, queue: &Queue, began: Instant) -> Result<()> {
        while let Some((_, deed)) = self.plan.front().copied().filter(|(at, _)| *at <= began.elapsed()) {
            self.plan.pop_front();
            let what = match deed {
                Deed::Kill(which) => {
                    site.kill_controller(which)?;
                    format!("controller {} is killed", which + 1)
                }
                Deed::Start(which) => {
                    site.start_controller(which).await?;
                    format!("controller {} is there again", which + 1)
                }
                Deed::Add => {
                    queue.add(site.add_node().await?);
                    format!("controller {} is added", site.nodes.len())
                }
                Deed::KillProxy(which) => {
                    site.kill_proxy(which)?;
                    format!("proxy {} is killed", which + 1)
                }
                Deed::StartProxy(which) => {
                    site.start_proxy(which).await?;
                    format!("proxy {} is there again", which + 1)
                }
            };
            let at = began.elapsed();
            println!("{:>6.1} s  {what}", at.as_secs_f64());
            self.marks.push(Mark { at, what, kill: matches!(deed, Deed::Kill(_)) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_killed_is_started_again_before_it_is_killed_again() {
        let deeds = Deeds::plan(Duration::from_secs(100), 8, 3, 2);
        let mut dead = Vec::new();
        for (at, deed) in &deeds.plan {
            match deed {
                Deed::Kill(which) => {
                    assert!(!dead.contains(which), "{at:?}");
                    dead.push(*which);
                }
                Deed::Start(which) => dead.retain(|other| other != which),
                _ => {}
            }
        }
        assert!(dead.is_empty());
        let count = |is: fn(&Deed) -> bool| deeds.plan.iter().filter(|(_, deed)| is(deed)).count();
        assert_eq!((count(|deed| matches!(deed, Deed::Kill(_))), count(|deed| *deed == Deed::Add)), (8, 1));
        assert_eq!(count(|deed| matches!(deed, Deed::KillProxy(_))), 4);
    }
}
