//! Our own Via: its branch is worked out from the message alone, so that no proxy needs to remember it.

use std::hash::Hasher;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use sip::{Host, Message, Name, Params, RawVia, Via};
use siphasher::sip::SipHasher13;

use super::faces::Faces;
use super::gathered::Gathered;
use super::request::Request;
use super::{ConnectionId, Hop, Input, Router, Transport};

/// What every branch begins with that follows RFC 3261 (8.1.1.7).
pub(super) const COOKIE: &[u8] = b"z9hG4bK";

/// What each of ours begins with: that, and the version of the format below. Proxies of two versions run side by side
/// during a roll-out.
const START: [u8; 8] = *b"z9hG4bK1";

/// Our branch: the cookie, the version, then in hexadecimal 64 bits for the transaction, 32 for the next hop, 32 for
/// the loop. Neither method nor To tag nor anything else goes in that differs between an INVITE, its retransmissions,
/// its CANCEL and the ACK of its refusal.
pub(crate) struct Branch {
    /// What names the transaction of the element before us: by it a pin is found.
    pub(crate) transaction: u64,
    /// The next hop.
    pub(crate) hop: u32,
    pub(super) loop_part: u32,
}

impl Branch {
    /// Bytes of its text.
    const LENGTH: usize = START.len() + 32;

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        // All at once, and of a length that is known beforehand: that is a few moves.
        let [a, b] = [(self.transaction >> 32) as u32, self.transaction as u32].map(hex);
        out.extend_from_slice([START, a, b, hex(self.hop), hex(self.loop_part)].as_flattened());
    }

    /// The branch of the topmost Via of ours in a request that may be cut off anywhere.
    pub(crate) fn find(request: &[u8]) -> Option<Branch> {
        let mut lines = request.split(|byte| *byte == b'\n');
        let via = lines.find_map(|line| line.strip_prefix(b"Via: SIP/2.0/"))?;
        let at = via.windows(COOKIE.len()).position(|bytes| bytes == COOKIE)?;
        Branch::read(via.get(at..at + Branch::LENGTH)?)
    }

    /// Reads a branch that a proxy of ours wrote.
    pub(super) fn read(branch: &[u8]) -> Option<Branch> {
        let digits = branch.strip_prefix(&START)?;
        let (transaction, rest) = digits.split_at_checked(16)?;
        let (hop, loop_part) = rest.split_at_checked(8)?;
        if loop_part.len() != 8 {
            return None;
        }
        Some(Branch {
            transaction: read_hex(transaction)?,
            hop: read_hex(hop)? as u32,
            loop_part: read_hex(loop_part)? as u32,
        })
    }
}

/// The number that these hexadecimal digits say, at most 16: digits alone, no sign, no white space.
pub(super) fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' | b'A'..=b'F' => (digit | 0x20) - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

/// Appends the last hexadecimal digits of a number, at most 16.
pub(super) fn write_hex(out: &mut Vec<u8>, number: u64, digits: usize) {
    let text = [(number >> 32) as u32, number as u32].map(hex);
    let text = text.as_flattened();
    out.extend_from_slice(text.get(text.len().saturating_sub(digits)..).unwrap_or_default());
}

/// All 32 hexadecimal digits of a number.
pub(super) fn digits(number: u128) -> [u8; 32] {
    let [a, b, c, d] = [96, 64, 32, 0].map(|shift| hex((number >> shift) as u32));
    let mut text = [0; 32];
    text.copy_from_slice([a, b, c, d].as_flattened());
    text
}

