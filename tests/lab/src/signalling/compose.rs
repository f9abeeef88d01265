//! Writes a SIP message line by line.

/// A message being written: start line first, then header fields in the order in which they are added.
#[derive(Debug, Clone)]
pub struct Draft {
    bytes: Vec<u8>,
}

impl Draft {
    /// Begins a request.
    #[must_use]
    pub fn request(method: &str, uri: &str) -> Self {
        Self { bytes: format!("{method} {uri} SIP/2.0\r\n").into_bytes() }
    }

    /// Begins a response with the usual reason phrase of its code.
    #[must_use]
    pub fn response(code: u16) -> Self {
        Self { bytes: format!("SIP/2.0 {code} {}\r\n", reason(code)).into_bytes() }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_slice(value.as_ref());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header field for each value, keeping their order.
    #[must_use]
    pub fn headers(self, name: &str, values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        values.into_iter().fold(self, |draft, value| draft.header(name, value))
    }

    /// Ends the message without a body.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        let mut bytes = self.header("Content-Length", "0").bytes;
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// Ends the message with a body.
    #[must_use]
    pub fn body(self, media_type: &str, body: &str) -> Vec<u8> {
        let length = body.len().to_string();
        let mut bytes = self.header("Content-Type", media_type).header("Content-Length", length).bytes;
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.as_bytes());
        bytes
    }
}

/// The usual reason phrase of a status code (RFC 3261 21).
#[must_use]
pub fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => match code / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirected",
            _ => "Refused",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_keep_their_order_and_the_length_is_that_of_the_body() {
        let draft = Draft::request("INFO", "sip:a@b").headers("Route", ["<sip:1>", "<sip:2>"]);
        let text = String::from_utf8(draft.clone().body("text/plain", "hello")).unwrap();
        assert_eq!(
            text,
            "INFO sip:a@b SIP/2.0\r\nRoute: <sip:1>\r\nRoute: <sip:2>\r\n\
             Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        );
        assert!(draft.end().ends_with(b"Content-Length: 0\r\n\r\n"));
    }

    #[test]
    fn every_code_has_a_reason() {
        assert_eq!(Draft::response(486).end(), b"SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n");
        assert!((100..700).all(|code| !reason(code).is_empty()));
    }
}
