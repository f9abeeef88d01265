//! A new proxy takes the sockets of the one that runs, so that a restart loses nothing: the two speak over a Unix
//! socket (setting `handover`), on which the old one passes its sockets (unix(7), SCM_RIGHTS) and its pins.
//!
//! 1. The new one connects. The old one stops receiving: what comes now waits in the sockets' buffers.
//! 2. The old one sends an [`Inventory`] as one line of JSON, the sockets in the order in which it lists them, and the
//!    pins.
//! 3. The new one says `taken`, and receives where the old one has stopped. The old one carries on what goes over its
//!    open TCP connections until its drain time is over.
//!
//! If anything goes wrong before `taken`, the old one goes on as if nothing had been. Versions may differ: what the
//! other does not understand of the pins is left out, which costs no established call.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

/// What the new one says when it has everything.
const TAKEN: &[u8] = b"taken\n";

/// How long either waits for the other's next bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most descriptors that the system passes at once is 253.
const AT_ONCE: usize = 64;

/// The most bytes of an inventory and of pins that are taken from the other side.
const MOST_INVENTORY: usize = 1 << 20;
const MOST_PINS: usize = 1 << 30;

/// What is passed, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Whose version wrote this.
    pub version: String,
    /// The sockets.
    pub sockets: Vec<Entry>,
    /// The bytes of the pins of each listener and worker.
    pub pins: Vec<Vec<usize>>,
}

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// What it is for.
    pub role: Role,
    /// What it is bound to.
    pub bind: SocketAddr,
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// SIP over UDP: one for each worker.
    Udp,
    /// SIP over TCP.
    Tcp,
    /// SIP over TLS.
    Tls,
    /// The admin port.
    Admin,
}

/// What the new one got.
#[derive(Debug)]
pub struct Passed {
    /// The old one's version.
    pub version: String,
    /// What the listeners are bound to, in the order of the old one's settings.
    pub listeners: Vec<SocketAddr>,
    /// The sockets that nobody has taken yet.
    sockets: Vec<(Entry, OwnedFd)>,
    /// The bytes of the pins of each listener and worker.
    pub pins: Vec<Vec<Vec<u8>>>,
    stream: UnixStream,
}

impl Passed {
    /// Asks the proxy that runs, if one does, for what it has. `None` if nobody answers at `path`.
    pub fn ask(path: &Path) -> anyhow::Result<Option<Passed>> {
        let mut stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        patient(&stream)?;
        let inventory: Inventory = serde_json::from_slice(&read_line(&mut stream)?).context("inventory")?;
        let descriptors = receive_descriptors(&stream, inventory.sockets.len())?;
        let pins: Vec<Vec<Vec<u8>>> = inventory
            .pins
            .iter()
            .map(|workers| workers.iter().map(|length| read_bytes(&mut stream, *length)).collect())
            .collect::<anyhow::Result<_>>()?;
        let mut listeners: Vec<SocketAddr> = inventory
            .sockets
            .iter()
            .filter(|entry| entry.role == Role::Udp)
            .map(|entry| entry.bind)
            .collect();
        listeners.dedup();
        let sockets = inventory.sockets.into_iter().zip(descriptors).collect();
        Ok(Some(Passed { version: inventory.version, listeners, sockets, pins, stream }))
    }

    /// The sockets for this.
    pub fn take(&mut self, role: Role, bind: SocketAddr) -> Vec<OwnedFd> {
        let wanted = Entry { role, bind };
        let (taken, left) =
            std::mem::take(&mut self.sockets).into_iter().partition(|(entry, _)| *entry == wanted);
        self.sockets = left;
        let taken: Vec<(Entry, OwnedFd)> = taken;
        taken.into_iter().map(|(_, descriptor)| descriptor).collect()
    }

    /// What the settings no longer want.
    pub fn unwanted(&self) -> impl Iterator<Item = Entry> {
        self.sockets.iter().map(|(entry, _)| *entry)
    }

    /// Tells the old one that it is free of them.
    pub fn confirm(mut self) -> io::Result<()> {
        self.stream.write_all(TAKEN)
    }
}

