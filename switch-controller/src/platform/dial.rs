//! How a number is written for a trunk, and the dial string that reaches it.
//!
//! This file must not contain: I/O of any kind.

use esl::{DialString, Name};
use serde::Deserialize;

use super::national::{is_plausible, national};

/// How one destination is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Routing {
    /// A complete address, `user@host`: used as it is.
    pub address: Option<String>,
    /// The number, international, with or without `+`.
    pub destination: Option<String>,
    /// What stands before the number.
    pub dial_string_prefix: Option<String>,
    /// Whether a `+` stands before all of it.
    #[serde(deserialize_with = "or_default")]
    pub plus_prefix: bool,
    /// Whether it is written as within its country.
    #[serde(deserialize_with = "or_default")]
    pub national_dialing: bool,
    /// The carrier's host, with a port if it is not 5060.
    pub host: Option<String>,
    /// A client that has registered, instead of a host.
    pub username: Option<String>,
    /// The sofia profile that the call leaves by.
    pub sip_profile: Option<String>,
}

fn or_default<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(from)?.unwrap_or_default())
}

impl Routing {
    /// What FreeSWITCH is told, without variables. The error says what is missing or wrong.
    pub fn dial_string(&self, default_profile: &Name) -> Result<DialString, String> {
        let profile = self.profile(default_profile)?;
        let (user, host) = match (filled(&self.address), filled(&self.destination), filled(&self.host)) {
            (Some(address), _, _) => {
                let (user, host) = address
                    .split_once('@')
                    .ok_or_else(|| format!("address: expected user@host, found {address:?}"))?;
                (user.to_owned(), host)
            }
            (None, Some(destination), Some(host)) => (self.user(destination), host),
            (None, Some(_), None) if filled(&self.username).is_some() => {
                return Err("username: registered clients cannot be called".to_owned());
            }
            (None, Some(_), None) => return Err("host: expected one, or an address, found none".to_owned()),
            (None, None, _) => return Err("destination: expected one, or an address, found none".to_owned()),
        };
        DialString::sofia(&profile, &user, host).map_err(|error| error.to_string())
    }

    /// The client that this leads to, and the number that it is called with; `None` where no client is meant.
    pub fn client(&self) -> Option<(&str, String)> {
        let is_elsewhere = filled(&self.address).is_some() || filled(&self.host).is_some();
        let client = filled(&self.username).filter(|_| !is_elsewhere)?;
        Some((client, self.number(filled(&self.destination)?)))
    }

    /// The same as [`Routing::dial_string`] for a client that is here: at `user@host`, behind a proxy.
    pub fn dial_string_to(
        &self,
        default_profile: &Name,
        address: &str,
        proxy: Option<&str>,
    ) -> Result<DialString, String> {
        let (user, host) =
            address.split_once('@').ok_or_else(|| format!("expected user@host, found {address:?}"))?;
        let destination = filled(&self.destination).unwrap_or_default();
        let user = format!("{}{user}", self.before(destination));
        let host = match proxy {
            Some(proxy) => format!("{host};fs_path=sip:{proxy}"),
            None => host.to_owned(),
        };
        DialString::sofia(&self.profile(default_profile)?, &user, &host).map_err(|error| error.to_string())
    }

    fn profile(&self, default: &Name) -> Result<Name, String> {
        match filled(&self.sip_profile) {
            Some(name) => Name::new(name).map_err(|error| format!("sip_profile: {error}")),
            None => Ok(default.clone()),
        }
    }

    /// What stands before a number.
    fn before(&self, destination: &str) -> String {
        let plus = if self.plus_prefix && is_plausible(&digits(destination)) { "+" } else { "" };
        format!("{plus}{}", filled(&self.dial_string_prefix).unwrap_or_default())
    }

    fn user(&self, destination: &str) -> String {
        format!("{}{}", self.before(destination), self.number(destination))
    }

    /// A number as this trunk writes it, without prefix and plus.
    fn number(&self, number: &str) -> String {
        let digits = digits(number);
        match self.national_dialing {
            true => national(&digits).unwrap_or(digits),
            false => digits,
        }
    }

    /// Whom the callee sees. What is no international number stays as it is.
    pub fn caller_id(&self, number: &str) -> String {
        let plain = digits(number);
        if !is_plausible(&plain) {
            return number.to_owned();
        }
        match (self.national_dialing, self.plus_prefix) {
            (true, _) => national(&plain).unwrap_or(plain),
            (false, true) => format!("+{plain}"),
            (false, false) => plain,
        }
    }
}

/// The address of a SIP URI: without its scheme and the parameters behind it.
pub fn sip_uri(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let is_sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
    is_sip.then(|| rest.split(['?', ';']).next().unwrap_or(rest))
}

/// The host that a dial string calls, or that an address or another host is: one text for all ways to write it.
pub fn host_of(dial_string: &str) -> String {
    let host = dial_string.rsplit_once('@').map_or(dial_string, |(_, host)| host);
    let (name, port) = name_and_port(host.split(';').next().unwrap_or(host));
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    port.filter(|port| *port != "5060").map_or(name.clone(), |port| format!("{name}:{port}"))
}

