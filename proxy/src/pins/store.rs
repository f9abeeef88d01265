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

    /// How many places there are, with a pin or without.
    pub(super) fn places(&self) -> usize {
        self.pins.len()
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
