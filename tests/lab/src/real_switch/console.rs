//! A connection to FreeSWITCH's event socket as an operator would have one: log in, ask, read the answer. It subscribes to
//! no events, so that each message that comes is the answer to what was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The longest body that is believed: `uuid_dump` of a call has 7,000 bytes.
const BODY_AT_MOST: usize = 16 << 20;

/// A connection that is logged in.
#[derive(Debug)]
pub struct Console {
    stream: BufReader<TcpStream>,
}

/// One message: what its header says that matters here, and its body.
struct Message {
    content_type: String,
    reply_text: String,
    body: String,
}

impl Console {
    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// Nobody listens, another protocol, or the password is refused.
    pub fn connect(address: SocketAddr, password: &str) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)
            .with_context(|| format!("no event socket at {address}"))?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut console = Self { stream: BufReader::new(stream) };
        let greeting = console.read()?;
        ensure!(
            greeting.content_type == "auth/request",
            "expected auth/request, got {}",
            greeting.content_type
        );
        let answer = console.ask(&format!("auth {password}"))?;
        ensure!(answer.reply_text == "+OK accepted", "the password is refused: {}", answer.reply_text);
        Ok(console)
    }

    /// What the command, such as `status`, answers.
    ///
    /// # Errors
    ///
    /// No answer within ten seconds, or the connection has ended.
    pub fn api(&mut self, command: &str) -> Result<String> {
        let answer = self.ask(&format!("api {command}"))?;
        ensure!(answer.content_type == "api/response", "expected api/response, got {}", answer.content_type);
        Ok(answer.body)
    }

    fn ask(&mut self, line: &str) -> Result<Message> {
        ensure!(!line.contains(['\n', '\r']), "a line break in {line:?} would be another command");
        self.stream.get_mut().write_all(format!("{line}\n\n").as_bytes())?;
        self.read().with_context(|| format!("no answer to {:?}", line.split(' ').next().unwrap_or_default()))
    }

    fn read(&mut self) -> Result<Message> {
        let mut message =
            Message { content_type: String::new(), reply_text: String::new(), body: String::new() };
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("FreeSWITCH has closed the connection");
            }
            match line.trim_end().split_once(": ") {
                Some(("Content-Type", value)) => message.content_type = value.to_owned(),
                Some(("Reply-Text", value)) => message.reply_text = value.to_owned(),
                Some(("Content-Length", value)) => length = value.parse().context("Content-Length")?,
                Some(_) => (),
                None if line.trim_end().is_empty() => break,
                None => bail!("expected a header field, got {line:?}"),
            }
        }
        ensure!(length <= BODY_AT_MOST, "a body of {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        message.body = String::from_utf8_lossy(&body).into_owned();
        Ok(message)
    }
}
