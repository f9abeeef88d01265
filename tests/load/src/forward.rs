//! The bare forwarder: what anything that stands between caller and targets has to do at the least, as the floor that
//! proxies are compared with. It receives and sends in batches and looks at nothing but the bytes of the Call-ID.

use std::{
    hash::{DefaultHasher, Hasher},
    net::SocketAddr,
};

use anyhow::{Context, Result, ensure};
use proxy::socket::{Outgoing, Received, UdpSocket};

use crate::plan::RECEIVE_BUFFER;

/// The header field that says which datagrams belong together, as the load writes it.
const CALL_ID: &[u8] = b"Call-ID: ";

/// Which way datagrams go.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Where datagrams come.
    pub listen: SocketAddr,
    /// What comes from here goes to a target; all else goes here.
    pub caller: SocketAddr,
    /// Where calls are answered.
    pub targets: Vec<SocketAddr>,
}

impl Ways {
    /// Where a datagram goes.
    fn hop(&self, bytes: &[u8], source: SocketAddr) -> SocketAddr {
        if source != self.caller {
            return self.caller;
        }
        let mut hash = DefaultHasher::new();
        hash.write(call_id(bytes));
        let place = hash.finish() % self.targets.len().max(1) as u64;
        self.targets.get(place as usize).copied().unwrap_or(self.caller)
    }
}

fn call_id(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(CALL_ID)).unwrap_or_default()
}

/// Forwards until the process is ended. `ready` is called when the socket is bound.
///
/// # Errors
///
/// The address cannot be bound, there is no target, or receiving fails.
pub fn forward(ways: &Ways, ready: impl FnOnce()) -> Result<()> {
    ensure!(!ways.targets.is_empty(), "expected at least one target");
    let socket = UdpSocket::bind(ways.listen, false, RECEIVE_BUFFER)
        .with_context(|| format!("cannot listen at {}", ways.listen))?;
    ready();
    let (mut batch, mut out, mut buffer) = (Received::new(), Outgoing::default(), Vec::new());
    loop {
        socket.receive(&mut batch)?;
        for (bytes, source) in batch.iter() {
            let from = buffer.len();
            buffer.extend_from_slice(bytes);
            out.push(from, buffer.len(), ways.hop(bytes, source));
        }
        socket.send(&mut out, &buffer, |_, _| ());
        buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stays_at_one_target_and_calls_are_spread() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let ways = Ways {
            listen: address("127.0.0.1:5060"),
            caller: address("127.0.0.1:6000"),
            targets: vec![address("127.0.1.1:7001"), address("127.0.1.2:7001")],
        };
        let hop = |call: usize, method: &str| {
            let bytes =
                format!("{method} x SIP/2.0\r\nFrom: {method}\r\nCall-ID: {call}@h\r\nCSeq: 1 x\r\n\r\n");
            ways.hop(bytes.as_bytes(), ways.caller)
        };
        let first = (0..100).filter(|call| hop(*call, "INVITE") == ways.targets[0]).count();
        assert!((20..80).contains(&first), "{first} of 100");
        assert!((0..100).all(|call| hop(call, "INVITE") == hop(call, "BYE")));
        assert_eq!(ways.hop(b"SIP/2.0 200 OK\r\n\r\n", ways.targets[1]), ways.caller);
    }
}
