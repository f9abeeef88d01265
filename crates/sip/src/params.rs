//! Parameters: `;name=value` (RFC 3261 7.3.1), of URIs and of header field values alike.

use crate::block::{Block, first, is};
use crate::scan::{cut, find_unquoted, is_lws, tail, trim};

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name, trimmed, as it came.
    pub name: &'a [u8],
    /// What stands behind `=`, trimmed, quotes and all; `None` for a parameter without `=`.
    pub value: Option<&'a [u8]>,
    /// The whole of it, from its semicolon to the next.
    pub raw: &'a [u8],
}

/// A list of parameters, read on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// `bytes` begins with the first semicolon, or is empty.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Params(bytes)
    }

    /// All of them as they came, with the first semicolon.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// In the order they stand.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        self.raw().map(Param::new)
    }

    /// The same, each as it came, from its semicolon to the next.
    pub(crate) fn raw(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.0;
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at;
            if start >= bytes.len() {
                return None;
            }
            at = next(bytes, start + 1);
            Some(cut(bytes, start, at))
        })
    }

    /// The first one of that name, in any case.
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        // It is seldom there, and often its first letter is nowhere.
        if let Some(initial) = name.bytes().next()
            && first(self.0, 0, |block| is(block | Block::splat(0x20), initial | 0x20)) == self.0.len()
        {
            return None;
        }
        let [found] = self.pick([name]);
        found
    }

    /// The first one of each of these names, found in one pass.
    pub fn pick<const N: usize>(&self, names: [&str; N]) -> [Option<Param<'a>>; N] {
        let mut found = [None; N];
        for raw in self.raw() {
            for (name, place) in names.iter().zip(&mut found) {
                if place.is_none() && could_be(raw, name.as_bytes()) {
                    *place = named(raw, name.as_bytes());
                }
            }
        }
        found
    }

    /// The value of the first one of that name; `None` also where it has none or an empty one.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name)?.value.filter(|value| !value.is_empty())
    }

    /// Whether there is one of that name, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Where the parameter that `at` lies in ends: at the next semicolon outside quoted strings.
fn next(bytes: &[u8], at: usize) -> usize {
    find_unquoted(bytes, at, b';', b';')
}

/// Whether the name behind this semicolon may be that one: most are told apart by their first letter.
#[inline(always)]
fn could_be(raw: &[u8], name: &[u8]) -> bool {
    match (raw.get(1), name.first()) {
        (Some(first), Some(known)) => first | 0x20 == known | 0x20 || is_lws(*first),
        _ => true,
    }
}

/// This parameter, its semicolon included, if it has that name. Where no white space stands around that, there is no
/// need to look for its end.
fn named<'a>(raw: &'a [u8], name: &[u8]) -> Option<Param<'a>> {
    let same = |text: &[u8]| text == name || text.eq_ignore_ascii_case(name);
    match tail(raw, 1).split_at_checked(name.len()) {
        Some((text, [])) if same(text) => Some(Param { name: text, value: None, raw }),
        Some((text, [b'=', value @ ..])) if same(text) => {
            Some(Param { name: text, value: Some(trim(value)), raw })
        }
        _ => Some(Param::new(raw)).filter(|param| same(param.name)),
    }
}

impl<'a> Param<'a> {
    pub(crate) fn new(raw: &'a [u8]) -> Self {
        let text = tail(raw, 1);
        let equals = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
        Param { name: trim(cut(text, 0, equals)), value: text.get(equals + 1..).map(trim), raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_name_in_any_case_and_white_space() {
        let params = Params::new(b";LR ; Branch = z9hG4bK1;q=\"a;b=c\";empty=");
        assert!(params.has("lr"));
        assert_eq!(params.value("branch"), Some(&b"z9hG4bK1"[..]));
        assert_eq!(params.value("q"), Some(&b"\"a;b=c\""[..]));
        assert_eq!(params.value("empty"), None);
        assert_eq!(params.get("empty").and_then(|p| p.value), Some(&b""[..]));
        let [lr, q, none] = params.pick(["lr", "Q", "x"]);
        assert_eq!((lr, q, none), (params.get("lr"), params.get("q"), None));
        assert_eq!(params.iter().count(), 4);
        assert_eq!(params.iter().map(|p| p.raw.len()).sum::<usize>(), params.as_bytes().len());
    }
}
