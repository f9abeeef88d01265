//! A web server with one document, which a test changes, and which tells what it was asked.

use std::{
    io::ErrorKind,
    net::{IpAddr, TcpListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    message::Message,
    pause,
    tls::{Issued, Server},
    wire::Stream,
};

/// The server. It ends when dropped.
pub struct Web {
    url: String,
    port: u16,
    document: Arc<Mutex<Document>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What it says, and what it was asked.
#[derive(Clone, Default)]
pub struct Document {
    /// Status line without version, such as `200 OK`; empty for no answer at all.
    pub status: String,
    /// Without, what has not changed is sent again.
    pub etag: Option<String>,
    /// The text.
    pub body: String,
    /// So many bytes are said to come, whatever comes.
    pub length: Option<usize>,
    /// The requests so far, each with its header lines.
    pub requests: Vec<Message>,
}

enum Listening {
    Plain(TcpListener),
    Tls(Server),
}

impl Web {
    /// On a free port of `ip`; with a certificate over TLS.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's.
    pub fn start(ip: IpAddr, own: Option<&Issued>) -> Result<Self> {
        let (listening, address, scheme) = match own {
            Some(own) => {
                let server = Server::bind(ip, own)?;
                let address = server.local()?;
                (Listening::Tls(server), address, "https")
            }
            None => {
                let listener = TcpListener::bind((ip, 0))?;
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                (Listening::Plain(listener), address, "http")
            }
        };
        let (document, ended) = (Arc::<Mutex<Document>>::default(), Arc::<AtomicBool>::default());
        let serve = {
            let (document, ended) = (Arc::clone(&document), Arc::clone(&ended));
            move || {
                // Those that get no answer stay open.
                let mut silent = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    if let Ok(Some(stream)) = listening.next()
                        && let Ok(Some(stream)) = answer(stream, &document)
                    {
                        silent.push(stream);
                    }
                }
            }
        };
        let thread = Some(std::thread::spawn(serve));
        let (url, port) = (format!("{scheme}://{address}/list?key=secret"), address.port());
        Ok(Self { url, port, document, ended, thread })
    }

    /// Where the document is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it says.
    pub fn document(&self) -> MutexGuard<'_, Document> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets it say this from now on, under this ETag.
    pub fn put(&self, body: impl Into<String>, etag: Option<&str>) {
        let mut document = self.document();
        (document.status, document.body) = ("200 OK".to_owned(), body.into());
        (document.etag, document.length) = (etag.map(str::to_owned), None);
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        self.document().requests.len()
    }
}

impl Listening {
    fn next(&self) -> Result<Option<Stream>> {
        match self {
            Listening::Tls(server) => server.accept().map(Some),
            Listening::Plain(listener) => match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    Stream::over(stream).map(Some)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    pause(Duration::from_millis(5));
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// Gives the stream back if it is not to be answered.
fn answer(mut stream: Stream, document: &Mutex<Document>) -> Result<Option<Stream>> {
    let request = stream.receive().context("a request")?;
    let known = request.headers("if-none-match").first().map(|etag| (*etag).to_owned());
    let now = {
        let mut document = document.lock().unwrap_or_else(PoisonError::into_inner);
        document.requests.push(request);
        document.clone()
    };
    if now.status.is_empty() {
        return Ok(Some(stream));
    }
    let same = known.is_some() && known == now.etag;
    let (status, body) =
        if same { ("304 Not Modified", "") } else { (now.status.as_str(), now.body.as_str()) };
    let etag = now.etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    let length = now.length.unwrap_or(body.len());
    stream.send(format!(
        "HTTP/1.1 {status}\r\n{etag}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))?;
    Ok(None)
}

impl Drop for Web {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // A thread that waits for a handshake ends with the program.
        if let Some(thread) = self.thread.take().filter(|_| !self.url.starts_with("https")) {
            let _ = thread.join();
        }
    }
}
