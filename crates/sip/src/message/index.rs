//! Where the header fields of a message lie.

use super::lines::{Line, Lines};
use super::{Field, Limits, check};
use crate::error::Error;
use crate::name::Name;
use crate::scan::{cut, tail};

/// Where the header fields of a message lie. Reused from message to message: it allocates when it is made, and again
/// only for a message of more than 64 header fields.
#[derive(Debug)]
pub struct Index {
    /// Room for entries; the first `count` are those of the message.
    entries: Vec<Entry>,
    count: usize,
    /// For each name the places of its first and last entry.
    places: [(u16, u16); Name::COUNT + 1],
    /// What the names that are not known begin with, a bit for each letter: its lowest five bits, which know no case.
    initials: u32,
    /// The first thing in the head that is malformed.
    pub(super) defect: Option<Error>,
    /// What is wrong with the length of the body.
    pub(super) short: Option<Error>,
}

/// The places of a name that does not occur.
const NOWHERE: (u16, u16) = (u16::MAX, 0);

/// A header field: places in the bytes of its message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) name: Name,
    start: u32,
    name_end: u32,
    pub(super) value: u32,
    pub(super) value_end: u32,
    end: u32,
}

impl Index {
    /// Room for 64 header fields.
    pub fn new() -> Self {
        Index {
            entries: vec![Entry::default(); 64],
            count: 0,
            places: [NOWHERE; Name::COUNT + 1],
            initials: 0,
            defect: None,
            short: None,
        }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.places = [NOWHERE; Name::COUNT + 1];
        (self.initials, self.defect, self.short) = (0, None, None);
    }

    /// Every header field, in order.
    pub(super) fn entries(&self) -> &[Entry] {
        self.entries.get(..self.count).unwrap_or_default()
    }

    /// Those from the first of that name to the last.
    pub(super) fn around(&self, name: Name) -> &[Entry] {
        let (first, last) = self.places.get(name as usize).copied().unwrap_or(NOWHERE);
        self.entries.get(usize::from(first)..=usize::from(last)).unwrap_or_default()
    }

    pub(super) fn initials(&self) -> u32 {
        self.initials
    }

    /// Reads header fields as long as they are plain ones, of which the first begins with the first byte of `bytes`, at
    /// `start` in the message. Returns how many bytes they have.
    #[inline(never)]
    pub(super) fn read_plain(&mut self, bytes: &[u8], start: usize, limits: &Limits) -> usize {
        let room = limits.max_fields().min(self.entries.len());
        let (mut rest, mut at) = (bytes, start);
        while let Some(line) = Line::plain(rest)
            && line.value_end <= limits.line_bytes
            && self.count < room
            && let (&[initial, ..], Some(behind)) = (rest, rest.get(line.next..))
        {
            self.put(&line, at, initial);
            (rest, at) = (behind, at + line.next);
        }
        at - start
    }

    /// Reads the header field that comes next, whatever it looks like. Returns whether there was one, and no empty line.
    #[inline(never)]
    pub(super) fn read_any(&mut self, lines: &mut Lines<'_>, limits: &Limits) -> Result<bool, Error> {
        let start = lines.at;
        let rest = tail(lines.bytes, start);
        let (line, length) = if let Some(line) = Line::long(rest) {
            lines.at += line.next;
            (Ok(line), line.value_end)
        } else {
            let (start, end, next) = lines.next(true).ok_or_else(|| lines.no_end())?;
            if start == end {
                return Ok(false);
            }
            (Line::any(lines.bytes, start, end, next), end - start)
        };
        check("bytes in a line", length, limits.line_bytes)?;
        check("header fields", self.count + 1, limits.max_fields())?;
        match line {
            Ok(line) => self.push(&line, start, rest.first().copied().unwrap_or(0)),
            Err(error) => self.defect = self.defect.or(Some(error)),
        }
        Ok(true)
    }

    /// Adds the header field that begins at `start` with that byte.
    pub(super) fn push(&mut self, line: &Line, start: usize, initial: u8) {
        if self.count == self.entries.len() {
            self.entries.resize(2 * self.count, Entry::default());
        }
        self.put(line, start, initial);
    }

    /// The same while there is room.
    #[inline(always)]
    fn put(&mut self, line: &Line, start: usize, initial: u8) {
        // There are no more than `Limits::max_fields`, and no more bytes than 32 bits can tell.
        let place = self.count as u16;
        if let Some((first, last)) = self.places.get_mut(line.name as usize) {
            *first = place.min(*first);
            *last = place;
        }
        if line.name == Name::Other {
            self.initials |= 1 << (initial & 31);
        }
        let at = |offset: usize| (start + offset) as u32;
        if let Some(entry) = self.entries.get_mut(self.count) {
            *entry = Entry {
                name: line.name,
                start: at(0),
                name_end: at(line.length),
                value: at(line.value),
                value_end: at(line.value_end),
                end: at(line.next),
            };
            self.count += 1;
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Index::new()
    }
}

impl Entry {
    pub(super) fn line<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        cut(bytes, self.start as usize, self.end as usize)
    }

    pub(super) fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        let slice = |from: u32, to: u32| cut(bytes, from as usize, to as usize);
        Field {
            name: self.name,
            raw_name: slice(self.start, self.name_end),
            value: slice(self.value, self.value_end),
            line: self.line(bytes),
        }
    }
}
