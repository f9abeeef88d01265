//! Via (RFC 3261 20.42), and what a server adds to it (18.2.1, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use crate::block::{first, is};
use crate::error::Error;
use crate::host::Host;
use crate::params::{Param, Params};
use crate::scan::{cut, find, find_unquoted, is_lws, is_token, number, quotes_close, tail, trim};
use crate::values::Values;
use crate::write::{write_ip, write_number};

/// One Via.
#[derive(Debug, Clone, Copy)]
pub struct Via<'a> {
    /// All of it as it came.
    pub raw: &'a [u8],
    /// `UDP`, `TCP`, `TLS`, ...
    pub transport: &'a [u8],
    /// Host and port as they came.
    pub sent_by: &'a [u8],
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by, if it is named.
    pub port: Option<u16>,
    /// branch, received, rport, maddr, ttl and others.
    pub params: Params<'a>,
    known: Known<'a>,
}

/// The parameters that are asked for with every message: the value of the first of each name, empty if it has none.
#[derive(Debug, Clone, Copy, Default)]
struct Known<'a> {
    branch: Option<&'a [u8]>,
    received: Option<&'a [u8]>,
    rport: Option<&'a [u8]>,
    maddr: Option<&'a [u8]>,
}

impl<'a> Known<'a> {
    /// Finds them in one pass.
    fn of(params: Params<'a>) -> Self {
        let mut known = Known::default();
        for (which, value) in params.raw().filter_map(Which::of) {
            let place = match which {
                Which::Branch => &mut known.branch,
                Which::Received => &mut known.received,
                Which::Rport => &mut known.rport,
                Which::Maddr => &mut known.maddr,
            };
            *place = place.or(Some(value));
        }
        known
    }
}

/// What a parameter is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Branch,
    Received,
    Rport,
    Maddr,
}

impl Which {
    /// What it is, and its value; `None` for all others. `raw` begins with the semicolon.
    #[inline(always)]
    fn of(raw: &[u8]) -> Option<(Self, &[u8])> {
        // Almost all are spelled so.
        if let Some(value) = raw.strip_prefix(b";branch=") {
            return Some((Which::Branch, trim(value)));
        }
        if let Some(value) = raw.strip_prefix(b";received=") {
            return Some((Which::Received, trim(value)));
        }
        match raw.strip_prefix(b";rport") {
            Some([]) => return Some((Which::Rport, b"")),
            Some([b'=', value @ ..]) => return Some((Which::Rport, trim(value))),
            _ => {}
        }
        // Most others show by their first letter that they are none of these.
        match raw {
            [_, b'c'..=b'l' | b's'..=b'z' | b'C'..=b'L' | b'S'..=b'Z', ..] => None,
            _ => Which::spelled(raw),
        }
    }

    #[inline(never)]
    fn spelled(raw: &[u8]) -> Option<(Self, &[u8])> {
        let Param { name, value, .. } = Param::new(raw);
        let which = match name.len() {
            6 if name.eq_ignore_ascii_case(b"branch") => Which::Branch,
            8 if name.eq_ignore_ascii_case(b"received") => Which::Received,
            5 if name.eq_ignore_ascii_case(b"rport") => Which::Rport,
            5 if name.eq_ignore_ascii_case(b"maddr") => Which::Maddr,
            _ => return None,
        };
        Some((which, value.unwrap_or_default()))
    }
}

/// One Via as it came, not read yet.
#[derive(Debug, Clone, Copy)]
pub struct RawVia<'a> {
    value: &'a [u8],
    /// Whether there is nothing that separates values or keeps them together.
    plain: bool,
}

impl<'a> RawVia<'a> {
    /// All of it.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.value
    }

    /// What stands behind a beginning that is known, if that is parameters or nothing.
    pub fn params_behind(&self, beginning: usize) -> Option<Params<'a>> {
        let rest = self.value.get(beginning..).filter(|_| self.plain)?;
        matches!(rest, [] | [b';', ..]).then(|| Params::new(rest))
    }

    /// Reads it.
    pub fn read(&self) -> Result<Via<'a>, Error> {
        match self.plain {
            true => Via::read(self.value, find(self.value, 0, b';')),
            false => Via::parse(self.value),
        }
    }
}

/// The Vias of one line.
pub(crate) struct Vias<'a>(Values<'a>);

impl<'a> Vias<'a> {
    /// Those in `bytes`, which is the whole of a header field's value.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Vias(Values::new(bytes))
    }

    /// The only one that there is, where that is easily seen.
    #[inline(always)]
    pub(crate) fn only(&mut self) -> Option<RawVia<'a>> {
        self.0.only(is_plain).map(|value| RawVia { value, plain: true })
    }
}

