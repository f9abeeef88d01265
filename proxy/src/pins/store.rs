//! Where pins are kept: found by key, named by place, each with one timer.

use rustc_hash::FxHashMap;

use super::pin::Pin;
use super::wheel::Wheel;

/// A pin's place while it lives.
pub(super) type Place = u32;

/// Pins, up to a number. Room for all of them is set aside at the start, so that nothing is ever moved to grow; the
/// system gives memory for it as it is used.
#[derive(Debug)]
pub(super) struct Store {
    places: FxHashMap<u64, Place>,
    /// The last pin of each call.
    calls: FxHashMap<u64, Place>,
    pins: Vec<Option<Pin>>,
    free: Vec<Place>,
    wheel: Wheel,
    most: usize,
}

impl Store {
    pub(super) fn new(most: usize) -> Self {
        let map = || FxHashMap::with_capacity_and_hasher(most, Default::default());
        Store {
            places: map(),
            calls: map(),
            pins: Vec::with_capacity(most),
            free: Vec::new(),
            wheel: Wheel::new(most),
            most,
        }
    }

    /// Keeps a pin until it is removed; `false` if there is no room or if its key is taken.
    pub(super) fn insert(&mut self, mut pin: Pin) -> bool {
        if self.places.len() >= self.most || self.places.contains_key(&pin.key) {
            return false;
        }
        let place = self.free.pop().unwrap_or(self.pins.len() as Place);
        if place as usize == self.pins.len() {
            self.pins.push(None);
        }
        self.places.insert(pin.key, place);
        if let Some(other) = self.calls.insert(pin.call, place)
            && let Some(Some(other)) = self.pins.get_mut(other as usize)
        {
            (other.merged, pin.merged) = (true, true);
        }
        self.put_back(place, pin);
        true
    }

    pub(super) fn find(&self, key: u64) -> Option<Place> {
        self.places.get(&key).copied()
    }

    pub(super) fn find_call(&self, call: u64) -> Option<&Pin> {
        self.get(*self.calls.get(&call)?)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Pin> {
        self.pins.get(place as usize)?.as_ref()
    }

    /// Takes a pin out to work on it; [`Store::put_back`] or [`Store::forget`] follows.
    pub(super) fn take(&mut self, place: Place) -> Option<Pin> {
        self.pins.get_mut(place as usize)?.take()
    }

    /// Puts it back, to be looked at when its next timer is due.
    pub(super) fn put_back(&mut self, place: Place, pin: Pin) {
        self.wheel.set(place, pin.next_due());
        if let Some(slot) = self.pins.get_mut(place as usize) {
            *slot = Some(pin);
        }
    }

    /// Ends a pin that was taken out.
    pub(super) fn forget(&mut self, place: Place, pin: &Pin) {
        self.wheel.stop(place);
        self.places.remove(&pin.key);
        if self.calls.get(&pin.call) == Some(&place) {
            self.calls.remove(&pin.call);
        }
        self.free.push(place);
    }

    /// A pin whose timer is due.
    pub(super) fn due(&mut self, now: u32) -> Option<Place> {
        self.wheel.due(now)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// So many places from `from` on, and the pins in them.
    pub(super) fn some(&self, from: usize, count: usize) -> impl Iterator<Item = (Place, &Pin)> {
        let places = self.pins.iter().enumerate().skip(from).take(count);
        places.filter_map(|(place, pin)| Some((place as Place, pin.as_ref()?)))
    }

    /// How many places there are, with a pin or without.
    pub(super) fn places(&self) -> usize {
        self.pins.len()
    }

    /// All pins.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pin> {
        self.pins.iter().flatten()
    }
}