/// A host, an IPv6 address in its brackets, and its port.
pub fn name_and_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// A number without what people write between its digits. Anything with letters stays as it is.
fn digits(number: &str) -> String {
    let number = number.trim();
    let between = |char: char| " -().+".contains(char);
    match number.chars().all(|char| char.is_ascii_digit() || between(char)) {
        true => number.chars().filter(char::is_ascii_digit).collect(),
        false => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing(destination: &str) -> Routing {
        let (destination, host) = (Some(destination.to_owned()), Some("sip.example.com".to_owned()));
        Routing { destination, host, ..Routing::default() }
    }

    fn national_of(routing: Routing) -> Routing {
        Routing { national_dialing: true, ..routing }
    }

    fn plus(routing: Routing) -> Routing {
        Routing { plus_prefix: true, ..routing }
    }

    fn dial(routing: &Routing) -> String {
        let profile = Name::new("nat_gateway").expect("a name");
        routing.dial_string(&profile).map_or_else(|error| error, |dial_string| dial_string.to_string())
    }

    #[test]
    fn n1_n3_to_n7_n9_to_n12_di2_o2_numbers_are_written_as_the_trunk_wants_them() {
        let prefixed =
            |prefix: &str, routing| Routing { dial_string_prefix: Some(prefix.to_owned()), ..routing };
        let cases = [
            (routing("855716100987"), "855716100987"),
            (plus(prefixed("1234", routing("855716100987"))), "+1234855716100987"),
            (national_of(routing("855716100987")), "0716100987"),
            (national_of(routing("16505130514")), "6505130514"),
            (prefixed("1", national_of(routing("8562092960310"))), "102092960310"),
            (plus(routing("85516701721")), "+85516701721"),
            (national_of(routing("+855 (716)-100-987")), "0716100987"),
            (national_of(routing("+16505130514")), "6505130514"),
            (plus(routing("855716100987")), "+855716100987"),
            (plus(routing("1393")), "1393"),
            (national_of(routing("1393")), "1393"),
        ];
        for (routing, user) in cases {
            assert_eq!(dial(&routing), format!("sofia/nat_gateway/{user}@sip.example.com"), "{routing:?}");
        }
    }

    #[test]
    fn sip_uris_lose_their_scheme_and_parameters() {
        assert_eq!(sip_uri("sip:alice@example.com;transport=tcp?X-A=b"), Some("alice@example.com"));
        assert_eq!(sip_uri("SIPS:bob@10.0.0.1:5061"), Some("bob@10.0.0.1:5061"));
        assert_eq!(sip_uri("+85512345678"), None);
    }

    #[test]
    fn hosts_are_found_in_dial_strings() {
        assert_eq!(host_of("sofia/p/+85512@sip.example.com:5080"), "sip.example.com:5080");
        assert_eq!(host_of("sofia/p/1@10.0.0.1:5060;transport=tcp"), "10.0.0.1");
        for written in ["sip.example.com", "SIP.example.com:5060", "sip.Example.COM."] {
            assert_eq!(host_of(written), "sip.example.com");
        }
        assert_eq!(
            (host_of("[2001:DB8::1]"), host_of("[2001:db8::1]:5070")),
            ("[2001:db8::1]".into(), "[2001:db8::1]:5070".into())
        );
    }

    #[test]
    fn n2_an_address_is_used_as_it_is() {
        let address = Some("1234@192.168.1.1".to_owned());
        let routing = Routing { address, ..plus(routing("855716100987")) };
        assert_eq!(dial(&routing), "sofia/nat_gateway/1234@192.168.1.1");
    }

    #[test]
    fn n8_di3_o3_the_profile_is_the_one_that_is_named() {
        let routing = Routing { sip_profile: Some("test".to_owned()), ..routing("1294") };
        assert_eq!(dial(&routing), "sofia/test/1294@sip.example.com");
    }

    #[test]
    fn di2_di9_o2_callers_are_written_like_the_called() {
        assert_eq!(national_of(routing("1")).caller_id("85523238265"), "023238265");
        assert_eq!(plus(routing("1")).caller_id("85523238265"), "+85523238265");
        assert_eq!(routing("1").caller_id("+85523238265"), "85523238265");
        assert_eq!(plus(routing("1")).caller_id("2442"), "2442");
    }

    #[test]
    fn what_is_missing_or_dangerous_is_refused() {
        let cases = [
            (Routing::default(), "destination: expected one, or an address, found none"),
            (Routing { host: None, ..routing("1294") }, "host: expected one, or an address, found none"),
            (
                Routing { host: None, username: Some("u".to_owned()), ..routing("1294") },
                "username: registered clients cannot be called",
            ),
            (routing("12,loopback/1"), "a SIP user cannot hold this character (at byte 2)"),
        ];
        for (routing, expected) in cases {
            assert_eq!(dial(&routing), expected);
        }
    }
}
