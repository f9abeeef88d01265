//! Who gets a new call: between the two targets that are best by the hash, by how full they are and how long they have
//! been there.
//!
//! Two proxies with the same figures choose alike, and no figures can send a target more than twice the share that the
//! hash gives it: whoever looks empty, be it new, broken or lying, is not run over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fleet::Target;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Endpoint, Port, Table};
use crate::load::{self, Gauge};

/// `[dispatch] policy`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The target that the call belongs to by the hash of its Call-ID.
    #[default]
    Hash,
    /// Of the two that are best by the hash, the one with more room.
    LeastLoaded,
}

/// By what new calls' targets are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choice {
    /// Which rule.
    pub policy: Policy,
    /// How long a target takes to get its whole share of the calls, once it takes any.
    pub slow_start: Duration,
    /// Figures that are older are not used.
    pub stale: Duration,
}

impl Table {
    /// With another rule for new calls than the hash alone.
    #[must_use]
    pub fn choosing_by(mut self, choice: Choice) -> Self {
        self.choice = choice;
        self
    }

    /// The target that a new call goes to; `now` is since 1970, the rest as for [`Table::pick`]. Those that say that they
    /// take no new calls are passed over, unless nobody else is left.
    pub fn choose(
        &self,
        port_name: &str,
        call_id: &[u8],
        skip: &[SocketAddr],
        now: Duration,
    ) -> Option<(u16, &Endpoint)> {
        let Choice { policy, slow_start, stale } = self.choice;
        if policy == Policy::Hash && slow_start.is_zero() {
            return self.pick(port_name, call_id, skip);
        }
        let port = self.ports.iter().find(|port| port.name == port_name)?;
        let is_closed =
            |place: u16| self.gauge(place).is_some_and(|gauge| gauge.is_open(now, stale) == Some(false));
        let may = |place: u16| {
            let endpoint = port.endpoint(place);
            endpoint.is_some_and(|e| e.mark.takes_calls() && !skip.contains(&e.address)) && !is_closed(place)
        };
        let best = port.picker.pick_two(call_id);
        let best = match best.iter().flatten().all(|place| may(*place)) {
            true => best,
            false => port.picker.pick_two_among(call_id, may),
        };
        let place = match best {
            [Some(first), Some(second)] => self.better(port, call_id, (first, second), now),
            [Some(only), None] => only,
            // Nobody is up and willing: perhaps it is not so.
            _ => return self.pick(port_name, call_id, skip),
        };
        Some((place, port.endpoint(place)?))
    }

    /// The one with more room, where both say how much they have; else the first. A newcomer leaves a part of its calls to
    /// the other, unless that one is known to be full.
    fn better(&self, port: &Port, call_id: &[u8], (first, second): (u16, u16), now: Duration) -> u16 {
        let Choice { slow_start, stale, .. } = self.choice;
        let room = |place: u16| self.gauge(place).and_then(|gauge| gauge.room(now, stale));
        let rooms = (room(first), room(second));
        let ((chosen, _), (other, others_room)) = match rooms {
            (Some(one), Some(two)) if two > one => ((second, rooms.1), (first, rooms.0)),
            _ => ((first, rooms.0), (second, rooms.1)),
        };
        let share = port.endpoint(chosen).map_or(1.0, |endpoint| endpoint.mark.share(now, slow_start));
        match share < 1.0 && others_room != Some(0) && port.picker.lot(call_id) >= share {
            true => other,
            false => chosen,
        }
    }

    /// Those that take calls and did not in the table before begin slowly, if others took calls.
    pub fn begin_slowly(&self, before: &Table, now: Duration) {
        let took_calls: FxHashSet<&str> = before.active().map(|target| target.id.as_str()).collect();
        if took_calls.is_empty() {
            return;
        }
        for (_, place, endpoint) in self.endpoints() {
            let target = self.targets.get(usize::from(place));
            if target.is_some_and(|target| is_active(target) && !took_calls.contains(target.id.as_str())) {
                endpoint.mark.begin_slowly(now);
            }
        }
    }

    /// Each target, and what is known of how full it is.
    pub fn gauges(&self) -> impl Iterator<Item = (&Target, &Arc<Gauge>)> {
        self.targets.iter().zip(&self.gauges)
    }

    fn gauge(&self, place: u16) -> Option<&Gauge> {
        self.gauges.get(usize::from(place)).map(|gauge| &**gauge)
    }

    fn active(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| is_active(target))
    }
}

fn is_active(target: &Target) -> bool {
    target.state == fleet::State::Active
}

/// A gauge for each target: the one that it had, if it is still asked at the same address.
pub(super) fn gauges(targets: &[Target], before: Option<&Table>) -> Vec<Arc<Gauge>> {
    let known = before.iter().flat_map(|before| before.gauges());
    let known: FxHashMap<_, _> =
        known.map(|(target, gauge)| ((target.id.as_str(), gauge.address), gauge)).collect();
    let gauge = |target: &Target| {
        let port = target.ports.get(load::PORT);
        let address = port.map(|port| SocketAddr::new(target.address.to_canonical(), *port));
        let known = known.get(&(target.id.as_str(), address));
        known.map_or_else(|| Arc::new(Gauge::new(address)), |gauge| Arc::clone(gauge))
    };
    targets.iter().map(gauge).collect()
}

#[cfg(test)]
mod tests;
