//! Datagrams on their way out: written one behind the other into one buffer, and sent in batches.

use std::net::SocketAddr;

use proxy::socket::{Outgoing, UdpSocket};

/// Datagrams that wait for being sent.
#[derive(Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    out: Outgoing,
}

impl Datagrams {
    /// Adds what `write` appends; nothing if it says `None`.
    pub fn add(&mut self, to: SocketAddr, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
        let from = self.bytes.len();
        let written = write(&mut self.bytes);
        match written {
            Some(()) => self.out.push(from, self.bytes.len(), to),
            None => self.bytes.truncate(from),
        }
        written
    }

    /// All of them, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Sends them. What the system does not take is lost, and will be missed.
    pub fn send(&mut self, socket: &UdpSocket) {
        if !self.out.is_empty() {
            socket.send(&mut self.out, &self.bytes, |_, _| ());
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let (mut datagrams, to) = (Datagrams::default(), "127.0.0.1:9".parse().unwrap());
        let mut write = |text: &[u8], whole: bool| {
            datagrams.add(to, |out| {
                out.extend_from_slice(text);
                whole.then_some(())
            })
        };
        assert_eq!(
            (write(b"one", true), write(b"tw", false), write(b"three", true)),
            (Some(()), None, Some(()))
        );
        assert_eq!(datagrams.bytes(), b"onethree");
    }
}
