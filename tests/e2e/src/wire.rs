//! Plain sockets that speak SIP as text: for what SIPp would not send, and answers that have to be looked at whole.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{message::Message, wait_until};

/// How long an answer may take on a busy machine.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a message may take that is there, or as good as.
const MOMENT: Duration = Duration::from_millis(10);

/// How long nothing has to come until we believe that nothing comes.
const SILENCE: Duration = Duration::from_millis(400);

/// A UDP socket at an address of our choosing.
pub struct Wire {
    socket: UdpSocket,
    local: SocketAddr,
}

impl Wire {
    /// On a free port of `ip`, hearing everybody.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's.
    pub fn bind(ip: IpAddr) -> Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).with_context(|| ip.to_string())?;
        socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }

    /// On a free port of `ip`, hearing only what comes from exactly `peer`.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's.
    pub fn connect(ip: IpAddr, peer: SocketAddr) -> Result<Self> {
        let wire = Self::bind(ip)?;
        wire.socket.connect(peer)?;
        Ok(wire)
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn send(&self, bytes: impl AsRef<[u8]>, to: SocketAddr) -> Result<()> {
        // A connected socket takes no address on every system.
        let sent = match self.socket.peer_addr() {
            Ok(_) => self.socket.send(bytes.as_ref()),
            Err(_) => self.socket.send_to(bytes.as_ref(), to),
        };
        sent.map(|_| ()).context("sending a datagram")
    }

    /// The next message.
    ///
    /// # Errors
    ///
    /// None comes.
    pub fn receive(&self) -> Result<Message> {
        let mut buffer = vec![0; 65_536];
        let length = self.socket.recv(&mut buffer).context("waiting for a message")?;
        buffer.truncate(length);
        Ok(Message::new(String::from_utf8_lossy(&buffer)))
    }

    /// The next final response, whatever comes before.
    ///
    /// # Errors
    ///
    /// None comes.
    pub fn receive_final(&self) -> Result<Message> {
        loop {
            let message = self.receive()?;
            if message.status().is_some_and(|status| status >= 200) {
                return Ok(message);
            }
        }
    }

    /// The ACK. The INVITE may come again before it: the proxy repeats one that is not answered in half a second, which a
    /// busy machine may take.
    ///
    /// # Errors
    ///
    /// None comes, or something else.
    pub fn receive_ack(&self) -> Result<Message> {
        loop {
            let message = self.receive()?;
            if message.is("ACK") {
                return Ok(message);
            }
            ensure!(message.is("INVITE"), "{message:?}");
        }
    }

    /// A message, if one is there or comes within a moment.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn receive_now(&self) -> Result<Option<Message>> {
        self.socket.set_read_timeout(Some(MOMENT))?;
        let received = self.receive();
        self.socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(received.ok())
    }

    /// Whether nothing comes for a while.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn is_silent(&self) -> Result<bool> {
        self.socket.set_read_timeout(Some(SILENCE))?;
        let nothing = self.socket.recv(&mut [0; 65_536]).is_err();
        self.socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(nothing)
    }

    /// A request from here, to be changed and sent.
    pub fn request(&self, method: &str, uri: &str) -> Request {
        Request::new(method, uri, "UDP", self.local)
    }
}

/// A TCP or TLS connection.
pub struct Stream {
    stream: Box<dyn Bytes>,
    transport: &'static str,
    local: SocketAddr,
    received: Vec<u8>,
}

/// What a connection reads and writes through.
pub(crate) trait Bytes: Read + Write + Send {}

impl<T: Read + Write + Send> Bytes for T {}

impl Stream {
    /// Connects to `peer`.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    pub fn connect(peer: SocketAddr) -> Result<Self> {
        Self::over(open(peer)?)
    }

    /// On a connection that is open.
    ///
    /// # Errors
    ///
    /// It is closed.
    pub fn over(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Self::new(Box::new(stream), "TCP", local))
    }

    pub(crate) fn new(stream: Box<dyn Bytes>, transport: &'static str, local: SocketAddr) -> Self {
        Self { stream, transport, local, received: Vec::new() }
    }

    /// This end's address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends bytes, which need not be a message.
    ///
    /// # Errors
    ///
    /// The connection is closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.stream
            .write_all(bytes.as_ref())
            .and_then(|()| self.stream.flush())
            .context("sending on a connection")
    }

    /// The next message. Bodies are not expected.
    ///
    /// # Errors
    ///
    /// None comes, or the connection is closed.
    pub fn receive(&mut self) -> Result<Message> {
        loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let message: Vec<u8> = self.received.drain(..end + 4).collect();
                return Ok(Message::new(String::from_utf8_lossy(&message)));
            }
            self.receive_more()?;
        }
    }

    /// The next final response, whatever comes before.
    ///
    /// # Errors
    ///
    /// None comes.
    pub fn receive_final(&mut self) -> Result<Message> {
        loop {
            let message = self.receive()?;
            if message.status().is_some_and(|status| status >= 200) {
                return Ok(message);
            }
        }
    }

    /// Waits until the other side closes it, whatever comes before.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn wait_closed(&mut self) -> Result<()> {
        loop {
            match self.stream.read(&mut [0; 4096]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    bail!("the connection stays open")
                }
                // Reset, or no TLS any more.
                Err(_) => return Ok(()),
            }
        }
    }

    /// So many bytes, whatever they are.
    ///
    /// # Errors
    ///
    /// They do not come, or the connection is closed.
    pub fn receive_bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.received.len() < count {
            self.receive_more()?;
        }
        Ok(self.received.drain(..count).collect())
    }

    fn receive_more(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer).context("waiting for something on a connection")?;
        ensure!(length > 0, "the connection was closed");
        self.received.extend(buffer.iter().take(length));
        Ok(())
    }

    /// A request from this end, to be changed and sent.
    ///
    /// # Errors
    ///
    /// The connection is closed.
    pub fn request(&self, method: &str, uri: &str) -> Result<Request> {
        Ok(Request::new(method, uri, self.transport, self.local))
    }
}

