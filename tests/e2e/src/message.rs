//! A SIP message as text, and SIPp's log of messages.
//!
//! Deliberately not `crates/sip`: a mistake in the parser that the proxy uses must not hide itself here.

use std::fmt;

/// A SIP message that somebody sent or received.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    text: String,
}

impl Message {
    /// A message as it was on the wire.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The first line.
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The status code, if this is a response.
    pub fn status(&self) -> Option<u16> {
        self.start_line().strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// Whether this is a request with that method.
    pub fn is(&self, method: &str) -> bool {
        self.start_line().split(' ').next() == Some(method)
    }

    /// The method of CSeq: what a response answers.
    pub fn cseq_method(&self) -> &str {
        self.header("CSeq").split(' ').nth(1).unwrap_or_default()
    }

    /// The Request-URI, if this is a request.
    pub fn request_uri(&self) -> &str {
        self.start_line().split(' ').nth(1).unwrap_or_default()
    }

    /// The values of all header lines with this name, which is written in full on the wire and in any case.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.lines().filter(|(line, _)| line.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The values of a header whose lines may hold several, separated by commas: Via, Route, Record-Route.
    pub fn values(&self, name: &str) -> Vec<&str> {
        // No URI or parameter in these tests has a comma.
        self.headers(name).into_iter().flat_map(|line| line.split(',')).map(str::trim).collect()
    }

    /// The value of the first header line with this name; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_default()
    }

    /// The whole message.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
    }
}

/// Whether a value of Record-Route or Route is one of a proxy's pair (RFC 5658) and names that host and port.
pub fn is_pair_value(value: &str, host_and_port: &str) -> bool {
    let uri = value.strip_prefix("<sip:").and_then(|value| value.split('>').next()).unwrap_or_default();
    let mut parts = uri.split(';');
    let host = parts.next();
    let (lr, r2) =
        parts.fold((false, false), |(lr, r2), part| (lr || part.starts_with("lr"), r2 || part == "r2=on"));
    host == Some(host_and_port) && lr && r2
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\n{}\n", self.text.trim_end())
    }
}

/// A message in SIPp's message log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Whether this SIPp sent it; else it received it.
    pub sent: bool,
    /// The message.
    pub message: Message,
}

/// Reads what `sipp -trace_msg` writes.
pub fn read_log(log: &str) -> Vec<Logged> {
    log.split("-----------------------------------------------").filter_map(read_entry).collect()
}

/// ` <date> <time>`, then `UDP message sent (<n> bytes):` or `UDP message received [<n>] bytes :`, an empty line, the
/// message.
fn read_entry(entry: &str) -> Option<Logged> {
    let (_, entry) = entry.split_once('\n')?;
    let (kind, text) = entry.split_once("\n\n")?;
    Some(Logged { sent: kind.contains("message sent"), message: Message::new(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "----------------------------------------------- 2026-11-22 12:50:37.786641\n\
        UDP message sent (30 bytes):\n\nBYE sip:a@b SIP/2.0\r\nVia: one\r\nvia : two\r\nCSeq: 2 BYE\r\n\r\n\
        ----------------------------------------------- 2026-11-22 12:50:37.786999\n\
        UDP message received [30] bytes :\n\nSIP/2.0 200 OK\r\nVia: one\r\nCSeq: 2 BYE\r\n\r\nVia: body\r\n";

    #[test]
    fn a_log_is_read_message_by_message() {
        let log = read_log(LOG);
        assert_eq!(log.len(), 2);
        assert!(log[0].sent && log[0].message.is("BYE") && log[0].message.status().is_none());
        assert!(!log[1].sent && log[1].message.status() == Some(200));
        assert_eq!(log[1].message.cseq_method(), "BYE");
    }

    #[test]
    fn header_lines_keep_their_order_and_end_at_the_body() {
        let log = read_log(LOG);
        assert_eq!(log[0].message.headers("Via"), ["one", "two"]);
        assert_eq!(log[1].message.headers("Via"), ["one"]);
        assert_eq!(log[0].message.request_uri(), "sip:a@b");
    }

    #[test]
    fn values_of_a_pair_are_recognised() {
        assert!(is_pair_value("<sip:10.10.1.162:5060;lr;r2=on>", "10.10.1.162:5060"));
        assert!(is_pair_value("<sip:10.10.1.162:5060;transport=tcp;r2=on;lr=on>", "10.10.1.162:5060"));
        assert!(!is_pair_value("<sip:10.10.1.162:5061;lr;r2=on>", "10.10.1.162:5060"));
        assert!(!is_pair_value("<sip:10.10.1.162:5060;lr>", "10.10.1.162:5060"));
    }

    #[test]
    fn a_line_may_hold_several_values() {
        let message = Message::new(
            "SIP/2.0 200 OK\r\nRecord-Route: <sip:a;lr>, <sip:b;lr>\r\nrecord-route: <sip:c>\r\n\r\n",
        );
        assert_eq!(message.values("Record-Route"), ["<sip:a;lr>", "<sip:b;lr>", "<sip:c>"]);
    }
}
