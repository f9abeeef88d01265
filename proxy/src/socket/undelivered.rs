//! Datagrams that came back as undeliverable: ICMP errors, by way of the socket's error queue (ip(7), IP_RECVERR).

use std::io;
use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use super::{ADDRESS, UdpSocket, socket_address};

/// How much of a datagram is looked at: as much as Linux sends back (RFC 1812 4.3.2.3).
const RETURNED: usize = 576;

/// The most errors that are taken in one turn: the rest waits for the next.
const MOST: usize = 64;

impl UdpSocket {
    /// Asks the system to keep what comes back.
    pub(super) fn keep_undelivered(&self, ipv6: bool) {
        let (level, option) = match ipv6 {
            true => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
            false => (libc::IPPROTO_IP, libc::IP_RECVERR),
        };
        let on: libc::c_int = 1;
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the option's value is a c_int that outlives the call, and `size` is its size. Without the option nothing
        // is told, and a target that is gone is noticed by its silence.
        unsafe { libc::setsockopt(self.socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    }

    /// Whether an error means that something may have come back, rather than that the socket is of no use.
    pub(super) fn notes_trouble(&self, error: &io::Error) -> bool {
        let codes = [
            libc::ECONNREFUSED,
            libc::EHOSTUNREACH,
            libc::ENETUNREACH,
            libc::EHOSTDOWN,
            libc::ENETDOWN,
            libc::ENOPROTOOPT,
            libc::EPROTO,
            libc::EACCES,
            libc::EMSGSIZE,
            libc::EOPNOTSUPP,
        ];
        let noted = error.raw_os_error().is_some_and(|code| codes.contains(&code));
        if noted {
            self.troubled.store(true, Ordering::Relaxed);
        }
        noted
    }

    /// Tells of each datagram that came back since this was last asked: where it was sent, and how it begins.
    pub fn undelivered(&self, mut tell: impl FnMut(SocketAddr, &[u8])) {
        if !self.troubled.swap(false, Ordering::Relaxed) {
            return;
        }
        for _ in 0..MOST {
            match self.take_undelivered() {
                Some((to, bytes, length)) => tell(to, bytes.get(..length).unwrap_or_default()),
                None => return,
            }
        }
        self.troubled.store(true, Ordering::Relaxed);
    }

    fn take_undelivered(&self) -> Option<(SocketAddr, [u8; RETURNED], usize)> {
        let mut bytes = [0; RETURNED];
        let mut control = [0u64; 64];
        let mut slice = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: RETURNED };
        // SAFETY: all-zero bytes are a valid value of these plain C structures.
        let (mut address, mut header): (libc::sockaddr_storage, libc::msghdr) =
            unsafe { (zeroed(), zeroed()) };
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = ADDRESS;
        header.msg_iov = &raw mut slice;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control) as _;
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        // SAFETY: the header points to room that outlives the call, with its sizes.
        let length = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut header, flags) };
        Some((socket_address(&address)?, bytes, usize::try_from(length).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::socket::{Outgoing, Received};

    #[test]
    fn a_datagram_to_a_port_where_nobody_listens_comes_back_and_the_next_is_sent_all_the_same() {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false, 1 << 20).unwrap();
        let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let there = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (mut out, mut batch, mut back) = (Outgoing::default(), Received::new(), Vec::new());
        for round in 0..3 {
            out.push(0, 4, gone);
            out.push(4, 8, there.local_addr().unwrap());
            socket.send(&mut out, b"lostkept", |to, error| panic!("{to}: {error}"));
            let mut buffer = [0; 16];
            assert_eq!(there.recv(&mut buffer).unwrap(), 4, "round {round}");
            assert_eq!(&buffer[..4], b"kept");
        }
        while back.len() < 3 {
            socket.receive(&mut batch).unwrap();
            socket.undelivered(|to, bytes| back.push((to, bytes.to_vec())));
        }
        assert_eq!(back, vec![(gone, b"lost".to_vec()); 3]);
    }
}
