//! Which address of ours a datagram was sent to, and from which one leaves: told by control messages (ip(7) IP_PKTINFO,
//! ipv6(7) IPV6_PKTINFO) where a socket is bound to all addresses.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use super::UdpSocket;

impl UdpSocket {
    /// Has the system say for each datagram which of our addresses it was sent to.
    pub(super) fn ask_for_locals(&self, ipv6: bool) -> io::Result<()> {
        let (level, option) = match ipv6 {
            true => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
            false => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        };
        let (on, size): (libc::c_int, _) = (1, size_of::<libc::c_int>() as libc::socklen_t);
        // SAFETY: the option's value is a c_int that outlives the call, and `size` is its size.
        let set =
            unsafe { libc::setsockopt(self.socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Room for one control message (cmsg(3)) with an address of ours.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Control([u64; 8]);

/// The address of ours that a datagram was sent to.
pub(super) fn local_address(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the system has filled the control messages that `header` points to, whose room outlives it, and has set
    // their length; the macros stay within it. What a message holds is told by its level and type.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(&raw const *header).as_ref()?;
        let data = libc::CMSG_DATA(&raw const *first);
        match (first.cmsg_level, first.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                Some(IpAddr::from(info.ipi6_addr.s6_addr))
            }
            _ => None,
        }
    }
}

/// Says which address of ours a datagram leaves from. The system refuses one that is not.
pub(super) fn write_local_address(header: &mut libc::msghdr, local: IpAddr) {
    // SAFETY: `header` points to a whole `Control`, which has room for either message; all-zero bytes are valid values
    // of both structures.
    unsafe {
        let Some(first) = libc::CMSG_FIRSTHDR(&raw const *header).as_mut() else { return };
        let data = libc::CMSG_DATA(&raw const *first);
        let (level, kind, length) = match local {
            IpAddr::V4(ip) => {
                let mut info: libc::in_pktinfo = zeroed();
                info.ipi_spec_dst.s_addr = u32::from_ne_bytes(ip.octets());
                data.cast::<libc::in_pktinfo>().write_unaligned(info);
                (libc::IPPROTO_IP, libc::IP_PKTINFO, size_of::<libc::in_pktinfo>())
            }
            IpAddr::V6(ip) => {
                let mut info: libc::in6_pktinfo = zeroed();
                info.ipi6_addr.s6_addr = ip.octets();
                data.cast::<libc::in6_pktinfo>().write_unaligned(info);
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size_of::<libc::in6_pktinfo>())
            }
        };
        (first.cmsg_level, first.cmsg_type) = (level, kind);
        first.cmsg_len = libc::CMSG_LEN(length as _) as _;
        header.msg_controllen = libc::CMSG_SPACE(length as _) as _;
    }
}
