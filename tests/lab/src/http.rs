//! One HTTP request to a program under test. Blocking, with std alone, and HTTP/1.0: an answer ends where the connection
//! ends.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};

/// How long a program may think about it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The status line and the header fields.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header field's value, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Asks, with these header lines and without a body. Status, and a body that is text.
pub fn text(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Result<(u16, String)> {
    let answer = request(address, method, path, headers, "")?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

/// Asks, with these header lines and this body.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    if !body.is_empty() {
        lines += &format!("Content-Length: {}\r\n", body.len());
    }
    // In one piece, so that no answer can come in the middle of it.
    stream
        .write_all(format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{lines}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no end of the HTTP header")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no HTTP status")?;
    Ok(Answer { status, head, body })
}
