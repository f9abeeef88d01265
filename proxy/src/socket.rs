//! The system calls: datagrams received and sent in batches. The one file with `unsafe` in it.
//!
//! This module must not know what a datagram means.
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// How many datagrams one system call takes or gives at most.
pub const BATCH: usize = 64;

/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// How long a worker waits for a datagram before it looks whether it is to stop.
const WAIT: Duration = Duration::from_millis(200);

/// A bound UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
}

impl UdpSocket {
    /// Binds. `shared` lets further sockets of this process bind the same address (SO_REUSEPORT); the kernel spreads
    /// sources over them.
    pub fn bind(address: SocketAddr, shared: bool, receive_buffer: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if shared {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        socket.set_read_timeout(Some(WAIT))?;
        let this = UdpSocket { socket };
        this.enlarge_receive_buffer(receive_buffer)?;
        Ok(this)
    }

    /// Beyond net.core.rmem_max, which takes a privilege; else as far as that goes.
    fn enlarge_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the option's value is a c_int that outlives the call, and `size` is its size.
        let forced = unsafe {
            let value = (&raw const value).cast();
            libc::setsockopt(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, value, size)
        };
        if forced == 0 { Ok(()) } else { self.socket.set_recv_buffer_size(bytes) }
    }

    /// The receive buffer that the system gave, in bytes. It counts its own bookkeeping in, and so reports twice what
    /// was asked for.
    pub fn receive_buffer(&self) -> io::Result<usize> {
        Ok(self.socket.recv_buffer_size()? / 2)
    }

    /// Waits for datagrams and takes as many as there are, up to [`BATCH`]. None at all after a while of silence.
    pub fn receive(&self, batch: &mut Received) -> io::Result<()> {
        batch.rewind();
        // SAFETY: the headers point into buffers that `batch` owns, never resizes and does not touch meanwhile.
        let count = unsafe {
            let headers = batch.headers.as_mut_ptr();
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                headers,
                BATCH as _,
                libc::MSG_WAITFORONE as _,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(count) {
            Ok(count) => batch.count = count,
            Err(_) => match io::Error::last_os_error() {
                error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                error => return Err(error),
            },
        }
        Ok(())
    }

    /// Sends datagrams, in order; waits while the send buffer is full. `failed` is told of each that the system would
    /// not take.
    pub fn send(&self, outgoing: &mut Outgoing, bytes: &[u8], mut failed: impl FnMut(SocketAddr, io::Error)) {
        let mut done = 0;
        outgoing.link(bytes);
        while let Some(rest @ [_, ..]) = outgoing.headers.get_mut(done..) {
            let length = rest.len().min(BATCH) as _;
            // SAFETY: the headers point into `bytes` and into vectors of `outgoing` that nothing touches meanwhile.
            let count = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), rest.as_mut_ptr(), length, 0) };
            match usize::try_from(count) {
                Ok(count) => done += count.max(1),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() == io::ErrorKind::Interrupted {
                        continue;
                    }
                    if let Some((_, _, to)) = outgoing.queue.get(done) {
                        failed(*to, error);
                    }
                    done += 1;
                }
            }
        }
        outgoing.queue.clear();
    }
}

/// Room for one batch of datagrams that come.
pub struct Received {
    bytes: Vec<u8>,
    addresses: Vec<libc::sockaddr_storage>,
    /// Pointed to by `headers`; never touched by itself.
    _slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    count: usize,
}

impl Received {
    /// Takes some 4 MB of address space; memory only as far as datagrams fill it.
    pub fn new() -> Self {
        let mut bytes = vec![0; BATCH * DATAGRAM];
        // SAFETY: all-zero bytes are a valid value of these plain C structures.
        let (address, header): (libc::sockaddr_storage, libc::mmsghdr) = unsafe { (zeroed(), zeroed()) };
        let mut addresses = vec![address; BATCH];
        let slice =
            |buffer: &mut [u8]| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: DATAGRAM };
        let mut slices: Vec<_> = bytes.chunks_mut(DATAGRAM).map(slice).collect();
        let mut headers = vec![header; BATCH];
        for ((header, address), slice) in headers.iter_mut().zip(&mut addresses).zip(&mut slices) {
            header.msg_hdr.msg_name = (&raw mut *address).cast();
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
        }
        // The first `rewind` sets the sizes of all addresses.
        Received { bytes, addresses, _slices: slices, headers, count: BATCH }
    }

    /// Makes good what the last call wrote over.
    fn rewind(&mut self) {
        for header in self.headers.iter_mut().take(self.count) {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        }
        self.count = 0;
    }

    /// The datagrams of the last batch and who sent each.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let all = self.headers.iter().zip(&self.addresses).zip(self.bytes.chunks(DATAGRAM)).take(self.count);
        all.filter_map(|((header, address), buffer)| {
            Some((buffer.get(..header.msg_len as usize)?, socket_address(address)?))
        })
    }
}