impl<'a> Iterator for Vias<'a> {
    type Item = RawVia<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawVia<'a>> {
        // Almost every line has one.
        match self.only() {
            Some(via) => Some(via),
            None => self.0.next().map(|value| RawVia { value, plain: false }),
        }
    }
}

/// Whether there is nothing that separates values or keeps them together.
#[inline(always)]
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |block| is(block, b'"') | is(block, b'<') | is(block, b'>') | is(block, b',');
    first(bytes, 0, odd) == bytes.len()
}

impl<'a> Via<'a> {
    /// Reads one value.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Error> {
        // No Via holds these (RFC 3261 25.1), and `received` written behind them might be read by nobody: then our answer
        // would go to a sent-by that its sender made up.
        let odd = find_unquoted(raw, 0, b'<', b'>');
        if odd < raw.len() || !quotes_close(raw) {
            return Err(Error::expected("a Via without an open quoted string or angle brackets", raw, odd));
        }
        Via::read(raw, find_unquoted(raw, 0, b';', b';'))
    }

    /// Reads one value whose quoted strings all end, and whose parameters begin at `end`.
    fn read(raw: &'a [u8], end: usize) -> Result<Self, Error> {
        let head = cut(raw, 0, end);
        // Almost all begin so.
        let (transport, sent_by) = match head.strip_prefix(b"SIP/2.0/UDP ") {
            Some(rest) => (cut(head, 8, 11), rest),
            None => transport(raw, head)?,
        };
        let sent_by = trim(sent_by);
        let (host, port) = Host::parse_with_port(sent_by)?;
        let params = Params::new(tail(raw, end));
        Ok(Via { raw, transport, sent_by, host, port, params, known: Known::of(params) })
    }

    /// The `branch` parameter, which names the transaction (RFC 3261 8.1.1.7).
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.known.branch.filter(|branch| !branch.is_empty())
    }

    /// The address in `received`.
    pub fn received(&self) -> Option<IpAddr> {
        Host::parse(self.known.received?).ok()?.ip()
    }

    /// Where responses to it go (RFC 3261 18.2.2, RFC 3581 4): to maddr over UDP, else to received and rport, else to
    /// sent-by. Over a stream, which has rport for its own end of the connection alone, to sent-by's port. `None` if that
    /// is no address.
    pub fn response_address(&self) -> Option<SocketAddr> {
        let Known { maddr, received, rport, .. } = self.known;
        let ip = |param: Option<&[u8]>| Host::parse(param?).ok()?.ip();
        let udp = self.transport == b"UDP" || self.transport.eq_ignore_ascii_case(b"UDP");
        if udp && maddr.is_some() {
            return Some(SocketAddr::new(ip(maddr)?, self.port_or_default()));
        }
        let port = rport.filter(|_| udp).and_then(|rport| u16::try_from(number(rport)?).ok());
        let ip = ip(received).or_else(|| self.host.ip())?;
        Some(SocketAddr::new(ip, port.unwrap_or_else(|| self.port_or_default())))
    }

    /// The port in `rport`, once it is filled.
    pub fn rport(&self) -> Option<u16> {
        u16::try_from(number(self.known.rport?)?).ok()
    }

    /// The port of sent-by or its default: 5061 for TLS, else 5060 (RFC 3261 18.2.2).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| if self.transport.eq_ignore_ascii_case(b"TLS") { 5061 } else { 5060 })
    }

    /// What has to be noted in this Via, the topmost of a request that came from `source`. With `force_rport`, an
    /// rport is added also where only the port differs.
    pub fn stamp(&self, source: SocketAddr, force_rport: bool) -> Stamp<'_> {
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        let Known { rport, received, maddr, .. } = self.known;
        let (asked, made_up) = (rport.is_some(), received.is_some());
        let elsewhere = self.host.ip().is_some_and(|ip| ip != source.ip());
        let other_port = self.port_or_default() != source.port();
        Stamp {
            via: self,
            made_up,
            has_maddr: maddr.is_some(),
            drops_maddr: false,
            // RFC 3261 18.2.1: when sent-by is a name or another address; RFC 3581 4: and whenever rport is asked for.
            received: (asked || elsewhere || self.host.ip().is_none()).then_some(source.ip()),
            // RFC 3581 4. Unasked only for a caller behind a NAT: its address gives it away.
            rport: (asked || elsewhere || (force_rport && other_port)).then_some(source.port()),
        }
    }
}

/// A topmost Via with the source of its request noted in it.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    via: &'a Via<'a>,
    /// Whether the sender wrote a `received` of its own.
    made_up: bool,
    has_maddr: bool,
    drops_maddr: bool,
    received: Option<IpAddr>,
    rport: Option<u16>,
}

