//! Valid messages by chance, with what they were made of.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// How freely header fields are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Long names, no folding, UTF-8, no IPv6 address in the Request-URI: what simple readers take too.
    Plain,
    /// Whatever RFC 3261 7.3.1 allows, and bytes that are no UTF-8.
    Free,
}

/// What a Via was made of.
#[derive(Debug, Clone)]
pub(crate) struct ViaParts {
    pub(crate) transport: &'static str,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) branch: String,
}

/// What a start line was made of.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    Request { method: &'static str, user: Option<String>, host: String, port: Option<u16> },
    Status { code: u16, reason: String },
}

/// One header field line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The long name in lower case.
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
}

/// A message and its parts.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) start: Start,
    pub(crate) start_line: Vec<u8>,
    pub(crate) lines: Vec<Line>,
    pub(crate) vias: Vec<ViaParts>,
    pub(crate) call_id: String,
    pub(crate) cseq: (u32, &'static str),
    pub(crate) from_tag: String,
    pub(crate) to_tag: Option<String>,
    pub(crate) max_forwards: u8,
    pub(crate) body: Vec<u8>,
}

impl Generated {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let lines = self.lines.iter().flat_map(|line| &line.bytes);
        self.start_line.iter().chain(lines).chain(b"\r\n").chain(&self.body).copied().collect()
    }

    /// The values of a header field over all its lines.
    pub(crate) fn values(&self, name: &str) -> Vec<Vec<u8>> {
        self.lines.iter().filter(|line| line.name == name).flat_map(|line| line.values.clone()).collect()
    }
}

/// A request or a response with 9 to about 200 header fields.
pub(crate) fn message(spelling: Spelling) -> impl Strategy<Value = Generated> {
    prop_oneof![request_line(spelling), status_line()].prop_flat_map(move |start| of(start, spelling))
}

/// A request.
pub(crate) fn request(spelling: Spelling) -> impl Strategy<Value = Generated> {
    request_line(spelling).prop_flat_map(move |start| of(start, spelling))
}

fn of(start: Start, spelling: Spelling) -> impl Strategy<Value = Generated> {
    let tokens = ("[a-z0-9.]{1,20}@[a-z0-9]{1,9}", "[a-z0-9]{1,12}", option::of("[A-Z0-9]{1,12}"));
    let numbers = (0u32..1 << 31, any::<u8>(), any::<u64>());
    let vias = vec(via(), 1..6);
    let lists = vec((0usize..3, vec(address(), 1..4)), 0..6);
    let others = prop_oneof![3 => vec(other(spelling), 0..8), 1 => vec(other(spelling), 150..185)];
    let body = prop_oneof![vec(any::<u8>(), 0..200), Just(Vec::new())];
    (tokens, numbers, vias, lists, others, body).prop_map(
        move |(tokens, numbers, vias, lists, others, body)| {
            let (call_id, from_tag, to_tag) = tokens;
            let (number, max_forwards, seed) = numbers;
            let method = match &start {
                Start::Request { method, .. } => method,
                Start::Status { .. } => "OPTIONS",
            };
            let mut writer = Writer { spelling, seed };
            let to = to_tag.as_ref().map_or(String::new(), |tag| format!(";tag={tag}"));
            let mut lines = vec![
                writer.line("from", &[format!("\"A, <B>\\\"\" <sip:a@example.com;x=y>;tag={from_tag}")]),
                writer.line("to", &[format!("<sip:b@example.com>{to}")]),
                writer.line("call-id", std::slice::from_ref(&call_id)),
                writer.line("cseq", &[format!("{number} {method}")]),
                writer.line("max-forwards", &[max_forwards.to_string()]),
                writer.line("content-length", &[body.len().to_string()]),
            ];
            let texts: Vec<String> = vias.iter().map(|(_, text)| text.clone()).collect();
            lines.extend(texts.chunks(2).map(|values| writer.line("via", values)));
            let names = ["route", "record-route", "contact"];
            lines.extend(lists.iter().map(|(name, values)| writer.line(names[*name], values)));
            lines.extend(others.iter().map(|value| writer.other(value)));
            writer.shuffle(&mut lines);
            // Vias are a list: their order is theirs, wherever their lines stand.
            let mut in_order =
                texts.chunks(2).map(|values| writer.line("via", values)).collect::<Vec<_>>().into_iter();
            for line in lines.iter_mut().filter(|line| line.name == "via") {
                *line = in_order.next().expect("as many lines as before");
            }
            Generated {
                start_line: start_line(&start).into_bytes(),
                start: start.clone(),
                lines,
                vias: vias.into_iter().map(|(parts, _)| parts).collect(),
                call_id,
                cseq: (number, method),
                from_tag,
                to_tag,
                max_forwards,
                body,
            }
        },
    )
}

