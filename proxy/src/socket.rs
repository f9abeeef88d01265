//! The system calls: datagrams received and sent in batches. No `unsafe` but here and in what lies below.
//!
//! This module must not know what a datagram means.
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

mod undelivered;

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// How many datagrams one system call takes or gives at most.
pub const BATCH: usize = 64;

/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// How long a worker waits for a datagram before it looks whether it is to stop.
pub const WAIT: Duration = Duration::from_millis(200);

/// Room for any address.
const ADDRESS: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

/// Asks for a socket's memory figures (asm-generic/socket.h).
const SO_MEMINFO: libc::c_int = 55;

/// A bound UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
    /// Whether the system has told of datagrams that came back.
    troubled: AtomicBool,
}

impl UdpSocket {
    /// Binds. `shared` lets further sockets of this process bind the same address (SO_REUSEPORT); the kernel spreads
    /// sources over them.
    pub fn bind(address: SocketAddr, shared: bool, buffer: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if shared {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        socket.set_read_timeout(Some(WAIT))?;
        let this = UdpSocket { socket, troubled: AtomicBool::new(false) };
        this.keep_undelivered(address.is_ipv6());
        if !this.force(libc::SO_RCVBUFFORCE, buffer) {
            this.socket.set_recv_buffer_size(buffer)?;
        }
        if !this.force(libc::SO_SNDBUFFORCE, buffer) {
            this.socket.set_send_buffer_size(buffer)?;
        }
        Ok(this)
    }

    /// Sets a buffer's size beyond the system's limit (net.core.rmem_max, wmem_max), which takes a privilege.
    fn force(&self, option: libc::c_int, bytes: usize) -> bool {
        let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the option's value is a c_int that outlives the call, and `size` is its size.
        let forced = unsafe {
            let value = (&raw const value).cast();
            libc::setsockopt(self.socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size)
        };
        forced == 0
    }

    /// The receive buffer that the system gave, in bytes. It counts its own bookkeeping in, and so reports twice what
    /// was asked for.
    pub fn receive_buffer(&self) -> io::Result<usize> {
        Ok(self.socket.recv_buffer_size()? / 2)
    }

    /// Waits for datagrams and takes as many as there are, up to [`BATCH`]. None at all after a while of silence.
    pub fn receive(&self, batch: &mut Received) -> io::Result<()> {
        self.take(batch, libc::MSG_WAITFORONE)
    }

    /// Takes the datagrams that are there, up to [`BATCH`], and waits for none.
    pub fn receive_now(&self, batch: &mut Received) -> io::Result<()> {
        self.take(batch, libc::MSG_DONTWAIT)
    }

    fn take(&self, batch: &mut Received, flags: libc::c_int) -> io::Result<()> {
        batch.rewind();
        // SAFETY: the headers point into buffers that `batch` owns, never resizes and does not touch meanwhile.
        let count = unsafe {
            let headers = batch.headers.as_mut_ptr();
            libc::recvmmsg(self.socket.as_raw_fd(), headers, BATCH as _, flags as _, std::ptr::null_mut())
        };
        match usize::try_from(count) {
            Ok(count) => batch.count = count,
            Err(_) => match io::Error::last_os_error() {
                error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                error if self.notes_trouble(&error) => {}
                error => return Err(error),
            },
        }
        Ok(())
    }

    /// How long [`UdpSocket::receive`] waits, in place of [`WAIT`].
    pub fn set_wait(&self, wait: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(wait))
    }

    /// Waits for a datagram or the bell, or for so long.
    pub fn wait(&self, bell: &Bell, wait: Duration) -> io::Result<()> {
        let mut entries = [wait_for(&self.socket), wait_for(&bell.event)];
        poll(&mut entries, wait)?;
        if entries[0].revents & libc::POLLERR != 0 {
            self.troubled.store(true, Ordering::Relaxed);
        }
        bell.silence();
        Ok(())
    }

    /// Datagrams that the system dropped because the receive buffer was full, since the socket was made.
    pub fn dropped(&self) -> io::Result<u32> {
        let mut numbers = [0u32; 9];
        let mut size = size_of_val(&numbers) as libc::socklen_t;
        // SAFETY: the numbers outlive the call, and `size` is theirs.
        let got = unsafe {
            let numbers = (&raw mut numbers).cast();
            libc::getsockopt(self.socket.as_raw_fd(), libc::SOL_SOCKET, SO_MEMINFO, numbers, &raw mut size)
        };
        // The last of them, SK_MEMINFO_DROPS.
        if got == 0 { Ok(numbers[8]) } else { Err(io::Error::last_os_error()) }
    }

