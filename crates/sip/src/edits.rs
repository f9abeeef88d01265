//! Edits: what has to change in a message, applied by one gather of slices.

use std::mem;

use crate::message::{Field, Message};
use crate::name::Name;
use crate::scan::{cut, tail};
use crate::values::Values;

/// Insertions, replacements and removals for one message at a time. Reused: once it has grown, it allocates nothing.
///
/// Places are named by slices of the message (a field's line, a value, a parameter); a slice of anything else is
/// passed over. Where edits overlap, all their texts stand, in order, for all the bytes that any of them takes.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<Edit>,
    text: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    /// The bytes of the message that go.
    from: usize,
    to: usize,
    /// The bytes of `text` that come.
    text_from: usize,
    text_to: usize,
}

impl Edits {
    /// None yet; room for as many as an INVITE needs.
    pub fn new() -> Self {
        Edits { list: Vec::with_capacity(64), text: Vec::with_capacity(4096) }
    }

    /// Forgets all edits, for the next message.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
    }

    /// Puts what `write` writes in the place of `part`.
    pub fn replace(&mut self, msg: &Message<'_>, part: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        if let Some((from, to)) = msg.position(part) {
            self.add(from, to, write);
        }
    }

    /// Puts what `write` writes before `part`; after what was put there before.
    pub fn insert_before(&mut self, msg: &Message<'_>, part: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        if let Some((from, _)) = msg.position(part) {
            self.add(from, from, write);
        }
    }

    /// Puts what `write` writes behind `part`; after what was put there before.
    pub fn insert_after(&mut self, msg: &Message<'_>, part: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        if let Some((_, to)) = msg.position(part) {
            self.add(to, to, write);
        }
    }

    /// Takes out a header field, line end and all.
    pub fn remove(&mut self, msg: &Message<'_>, field: &Field<'_>) {
        self.replace(msg, field.line, |_| {});
    }

    /// Takes out those values of a header field that is a list for which `which` holds, given their ordinal over all
    /// lines (from 0) and the value. A line of which nothing is left goes as a whole.
    pub fn remove_values(
        &mut self,
        msg: &Message<'_>,
        name: Name,
        mut which: impl FnMut(usize, &[u8]) -> bool,
    ) {
        let mut ordinal = 0;
        for field in msg.all(name) {
            let first = ordinal;
            let mut goes = |offset: usize, value: &[u8]| which(first + offset, value);
            ordinal += self.remove_values_of_line(msg, &field, &mut goes);
        }
        self.sort();
    }

    /// Once for many edits: thousands of values in a hostile message, each put in its place, would take time by the
    /// square.
    fn sort(&mut self) {
        if !self.list.is_sorted_by_key(|edit| edit.from) {
            self.list.sort_unstable_by_key(|edit| (edit.from, edit.text_from));
        }
    }

    /// Takes out the first values of a header field that is a list, counted over all its lines.
    pub fn remove_first_values(&mut self, msg: &Message<'_>, name: Name, count: usize) {
        let mut ordinal = 0;
        for field in msg.all(name) {
            if ordinal >= count {
                break;
            }
            let first = ordinal;
            ordinal += self.remove_values_of_line(msg, &field, &mut |offset, _| first + offset < count);
        }
        self.sort();
    }

    /// Leaves the list unsorted. Returns how many values the line has.
    fn remove_values_of_line(
        &mut self,
        msg: &Message<'_>,
        field: &Field<'_>,
        goes: &mut dyn FnMut(usize, &[u8]) -> bool,
    ) -> usize {
        let (mut count, mut last_kept, mut pending) = (0, None, None);
        for value in Values::new(field.value) {
            let Some((start, end)) = msg.position(value) else { continue };
            if goes(count, value) {
                pending = pending.or(Some(start));
            } else {
                // A run that goes ends where the next value that stays begins.
                if let Some(from) = pending.take() {
                    self.push(from, start, |_| {});
                }
                last_kept = Some(end);
            }
            count += 1;
        }
        let value_end = msg.position(field.value).map_or(0, |(_, end)| end);
        match (pending, last_kept) {
            (Some(_), None) => {
                let (from, to) = msg.position(field.line).unwrap_or_default();
                self.push(from, to, |_| {});
            }
            // The last run takes the comma before it along.
            (Some(_), Some(kept)) => self.push(kept, value_end, |_| {}),
            _ => {}
        }
        count
    }

    fn add(&mut self, from: usize, to: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.push(from, to, write);
        // Edits come nearly in order; the list stays sorted, and equal places in the order they came.
        for at in (1..self.list.len()).rev() {
            match self.list.get_mut(at - 1..=at) {
                Some([before, last]) if before.from > last.from => mem::swap(before, last),
                _ => break,
            }
        }
    }

    fn push(&mut self, from: usize, to: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let edit = self.write(from, to, write);
        self.list.push(edit);
    }

    fn write(&mut self, from: usize, to: usize, write: impl FnOnce(&mut Vec<u8>)) -> Edit {
        let text_from = self.text.len();
        write(&mut self.text);
        Edit { from, to, text_from, text_to: self.text.len() }
    }

    /// The message as it leaves: slices of what came and of what was written, in order.
    pub fn pieces<'e>(&'e self, msg: &Message<'e>) -> impl Iterator<Item = &'e [u8]> {
        let bytes = msg.bytes();
        let mut kept = 0;
        let edits = self.list.iter().flat_map(move |edit| {
            let before = cut(bytes, kept, edit.from);
            kept = kept.max(edit.to);
            [before, cut(&self.text, edit.text_from, edit.text_to)]
        });
        let end = self.list.iter().map(|edit| edit.to).max().unwrap_or(0);
        edits.chain([cut(bytes, end, bytes.len())]).filter(|piece| !piece.is_empty())
    }

    /// Appends the message as it leaves.
    pub fn write_to(&self, msg: &Message<'_>, out: &mut Vec<u8>) {
        let bytes = msg.bytes();
        out.reserve(bytes.len() + self.text.len());
        let mut kept = 0;
        for edit in &self.list {
            if kept < edit.from {
                out.extend_from_slice(bytes.get(kept..edit.from).unwrap_or_default());
            }
            out.extend_from_slice(self.text.get(edit.text_from..edit.text_to).unwrap_or_default());
            kept = kept.max(edit.to);
        }
        out.extend_from_slice(tail(bytes, kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Index, Limits};

    fn edited(text: &str, edit: impl FnOnce(&Message<'_>, &mut Edits)) -> String {
        let mut index = Index::new();
        let msg = Message::parse(text.as_bytes(), &mut index, &Limits::default()).unwrap();
        let (mut edits, mut out) = (Edits::new(), Vec::new());
        edit(&msg, &mut edits);
        edits.write_to(&msg, &mut out);
        String::from_utf8(out).unwrap()
    }

    const ROUTES: &str = "BYE sip:a SIP/2.0\r\nRoute: <a> , <b>,<c>\r\nX: 1\r\nroute : <d>\r\n\r\nbody";

    fn without(goes: &[usize]) -> String {
        if goes.iter().enumerate().all(|(place, gone)| place == *gone) {
            let first = edited(ROUTES, |msg, edits| edits.remove_first_values(msg, Name::Route, goes.len()));
            let each = edited(ROUTES, |msg, edits| {
                edits.remove_values(msg, Name::Route, |i, _| goes.contains(&i));
            });
            assert_eq!(first, each);
        }
        edited(ROUTES, |msg, edits| edits.remove_values(msg, Name::Route, |i, _| goes.contains(&i)))
    }

    #[test]
    fn nothing_changes_without_edits() {
        assert_eq!(without(&[]), ROUTES);
    }

    #[test]
    fn values_leave_with_their_comma_and_lines_with_their_last_value() {
        let with = |line: &str, last: &str| format!("BYE sip:a SIP/2.0\r\n{line}X: 1\r\n{last}\r\nbody");
        assert_eq!(without(&[0]), with("Route: <b>,<c>\r\n", "route : <d>\r\n"));
        assert_eq!(without(&[1]), with("Route: <a> , <c>\r\n", "route : <d>\r\n"));
        assert_eq!(without(&[2]), with("Route: <a> , <b>\r\n", "route : <d>\r\n"));
        assert_eq!(without(&[1, 2]), with("Route: <a>\r\n", "route : <d>\r\n"));
        assert_eq!(without(&[0, 2]), with("Route: <b>\r\n", "route : <d>\r\n"));
        assert_eq!(without(&[0, 1, 2]), with("", "route : <d>\r\n"));
        assert_eq!(without(&[0, 1, 2, 3]), with("", ""));
        assert_eq!(without(&[3]), with("Route: <a> , <b>,<c>\r\n", ""));
    }

    #[test]
    fn insertions_at_one_place_stand_in_the_order_they_came() {
        let out = edited(ROUTES, |msg, edits| {
            let x = msg.named("x").next().unwrap();
            edits.insert_before(msg, x.line, |t| t.extend_from_slice(b"A: 1\r\n"));
            edits.insert_before(msg, x.line, |t| t.extend_from_slice(b"B: 2\r\n"));
            edits.remove(msg, &x);
            edits.replace(msg, msg.request().unwrap().uri, |t| t.extend_from_slice(b"sip:z"));
            edits.insert_after(msg, x.value, |t| t.extend_from_slice(b"ignored with its line? no"));
        });
        assert!(out.starts_with("BYE sip:z SIP/2.0\r\nRoute: <a> , <b>,<c>\r\nA: 1\r\nB: 2\r\n"), "{out}");
        assert!(out.ends_with("ignored with its line? noroute : <d>\r\n\r\nbody"), "{out}");
    }

    #[test]
    fn values_are_removed_before_and_between_what_was_edited_earlier() {
        let out = edited(ROUTES, |msg, edits| {
            let x = msg.named("x").next().unwrap();
            edits.insert_before(msg, x.line, |t| t.extend_from_slice(b"A: 1\r\n"));
            edits.replace(msg, x.value, |t| t.push(b'2'));
            let first = msg.first(Name::Route).unwrap();
            edits.insert_before(msg, first.line, |t| t.extend_from_slice(b"B: 1\r\n"));
            edits.remove_values(msg, Name::Route, |i, _| i != 1);
            edits.insert_before(msg, first.line, |t| t.extend_from_slice(b"C: 1\r\n"));
        });
        assert_eq!(out, "BYE sip:a SIP/2.0\r\nB: 1\r\nC: 1\r\nRoute: <b>\r\nA: 1\r\nX: 2\r\n\r\nbody");
    }

    #[test]
    fn a_slice_of_something_else_changes_nothing() {
        assert_eq!(edited(ROUTES, |msg, edits| edits.replace(msg, b"elsewhere", |t| t.push(b'x'))), ROUTES);
    }
}
