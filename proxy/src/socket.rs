//! The system calls: datagrams received and sent in batches. No `unsafe` but here and in what lies below.
//!
//! This module must not know what a datagram means.
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg have no safe interface")]

mod local;
mod undelivered;

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use local::{Control, local_address, write_local_address};
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
    /// Whether it is bound to all addresses of this machine.
    of_all: bool,
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
        let of_all = address.ip().is_unspecified();
        let this = UdpSocket { socket, troubled: AtomicBool::new(false), of_all };
        this.keep_undelivered(address.is_ipv6());
        if of_all {
            this.ask_for_locals(address.is_ipv6())?;
        }
        if !this.force(libc::SO_RCVBUFFORCE, buffer) {
            this.socket.set_recv_buffer_size(buffer)?;
        }
        if !this.force(libc::SO_SNDBUFFORCE, buffer) {
            this.socket.set_send_buffer_size(buffer)?;
        }
        Ok(this)
    }

    /// One that another process has bound, set up and passed on.
    pub fn taken_over(descriptor: OwnedFd, bind: SocketAddr) -> io::Result<Self> {
        let socket = Socket::from(descriptor);
        socket.set_read_timeout(Some(WAIT))?;
        // What came back to the other process may still be waiting.
        Ok(UdpSocket { socket, troubled: AtomicBool::new(true), of_all: bind.ip().is_unspecified() })
    }

    /// Room for batches of this socket.
    pub fn received(&self) -> Received {
        Received::with_room(if self.of_all { BATCH } else { 0 })
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
        outgoing.locals.clear();
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
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
    /// Which of our addresses each was sent to; empty where the system is not asked.
    controls: Vec<Control>,
    count: usize,
}

impl Received {
    /// Takes some 4 MB of address space; memory only as far as datagrams fill it.
    pub fn new() -> Self {
        Received::with_room(0)
    }

    /// With room for so many addresses of ours.
    fn with_room(controls: usize) -> Self {
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
        let mut controls = vec![Control::default(); controls];
        for (header, control) in headers.iter_mut().zip(&mut controls) {
            header.msg_hdr.msg_control = (&raw mut *control).cast();
            header.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        Received { bytes, addresses, _slices: slices, headers, controls, count: 0 }
    }

    /// Makes good what the last call wrote over.
    fn rewind(&mut self) {
        for header in self.headers.iter_mut().take(self.count) {
            header.msg_hdr.msg_namelen = ADDRESS;
            if !self.controls.is_empty() {
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
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

impl Received {
    /// The same, each with the address of ours that it was sent to, if the socket is bound to all of them.
    pub fn with_origins(&self) -> impl Iterator<Item = (&[u8], (SocketAddr, Option<IpAddr>))> {
        let locals = self.headers.iter().map(|header| match self.controls.is_empty() {
            true => None,
            false => local_address(&header.msg_hdr),
        });
        self.iter().zip(locals).map(|((bytes, source), local)| (bytes, (source, local)))
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
    /// The address of ours that each leaves from; empty as long as that is the system's choice for all.
    locals: Vec<Option<IpAddr>>,
    controls: Vec<Control>,
    addresses: Vec<SockAddr>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Outgoing {
    /// Adds the datagram in `bytes[from..to]` of the buffer that [`UdpSocket::send`] will be given.
    pub fn push(&mut self, from: usize, to: usize, address: SocketAddr) {
        self.queue.push((from, to, address));
    }

    /// The same, leaving from an address of ours.
    pub fn push_from(&mut self, from: usize, to: usize, address: SocketAddr, local: Option<IpAddr>) {
        if local.is_some() || !self.locals.is_empty() {
            self.locals.resize(self.queue.len(), None);
            self.locals.push(local);
        }
        self.push(from, to, address);
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
        self.controls.clear();
        self.controls.resize(self.locals.len(), Control::default());
        for ((header, local), control) in self.headers.iter_mut().zip(&self.locals).zip(&mut self.controls) {
            if let Some(local) = local {
                header.msg_hdr.msg_control = (&raw mut *control).cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
                write_local_address(&mut header.msg_hdr, *local);
            }
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
mod tests;
