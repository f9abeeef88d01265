//! CSeq (RFC 3261 20.16).

use crate::error::Error;
use crate::method::Method;
use crate::scan::{cut, is_lws, is_token, number, tail, trim};

/// A request's number and method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Less than 2^31 (RFC 3261 8.1.1.5).
    pub number: u32,
    /// The request's method, in its responses too.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a CSeq's value.
    pub fn parse(value: &'a [u8]) -> Result<Self, Error> {
        let digits = value.iter().position(|b| is_lws(*b)).unwrap_or(value.len());
        let number = number(cut(value, 0, digits)).filter(|number| *number < 1 << 31);
        let method = trim(tail(value, digits));
        let number = number.ok_or_else(|| Error::expected("a CSeq number below 2147483648", value, 0))?;
        match Method::of(method) {
            Method::Other(text) if !is_token(text) => Err(Error::expected("a method", value, digits)),
            method => Ok(CSeq { number, method }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cseq_is_a_number_below_two_to_the_31_and_a_method() {
        assert_eq!(CSeq::parse(b"0009\r\n  INVITE"), Ok(CSeq { number: 9, method: Method::Invite }));
        for bad in
            [&b"36893488147419103232 REGISTER"[..], b"2147483648 INVITE", b"1", b"INVITE 1", b"1 ", b""]
        {
            assert!(CSeq::parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