/// Passes sockets and pins, and waits until they are taken.
pub fn pass(
    mut stream: UnixStream,
    sockets: &[(Entry, BorrowedFd<'_>)],
    pins: &[Vec<Vec<u8>>],
) -> anyhow::Result<()> {
    patient(&stream)?;
    let inventory = Inventory {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sockets: sockets.iter().map(|(entry, _)| *entry).collect(),
        pins: pins.iter().map(|workers| workers.iter().map(Vec::len).collect()).collect(),
    };
    let mut line = serde_json::to_vec(&inventory).context("inventory")?;
    line.push(b'\n');
    stream.write_all(&line)?;
    for some in sockets.chunks(AT_ONCE) {
        send_descriptors(&stream, &some.iter().map(|(_, descriptor)| *descriptor).collect::<Vec<_>>())?;
    }
    for bytes in pins.iter().flatten() {
        stream.write_all(bytes)?;
    }
    let mut answer = vec![0; TAKEN.len()];
    stream.read_exact(&mut answer).context("the new proxy does not say that it has taken over")?;
    ensure!(answer == TAKEN, "expected \"taken\", found {:?}", answer.escape_ascii().to_string());
    Ok(())
}

/// Proxies that want to take over.
#[derive(Debug)]
pub struct Successors {
    listener: UnixListener,
}

impl Successors {
    /// Listens for them at `path`, in place of a proxy that has ended.
    pub fn listen(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        match std::fs::symlink_metadata(path) {
            Ok(file) if file.file_type().is_socket() => std::fs::remove_file(path).with_context(place)?,
            Ok(_) => bail!("{}: expected a socket or nothing, found something else", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(place),
        }
        let listener = UnixListener::bind(path).with_context(place)?;
        // Nobody else's: who takes over has all calls.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).with_context(place)?;
        Ok(Successors { listener })
    }

    /// The next one; never, if nobody listens.
    pub async fn next(successors: &mut Option<Self>) -> UnixStream {
        let Some(Successors { listener }) = successors else { return std::future::pending().await };
        loop {
            match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
                Ok(stream) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "handover");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

fn patient(stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// Byte by byte: descriptors belong to the bytes that follow.
fn read_line(stream: &mut UnixStream) -> anyhow::Result<Vec<u8>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < MOST_INVENTORY {
        stream.read_exact(&mut byte).context("inventory")?;
        if byte == *b"\n" {
            return Ok(line);
        }
        line.extend_from_slice(&byte);
    }
    bail!("expected an inventory of at most {MOST_INVENTORY} bytes")
}

fn read_bytes(stream: &mut UnixStream, length: usize) -> anyhow::Result<Vec<u8>> {
    ensure!(length <= MOST_PINS, "expected at most {MOST_PINS} bytes of pins, found {length}");
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).context("pins")?;
    Ok(bytes)
}

fn send_descriptors(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors"));
    }
    // Descriptors travel with a byte.
    let bytes = [u8::try_from(descriptors.len()).unwrap_or(u8::MAX)];
    sendmsg(stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::empty())?;
    Ok(())
}

fn receive_descriptors(stream: &UnixStream, count: usize) -> anyhow::Result<Vec<OwnedFd>> {
    let mut all = Vec::new();
    while all.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let got = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let before = all.len();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                all.extend(descriptors);
            }
        }
        ensure!(
            all.len() > before && !got.flags.contains(ReturnFlags::CTRUNC),
            "expected {count} sockets, found {}",
            all.len()
        );
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    #[test]
    fn sockets_and_pins_arrive_as_they_were_and_the_old_one_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("handover.sock");
        assert!(Passed::ask(&path).unwrap().is_none());
        let listener = UnixListener::bind(&path).unwrap();
        let sockets: Vec<UdpSocket> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let entry = |socket: &UdpSocket| Entry { role: Role::Udp, bind: socket.local_addr().unwrap() };
        let pins = vec![vec![b"one".to_vec(), Vec::new()], vec![vec![7; 100_000]]];
        let expected = pins.clone();
        let binds: Vec<Entry> = sockets.iter().map(entry).collect();
        let old = thread::spawn(move || {
            let passed: Vec<_> = sockets.iter().map(|socket| (entry(socket), socket.as_fd())).collect();
            pass(listener.accept().unwrap().0, &passed, &pins)
        });
        let mut passed = Passed::ask(&path).unwrap().unwrap();
        assert_eq!(passed.pins, expected);
        for entry in &binds[1..] {
            let taken = passed.take(entry.role, entry.bind);
            assert_eq!(UdpSocket::from(taken.into_iter().next().unwrap()).local_addr().unwrap(), entry.bind);
        }
        assert_eq!(passed.unwanted().collect::<Vec<_>>(), binds[..1]);
        passed.confirm().unwrap();
        old.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_somebody_left_is_replaced_and_any_other_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("handover.sock");
        drop(Successors::listen(&path).unwrap());
        assert!(path.exists());
        drop(Successors::listen(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(Successors::listen(&path).unwrap_err().to_string().contains("expected a socket"));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn the_old_one_is_not_told_when_the_new_one_gives_up() {
        let (old, new) = UnixStream::pair().unwrap();
        drop(new);
        assert!(pass(old, &[], &[]).is_err());
    }
}
