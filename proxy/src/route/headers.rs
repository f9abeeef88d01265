//! Header fields that are taken out of what comes from outside, and those that are put into new calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sip::{Field, Message, Name};

use super::request::Request;

/// What the proxy itself needs as it came, or writes itself.
const UNTOUCHABLE: [Name; 10] = [
    Name::Via,
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::Contact,
    Name::Route,
    Name::RecordRoute,
    Name::MaxForwards,
    Name::ContentLength,
];

/// The settings `headers.strip` and `headers.add`.
#[derive(Debug, Clone, Default)]
pub struct HeaderRules {
    strip: Vec<Pattern>,
    /// The first letters of all patterns, and the known names that any pattern means, a bit for each: they decide about
    /// most header fields. Letters count by their lowest five bits, which do not know case.
    initials: u32,
    known: u32,
    /// Names, colons and line ends are texts, too.
    add: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Pattern {
    /// A name that has a compact form or another reason to be known.
    Known(Name),
    Exactly(String),
    /// All names that begin so.
    Prefix(String),
}

/// A piece of the text of a header field that is added.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    SourceIp,
    SourcePort,
    FromUser,
    ToUser,
    RequestUser,
}

impl HeaderRules {
    /// Reads the settings. What is added is also stripped: nobody outside can pass it off as ours.
    pub fn new(strip: &[String], add: &BTreeMap<String, String>) -> Result<Self, String> {
        let names = || strip.iter().chain(add.keys());
        let patterns: Vec<Pattern> = names().map(|text| pattern(text)).collect::<Result<_, _>>()?;
        let initials = names().filter_map(|name| name.bytes().next()).fold(0, |all, first| all | bit(first));
        let meant = |name: &&Name| patterns.iter().any(|pattern| pattern.means(**name));
        let known = Name::ALL.iter().filter(meant).fold(0, |all, name| all | bit(*name as u8));
        let mut added = Vec::new();
        let mut line_end = "";
        for (name, text) in add {
            if name.ends_with('*') {
                return Err(format!("add: expected a name, found {name:?}"));
            }
            added.push(Part::Text(format!("{line_end}{name}: ")));
            added.extend(parts(text).map_err(|what| format!("add, {name}: {what}"))?);
            line_end = "\r\n";
        }
        added.push(Part::Text(line_end.to_owned()));
        Ok(HeaderRules { strip: patterns, initials, known, add: added })
    }

    /// The header fields of a message from outside that go.
    pub(super) fn stripped<'a>(&self, msg: &Message<'a>) -> impl Iterator<Item = Field<'a>> {
        let perhaps = self.known != 0 || self.initials & msg.initials() != 0;
        let fields = perhaps.then(|| msg.fields()).into_iter().flatten();
        fields.filter(|field| self.goes(field.name) && self.strip.iter().any(|pattern| pattern.is(field)))
    }

    /// Whether header fields of that name may have to go.
    fn goes(&self, name: Name) -> bool {
        name == Name::Other || self.known & bit(name as u8) != 0
    }

    /// Writes the header fields that a new call gets.
    pub(super) fn write_added(&self, request: &Request<'_>, source: SocketAddr, out: &mut Vec<u8>) {
        for part in &self.add {
            part.write(request, source, out);
        }
    }
}

impl Pattern {
    fn is(&self, field: &Field<'_>) -> bool {
        match self {
            Pattern::Known(_) => self.means(field.name),
            Pattern::Exactly(name) => field.raw_name.eq_ignore_ascii_case(name.as_bytes()),
            Pattern::Prefix(prefix) => begins(field.raw_name, prefix) || self.means(field.name),
        }
    }

    /// Whether it goes by the known name, whatever form that came in.
    fn means(&self, name: Name) -> bool {
        match self {
            Pattern::Known(known) => name == *known,
            Pattern::Exactly(_) => false,
            Pattern::Prefix(prefix) => begins(name.as_str().as_bytes(), prefix),
        }
    }
}

