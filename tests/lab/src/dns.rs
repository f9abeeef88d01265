//! A DNS server that says what a test wants, over UDP and TCP, and says it late, badly or not at all if that is wanted.
//!
//! Blocking, with threads of its own, as [`crate::proxy_process`] is: those who test the proxy as a process use both.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use hickory_proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record,
        rdata::{A, AAAA, CNAME, NAPTR, SRV},
    },
};

use crate::{locked, pause, proxy_process::free_port};

/// The longest answer over UDP: what resolvers say that they take.
const MAX_DATAGRAM: usize = 1232;
/// How often it is looked whether the test is over.
const POLL: Duration = Duration::from_millis(20);

/// What is said to a question.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These records, as far as they are of the type that was asked for. An alias counts as every type, and what it leads
    /// to is told as well.
    Records(Vec<RData>),
    /// There is no such name.
    NoName,
    /// "I have failed" (SERVFAIL).
    Failure,
    /// Nothing.
    Silence,
    /// Bytes that are no answer.
    Garbage,
    /// Over UDP: too long for a datagram; over TCP what the other one says.
    Truncated(Box<Reply>),
    /// What the other one says, later.
    Late(Duration, Box<Reply>),
}

/// A running server. Ends when dropped.
pub struct DnsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    zone: Mutex<Zone>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Zone {
    replies: HashMap<String, Reply>,
    /// What is said to everything.
    to_all: Option<Reply>,
    ttl: u32,
    asked: HashMap<String, usize>,
}

/// An address.
pub fn address(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

/// A server with its priority, weight and port.
pub fn srv((priority, weight, port): (u16, u16, u16), target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, name(target)))
}

/// A service, such as `SIP+D2U`, that leads to SRV records.
pub fn naptr(order: u16, service: &str, replacement: &str) -> RData {
    let bytes = |text: &str| Box::from(text.as_bytes());
    RData::NAPTR(NAPTR::new(order, 0, bytes("s"), bytes(service), bytes(""), name(replacement)))
}

/// Another name for another.
pub fn alias(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap_or_default();
    name.set_fqdn(true);
    name
}

impl DnsServer {
    /// On a free port, with an empty zone whose answers hold for an hour.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's.
    pub fn start(ip: IpAddr) -> Result<Self> {
        let address = SocketAddr::new(ip, free_port(ip)?);
        let mut server = Self { address, shared: Arc::default(), threads: Vec::new() };
        server.set_ttl(3600);
        server.listen()?;
        Ok(server)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The section `[dns]` of a proxy that asks this server, with further lines.
    pub fn settings(&self, further: &str) -> String {
        format!("[dns]\nservers = [\"{}\"]\n{further}\n", self.address)
    }

    /// What is said about a name from now on.
    pub fn set(&self, name: &str, reply: Reply) {
        locked(&self.shared.zone).replies.insert(name.to_owned(), reply);
    }

    /// The same for records.
    pub fn records(&self, name: &str, records: Vec<RData>) {
        self.set(name, Reply::Records(records));
    }

    /// There is no such name any more.
    pub fn remove(&self, name: &str) {
        locked(&self.shared.zone).replies.remove(name);
    }

    /// What is said to all questions; `None`: what the zone says.
    pub fn say_to_all(&self, reply: Option<Reply>) {
        locked(&self.shared.zone).to_all = reply;
    }

    /// How long answers hold from now on, in seconds.
    pub fn set_ttl(&self, seconds: u32) {
        locked(&self.shared.zone).ttl = seconds;
    }

    /// How often a name was asked for, whatever about it.
    pub fn asked(&self, name: &str) -> usize {
        locked(&self.shared.zone).asked.get(name).copied().unwrap_or(0)
    }

    /// Leaves: nobody is at its address any more, until [`DnsServer::come_back`].
    pub fn go_away(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    /// Is there again, with the zone that it had.
    ///
    /// # Errors
    ///
    /// Somebody has taken its port.
    pub fn come_back(&mut self) -> Result<()> {
        self.shared.stop.store(false, Ordering::Relaxed);
        self.listen()
    }

    fn listen(&mut self) -> Result<()> {
        let udp = UdpSocket::bind(self.address).context("DNS over UDP")?;
        udp.set_read_timeout(Some(POLL))?;
        let tcp = TcpListener::bind(self.address).context("DNS over TCP")?;
        tcp.set_nonblocking(true)?;
        let shared = Arc::clone(&self.shared);
        self.threads.push(std::thread::spawn(move || shared.serve_udp(&udp)));
        let shared = Arc::clone(&self.shared);
        self.threads.push(std::thread::spawn(move || shared.serve_tcp(&tcp)));
        Ok(())
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.go_away();
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn serve_udp(self: &Arc<Self>, socket: &UdpSocket) {
        let mut buffer = [0; 4096];
        while self.goes_on() {
            let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
            let question = buffer.get(..length).unwrap_or_default().to_vec();
            let (shared, socket) = (Arc::clone(self), socket.try_clone());
            // Each by itself: one that is late keeps no other waiting.
            std::thread::spawn(move || {
                if let (Some(answer), Ok(socket)) = (shared.answer(&question, true), socket) {
                    let _ = socket.send_to(&answer, peer);
                }
            });
        }
    }

    fn serve_tcp(self: &Arc<Self>, listener: &TcpListener) {
        while self.goes_on() {
            match listener.accept() {
                Ok((stream, _)) => {
                    let shared = Arc::clone(self);
                    std::thread::spawn(move || shared.serve_connection(stream));
                }
                Err(_) => pause(POLL),
            }
        }
    }

    fn serve_connection(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        while self.goes_on() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).ok()?;
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).ok()?;
            if let Some(answer) = self.answer(&question, false) {
                let length = u16::try_from(answer.len()).ok()?.to_be_bytes();
                stream.write_all(&[&length[..], &answer].concat()).ok()?;
            }
        }
        Some(())
    }