/// A TCP connection that waits for answers as long as a busy machine may take.
pub(crate) fn open(peer: SocketAddr) -> Result<TcpStream> {
    TcpStream::connect_timeout(&peer, ANSWER_WITHIN).context("connecting")
}

/// The next connection that comes.
///
/// # Errors
///
/// None comes.
pub fn accept(listener: &TcpListener) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let mut accepted = None;
    wait_until("a connection comes", ANSWER_WITHIN, || match listener.accept() {
        Ok((stream, _)) => {
            accepted = Some(stream);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    })?;
    let stream = accepted.context("a connection")?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
}

/// A request with the usual headers.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The Request-URI.
    pub uri: String,
    /// Its only Via.
    pub via: String,
    /// The To header.
    pub to: String,
    /// The Call-ID.
    pub call_id: String,
    /// The number of CSeq.
    pub cseq: u32,
    /// `None` for no Max-Forwards.
    pub max_forwards: Option<u32>,
    /// Further header lines.
    pub headers: Vec<String>,
    /// The address in Contact.
    pub contact: SocketAddr,
}

impl Request {
    fn new(method: &str, uri: &str, transport: &str, local: SocketAddr) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}-{number}", std::process::id());
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            via: format!("SIP/2.0/{transport} {local};branch=z9hG4bK-e2e-{unique}"),
            to: "<sip:1294@203.0.113.10>".to_owned(),
            call_id: format!("e2e-{unique}@{}", local.ip()),
            cseq: 1,
            max_forwards: Some(70),
            headers: Vec::new(),
            contact: local,
        }
    }

    /// With one more header line.
    #[must_use]
    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    /// The next request of the dialog that a 2xx has made: its To tag, its Contact, its route set, a branch of its own.
    #[must_use]
    pub fn next(&self, method: &str, success: &Message) -> Self {
        let cseq = if method == "ACK" { self.cseq } else { self.cseq + 1 };
        let contact = success.header("Contact").trim_start_matches('<').split('>').next().unwrap_or_default();
        // RFC 3261 12.1.2: in reverse order.
        let route = success.values("Record-Route").into_iter().rev().map(|value| format!("Route: {value}"));
        Self {
            method: method.to_owned(),
            uri: contact.to_owned(),
            via: format!("{}-{method}", self.via),
            to: success.header("To").to_owned(),
            cseq,
            headers: route.collect(),
            ..self.clone()
        }
    }

    /// The ACK of a refusal: the INVITE's branch and Request-URI (RFC 3261 17.1.1.3).
    #[must_use]
    pub fn ack_of(&self, refusal: &Message) -> Self {
        let to = refusal.header("To").to_owned();
        Self { method: "ACK".to_owned(), to, headers: Vec::new(), ..self.clone() }
    }
}

/// An answer to a request as it came: its Via, From, Call-ID, CSeq and Record-Route, and a To tag.
pub fn answer(request: &Message, status: &str, contact: &str) -> String {
    let mut answer = format!("SIP/2.0 {status}\r\n");
    let copied = ["Via", "Record-Route", "From", "Call-ID", "CSeq"];
    let lines = copied.into_iter().flat_map(|name| request.headers(name).into_iter().map(move |v| (name, v)));
    lines.for_each(|(name, value)| answer.push_str(&format!("{name}: {value}\r\n")));
    let to = request.header("To");
    let tag = if to.contains(";tag=") { "" } else { ";tag=answering" };
    answer.push_str(&format!("To: {to}{tag}\r\nContact: <{contact}>\r\nContent-Length: 0\r\n\r\n"));
    answer
}

impl std::fmt::Display for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, uri, via, to, call_id, cseq, contact, .. } = self;
        write!(formatter, "{method} {uri} SIP/2.0\r\nVia: {via}\r\n")?;
        if let Some(hops) = self.max_forwards {
            write!(formatter, "Max-Forwards: {hops}\r\n")?;
        }
        // RFC 3261 25.1: a tag is a token, which has no @.
        let tag = call_id.replace('@', "-");
        write!(formatter, "From: <sip:855715100860@203.0.113.99>;tag={tag}\r\nTo: {to}\r\n")?;
        write!(
            formatter,
            "Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:855715100860@{contact}>\r\n"
        )?;
        for line in &self.headers {
            write!(formatter, "{line}\r\n")?;
        }
        write!(formatter, "Content-Length: 0\r\n\r\n")
    }
}