    /// Sends datagrams, in order, and waits for nothing. `failed` is told of each that the system would not take.
    pub fn send(&self, outgoing: &mut Outgoing, bytes: &[u8], mut failed: impl FnMut(SocketAddr, io::Error)) {
        // Packets to a host that is gone stay in the buffer for seconds: they must not hold up all others.
        let flags = libc::MSG_DONTWAIT as _;
        let (mut done, mut repeated) = (0, usize::MAX);
        outgoing.link(bytes);
        while let Some(rest @ [_, ..]) = outgoing.headers.get_mut(done..) {
            let length = rest.len().min(BATCH) as _;
            // SAFETY: the headers point into `bytes` and into vectors of `outgoing` that nothing touches meanwhile.
            let count = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), rest.as_mut_ptr(), length, flags) };
            match usize::try_from(count) {
                Ok(count) => {
                    // Fewer than asked for: the error that stopped it is not told again.
                    if count < rest.len().min(BATCH) {
                        self.troubled.store(true, Ordering::Relaxed);
                    }
                    done += count.max(1);
                }
                Err(_) => {
                    let error = io::Error::last_os_error();
                    // What came back from one address is told at the next call, whomever that sends to: once more, then.
                    let told = std::mem::replace(&mut repeated, done) != done && self.notes_trouble(&error);
                    if told || error.kind() == io::ErrorKind::Interrupted {
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

/// Wakes a worker that waits for datagrams.
#[derive(Debug)]
pub struct Bell {
    event: OwnedFd,
}

impl Bell {
    /// A silent one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a call without pointers.
        let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if event < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and is nobody else's.
        Ok(Bell { event: unsafe { OwnedFd::from_raw_fd(event) } })
    }

    /// Wakes the worker, or lets its next wait end at once.
    pub fn ring(&self) {
        let one = 1u64;
        // SAFETY: eight bytes that outlive the call. It can fail only where the bell already rings.
        unsafe { libc::write(self.event.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    fn silence(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes that outlive the call. It can fail only where the bell does not ring.
        unsafe { libc::read(self.event.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    }
}

fn poll(entries: &mut [libc::pollfd], timeout: Duration) -> io::Result<()> {
    let time = libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let (entries, count) = (entries.as_mut_ptr(), entries.len() as _);
    // SAFETY: `entries` are `count` pollfds, and `time` outlives the call.
    match unsafe { libc::ppoll(entries, count, &raw const time, std::ptr::null()) } {
        0.. => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
    }
}

fn wait_for(descriptor: &impl AsRawFd) -> libc::pollfd {
    libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 }
}

/// Several sockets that one thread receives from.
pub struct Poll<'a> {
    sockets: &'a [UdpSocket],
    entries: Vec<libc::pollfd>,
}

impl<'a> Poll<'a> {
    /// Of these sockets.
    pub fn new(sockets: &'a [UdpSocket]) -> Self {
        Poll { sockets, entries: sockets.iter().map(|socket| wait_for(&socket.socket)).collect() }
    }

    /// Waits until a socket has a datagram, or for so long.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        poll(&mut self.entries, timeout)
    }

    /// The sockets that had a datagram, or an error to tell of, when the last wait ended, and their places.
    pub fn ready(&self) -> impl Iterator<Item = (usize, &'a UdpSocket)> {
        let all = self.sockets.iter().zip(&self.entries).enumerate();
        all.filter(|(_, (_, entry))| entry.revents != 0).map(|(place, (socket, _))| (place, socket))
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
            header.msg_hdr.msg_namelen = ADDRESS;
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
        }
        Received { bytes, addresses, _slices: slices, headers, count: 0 }
    }

    /// Makes good what the last call wrote over.
    fn rewind(&mut self) {
        for header in self.headers.iter_mut().take(self.count) {
            header.msg_hdr.msg_namelen = ADDRESS;
        }
        self.count = 0;
    }

    /// How many datagrams the last batch has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the last batch has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
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
    fn one_thread_waits_for_several_sockets_and_is_told_which_has_something() {
        let bind = || UdpSocket::bind("127.0.0.1:0".parse().unwrap(), false, 1 << 20).unwrap();
        let sockets = [bind(), bind()];
        let (mut poll, mut batch) = (Poll::new(&sockets), Received::new());
        poll.wait(Duration::from_millis(1)).unwrap();
        assert_eq!(poll.ready().count(), 0);
        sockets[0].receive_now(&mut batch).unwrap();
        assert_eq!(batch.iter().count(), 0);
        let mut out = Outgoing::default();
        out.push(0, 3, sockets[1].socket.local_addr().unwrap().as_socket().unwrap());
        sockets[0].send(&mut out, b"one", |to, error| panic!("{to}: {error}"));
        poll.wait(Duration::from_secs(60)).unwrap();
        let ready: Vec<_> = poll.ready().collect();
        assert_eq!(ready.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1]);
        ready[0].1.receive_now(&mut batch).unwrap();
        assert_eq!(batch.iter().map(|(bytes, _)| bytes.to_vec()).collect::<Vec<_>>(), [b"one"]);
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