impl Stamp<'_> {
    /// Also takes out `maddr`, by which a sender could have the answer sent to somebody else.
    pub fn without_maddr(self) -> Self {
        Stamp { drops_maddr: self.has_maddr, ..self }
    }

    /// Whether the Via may stay as it came.
    pub fn is_empty(&self) -> bool {
        self.received.is_none() && self.rport.is_none() && !self.made_up && !self.drops_maddr
    }

    /// The port that responses go to (RFC 3581 4, RFC 3261 18.2.2).
    pub fn reply_port(&self) -> u16 {
        self.rport.unwrap_or(self.via.port_or_default())
    }

    /// Writes the Via: everything as it came but `received` and `rport`, which nobody before us can know.
    pub fn write(&self, out: &mut Vec<u8>) {
        let head = self.via.raw.len() - self.via.params.as_bytes().len();
        out.extend_from_slice(cut(self.via.raw, 0, head));
        let mut rport = self.rport;
        for param in self.via.params.raw() {
            match Which::of(param).map(|(which, _)| which) {
                Some(Which::Received) => continue,
                Some(Which::Maddr) if self.drops_maddr => continue,
                // A second one goes: some readers take the first of a name, some the last.
                Some(Which::Rport) if self.rport.is_some() => {
                    if let Some(port) = rport.take() {
                        write_rport(out, port);
                    }
                    continue;
                }
                _ => {}
            }
            out.extend_from_slice(param);
        }
        if let Some(ip) = self.received {
            out.extend_from_slice(b";received=");
            write_ip(out, ip);
        }
        if let Some(port) = rport {
            write_rport(out, port);
        }
    }
}

fn write_rport(out: &mut Vec<u8>, port: u16) {
    out.extend_from_slice(b";rport=");
    write_number(out, u32::from(port));
}

/// White space may stand around the slashes.
/// The transport, and what stands behind it.
fn transport<'b>(raw: &[u8], head: &'b [u8]) -> Result<(&'b [u8], &'b [u8]), Error> {
    let (name, rest) = until_slash(raw, head)?;
    let (version, rest) = until_slash(raw, rest)?;
    if !name.eq_ignore_ascii_case(b"SIP") || version != b"2.0" {
        return Err(Error::expected("SIP/2.0", raw, 0));
    }
    let rest = trim(rest);
    let (transport, sent_by) = rest.split_at(rest.iter().position(|b| is_lws(*b)).unwrap_or(rest.len()));
    if !is_token(transport) {
        return Err(Error::expected("a transport", raw, head.len() - rest.len()));
    }
    Ok((transport, sent_by))
}

