//! The loop that owns the sockets: moves what comes to the [`Core`], and does what it wants done.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::{Action, Shared};
use crate::locked;
use crate::machine::DISCARD;
use crate::wire::{LONGEST, Wire};

/// What waits to be taken in; readers wait when it is full.
const INPUTS: usize = 4096;

/// FreeSWITCH's queue for one client; a client that lets it fill is cut off.
const FRAMES: usize = 100_000;

/// How long the network has to say that nobody receives at an address.
const PROBE: Duration = Duration::from_secs(1);

/// What comes.
enum Input {
    Connected(TcpStream, SocketAddr),
    Received(u64, Vec<u8>),
    Gone(u64),
    Rtp(String, Vec<u8>, SocketAddr),
    Unreachable(SocketAddr),
}

/// A task that ends with its owner.
struct Owned(JoinHandle<()>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Client {
    frames: Sender<Vec<u8>>,
    _reader: Owned,
}

struct MediaSocket {
    socket: Arc<UdpSocket>,
    _reader: Owned,
}

struct Run {
    shared: Arc<Shared>,
    wire: Wire,
    inputs: Sender<Input>,
    clients: HashMap<u64, Client>,
    media: HashMap<String, MediaSocket>,
    next_client: u64,
    sound: bool,
}

/// Starts the loop, and what accepts connections to the event socket.
pub(super) fn start(shared: Arc<Shared>, wire: Wire, listener: TcpListener) -> [JoinHandle<()>; 2] {
    let (inputs, receiver) = channel(INPUTS);
    let accepted = inputs.clone();
    let accepting = tokio::spawn(async move {
        loop {
            let Ok((stream, from)) = listener.accept().await else { continue };
            if accepted.send(Input::Connected(stream, from)).await.is_err() {
                return;
            }
        }
    });
    let sound = locked(&shared.core).settings.sound;
    let (clients, media) = (HashMap::new(), HashMap::new());
    let run = Run { shared, wire, inputs, clients, media, next_client: 1, sound };
    [tokio::spawn(run.run(receiver)), accepting]
}

impl Run {
    async fn run(mut self, mut inputs: Receiver<Input>) {
        let mut buffer = vec![0; LONGEST];
        let shared = Arc::clone(&self.shared);
        loop {
            thawed(&shared).await;
            let next = locked(&shared.core).next_timeout();
            tokio::select! {
                received = self.wire.receive(&mut buffer) => {
                    thawed(&shared).await;
                    if let Some((bytes, source)) = received {
                        locked(&shared.core).sip(bytes, source, Instant::now());
                    }
                }
                input = inputs.recv() => {
                    thawed(&shared).await;
                    match input {
                        Some(input) => self.take(input),
                        None => return,
                    }
                }
                () = crate::until(Some(next)) => locked(&shared.core).timeout(Instant::now()),
                () = shared.changed.notified() => {}
            }
            self.perform().await;
        }
    }

    fn take(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Connected(stream, from) => self.connected(stream, from),
            Input::Received(client, bytes) => locked(&self.shared.core).received(client, &bytes, now),
            Input::Gone(client) => {
                locked(&self.shared.core).disconnected(client);
                self.clients.remove(&client);
            }
            Input::Rtp(channel, bytes, source) => {
                locked(&self.shared.core).rtp(&channel, &bytes, source, now);
            }
            Input::Unreachable(to) => locked(&self.shared.core).unreachable(to, now),
        }
    }

    fn connected(&mut self, stream: TcpStream, from: SocketAddr) {
        let client = self.next_client;
        self.next_client += 1;
        // A failure only costs time.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (frames, waiting) = channel(FRAMES);
        tokio::spawn(write(writer, waiting));
        let reader = Owned(tokio::spawn(read(reader, client, self.inputs.clone())));
        self.clients.insert(client, Client { frames, _reader: reader });
        locked(&self.shared.core).connected(client, from.ip(), Instant::now());
    }

    /// Does what is to be done, and what follows from that.
    async fn perform(&mut self) {
        let mut actions = VecDeque::from(self.take_actions());
        while let Some(action) = actions.pop_front() {
            self.act(action).await;
            actions.extend(self.take_actions());
        }
    }

    fn take_actions(&self) -> Vec<Action> {
        locked(&self.shared.core).take_actions()
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Reply { listener, bytes } => {
                let full =
                    self.clients.get(&listener).is_some_and(|client| client.frames.try_send(bytes).is_err());
                if full {
                    self.clients.remove(&listener);
                    locked(&self.shared.core).disconnected(listener);
                }
            }
            // What waits is still written: the writer ends when its queue is empty.
            Action::Close { listener } => drop(self.clients.remove(&listener)),
            Action::Sip { to, bytes } => self.wire.send(to, bytes).await,
            Action::Probe { to } => drop(tokio::spawn(probe(to, self.inputs.clone()))),
            Action::OpenMedia { channel } => self.open(channel).await,
            Action::CloseMedia { channel } => drop(self.media.remove(&channel)),
            Action::Rtp { channel, to, bytes } => {
                if let Some(media) = self.media.get(&channel) {
                    // A packet that cannot be sent is a packet lost.
                    let _ = media.socket.try_send_to(&bytes, to);
                }
            }
            Action::ReadFile { channel, path } => {
                let file = super::read_sound(Path::new(&path));
                locked(&self.shared.core).file_read(&channel, file.as_deref(), Instant::now());
            }
            // A failure is told to nobody, as by FreeSWITCH.
            Action::WriteFile { path, bytes } => {
                let _ = Path::new(&path).parent().map(std::fs::create_dir_all);
                let _ = std::fs::write(path, bytes);
            }
        }
    }

    async fn open(&mut self, channel: String) {
        if !self.sound {
            let nowhere = SocketAddr::new(self.wire.here().ip(), DISCARD);
            return locked(&self.shared.core).media_opened(&channel, Ok(nowhere), Instant::now());
        }
        let bound = UdpSocket::bind((self.wire.here().ip(), 0)).await;
        let opened = bound.and_then(|socket| Ok((socket.local_addr()?, Arc::new(socket))));
        let opened = opened.map(|(local, socket)| {
            let reader =
                Owned(tokio::spawn(listen(Arc::clone(&socket), channel.clone(), self.inputs.clone())));
            self.media.insert(channel.clone(), MediaSocket { socket, _reader: reader });
            local
        });
        let opened = opened.map_err(|error| error.to_string());
        locked(&self.shared.core).media_opened(&channel, opened, Instant::now());
    }
}

