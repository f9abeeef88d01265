//! A received message, with what the ends of a call ask of it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, anyhow};
use sip::{Host, Index, Limits, Message, Name, NameAddr, Uri, Via};

/// A start line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A request and its Request-URI.
    Request(String),
    /// A response and its code.
    Response(u16),
}

/// A message that has all that RFC 3261 8.1.1 demands. Texts are for comparing and showing; bytes that are no UTF-8
/// are kept in [`Incoming::bytes`] alone, and so [`Incoming::raw`] serves what is copied into answers.
#[derive(Clone)]
pub struct Incoming {
    /// All of it, as it came.
    pub bytes: Vec<u8>,
    /// Request or response.
    pub start: Start,
    /// The method: a request's own, a response's by its CSeq.
    pub method: String,
    /// The CSeq's number.
    pub cseq: u32,
    /// The Call-ID.
    pub call_id: String,
    /// The From header field's tag.
    pub from_tag: String,
    /// The To header field's tag, once there is one.
    pub to_tag: Option<String>,
    /// The topmost Via's branch and sent-by, which name the transaction (RFC 3261 17.2.3).
    pub transaction: String,
    /// The topmost Via's branch.
    pub branch: String,
    /// Contact's URI.
    pub contact: Option<String>,
    /// The values of Record-Route, in order.
    pub record_routes: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
    reply_port: Option<u16>,
}

impl Incoming {
    /// Reads a datagram.
    ///
    /// # Errors
    /// When it is no SIP message, or lacks what every message has.
    pub fn parse(datagram: &[u8]) -> Result<Self> {
        let mut index = Index::new();
        let message = Message::parse(datagram, &mut index, &Limits::default())?;
        if let Some(defect) = message.defect() {
            return Err(defect.into());
        }
        let cseq = message.cseq()?;
        let via = message.top_via()?;
        let branch = via.branch().map(text).unwrap_or_default();
        let start = match (message.request(), message.status()) {
            (Some(line), _) => Start::Request(text(line.uri)),
            (None, Some(line)) => Start::Response(line.code),
            (None, None) => return Err(anyhow!("expected a start line, found none")),
        };
        Ok(Self {
            bytes: datagram.to_vec(),
            start,
            method: cseq.method.to_string(),
            cseq: cseq.number,
            call_id: text(message.call_id()?),
            from_tag: message.from()?.tag().map(text).unwrap_or_default(),
            to_tag: message.to()?.tag().map(text),
            transaction: format!("{branch} {}", text(via.sent_by)),
            branch,
            contact: contact(&message),
            record_routes: message.values(Name::RecordRoute).map(text).collect(),
            body: message.body()?.to_vec(),
            // RFC 3581 4: with rport, the answer goes to the port that the request came from.
            reply_port: (!via.params.has("rport")).then(|| via.port_or_default()),
        })
    }

    /// True for a request of this method.
    #[must_use]
    pub fn is_request(&self, method: &str) -> bool {
        self.method == method && matches!(self.start, Start::Request(_))
    }

    /// The user part of the Request-URI.
    #[must_use]
    pub fn user(&self) -> String {
        let Start::Request(uri) = &self.start else { return String::new() };
        Uri::parse(uri.as_bytes()).ok().and_then(|uri| uri.user).map(text).unwrap_or_default()
    }

    /// Where the answer to this request goes (RFC 3261 18.2.2): where it came from, at the port that its Via names.
    #[must_use]
    pub fn reply_address(&self, source: SocketAddr) -> SocketAddr {
        SocketAddr::new(source.ip(), self.reply_port.unwrap_or(source.port()))
    }

    /// The values of a header field as they came, one for each comma-separated value.
    #[must_use]
    pub fn raw(&self, name: Name) -> Vec<Vec<u8>> {
        self.look(|message| message.values(name).map(<[u8]>::to_vec).collect())
    }

    /// The whole value of a header field that stands once, as it came.
    #[must_use]
    pub fn raw_first(&self, name: Name) -> Vec<u8> {
        self.look(|message| message.first(name).map(|field| field.value.to_vec()).unwrap_or_default())
    }

    /// The values of the header fields with this name, in any case, as text.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<String> {
        self.look(|message| message.named(name).map(|field| text(field.value)).collect())
    }

    fn look<T: Default>(&self, ask: impl FnOnce(&Message<'_>) -> T) -> T {
        let mut index = Index::new();
        Message::parse(&self.bytes, &mut index, &Limits::default())
            .map(|message| ask(&message))
            .unwrap_or_default()
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.bytes))
    }
}