fn until_slash<'b>(raw: &[u8], bytes: &'b [u8]) -> Result<(&'b [u8], &'b [u8]), Error> {
    let slash =
        bytes.iter().position(|b| *b == b'/').ok_or_else(|| Error::expected("SIP/2.0/transport", raw, 0))?;
    Ok((trim(cut(bytes, 0, slash)), tail(bytes, slash + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(via: &str, source: &str) -> String {
        let read = Via::parse(via.as_bytes()).unwrap();
        let stamp = read.stamp(source.parse().unwrap(), false);
        let mut out = Vec::new();
        stamp.write(&mut out);
        assert_eq!(stamp.is_empty(), out == via.as_bytes(), "{via}");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_via_comes_apart_in_any_spelling() {
        let via = Via::parse(
            b"SIP  / 2.0\r\n /UDP\r\n    192.0.2.2 : 5070 ;branch=390skdjuw; received = 192.0.2.9",
        )
        .unwrap();
        assert_eq!(
            (via.transport, via.host, via.port),
            (&b"UDP"[..], Host::parse(b"192.0.2.2").unwrap(), Some(5070))
        );
        assert_eq!((via.branch(), via.received()), (Some(&b"390skdjuw"[..]), "192.0.2.9".parse().ok()));
        let via = Via::parse(b"SIP/2.0/TLS [2001:db8::9:255];branch=z9hG4bKas3-111").unwrap();
        assert_eq!((via.port, via.port_or_default()), (None, 5061));
    }

    #[test]
    fn parameters_that_are_asked_for_most_are_those_of_the_list_in_any_spelling() {
        for params in [
            ";branch=z9hG4bK1;rport",
            ";branch=z9hG4bK1 ;rport ;received=10.0.0.9",
            ";BRANCH = a;Rport=7; received =10.0.0.9",
            ";branch;branch=b;rport=;rport=8",
            ";branch=\"a;rport=1\";x=y",
            ";branches=a;xbranch=b;rports;maddr=10.0.0.8",
            "; branch=a;\trport = 9",
            ";",
        ] {
            let text = format!("SIP/2.0/UDP 10.0.0.1{params}");
            let via = Via::parse(text.as_bytes()).unwrap();
            assert_eq!(via.branch(), via.params.value("branch"), "{text}");
            let rport = via.params.value("rport").and_then(number).map(|port| port as u16);
            assert_eq!(via.rport(), rport, "{text}");
            let received = via.params.value("received").map(|_| "10.0.0.9".parse().unwrap());
            assert_eq!(via.received(), received, "{text}");
            let stamp = via.stamp("10.0.0.1:5060".parse().unwrap(), false);
            let known = (stamp.rport.is_some(), stamp.made_up, stamp.has_maddr);
            assert_eq!(
                known,
                (via.params.has("rport"), via.params.has("received"), via.params.has("maddr")),
                "{text}"
            );
        }
    }

    #[test]
    fn received_is_added_when_the_source_is_elsewhere_or_sent_by_is_a_name() {
        assert_eq!(stamped("SIP/2.0/UDP 10.0.0.1:5060", "10.0.0.1:5060"), "SIP/2.0/UDP 10.0.0.1:5060");
        assert_eq!(
            stamped("SIP/2.0/UDP host:5060;x=y", "10.0.0.1:5060"),
            "SIP/2.0/UDP host:5060;x=y;received=10.0.0.1"
        );
    }

    #[test]
    fn an_empty_rport_is_filled_and_received_comes_with_it() {
        let via = stamped("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKx", "10.0.0.1:9988");
        assert_eq!(via, "SIP/2.0/UDP 10.0.0.1;rport=9988;branch=z9hG4bKx;received=10.0.0.1");
    }

    #[test]
    fn a_caller_behind_a_nat_gets_an_rport_unasked_and_one_that_only_sends_from_another_port_does_not() {
        let via = stamped("SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bKx", "203.0.113.9:40000");
        assert_eq!(via, "SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bKx;received=203.0.113.9;rport=40000");
        assert_eq!(stamped("SIP/2.0/UDP 10.0.0.1:5060", "10.0.0.1:40000"), "SIP/2.0/UDP 10.0.0.1:5060");
        let via = Via::parse(b"SIP/2.0/UDP 10.0.0.1:5060").unwrap();
        assert!(!via.stamp("10.0.0.1:40000".parse().unwrap(), true).is_empty());
    }

    #[test]
    fn received_and_rport_that_the_sender_made_up_do_not_stay() {
        let via = stamped("SIP/2.0/UDP 10.0.0.1;received=127.0.0.1;rport=22;branch=b", "10.0.0.1:5060");
        assert_eq!(via, "SIP/2.0/UDP 10.0.0.1;rport=5060;branch=b;received=10.0.0.1");
        assert_eq!(
            stamped("SIP/2.0/UDP 10.0.0.1;received=127.0.0.1", "10.0.0.1:5060"),
            "SIP/2.0/UDP 10.0.0.1"
        );
        assert_eq!(
            stamped(
                "SIP/2.0/UDP 10.0.0.1;rport;received=1.1.1.1;RPORT = 22;received=2.2.2.2",
                "10.0.0.1:5060"
            ),
            "SIP/2.0/UDP 10.0.0.1;rport=5060;received=10.0.0.1"
        );
    }

    #[test]
    fn a_via_that_would_hide_what_is_written_behind_it_is_an_error() {
        for bad in [
            "SIP/2.0/UDP a;x=\"",
            "SIP/2.0/UDP a;x=\"\\\"",
            "SIP/2.0/UDP a;x=<, SIP/2.0/UDP b",
            "SIP/2.0/UDP a;x>",
        ] {
            assert!(Via::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Via::parse(b"SIP/2.0/UDP a;x=\"<, \\\"\"").is_ok());
    }

    #[test]
    fn a_maddr_goes_where_it_is_not_trusted() {
        let via = Via::parse(b"SIP/2.0/UDP 10.0.0.1;MADDR=127.0.0.1;branch=b;maddr=x").unwrap();
        let stamp = via.stamp("10.0.0.1:5060".parse().unwrap(), false);
        assert!(stamp.is_empty() && !stamp.without_maddr().is_empty());
        let mut out = Vec::new();
        stamp.without_maddr().write(&mut out);
        assert_eq!(out, b"SIP/2.0/UDP 10.0.0.1;branch=b");
    }

    #[test]
    fn what_is_no_via_is_an_error() {
        for bad in
            ["", "SIP/2.0", "SIP/2.0/UDP", "SIP/3.0/UDP a", "HTTP/2.0/UDP a", "SIP/2.0/ a", "SIP/2.0/UDP a:b"]
        {
            assert!(Via::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