fn begins(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

fn bit(place: u8) -> u32 {
    1 << (place & 31)
}

fn pattern(text: &str) -> Result<Pattern, String> {
    let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%_+`'~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!(
            "expected the name of a header field, with * at its end for all that begin so, found {text:?}"
        ));
    }
    let covers = |own: &Name| match is_prefix {
        true => own.as_str().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)),
        false => Name::of(name.as_bytes()) == *own,
    };
    if let Some(own) = UNTOUCHABLE.iter().find(|own| covers(own)) {
        return Err(format!("{text:?} would touch {}, which routing needs", own.as_str()));
    }
    Ok(match (is_prefix, Name::of(name.as_bytes())) {
        (true, _) => Pattern::Prefix(name.to_owned()),
        (false, Name::Other) => Pattern::Exactly(name.to_owned()),
        (false, known) => Pattern::Known(known),
    })
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("expected text without control characters".to_owned());
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) =
            behind.split_once('}').ok_or_else(|| format!("'{{' is not closed in {text:?}"))?;
        parts.push(Part::Text(before.to_owned()));
        parts.push(match name {
            "source_ip" => Part::SourceIp,
            "source_port" => Part::SourcePort,
            "from_user" => Part::FromUser,
            "to_user" => Part::ToUser,
            "request_user" => Part::RequestUser,
            _ => {
                let known = "source_ip, source_port, from_user, to_user or request_user";
                return Err(format!("expected {known} between braces, found {name:?}"));
            }
        });
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    parts.retain(|part| *part != Part::Text(String::new()));
    Ok(parts)
}

impl Part {
    /// No user that was read has a control character in it.
    fn write(&self, request: &Request<'_>, source: SocketAddr, out: &mut Vec<u8>) {
        match self {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::SourceIp => sip::write_ip(out, source.ip()),
            Part::SourcePort => sip::write_number(out, u32::from(source.port())),
            Part::FromUser => out.extend_from_slice(request.from.user().unwrap_or_default()),
            Part::ToUser => out.extend_from_slice(request.to.user().unwrap_or_default()),
            Part::RequestUser => out.extend_from_slice(request.uri.user.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(strip: &[&str], add: &[(&str, &str)]) -> Result<HeaderRules, String> {
        let strip: Vec<String> = strip.iter().map(|s| (*s).to_owned()).collect();
        HeaderRules::new(&strip, &add.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect())
    }

    #[test]
    fn names_are_stripped_in_every_spelling() {
        let rules = rules(&["X-Somleng-*", "Subject", "Refer*"], &[("X-Src-Ip", "{source_ip}")]).unwrap();
        let text = b"OPTIONS sip:a SIP/2.0\r\nx-somleng-Callsid: 1\r\nX-SRC-IP\t : 1\r\n 2\r\ns: x\r\nr: <sip:x>\r\nX-Somlen: y\r\nX-Src-Ip2: z\r\n\r\n";
        let mut index = sip::Index::new();
        let msg = sip::Message::parse(text, &mut index, &sip::Limits::default()).unwrap();
        let gone: Vec<_> = rules.stripped(&msg).map(|field| field.raw_name).collect();
        assert_eq!(gone, [&b"x-somleng-Callsid"[..], b"X-SRC-IP", b"s", b"r"]);
    }

    #[test]
    fn a_single_rule_is_enough_for_a_known_name_and_for_another() {
        let text = b"OPTIONS sip:a SIP/2.0\r\nReferred-By: 1\r\nX-A: 2\r\nb: 3\r\n\r\n";
        let mut index = sip::Index::new();
        let msg = sip::Message::parse(text, &mut index, &sip::Limits::default()).unwrap();
        for (name, expected) in
            [("Referred-By", &["1", "3"][..]), ("X-A", &["2"]), ("X-*", &["2"]), ("X-B", &[])]
        {
            let rules = rules(&[name], &[]).unwrap();
            let gone: Vec<_> = rules.stripped(&msg).map(|field| field.value).collect();
            assert_eq!(gone, expected.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn rules_with_the_same_first_letter_do_not_undo_each_other() {
        let text = b"OPTIONS sip:a SIP/2.0\r\nX-A: 1\r\nY: 2\r\nX-B: 3\r\nb: 4\r\n\r\n";
        let mut index = sip::Index::new();
        let msg = sip::Message::parse(text, &mut index, &sip::Limits::default()).unwrap();
        let rules = rules(&["X-A", "X-B", "Referred-By", "Refer*"], &[]).unwrap();
        let gone: Vec<_> = rules.stripped(&msg).map(|field| field.value).collect();
        assert_eq!(gone, [b"1", b"3", b"4"]);
    }

    #[test]
    fn every_name_that_may_be_stripped_is_in_both_its_forms() {
        for name in Name::ALL.iter().filter(|name| !UNTOUCHABLE.contains(name)) {
            let rules = rules(&[name.as_str()], &[]).unwrap();
            let compact = (b'a'..=b'z').filter(|letter| Name::of(&[*letter]) == *name).map(char::from);
            for form in compact.map(String::from).chain([name.as_str().to_owned()]) {
                let text = format!("OPTIONS sip:a SIP/2.0\r\n{form}: 1\r\n\r\n");
                let mut index = sip::Index::new();
                let msg = sip::Message::parse(text.as_bytes(), &mut index, &sip::Limits::default()).unwrap();
                assert_eq!(rules.stripped(&msg).count(), 1, "{form}");
            }
        }
    }

    #[test]
    fn what_routing_needs_cannot_be_stripped() {
        for bad in ["Via", "v", "Call-*", "*", "C*", "record-route", "a b", ""] {
            assert!(rules(&[bad], &[]).is_err(), "{bad:?}");
        }
        assert!(rules(&[], &[("To", "x")]).is_err() && rules(&[], &[("X-*", "x")]).is_err());
    }

    #[test]
    fn templates_are_checked_when_they_are_read() {
        assert!(rules(&[], &[("X-A", "{nobody}")]).unwrap_err().contains("\"nobody\""));
        assert!(rules(&[], &[("X-A", "{source_ip")]).unwrap_err().contains("not closed"));
        for control in ["\r\nB: c", "\0", "\x1f", "\x7f"] {
            assert!(
                rules(&[], &[("X-A", control)]).unwrap_err().contains("control characters"),
                "{control:?}"
            );
        }
        assert!(rules(&[], &[("X-A", "a b \u{e9}~")]).is_ok());
    }
}
