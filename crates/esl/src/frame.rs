//! What FreeSWITCH sends, frame by frame.

use std::borrow::Cow;

use crate::block::{Blocks, Limits, split_header, trim_end};
use crate::error::Error;
use crate::event::Event;

/// The client's side of the codec: cuts what FreeSWITCH sends into frames. Bytes may come in any split. After an error
/// the connection cannot be read on.
///
/// Give out all frames after each [`push`](FrameDecoder::push): then no more is held than one frame and one push.
#[derive(Debug)]
pub struct FrameDecoder(Blocks);

impl FrameDecoder {
    /// For one connection.
    pub fn new(limits: Limits) -> Self {
        FrameDecoder(Blocks::new(limits, false))
    }

    /// Takes bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// Bytes that came and belong to no frame yet.
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }

    /// The next frame, if it is there to its end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        Ok(self.0.next_block()?.map(|(head, body)| Frame { head, body }))
    }
}

/// One frame: headers and a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    head: &'a [u8],
    body: &'a [u8],
}

/// What a frame is, by its `Content-Type` (mod_event_socket.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `auth/request`: FreeSWITCH waits for `auth`, 25 s long.
    AuthRequest,
    /// `command/reply`: the answer to everything but `api`, in `Reply-Text`.
    CommandReply,
    /// `api/response`: the answer to `api`, in the body.
    ApiResponse,
    /// `text/event-plain`: an event whose values are URL-encoded.
    EventPlain,
    /// `text/event-json`: an event as one JSON object.
    EventJson,
    /// `text/disconnect-notice`: FreeSWITCH closes the connection, or keeps it for a while (see [`Frame::lingers`]).
    DisconnectNotice,
    /// `text/rude-rejection`: an ACL forbids this client's address.
    RudeRejection,
    /// Anything else: `log/data`, `text/event-xml`.
    Other,
}

impl<'a> Frame<'a> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.raw("Content-Type").unwrap_or_default() {
            b"auth/request" => Kind::AuthRequest,
            b"command/reply" => Kind::CommandReply,
            b"api/response" => Kind::ApiResponse,
            b"text/event-plain" => Kind::EventPlain,
            b"text/event-json" => Kind::EventJson,
            b"text/disconnect-notice" => Kind::DisconnectNotice,
            b"text/rude-rejection" => Kind::RudeRejection,
            _ => Kind::Other,
        }
    }

    /// Names and values of the frame's headers (not of an event in its body), as they came.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.head.split(|byte| *byte == b'\n').filter_map(|line| split_header(trim_end(line)))
    }

    /// The first header of this name, in any case, as text; what is no UTF-8 becomes U+FFFD.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).map(String::from_utf8_lossy)
    }

    fn raw(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The body, as it came.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The bytes of the headers with their empty line.
    pub fn head(&self) -> &'a [u8] {
        self.head
    }

    /// The event in a frame of kind [`Kind::EventPlain`] or [`Kind::EventJson`]; `None` for others.
    pub fn event(&self) -> Option<Result<Event, Error>> {
        match self.kind() {
            Kind::EventPlain => Some(Event::from_plain(self.body)),
            Kind::EventJson => Some(Event::from_json(self.body)),
            _ => None,
        }
    }

    /// The answer in a frame of kind [`Kind::CommandReply`] or [`Kind::ApiResponse`]; `None` for others.
    pub fn reply(&self) -> Option<Reply> {
        match self.kind() {
            Kind::CommandReply => {
                let text = self.header("Reply-Text").unwrap_or_default().into_owned();
                Some(Reply { text, job: self.header("Job-UUID").map(Cow::into_owned) })
            }
            Kind::ApiResponse => {
                Some(Reply { text: String::from_utf8_lossy(self.body).into_owned(), job: None })
            }
            _ => None,
        }
    }

    /// For a disconnect notice: the seconds for which FreeSWITCH keeps the connection (`Content-Disposition: linger`), so
    /// that last events come; `None` if it closes at once. A negative number means without end.
    pub fn lingers(&self) -> Option<i64> {
        let lingers = self.raw("Content-Disposition")?.eq_ignore_ascii_case(b"linger");
        lingers.then(|| self.header("Linger-Time").and_then(|time| time.parse().ok()).unwrap_or(-1))
    }
}

/// FreeSWITCH's answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `Reply-Text`, or what an `api` command printed, as it came.
    pub text: String,
    /// For `bgapi`: the Job-UUID that FreeSWITCH will report with.
    pub job: Option<String>,
}

impl Reply {
    /// What stands behind `+OK`, or the whole text if it begins otherwise (`show`, `status` and the like print no `+OK`);
    /// as error what stands behind `-ERR`, or the text of `-USAGE`. White space at both ends is cut.
    pub fn ok(&self) -> Result<&str, &str> {
        let text = self.text.trim();
        if let Some(error) = text.strip_prefix("-ERR") {
            return Err(error.trim_start());
        }
        if text.starts_with("-USAGE") {
            return Err(text);
        }
        Ok(text.strip_prefix("+OK").map_or(text, str::trim_start))
    }
}