fn request_line(spelling: Spelling) -> impl Strategy<Value = Start> {
    let method = prop::sample::select(vec!["INVITE", "ACK", "BYE", "OPTIONS", "REGISTER", "UPDATE", "INFO"]);
    let (user, host) = match spelling {
        Spelling::Plain => ("[a-z0-9+-]{1,16}", "[a-z][a-z0-9]{0,9}\\.example".boxed()),
        Spelling::Free => ("[a-z0-9+._;?&=$,/!~*'()%-]{1,16}", host().boxed()),
    };
    (method, option::of(user), host, option::of(any::<u16>()))
        .prop_map(|(method, user, host, port)| Start::Request { method, user, host, port })
}

fn status_line() -> impl Strategy<Value = Start> {
    (100u16..700, "[A-Za-z ]{0,20}").prop_map(|(code, reason)| Start::Status { code, reason })
}

fn start_line(start: &Start) -> String {
    match start {
        Start::Request { method, user, host, port } => {
            let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            format!("{method} sip:{user}{host}{port};transport=udp SIP/2.0\r\n")
        }
        Start::Status { code, reason } => format!("SIP/2.0 {code} {reason}\r\n"),
    }
}

fn host() -> impl Strategy<Value = String> {
    let v4 = any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string());
    prop_oneof!["[a-z][a-z0-9]{0,9}\\.example", v4, Just("[2001:db8::9:1]".to_owned())]
}

fn via() -> impl Strategy<Value = (ViaParts, String)> {
    let transport = prop::sample::select(vec!["UDP", "TCP", "TLS"]);
    let tail =
        prop::sample::select(vec!["", ";rport", ";received=192.0.2.7", ";x=\"a, <b>; \\\"\"", ";X-y=1"]);
    (transport, host(), option::of(any::<u16>()), "z9hG4bK[a-zA-Z0-9.]{1,20}", tail).prop_map(
        |(transport, host, port, branch, tail)| {
            let place = port.map_or(host.clone(), |port| format!("{host}:{port}"));
            let text = format!("SIP/2.0/{transport} {place};branch={branch}{tail}");
            (ViaParts { transport, host, port, branch }, text)
        },
    )
}

fn address() -> impl Strategy<Value = String> {
    let display = prop::sample::select(vec!["", "\"a, b\" ", "Bob ", "\"<c>\\\\\" "]);
    (display, "[a-z0-9]{0,8}", host(), prop::sample::select(vec!["", ";lr", ";a=1,2"]))
        .prop_map(|(display, user, host, params)| format!("{display}<sip:{user}x@{host}{params}>"))
}

fn other(spelling: Spelling) -> BoxedStrategy<Vec<u8>> {
    let plain = "[a-zA-Z0-9 ;,<>\"=:é]{0,40}".prop_map(String::into_bytes);
    // Every byte but those that end a line or are a defect.
    let free = vec(any::<u8>().prop_map(|byte| if b"\r\n\0".contains(&byte) { 0xff } else { byte }), 0..60);
    if spelling == Spelling::Plain { plain.boxed() } else { free.boxed() }
}

struct Writer {
    spelling: Spelling,
    seed: u64,
}

impl Writer {
    /// A number below `end`, which depends on the seed and on how many were drawn.
    fn draw(&mut self, end: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % end
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        if self.spelling == Spelling::Plain { from[0] } else { from[self.draw(from.len())] }
    }

    fn line(&mut self, name: &'static str, values: &[String]) -> Line {
        let compact = [
            ("from", "f"),
            ("to", "t"),
            ("call-id", "i"),
            ("content-length", "l"),
            ("via", "v"),
            ("contact", "m"),
        ];
        let compact = compact.iter().find(|(long, _)| *long == name).map_or(name, |(_, compact)| compact);
        let spelled = self.pick(&[name, name, compact]);
        let colon = self.pick(&[": ", ":", " :\t ", ":\r\n  ", "\t:"]);
        let comma = self.pick(&[", ", ",", " ,\r\n\t", ",, , "]);
        let end = self.pick(&["\r\n", "\r\n", " \t\r\n", "\r\n \r\n", "\n"]);
        let text = format!("{}{colon}{}{end}", self.case(spelled), values.join(comma));
        Line {
            name,
            values: values.iter().map(|value| value.clone().into_bytes()).collect(),
            bytes: text.into_bytes(),
        }
    }

    fn other(&mut self, value: &[u8]) -> Line {
        let fold = self.pick(&["", "\r\n folded", "\n\tfolded "]);
        let bytes = [self.case("X-Other").as_bytes(), b": ", value, fold.as_bytes(), b"\r\n"].concat();
        Line { name: "x-other", values: Vec::new(), bytes }
    }

    fn case(&mut self, name: &str) -> String {
        let upper: Vec<bool> = name.chars().map(|_| self.draw(2) == 0).collect();
        name.chars().zip(upper).map(|(c, up)| if up { c.to_ascii_uppercase() } else { c }).collect()
    }

    fn shuffle(&mut self, lines: &mut [Line]) {
        for last in (1..lines.len()).rev() {
            let other = self.draw(last + 1);
            lines.swap(last, other);
        }
    }
}
