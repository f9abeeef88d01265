//! A collector of HEP packets (Homer), which takes them apart by itself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::{Context, Result, bail, ensure};

use crate::message::Message;
use crate::wire::ANSWER_WITHIN;

/// What listens for packets.
pub struct Collector {
    socket: UdpSocket,
}

/// A message that was captured.
#[derive(Debug)]
pub struct Captured {
    /// 17 for UDP, 6 for TCP.
    pub protocol: u8,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// Who captured it.
    pub node: u32,
    /// What it proves itself by.
    pub password: Option<String>,
    /// What a call's messages have in common.
    pub correlation: String,
    /// The message.
    pub message: Message,
}

impl Collector {
    /// At a free port of that address.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's.
    pub fn bind(ip: IpAddr) -> Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).with_context(|| ip.to_string())?;
        socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { socket })
    }

    /// The section of settings that has a proxy tell it all.
    ///
    /// # Errors
    ///
    /// The system does not say where it is.
    pub fn settings(&self) -> Result<String> {
        Ok(format!("[capture]\ncollector = \"{}\"\n", self.socket.local_addr()?))
    }

    /// The next packet.
    ///
    /// # Errors
    ///
    /// None comes, or it is not what the specification has.
    pub fn receive(&self) -> Result<Captured> {
        let mut buffer = vec![0; 65_536];
        let length = self.socket.recv(&mut buffer).context("waiting for a packet")?;
        read(buffer.get(..length).context("a packet")?)
    }

    /// What has come and was not received yet.
    ///
    /// # Errors
    ///
    /// It is not what the specification has.
    pub fn rest(&self) -> Result<Vec<Captured>> {
        self.socket.set_nonblocking(true)?;
        let mut rest = Vec::new();
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            rest.push(read(buffer.get(..length).context("a packet")?)?);
        }
        self.socket.set_nonblocking(false)?;
        Ok(rest)
    }
}

fn read(bytes: &[u8]) -> Result<Captured> {
    let (head, mut rest) = bytes.split_first_chunk::<6>().context("six bytes")?;
    let [b'H', b'E', b'P', b'3', length @ ..] = head else { bail!("no HEP3: {head:?}") };
    ensure!(number(length)? == u32::try_from(bytes.len())?, "{head:?} of {} bytes", bytes.len());
    let mut chunks = HashMap::new();
    while !rest.is_empty() {
        let ([0, 0, high, low, length @ ..], holds) = rest.split_first_chunk::<6>().context("a chunk")?
        else {
            bail!("a chunk of a vendor's");
        };
        let length = usize::try_from(number(length)?)?.checked_sub(6).context("a chunk's length")?;
        let (holds, behind) = holds.split_at_checked(length).context("a chunk's length")?;
        ensure!(chunks.insert(number(&[*high, *low])?, holds).is_none(), "a chunk twice");
        rest = behind;
    }
    let chunk = |kind: u32| chunks.get(&kind).copied().with_context(|| format!("a chunk {kind}"));
    let text = |kind: u32| Ok::<_, anyhow::Error>(String::from_utf8_lossy(chunk(kind)?).into_owned());
    let address = |ip: u32, port: u32| {
        let ip = <[u8; 4]>::try_from(chunk(ip)?)?;
        Ok::<_, anyhow::Error>(SocketAddr::new(ip.into(), u16::try_from(number(chunk(port)?)?)?))
    };
    ensure!(chunk(0x01)? == [2] && chunk(0x0b)? == [1], "SIP over IPv4");
    ensure!(number(chunk(0x09)?)? > 1_600_000_000 && number(chunk(0x0a)?)? < 1_000_000, "a time");
    Ok(Captured {
        protocol: u8::try_from(number(chunk(0x02)?)?)?,
        source: address(0x03, 0x07)?,
        destination: address(0x04, 0x08)?,
        node: number(chunk(0x0c)?)?,
        password: text(0x0e).ok(),
        correlation: text(0x11)?,
        message: Message::new(text(0x0f)?),
    })
}

/// The highest byte first.
fn number(bytes: &[u8]) -> Result<u32> {
    ensure!(bytes.len() <= 4, "a number of {} bytes", bytes.len());
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