/// Eight hexadecimal digits, all worked out at once.
fn hex(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // Four bits into each byte.
    let spread = u64::from(number);
    let spread = (spread << 16 | spread) & 0x0000_ffff_0000_ffff;
    let spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 where a letter is needed.
    let letters = (spread + 6 * ONES) >> 4 & ONES;
    (spread + u64::from(b'0') * ONES + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

impl Router {
    /// The branch for a request that goes to `hop`.
    pub(super) fn branch(&self, msg: &Message<'_>, request: &Request<'_>, hop: &Hop) -> Branch {
        Branch {
            transaction: self.transaction(request),
            hop: self.hop_part(hop),
            loop_part: self.loop_part(msg, request),
        }
    }

    /// The next hop's part. Whoever sees the branch knows where it went, so that nothing has to be hidden: two hops of one
    /// transaction are told apart by it, and nothing is proved.
    pub(super) fn hop_part(&self, hop: &Hop) -> u32 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let ip = match hop.address.ip() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => {
                let bits = ip.to_bits();
                ((bits >> 64) as u64).wrapping_mul(ODD).rotate_left(32) ^ bits as u64
            }
        };
        let end = u64::from(hop.address.port()) | (hop.transport as u64) << 16;
        ((ip ^ end << 32).wrapping_mul(ODD) >> 32) as u32
    }

    /// What names the call for the caller's side: Call-ID and From tag.
    pub(super) fn call(&self, request: &Request<'_>) -> u64 {
        let mut hash = self.hasher();
        hash.add(b"c");
        hash.part(request.call_id);
        hash.part(request.from_tag.unwrap_or_default());
        hash.finish()
    }

    /// What names the transaction for the element before us (RFC 3261 17.2.3).
    pub(crate) fn transaction(&self, request: &Request<'_>) -> u64 {
        let top = &request.via;
        if let Some(branch) = top.branch().filter(|branch| is_unique(branch)) {
            return transaction_of_branch(self.branch_key(), branch, top);
        }
        // RFC 3261 17.2.3, for callers that follow RFC 2543.
        let mut hash = self.hasher();
        hash.add(b"o");
        hash.part(top.raw);
        hash.part(request.from_tag.unwrap_or_default());
        hash.part(request.call_id);
        hash.add(&request.cseq.to_le_bytes());
        hash.part(request.line.uri);
        hash.finish()
    }

    /// RFC 3261 16.6.8: what a loop has in common with the message that began it, and a spiral has not.
    fn loop_part(&self, msg: &Message<'_>, request: &Request<'_>) -> u32 {
        let mut hash = self.hasher();
        hash.add(b"l");
        hash.part(request.line.uri);
        if msg.first_line(Name::Route).is_some() {
            msg.values(Name::Route).for_each(|route| hash.part(route));
        }
        hash.part(request.call_id);
        hash.part(request.from_tag.unwrap_or_default());
        hash.add(&request.cseq.to_le_bytes());
        hash.finish() as u32
    }

    /// RFC 3261 16.3.4, RFC 5393: whether this very request went through us before.
    pub(super) fn is_loop(&self, msg: &Message<'_>, request: &Request<'_>) -> bool {
        let mut own = None;
        // The topmost is the neighbour's. One of ours begins as we wrote it: nobody changes it.
        msg.any_via_below(&request.via, |value| {
            let branch = self.faces.iter().find_map(|faces| faces.branch_of_own_via(value));
            let branch = branch.and_then(|rest| Branch::read(rest.get(..Branch::LENGTH)?));
            branch.is_some_and(|branch| {
                branch.loop_part == *own.get_or_insert_with(|| self.loop_part(msg, request))
            })
        })
    }

    /// RFC 6026 7.3: whether our Via in a response is one that we wrote on a request with this Via below.
    pub(super) fn wrote(&self, branch: Option<&[u8]>, below: &Via<'_>) -> bool {
        let (Some(branch), Some(below_branch)) = (branch.and_then(Branch::read), below.branch()) else {
            return false;
        };
        let signed = |key| branch.transaction == transaction_of_branch(key, below_branch, below);
        is_unique(below_branch) && self.keys.branches.iter().any(signed)
    }

    /// What the limits know a source by.
    pub(super) fn hash_source(&self, ip: IpAddr) -> u64 {
        let mut hash = self.hasher();
        hash.add(b"s");
        hash.add(&crate::guard::network(ip).to_be_bytes());
        hash.finish()
    }

    pub(super) fn branch_key(&self) -> &[u8; 16] {
        // There always is one: `Keys` are not made without a secret.
        self.keys.branches.first().unwrap_or(&[0; 16])
    }

    #[inline(always)]
    fn hasher(&self) -> Gathered<SipHasher13> {
        hasher(self.branch_key())
    }
}

/// What is hashed begins with a letter for what it is.
#[inline(always)]
pub(super) fn hasher(key: &[u8; 16]) -> Gathered<SipHasher13> {
    Gathered::new(SipHasher13::new_with_key(key))
}

fn transaction_of_branch(key: &[u8; 16], branch: &[u8], via: &Via<'_>) -> u64 {
    let mut hash = hasher(key);
    hash.add(b"t");
    hash.part(branch);
    hash.part(via.sent_by);
    hash.finish()
}

/// Whether a branch names its transaction by itself (RFC 3261 8.1.1.7): not if it is the cookie and nothing more.
fn is_unique(branch: &[u8]) -> bool {
    branch.len() > COOKIE.len() && branch.starts_with(COOKIE)
}

