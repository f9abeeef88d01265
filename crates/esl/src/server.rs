//! FreeSWITCH's side of the codec: what reads a client's commands and writes frames, as mod_event_socket does. A stand-in for
//! FreeSWITCH is made of it.

use std::borrow::Cow;

use crate::block::{Blocks, Limits, split_header, trim_end};
use crate::error::Error;
use crate::event::Event;

/// Cuts what a client sends into requests. Bytes may come in any split. After an error the connection cannot be read on.
#[derive(Debug)]
pub struct RequestDecoder(Blocks);

impl RequestDecoder {
    /// For one connection.
    pub fn new(limits: Limits) -> Self {
        RequestDecoder(Blocks::new(limits, true))
    }

    /// Takes bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// The next request, if it is there to its end.
    pub fn next_request(&mut self) -> Result<Option<Request<'_>>, Error> {
        Ok(self.0.next_block()?.map(|(head, body)| Request { head, body }))
    }
}

/// A command as it came: a line, headers, and perhaps a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    head: &'a [u8],
    body: &'a [u8],
}

impl<'a> Request<'a> {
    fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.head.split(|byte| *byte == b'\n').map(trim_end)
    }

    /// The first line: `api status`.
    pub fn line(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.lines().next().unwrap_or_default())
    }

    /// The first word of the line: `api`, `bgapi`, `sendmsg`, `event`, ...
    pub fn verb(&self) -> Cow<'a, str> {
        self.split().0
    }

    /// The line without its first word.
    pub fn arguments(&self) -> Cow<'a, str> {
        self.split().1
    }

    fn split(&self) -> (Cow<'a, str>, Cow<'a, str>) {
        let line = self.lines().next().unwrap_or_default();
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (verb, rest) = line.split_at(space);
        (String::from_utf8_lossy(verb), String::from_utf8_lossy(rest.strip_prefix(b" ").unwrap_or(rest)))
    }

    /// The headers behind the line.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.lines().skip(1).filter_map(split_header)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut headers = self.headers();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Frames as mod_event_socket writes them, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent<'a> {
    /// The first frame of a connection.
    AuthRequest,
    /// The first and last one to a client that an ACL forbids.
    RudeRejection,
    /// The answer to a command: `+OK accepted`. Line ends in it become spaces.
    CommandReply(&'a str),
    /// The answer to `bgapi`: its Job-UUID.
    JobReply(&'a str),
    /// The answer to `api`: what the function printed; `-ERR no reply` for nothing.
    ApiResponse(&'a str),
    /// An event in the plain format.
    EventPlain(&'a Event),
    /// An event in JSON.
    EventJson(&'a Event),
    /// The last frame of a connection.
    Disconnect,
}

impl Sent<'_> {
    /// Appends its bytes.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        const DENIED: &str = "Access Denied, go away.\n";
        const GOODBYE: &str = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";
        let with_body = |kind: &str, body: &str, out: &mut Vec<u8>| {
            let head = format!("Content-Type: {kind}\nContent-Length: {}\n\n", body.len());
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(body.as_bytes());
        };
        match self {
            Sent::AuthRequest => out.extend_from_slice(b"Content-Type: auth/request\n\n"),
            Sent::RudeRejection => with_body("text/rude-rejection", DENIED, out),
            Sent::CommandReply(text) => {
                let text = text.replace(['\r', '\n'], " ");
                let frame = format!("Content-Type: command/reply\nReply-Text: {text}\n\n");
                out.extend_from_slice(frame.as_bytes());
            }
            Sent::JobReply(job) => {
                let job = job.replace(['\r', '\n'], " ");
                let head = "Content-Type: command/reply\nReply-Text: +OK Job-UUID: ";
                out.extend_from_slice(format!("{head}{job}\nJob-UUID: {job}\n\n").as_bytes());
            }
            Sent::ApiResponse("") => with_body("api/response", "-ERR no reply\n", out),
            Sent::ApiResponse(text) => with_body("api/response", text, out),
            Sent::EventPlain(event) => event_frame("plain", &event.to_plain(), out),
            Sent::EventJson(event) => event_frame("json", &event.to_json(), out),
            Sent::Disconnect => with_body("text/disconnect-notice", GOODBYE, out),
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        bytes
    }
}

/// For events the length stands first.
fn event_frame(kind: &str, body: &str, out: &mut Vec<u8>) {
    let head = format!("Content-Length: {}\nContent-Type: text/event-{kind}\n\n", body.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}
