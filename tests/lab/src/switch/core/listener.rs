//! One connection to the event socket: what it may do and which events it wants.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use esl::server::{RequestDecoder, Sent};
use esl::{Event, Format, Limits};

/// How long a client may take to log in.
const LOGIN: Duration = Duration::from_secs(25);

/// A request, taken out of the decoder.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) verb: String,
    pub(super) arguments: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
    /// When it is looked at: later than it came where replies are slow.
    pub(super) due: Instant,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(super) struct Listener {
    decoder: RequestDecoder,
    pub(super) authenticated: bool,
    pub(super) login_until: Instant,
    pub(super) format: Format,
    all: bool,
    names: BTreeSet<String>,
    custom: BTreeSet<String>,
    filters: Vec<(String, String)>,
    pub(super) requests: VecDeque<Request>,
    /// An `api` command has not ended: nothing else is read.
    pub(super) blocked: bool,
}

impl Listener {
    pub(super) fn new(now: Instant) -> Self {
        Listener {
            decoder: RequestDecoder::new(Limits::default()),
            authenticated: false,
            login_until: now + LOGIN,
            format: Format::Plain,
            all: false,
            names: BTreeSet::new(),
            custom: BTreeSet::new(),
            filters: Vec::new(),
            requests: VecDeque::new(),
            blocked: false,
        }
    }

    /// Takes in bytes; false when they are no commands.
    pub(super) fn push(&mut self, bytes: &[u8], due: Instant) -> bool {
        self.decoder.push(bytes);
        loop {
            match self.decoder.next_request() {
                Ok(Some(request)) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    self.requests.push_back(Request {
                        verb: request.verb().into_owned(),
                        arguments: request.arguments().trim().to_owned(),
                        headers: request.headers().map(|(name, value)| (text(name), text(value))).collect(),
                        body: text(request.body()),
                        due,
                    });
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// When something is to be done about it.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let request = self.requests.front().filter(|_| !self.blocked).map(|request| request.due);
        let login = (!self.authenticated).then_some(self.login_until);
        [request, login].into_iter().flatten().min()
    }

    /// `event`: adds to what is wanted.
    pub(super) fn subscribe(&mut self, arguments: &str) -> String {
        let mut words = arguments.split_whitespace().peekable();
        let name = match words
            .next_if(|word| ["plain", "json", "xml"].contains(&word.to_ascii_lowercase().as_str()))
        {
            Some("json") => {
                self.format = Format::Json;
                "json"
            }
            _ => {
                self.format = Format::Plain;
                "plain"
            }
        };
        let mut custom = false;
        for word in words {
            if custom {
                self.custom.insert(word.to_owned());
            }
            match word.to_ascii_uppercase().as_str() {
                "ALL" => self.all = true,
                "CUSTOM" => custom = true,
                upper if !custom => drop(self.names.insert(upper.to_owned())),
                _ => {}
            }
        }
        format!("+OK event listener enabled {name}")
    }

    /// `nixevent`: takes from it.
    pub(super) fn unsubscribe(&mut self, arguments: &str) -> String {
        for word in arguments.split_whitespace() {
            self.names.remove(&word.to_ascii_uppercase());
            self.custom.remove(word);
            self.all &= !word.eq_ignore_ascii_case("ALL");
        }
        "+OK events nixed".to_owned()
    }

    /// `noevents`.
    pub(super) fn silence(&mut self) -> String {
        (self.all, self.names, self.custom) = (false, BTreeSet::new(), BTreeSet::new());
        "+OK no longer listening for events".to_owned()
    }

    /// `filter [add] HEADER VALUE` and `filter delete HEADER [VALUE]`.
    pub(super) fn filter(&mut self, arguments: &str) -> String {
        let (word, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        if word == "delete" {
            let (header, value) = rest.split_once(' ').unwrap_or((rest, ""));
            let gone = |(other, old): &(String, String)| {
                header == "all" || (other.eq_ignore_ascii_case(header) && (value.is_empty() || old == value))
            };
            self.filters.retain(|filter| !gone(filter));
            return format!("+OK filter deleted. [{header}]=[{value}]");
        }
        let pair = if word == "add" { rest } else { arguments };
        match pair.split_once(' ') {
            Some((header, value)) if !value.trim_start_matches('!').starts_with('/') => {
                self.filters.push((header.to_owned(), value.to_owned()));
                format!("+OK filter added. [{header}]=[{value}]")
            }
            Some(_) => "-ERR regular expressions are not known here".to_owned(),
            None => "-ERR invalid syntax".to_owned(),
        }
    }

    fn wants(&self, event: &Event) -> bool {
        let subscribed = match event.name() {
            "CUSTOM" => self.all || event.subclass().is_some_and(|subclass| self.custom.contains(subclass)),
            name => self.all || self.names.contains(name),
        };
        let fits = |(header, value): &(String, String)| {
            let there = event.header(header);
            match value.strip_prefix('!') {
                Some(other) => there.is_some_and(|there| !there.eq_ignore_ascii_case(other)),
                None => there.is_some_and(|there| there.eq_ignore_ascii_case(value)),
            }
        };
        self.authenticated && subscribed && (self.filters.is_empty() || self.filters.iter().any(fits))
    }

    /// The event's bytes, if it is wanted.
    pub(super) fn event(&self, event: &Event) -> Option<Vec<u8>> {
        self.wants(event).then(|| match self.format {
            Format::Json => Sent::EventJson(event).to_bytes(),
            Format::Plain => Sent::EventPlain(event).to_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, channel: &str) -> Event {
        Event::new([("Event-Name", name), ("Unique-ID", channel)], None)
    }

    #[test]
    fn only_what_is_subscribed_and_fits_a_filter_comes() {
        let mut listener = Listener::new(Instant::now());
        listener.authenticated = true;
        assert_eq!(
            listener.subscribe("json DTMF CUSTOM conference::maintenance"),
            "+OK event listener enabled json"
        );
        let wants = |listener: &Listener, name, channel| listener.event(&event(name, channel)).is_some();
        assert!(wants(&listener, "DTMF", "a") && !wants(&listener, "CHANNEL_PARK", "a"));
        listener.filter("Unique-ID a");
        assert!(wants(&listener, "DTMF", "a") && !wants(&listener, "DTMF", "b"));
        listener.filter("delete Unique-ID");
        assert!(wants(&listener, "DTMF", "b"));
        listener.unsubscribe("DTMF");
        assert!(!wants(&listener, "DTMF", "b"));
        listener.subscribe("plain ALL");
        assert!(wants(&listener, "CHANNEL_PARK", "a"));
        listener.silence();
        assert!(!wants(&listener, "CHANNEL_PARK", "a"));
    }
}