    fn answer(&self, question: &[u8], is_datagram: bool) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        let asked = plain(question.queries.first()?.name());
        let reply = {
            let mut zone = locked(&self.zone);
            *zone.asked.entry(asked.clone()).or_default() += 1;
            let reply = zone.to_all.clone().or_else(|| zone.replies.get(&asked).cloned());
            reply.unwrap_or(Reply::NoName)
        };
        self.say(&reply, &question, is_datagram)
    }

    fn say(&self, reply: &Reply, question: &Message, is_datagram: bool) -> Option<Vec<u8>> {
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_queries(question.queries.iter().cloned());
        match reply {
            Reply::Records(records) => self.add(&mut answer, question, records)?,
            Reply::NoName => answer.metadata.response_code = ResponseCode::NXDomain,
            Reply::Failure => answer.metadata.response_code = ResponseCode::ServFail,
            Reply::Silence => return None,
            Reply::Garbage => return Some(vec![0xa5; 60]),
            Reply::Truncated(_) if is_datagram => answer.metadata.truncation = true,
            Reply::Truncated(other) => return self.say(other, question, is_datagram),
            Reply::Late(time, other) => {
                pause(*time);
                return self.say(other, question, is_datagram);
            }
        }
        let bytes = answer.to_vec().ok()?;
        if is_datagram && bytes.len() > MAX_DATAGRAM {
            return self.say(&Reply::Truncated(Box::new(Reply::Silence)), question, true);
        }
        Some(bytes)
    }

    /// The records of that type; behind an alias those of the name that it leads to, until it leads in circles.
    fn add(&self, answer: &mut Message, question: &Message, records: &[RData]) -> Option<()> {
        let query = question.queries.first()?;
        let zone = locked(&self.zone);
        let (mut owner, mut records) = (query.name().clone(), records.to_vec());
        for _ in 0..8 {
            let mut next = None;
            for data in records {
                let is_alias = matches!(data, RData::CNAME(_));
                if let RData::CNAME(target) = &data {
                    next = Some(target.0.clone());
                }
                if is_alias || data.record_type() == query.query_type() {
                    answer.add_answer(Record::from_rdata(owner.clone(), zone.ttl, data));
                }
            }
            let Some(target) = next else { break };
            let Some(Reply::Records(further)) = zone.replies.get(&plain(&target)) else { break };
            (owner, records) = (target, further.clone());
        }
        Some(())
    }
}

/// In small letters, without the dot at the end.
fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
