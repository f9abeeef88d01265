//! Where pins are kept: found by key, named by place, each with one timer.

use hashbrown::HashTable;

use super::pin::Pin;
use super::wheel::Wheel;

/// A pin's place while it lives.
pub(super) type Place = u32;

/// Pins, up to a number. Room for all of them is set aside at the start, so that nothing is ever moved to grow; the
/// system gives memory for it as it is used.
#[derive(Debug)]
pub(super) struct Store {
    /// Places by transaction. Only places stand in here: a key is looked at where its pin is.
    places: HashTable<Place>,
    /// The last pin of each call.
    calls: HashTable<Place>,
    pins: Vec<Slot>,
    free: Vec<Place>,
    wheel: Wheel,
    most: usize,
}

/// A place. Its names stay while the pin is taken out to be worked on.
#[derive(Debug)]
struct Slot {
    key: u64,
    call: u64,
    pin: Option<Pin>,
}

impl Store {
    pub(super) fn new(most: usize) -> Self {
        Store {
            places: HashTable::with_capacity(most),
            calls: HashTable::with_capacity(most),
            pins: Vec::with_capacity(most),
            free: Vec::new(),
            wheel: Wheel::new(most),
            most,
        }
    }

    /// Keeps a pin by its names until it is removed; `false` if there is no room or if its key is taken. Names are hashes
    /// already.
    pub(super) fn insert(&mut self, key: u64, call: u64, mut pin: Pin) -> bool {
        if self.places.len() >= self.most || self.find(key).is_some() {
            return false;
        }
        let place = self.free.pop().unwrap_or(self.pins.len() as Place);
        if place as usize == self.pins.len() {
            self.pins.push(Slot { key, call, pin: None });
        } else if let Some(slot) = self.pins.get_mut(place as usize) {
            (slot.key, slot.call) = (key, call);
        }
        let pins = &self.pins;
        self.places.insert_unique(key, place, |other| name(pins, *other, |slot| slot.key));
        let known = self.calls.find_mut(call, |other| name(pins, *other, |slot| slot.call) == call);
        match known.map(|other| std::mem::replace(other, place)) {
            Some(other) => {
                pin.merged = true;
                if let Some(other) = self.pins.get_mut(other as usize).and_then(|slot| slot.pin.as_mut()) {
                    other.merged = true;
                }
            }
            None => {
                self.calls.insert_unique(call, place, |other| name(pins, *other, |slot| slot.call));
            }
        }
        self.put_back(place, pin);
        true
    }

    pub(super) fn find(&self, key: u64) -> Option<Place> {
        self.places.find(key, |place| name(&self.pins, *place, |slot| slot.key) == key).copied()
    }

    pub(super) fn find_call(&self, call: u64) -> Option<&Pin> {
        let place = self.calls.find(call, |place| name(&self.pins, *place, |slot| slot.call) == call)?;
        self.get(*place)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Pin> {
        self.pins.get(place as usize)?.pin.as_ref()
    }

    /// Takes a pin out to work on it; [`Store::put_back`] or [`Store::forget`] follows.
    pub(super) fn take(&mut self, place: Place) -> Option<Pin> {
        self.pins.get_mut(place as usize)?.pin.take()
    }

    /// Puts it back, to be looked at when its next timer is due.
    pub(super) fn put_back(&mut self, place: Place, pin: Pin) {
        self.wheel.set(place, pin.next_due());
        if let Some(slot) = self.pins.get_mut(place as usize) {
            slot.pin = Some(pin);
        }
    }

    /// Ends a pin that was taken out.
    pub(super) fn forget(&mut self, place: Place) {
        self.wheel.stop(place);
        let (key, call) =
            (name(&self.pins, place, |slot| slot.key), name(&self.pins, place, |slot| slot.call));
        if let Ok(entry) = self.places.find_entry(key, |other| *other == place) {
            entry.remove();
        }
        if let Ok(entry) = self.calls.find_entry(call, |other| *other == place) {
            entry.remove();
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
        places.filter_map(|(place, pin)| Some((place as Place, pin.pin.as_ref()?)))
    }

    /// Where to go on behind those, if there are more.
    pub(super) fn next(&self, from: usize, count: usize) -> Option<usize> {
        (from + count < self.pins.len()).then_some(from + count)
    }

    /// All pins with their names.
    pub(super) fn named(&self) -> impl Iterator<Item = (u64, u64, &Pin)> {
        self.pins.iter().filter_map(|slot| Some((slot.key, slot.call, slot.pin.as_ref()?)))
    }

    /// All pins.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pin> {
        self.pins.iter().filter_map(|slot| slot.pin.as_ref())
    }
}

fn name(pins: &[Slot], place: Place, of: impl Fn(&Slot) -> u64) -> u64 {
    pins.get(place as usize).map_or(0, of)
}

#[cfg(test)]
mod tests {
    use smallvec::SmallVec;

    use super::super::pin::{Caller, NEVER, Stage};
    use super::*;
    use crate::route::{Input, Transport};

    fn pin() -> Pin {
        let caller = Caller::of(&Input {
            bytes: b"",
            source: ([203, 0, 113, 1], 5060).into(),
            local: None,
            listener: 0,
            transport: Transport::Udp,
            connection: None,
            now: std::time::Duration::ZERO,
        });
        Pin {
            caller,
            in_dialog: false,
            text: Box::default(),
            packed: false,
            attempts: SmallVec::new(),
            stage: Stage::Calling,
            told: false,
            merged: false,
            cancelled: None,
            closing: None,
            began: 0,
            resend: NEVER,
            interval: 1,
            deadline: 1,
        }
    }

    fn forget(store: &mut Store, key: u64) {
        let place = store.find(key).unwrap();
        store.take(place).unwrap();
        store.forget(place);
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_behind_and_its_place_is_used_again() {
        let mut store = Store::new(2);
        for number in 0..100 {
            assert!(
                store.insert(2 * number, number, pin()) && store.insert(2 * number + 1, number + 1, pin())
            );
            assert!(!store.insert(1000, 1000, pin()), "there is room for two");
            forget(&mut store, 2 * number + 1);
            assert!(store.find_call(number).is_some() && store.find_call(number + 1).is_none());
            forget(&mut store, 2 * number);
            assert_eq!((store.len(), store.places.len(), store.calls.len(), store.pins.len()), (0, 0, 0, 2));
        }
    }

    #[test]
    fn of_two_pins_of_a_call_the_last_is_found_and_each_knows_of_the_other() {
        let mut store = Store::new(2);
        assert!(store.insert(1, 7, pin()) && store.insert(2, 7, pin()));
        assert!(!store.insert(1, 8, pin()), "the key is taken");
        assert_eq!(store.iter().map(|pin| pin.merged).collect::<Vec<_>>(), [true, true]);
        forget(&mut store, 1);
        assert!(store.find_call(7).is_some());
        forget(&mut store, 2);
        assert!(store.find_call(7).is_none());
        assert_eq!(store.calls.len(), 0);
    }
}
