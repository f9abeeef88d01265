//! URIs: sip, sips and tel (RFC 3261 19.1, RFC 3966).

use crate::block::{Block, first, is, up_to};
use crate::error::Error;
use crate::host::Host;
use crate::params::Params;
use crate::scan::{cut, find, find3, tail};

/// The scheme of a URI, which decides how the rest is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other one.
    Other(&'a [u8]),
}

/// A URI. Escapes (`%41`) are left as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// How the rest is read.
    pub scheme: Scheme<'a>,
    /// What stands before `@`, without a password; the number of a tel URI.
    pub user: Option<&'a [u8]>,
    /// The password, which RFC 3261 19.1.1 advises against.
    pub password: Option<&'a [u8]>,
    /// The host; `None` in tel and unknown URIs.
    pub host: Option<Host<'a>>,
    /// The port, if it is named.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params<'a>,
    /// What stands behind `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI that is the whole of `bytes`, without brackets around it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Uri::check(bytes)?;
        if let Some((b"sip:" | b"SIP:", rest @ [_, ..])) = bytes.split_at_checked(4) {
            return Uri::sip(Scheme::Sip, rest);
        }
        let colon = bytes.iter().position(|b| *b == b':').unwrap_or(bytes.len());
        let (name, rest) = (cut(bytes, 0, colon), tail(bytes, colon + 1));
        let scheme_byte = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if rest.is_empty()
            || !name.first().is_some_and(u8::is_ascii_alphabetic)
            || !name.iter().all(scheme_byte)
        {
            return Err(Error::expected("a URI with a scheme", bytes, 0));
        }
        if name.eq_ignore_ascii_case(b"sip") {
            Uri::sip(Scheme::Sip, rest)
        } else if name.eq_ignore_ascii_case(b"sips") {
            Uri::sip(Scheme::Sips, rest)
        } else if name.eq_ignore_ascii_case(b"tel") {
            let end = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
            let user = Some(cut(rest, 0, end)).filter(|number| !number.is_empty());
            Ok(Uri { user, params: Params::new(tail(rest, end)), ..Uri::bare(Scheme::Tel) })
        } else {
            Ok(Uri::bare(Scheme::Other(name)))
        }
    }

    /// Whether all bytes are such as a URI may have, whatever they say: no white space, control characters, quotes or
    /// angle brackets.
    pub fn check(bytes: &[u8]) -> Result<(), Error> {
        // RFC 3261 25.1 has no quoted strings in URIs: a reader that knows none would see `;lr` in `;x=";lr"`.
        match first(bytes, 0, outside) {
            good if good < bytes.len() => {
                Err(Error::expected("a URI without spaces, quotes or angle brackets", bytes, good))
            }
            _ => Ok(()),
        }
    }

    /// The user of a URI alone: what [`Uri::user`] would be, whatever stands behind it.
    pub fn user_of(bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Some((b"sip:", rest)) = bytes.split_at_checked(4) else { return Uri::parse(bytes).ok()?.user };
        split_user(rest).0.filter(|user| Uri::check(user).is_ok())
    }

    fn bare(scheme: Scheme<'a>) -> Self {
        Uri {
            scheme,
            user: None,
            password: None,
            host: None,
            port: None,
            params: Params::default(),
            headers: b"",
        }
    }

    fn sip(scheme: Scheme<'a>, rest: &'a [u8]) -> Result<Self, Error> {
        // The user part may hold ';' and '?' (RFC 3261 25.1, user-unreserved), so '@' is looked for first.
        let (user, password, rest) = split_user(rest);
        let host_end = find3(rest, 0, b';', b'?', b'?');
        let (host, port) = Host::parse_with_port(cut(rest, 0, host_end))?;
        let question = find(rest, host_end, b'?');
        let params = Params::new(cut(rest, host_end, question));
        Ok(Uri { scheme, user, password, host: Some(host), port, params, headers: tail(rest, question + 1) })
    }

    /// The port that the URI means: its own, else 5061 for sips or `transport=tls`, else 5060 (RFC 3263 4.2).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| {
            let tls = || self.transport().is_some_and(|transport| transport.eq_ignore_ascii_case(b"tls"));
            if self.scheme == Scheme::Sips || tls() { 5061 } else { 5060 }
        })
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.params.value("transport")
    }
}

