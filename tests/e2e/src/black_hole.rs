//! A TCP port at which packets vanish, as behind a firewall that drops: whoever connects hears nothing at all.

use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

/// Who has no answer by then gets none: the system tries again after a second.
const SILENCE: Duration = Duration::from_millis(300);

/// A port whose queue of new connections is full. Linux passes over the SYN of one that would be one more.
pub struct BlackHole {
    _listening: Socket,
    _waiting: TcpStream,
    local: SocketAddr,
}

impl BlackHole {
    /// On a free port of `ip`.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's, or the system does answer.
    pub fn bind(ip: IpAddr) -> Result<Self> {
        let listening = Socket::new(Domain::for_address(SocketAddr::new(ip, 0)), Type::STREAM, None)?;
        listening.bind(&SocketAddr::new(ip, 0).into()).with_context(|| ip.to_string())?;
        // A queue for no connection has room for one.
        listening.listen(0)?;
        let local = listening.local_addr()?.as_socket().context("an address")?;
        let waiting = TcpStream::connect_timeout(&local, SILENCE).context("the one that fills the queue")?;
        let another = TcpStream::connect_timeout(&local, SILENCE);
        ensure!(another.is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut), "somebody answers");
        Ok(Self { _listening: listening, _waiting: waiting, local })
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}