/// Adds an address and its port.
pub(super) fn add_address(hash: &mut Gathered<impl Hasher>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => hash.add(&ip.octets()),
        IpAddr::V6(ip) => hash.add(&ip.octets()),
    }
    hash.add(&address.port().to_le_bytes());
}

/// What is asked for of a Via of ours in a response.
pub(super) struct OwnVia<'a> {
    pub(super) branch: Option<&'a [u8]>,
    /// Its parameters, the branch apart where that is seen at once.
    pub(super) params: Params<'a>,
}

impl<'a> OwnVia<'a> {
    pub(super) fn of(via: &Via<'a>) -> Self {
        OwnVia { branch: via.branch(), params: via.params }
    }

    /// Reads a Via that begins as these faces write it: it need not be taken apart.
    pub(super) fn as_written(via: &RawVia<'a>, faces: &Faces) -> Option<Self> {
        let rest = faces.branch_of_own_via(via.as_bytes())?;
        let branch = rest.get(..Branch::LENGTH)?;
        let params = via.params_behind(via.as_bytes().len() - rest.len() + Branch::LENGTH)?;
        Some(OwnVia { branch: Some(branch), params })
    }
}

/// How the way back is found where the Via below cannot tell it: by a parameter of our own Via. It names the listener
/// that the request came to, where that is not the one that sent it on, and the connection that it came on
/// (RFC 3261 18.2.2: responses use the connection of their request). Another one names the address of ours that the
/// request was sent to, where the listener has several: from there the answer leaves.
pub(super) struct WayBack {
    pub(super) listener: usize,
    pub(super) connection: Option<ConnectionId>,
    pub(super) local: Option<IpAddr>,
    /// On which link a link-local source is (RFC 4007): no Via has room for that.
    pub(super) scope: u32,
}

impl WayBack {
    const NAME: &str = "i";
    const LOCAL: &str = "l";
    const SCOPE: &str = "s";

    pub(super) fn write(input: &Input<'_>, hop: &Hop, out: &mut Vec<u8>) {
        if input.transport != Transport::Udp || input.listener != hop.listener {
            let _ = write!(out, ";{}={}", Self::NAME, input.listener);
            if let Some(connection) = input.connection {
                let _ = write!(out, "-{connection}");
            }
        }
        if let Some(local) = input.local {
            let _ = write!(out, ";{}={}", Self::LOCAL, Host::Ip(local));
        }
        match scope(input.source) {
            0 => {}
            scope => drop(write!(out, ";{}={scope}", Self::SCOPE)),
        }
    }

    pub(super) fn read(params: &Params<'_>, arrival: usize) -> WayBack {
        let found = params.pick([Self::NAME, Self::LOCAL, Self::SCOPE]);
        let [way, local, scope] = found.map(|param| param?.value);
        let text = way.and_then(|value| std::str::from_utf8(value).ok());
        let (listener, connection) = text.map_or((None, None), |text| match text.split_once('-') {
            Some((listener, connection)) => (listener.parse().ok(), connection.parse().ok()),
            None => (text.parse().ok(), None),
        });
        let local = local.and_then(|value| Host::parse(value).ok()?.ip());
        let scope = scope.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        WayBack { listener: listener.unwrap_or(arrival), connection, local, scope: scope.unwrap_or_default() }
    }
}

/// The link that a link-local address is on, by the system's number; 0 for all others.
pub(crate) fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => address.scope_id(),
        _ => 0,
    }
}

/// A link-local address on that link; any other as it is.
pub(crate) fn with_scope(mut address: SocketAddr, scope: u32) -> SocketAddr {
    if let SocketAddr::V6(address) = &mut address
        && address.ip().is_unicast_link_local()
    {
        address.set_scope_id(scope);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_those_of_the_standard_library() {
        for number in [0, 0x0123_4567, 0x89ab_cdef, 0x9a0f_f0a9, u32::MAX] {
            assert_eq!(String::from_utf8_lossy(&hex(number)), format!("{number:08x}"));
        }
    }

    #[test]
    fn a_link_local_address_alone_says_which_link_it_is_on() {
        for (text, link) in [("[fe80::7%3]:5060", 3), ("[fd00::7%3]:5060", 0), ("192.0.2.7:5060", 0)] {
            assert_eq!(scope(text.parse().unwrap()), link, "{text}");
        }
    }
}