/// Waits while the switch is frozen.
async fn thawed(shared: &Shared) {
    while *locked(&shared.frozen) {
        shared.changed.notified().await;
    }
}

async fn read(mut reader: OwnedReadHalf, client: u64, inputs: Sender<Input>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let bytes = match reader.read(&mut buffer).await {
            Ok(length) if length > 0 => buffer.get(..length).unwrap_or_default().to_vec(),
            _ => return drop(inputs.send(Input::Gone(client)).await),
        };
        if inputs.send(Input::Received(client, bytes)).await.is_err() {
            return;
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut frames: Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
    // The other end may be gone.
    let _ = writer.shutdown().await;
}

async fn listen(socket: Arc<UdpSocket>, channel: String, inputs: Sender<Input>) {
    let mut buffer = vec![0; 2048];
    loop {
        // An error is the other end's closed port, which its signalling will tell of.
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else { continue };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if inputs.send(Input::Rtp(channel.clone(), bytes, source)).await.is_err() {
            return;
        }
    }
}

/// A socket that is connected hears of closed ports. RFC 5626 3.5.1: an empty line means nothing to SIP.
async fn probe(to: SocketAddr, inputs: Sender<Input>) {
    let Ok(socket) = UdpSocket::bind((to.ip(), 0)).await else { return };
    if socket.connect(to).await.is_err() || socket.send(b"\r\n\r\n").await.is_err() {
        return;
    }
    let answer = tokio::time::timeout(PROBE, socket.recv(&mut [0; 16])).await;
    if let Ok(Err(_)) = answer {
        let _ = inputs.send(Input::Unreachable(to)).await;
    }
}