impl Default for Received {
    fn default() -> Self {
        Received::new()
    }
}

/// Datagrams that are to be sent: ranges of one buffer, and where each goes.
#[derive(Default)]
pub struct Outgoing {
    queue: Vec<(usize, usize, SocketAddr)>,
    addresses: Vec<SockAddr>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Outgoing {
    /// Adds the datagram in `bytes[from..to]` of the buffer that [`UdpSocket::send`] will be given.
    pub fn push(&mut self, from: usize, to: usize, address: SocketAddr) {
        self.queue.push((from, to, address));
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Fills the structures that the system call wants. All vectors are filled before pointers into them are taken.
    fn link(&mut self, bytes: &[u8]) {
        self.addresses.clear();
        self.slices.clear();
        self.headers.clear();
        for (from, to, address) in &self.queue {
            let part = bytes.get(*from..*to).unwrap_or_default();
            self.addresses.push(SockAddr::from(*address));
            self.slices.push(libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() });
        }
        for (address, slice) in self.addresses.iter().zip(&mut self.slices) {
            // SAFETY: all-zero bytes are a valid value of this plain C structure.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = address.len();
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
            self.headers.push(header);
        }
    }
}

fn socket_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let pointer = &raw const *storage;
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that a sockaddr_in stands here, and a sockaddr_storage is large enough for it.
            let address = unsafe { pointer.cast::<libc::sockaddr_in>().read() };
            let ip = IpAddr::from(address.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(ip, u16::from_be(address.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, with a sockaddr_in6.
            let address = unsafe { pointer.cast::<libc::sockaddr_in6>().read() };
            let (ip, port) = (address.sin6_addr.s6_addr.into(), u16::from_be(address.sin6_port));
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, address.sin6_flowinfo, address.sin6_scope_id)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(address: &str) {
        let socket = UdpSocket::bind(address.parse().unwrap(), false, 1 << 20).unwrap();
        let own = socket.socket.local_addr().unwrap().as_socket().unwrap();
        let (mut out, mut batch) = (Outgoing::default(), Received::new());
        let bytes = b"onetwothree";
        for (from, to) in [(0, 3), (3, 6), (6, 11)] {
            out.push(from, to, own);
        }
        socket.send(&mut out, bytes, |to, error| panic!("{to}: {error}"));
        assert!(out.is_empty());
        let mut got = Vec::new();
        while got.len() < 3 {
            socket.receive(&mut batch).unwrap();
            got.extend(batch.iter().map(|(bytes, source)| (bytes.to_vec(), source)));
        }
        assert_eq!(got, [&b"one"[..], b"two", b"three"].map(|bytes| (bytes.to_vec(), own)));
    }

    #[test]
    fn datagrams_arrive_whole_in_order_and_with_their_source() {
        exchange("127.0.0.1:0");
    }

    #[test]
    fn ipv6_too() {
        if std::net::UdpSocket::bind("[::1]:0").is_ok() {
            exchange("[::1]:0");
        }
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_is_told_and_the_others_leave() {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false, 1 << 20).unwrap();
        let own = socket.socket.local_addr().unwrap().as_socket().unwrap();
        let mut out = Outgoing::default();
        out.push(0, 1, own);
        out.push(1, 2, "127.0.0.1:0".parse().unwrap());
        out.push(2, 3, own);
        let mut failures = Vec::new();
        socket.send(&mut out, b"abc", |to, _| failures.push(to.port()));
        assert_eq!(failures, [0]);
        let mut batch = Received::new();
        socket.receive(&mut batch).unwrap();
        assert_eq!(batch.iter().map(|(bytes, _)| bytes.to_vec()).collect::<Vec<_>>(), [b"a", b"c"]);
    }
}
