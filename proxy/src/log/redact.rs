//! Request-URIs and Call-IDs with short telephone numbers.

use settings::log::redact::{NUMBER, runs, shortened};
use sip::Message;

/// A Request-URI without its user part, password and numbers: `sip:***60@203.0.113.10:5060`.
pub(super) fn uri(uri: &[u8]) -> String {
    let uri = uri.escape_ascii().to_string();
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", &uri));
    let (part, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), format!("@{}", runs(rest, always))),
        // RFC 3966: all that stands before the parameters is the number.
        None if scheme.eq_ignore_ascii_case("tel") => {
            let (number, parameters) =
                rest.split_at_checked(rest.find(';').unwrap_or(rest.len())).unwrap_or_default();
            (Some(number), runs(parameters, always))
        }
        None => (None, runs(rest, always)),
    };
    format!("{scheme}:{}{rest}", part.map(user).unwrap_or_default())
}

/// A Call-ID as it is, but for the numbers of its call's parties: some devices make theirs of them.
pub(super) fn call_id(call_id: &[u8], msg: Option<&Message<'_>>) -> String {
    let call_id = call_id.escape_ascii().to_string();
    let from = msg.and_then(|msg| msg.from().ok()).map(|from| from.raw_uri);
    let to = msg.and_then(|msg| msg.to().ok()).map(|to| to.raw_uri);
    let target = msg.and_then(Message::request).map(|line| line.uri);
    let numbers: Vec<String> = [from, to, target].into_iter().flatten().filter_map(ending).collect();
    runs(&call_id, |_, run, _| numbers.iter().any(|number| run.contains(number)))
}

/// The last seven digits of the user part: what a number has in common in all ways of writing it.
fn ending(uri: &[u8]) -> Option<String> {
    let text = uri.escape_ascii().to_string();
    let (_, rest) = text.split_once(':')?;
    let user = rest.rsplit_once('@').map_or(rest, |(user, _)| user);
    let user = user.split([';', ':']).next().unwrap_or_default();
    let digits: String = user.chars().filter(char::is_ascii_digit).collect();
    let ending = digits.get(digits.len().saturating_sub(7)..).unwrap_or_default();
    (ending.len() >= NUMBER).then(|| ending.to_owned())
}

fn always(_: &str, _: &str, _: &str) -> bool {
    true
}

/// Of a user part with its parameters and password, no more than the last two digits.
fn user(user: &str) -> String {
    shortened(user.split([';', ':']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use sip::{Index, Limits};

    use super::*;

    #[test]
    fn of_a_user_part_the_last_two_digits_stay_and_the_host_as_it_is() {
        for (shown, hidden) in [
            ("sip:0715100860@203.0.113.10:50600;user=phone", "sip:***60@203.0.113.10:50600;user=phone"),
            ("sip:+855715100860;npdi;rn=+85512@[2001:db8::1]:5060", "sip:***60@[2001:db8::1]:5060"),
            ("sips:1294@a.example", "sips:***94@a.example"),
            ("sip:12@a.example", "sip:***@a.example"),
            ("sip:alice:0715100860@a.example", "sip:***@a.example"),
            ("sip:a@0715100860@a.example?X=0715100860", "sip:***60@a.example?X=***60"),
            ("tel:+855-71-510-0860;phone-context=+85571510", "tel:***60;phone-context=+***10"),
            ("tel:911", "tel:***11"),
            ("sip:203.0.113.10:5060", "sip:203.0.113.10:5060"),
            ("sip:0715100860", "sip:***60"),
            ("", ":"),
        ] {
            assert_eq!(uri(shown.as_bytes()), hidden, "{shown}");
        }
    }

    #[test]
    fn a_call_id_stays_as_it_is_unless_it_is_made_of_the_numbers_of_the_call() {
        let text = b"INVITE sip:1294@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
            From: <sip:+855715100860@a>;tag=x\r\nTo: <sip:0238811000@a>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n";
        let mut index = Index::new();
        let msg = Message::parse(text, &mut index, &Limits::default()).unwrap();
        let redacted = |text: &str| call_id(text.as_bytes(), Some(&msg));
        assert_eq!(redacted("0715100860-0238811000-1700000000@10.0.0.1"), "***60-***00-1700000000@10.0.0.1");
        assert_eq!(redacted("1294-7f3a90cc1234567@10.0.0.1"), "1294-7f3a90cc1234567@10.0.0.1");
        assert_eq!(call_id(b"0715100860@a", None), "0715100860@a");
    }
}
