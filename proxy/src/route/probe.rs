//! Probes: OPTIONS of our own to a target (RFC 3261 11), and how their answers are known again.
//!
//! A probe leaves from the socket of a listener, with the Via that targets see in everything, so that a target which
//! answers it would answer calls. Its branch carries which probe it is, signed: nobody who has not read it can answer.

use std::io::Write;
use std::net::SocketAddr;

use super::via::{COOKIE, hasher, read_hex, write_hex};
use super::{Cause, Router, Routing, Transport, Verdict};
use crate::health::Answer;

/// Stands where other branches have their version; the number is this format's.
const MARK: &[u8] = b"p1";

impl Router {
    /// Writes the probe of that number to `address`, from that listener. Nothing if there is no such listener.
    pub fn write_probe(
        &self,
        listener: usize,
        (transport, address): (Transport, SocketAddr),
        slot: u32,
        sequence: u32,
        out: &mut Vec<u8>,
    ) {
        let (Some(faces), Some(settings)) = (self.faces.get(listener), self.listeners.get(listener)) else {
            return;
        };
        let own = &settings.internal;
        let signature = signature(self.branch_key(), slot, sequence);
        // Writing to a Vec cannot fail.
        let parameter = if transport == Transport::Udp { "" } else { ";transport=tcp" };
        let _ = write!(out, "OPTIONS sip:{address}{parameter} SIP/2.0\r\n");
        out.extend_from_slice(faces.inside.via(transport));
        out.extend_from_slice(COOKIE);
        out.extend_from_slice(MARK);
        write_hex(out, u64::from(slot), 8);
        write_hex(out, u64::from(sequence), 8);
        write_hex(out, signature, 16);
        let _ = write!(
            out,
            ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:switchyard@{own}>;tag={signature:016x}\r\n\
             To: <sip:{address}>\r\nCall-ID: probe-{slot:x}-{sequence:x}-{signature:016x}\r\nCSeq: 1 OPTIONS\r\n\
             Contact: <sip:{own}>\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
        );
    }

    /// Which probe a branch belongs to, if it is one that a proxy of ours wrote: slot and sequence.
    fn read_probe(&self, branch: &[u8]) -> Option<(u32, u32)> {
        let digits = branch.strip_prefix(COOKIE)?.strip_prefix(MARK)?;
        let slot = u32::try_from(read_hex(digits.get(..8)?)?).ok()?;
        let sequence = u32::try_from(read_hex(digits.get(8..16)?)?).ok()?;
        let signed = read_hex(digits.get(16..)?)?;
        let ours = self.keys.branches.iter().any(|key| signature(key, slot, sequence) == signed);
        (ours && digits.len() == 32).then_some((slot, sequence))
    }
}

impl Routing<'_> {
    /// A response with no Via but ours: the answer to a probe, or to nothing that we sent.
    pub(super) fn answer(&self, branch: Option<&[u8]>) -> Verdict {
        let probe = branch.and_then(|branch| self.router.read_probe(branch));
        match (probe, self.msg.status()) {
            (Some((slot, sequence)), Some(line)) => {
                Verdict::Answer(Answer { source: self.input.source, slot, sequence, code: line.code })
            }
            _ => Verdict::Drop(Cause::ForUs, None),
        }
    }
}

fn signature(key: &[u8; 16], slot: u32, sequence: u32) -> u64 {
    let mut hash = hasher(key);
    hash.add(b"p");
    hash.add(&slot.to_le_bytes());
    hash.add(&sequence.to_le_bytes());
    hash.finish()
}