/// The address that a URI names; the lab asks no DNS, and knows `localhost` alone (RFC 6761 6.3).
///
/// # Errors
/// When it is no sip URI, or its host is another name.
pub fn address_of(uri: &[u8]) -> Result<SocketAddr> {
    let shown = uri.escape_ascii();
    let parsed = Uri::parse(uri).with_context(|| format!("no URI: {shown}"))?;
    let ip = match parsed.host {
        Some(Host::Ip(ip)) => ip,
        Some(Host::Name(name)) if name.eq_ignore_ascii_case(b"localhost") => Ipv4Addr::LOCALHOST.into(),
        _ => return Err(anyhow!("expected an address as the host of {shown}")),
    };
    Ok(SocketAddr::new(ip, parsed.port_or_default()))
}

/// A Via with the source of its request noted in it (RFC 3261 18.2.1, RFC 3581 4).
#[must_use]
pub fn stamped(via: &[u8], source: SocketAddr) -> Vec<u8> {
    let Ok(parsed) = Via::parse(via) else { return via.to_vec() };
    let asked = parsed.params.has("rport");
    let mut stamped = via.get(..via.len() - parsed.params.as_bytes().len()).unwrap_or_default().to_vec();
    for param in parsed.params.iter() {
        if param.name.eq_ignore_ascii_case(b"rport") {
            stamped.extend(format!(";rport={}", source.port()).into_bytes());
        } else if !param.name.eq_ignore_ascii_case(b"received") {
            stamped.extend(param.raw);
        }
    }
    if asked || parsed.host.ip() != Some(source.ip()) {
        stamped.extend(format!(";received={}", source.ip()).into_bytes());
    }
    stamped
}

fn contact(message: &Message<'_>) -> Option<String> {
    let value = message.values(Name::Contact).next()?;
    NameAddr::parse(value).ok().map(|contact| text(contact.raw_uri))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:echo@10.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;rport\r\n\
        Via: SIP/2.0/UDP 10.0.0.8\r\nFrom: \"A\" <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\n\
        Contact: <sip:a@10.0.0.9:5070>\r\nRecord-Route: <sip:p1;lr>, <sip:p2;lr>\r\nX-Src-Ip: 9\r\nContent-Length: 2\r\n\r\nhi";

    fn source() -> SocketAddr {
        "10.0.0.7:999".parse().unwrap()
    }

    #[test]
    fn what_a_request_says_is_read() {
        let invite = Incoming::parse(INVITE.as_bytes()).unwrap();
        assert!(invite.is_request("INVITE"));
        assert_eq!((invite.user().as_str(), invite.cseq, invite.branch.as_str()), ("echo", 7, "z9hG4bKa"));
        assert_eq!((invite.from_tag.as_str(), &invite.to_tag), ("1", &None));
        assert_eq!(invite.contact.as_deref(), Some("sip:a@10.0.0.9:5070"));
        assert_eq!(invite.record_routes, ["<sip:p1;lr>", "<sip:p2;lr>"]);
        assert_eq!(invite.raw(Name::Via).len(), 2);
        assert_eq!(invite.named("x-src-ip"), ["9"]);
        assert_eq!(invite.body, b"hi");
    }

    #[test]
    fn answers_go_to_the_source_port_only_where_rport_asks_for_it() {
        let asked = Incoming::parse(INVITE.as_bytes()).unwrap();
        assert_eq!(asked.reply_address(source()), source());
        let unasked = Incoming::parse(INVITE.replace(";rport", "").as_bytes()).unwrap();
        assert_eq!(unasked.reply_address(source()), "10.0.0.7:5070".parse().unwrap());
    }

    #[test]
    fn the_source_is_noted_in_a_via() {
        let noted = |via: &str| String::from_utf8(stamped(via.as_bytes(), source())).unwrap();
        assert_eq!(noted("SIP/2.0/UDP 10.0.0.7:5060;branch=z"), "SIP/2.0/UDP 10.0.0.7:5060;branch=z");
        assert_eq!(
            noted("SIP/2.0/UDP a.example;branch=z"),
            "SIP/2.0/UDP a.example;branch=z;received=10.0.0.7"
        );
        assert_eq!(
            noted("SIP/2.0/UDP 10.0.0.7;rport;branch=z"),
            "SIP/2.0/UDP 10.0.0.7;rport=999;branch=z;received=10.0.0.7"
        );
    }

    #[test]
    fn addresses_are_taken_and_names_refused() {
        assert_eq!(address_of(b"sip:a@10.0.0.1;lr").unwrap(), "10.0.0.1:5060".parse().unwrap());
        assert_eq!(address_of(b"sip:LocalHost:5070").unwrap(), "127.0.0.1:5070".parse().unwrap());
        assert!(address_of(b"sip:a@b.example").is_err());
        assert!(address_of(b"tel:+855").is_err());
    }

    #[test]
    fn nothing_cut_off_or_altered_makes_a_panic() {
        for end in 0..INVITE.len() {
            let _ = Incoming::parse(&INVITE.as_bytes()[..end]);
            let mut altered = INVITE.as_bytes().to_vec();
            altered[end] = 0xff;
            if let Ok(read) = Incoming::parse(&altered) {
                let _ = (read.user(), read.reply_address(source()), read.raw(Name::Via));
            }
        }
    }
}