/// Marks what may not stand in a URI: white space, control characters, quotes, angle brackets. Generous beyond ASCII.
#[inline(always)]
pub(crate) fn outside(block: Block) -> Block {
    up_to(block, b' ') | is(block, 0x7f) | is(block, b'"') | is(block, b'<') | is(block, b'>')
}

/// User and password, if there are any, and what stands behind them; `bytes` begin behind the scheme.
pub(crate) fn split_user(bytes: &[u8]) -> (Option<&[u8]>, Option<&[u8]>, &[u8]) {
    let end = find3(bytes, 0, b'@', b':', b':');
    let at = if bytes.get(end) == Some(&b':') { find(bytes, end, b'@') } else { end };
    match bytes.get(at + 1..) {
        Some(behind) => {
            let user = Some(cut(bytes, 0, end)).filter(|user| !user.is_empty());
            (user, bytes.get(end + 1..at), behind)
        }
        None => (None, None, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_sip_uri_comes_apart() {
        let u = uri("sips:1294;phone-context=x?y:secret@[2001:db8::1]:5070;user=phone;lr?Subject=hi&a=b");
        assert_eq!(
            (u.scheme, u.user, u.password),
            (Scheme::Sips, Some(&b"1294;phone-context=x?y"[..]), Some(&b"secret"[..]))
        );
        assert_eq!((u.host, u.port), (Some(Host::parse(b"2001:db8::1").unwrap()), Some(5070)));
        assert!(u.params.has("lr") && u.params.value("user") == Some(b"phone"));
        assert_eq!(u.headers, b"Subject=hi&a=b");
    }

    #[test]
    fn the_user_alone_is_that_of_the_whole_and_of_what_is_odd_behind_it() {
        for text in [
            "sip:a;b?c:secret@host",
            "sip:@host",
            "sip:host;x=a",
            "sips:a@b",
            "tel:+855",
            "SIP:a@b",
            "sip:a@",
        ] {
            let whole = Uri::parse(text.as_bytes()).map_or(Some(&b"a"[..]), |uri| uri.user);
            assert_eq!(Uri::user_of(text.as_bytes()), whole, "{text}");
        }
        for bad in ["", "sip:", "sip:a b@c", "sip:a\r\nX: y@c", "sip:\"a\"@c", "sips:a@b:x"] {
            assert_eq!(Uri::user_of(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_missing_port_means_5060_and_5061_for_tls() {
        assert_eq!(uri("SIP:a@b").port_or_default(), 5060);
        assert_eq!(uri("sips:b").port_or_default(), 5061);
        assert_eq!(uri("sip:b;transport=TLS").port_or_default(), 5061);
        assert_eq!(uri("sip:b:7000;transport=tls").port_or_default(), 7000);
    }

    #[test]
    fn a_tel_number_is_the_user() {
        let u = uri("tel:+85512345678;phone-context=x");
        assert_eq!((u.user, u.host.is_none()), (Some(&b"+85512345678"[..]), true));
        assert!(uri("sip:@host").user.is_none());
        assert_eq!(
            uri("nobodyKnowsThisScheme:totallyopaquecontent").scheme,
            Scheme::Other(b"nobodyKnowsThisScheme")
        );
    }

    #[test]
    fn what_is_no_uri_is_an_error() {
        for bad in [
            "",
            "sip:",
            "sip",
            "<sip:a@b>",
            "sip:a b@c",
            "sip:a@",
            "sip:a@b:x",
            "sip:a@b:99999",
            ":a",
            "1sip:a",
            "sip:a@[::1",
            "sip:a;x=\";lr\"",
        ] {
            assert!(Uri::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
