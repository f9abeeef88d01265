//! A customer's server: answers each path with the page that a test has put there, and keeps what it was asked.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The longest request that is read.
const LONGEST: usize = 1 << 20;

/// What a path answers.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status line behind the version.
    pub status: &'static str,
    /// `Content-Type`.
    pub kind: &'static str,
    /// `Location`, if any.
    pub location: Option<String>,
    /// More header fields.
    pub headers: Vec<(String, String)>,
    /// Sent so long after the request.
    pub delay: Duration,
    /// The body.
    pub body: Vec<u8>,
}

impl Page {
    /// A document, sent at once.
    pub fn twiml(body: impl Into<String>) -> Self {
        let body = body.into().into_bytes();
        Self {
            status: "200 OK",
            kind: "text/xml",
            location: None,
            headers: Vec::new(),
            delay: Duration::ZERO,
            body,
        }
    }

    /// A sound.
    pub fn sound(kind: &'static str, body: Vec<u8>) -> Self {
        Self { kind, body, ..Self::twiml("") }
    }

    /// A redirection.
    pub fn elsewhere(to: impl Into<String>) -> Self {
        Self { status: "302 Found", location: Some(to.into()), ..Self::twiml("") }
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The parameters of the form, or of the query of a GET, in order.
    pub parameters: Vec<(String, String)>,
}

impl Asked {
    /// A parameter; empty where there is none.
    pub fn parameter(&self, name: &str) -> &str {
        value(&self.parameters, name)
    }

    /// A header field; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        value(&self.headers, name)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[derive(Debug, Default)]
struct Shared {
    pages: Mutex<HashMap<String, Page>>,
    asked: Mutex<Vec<Asked>>,
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct Application {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Application {
    /// Starts one without pages.
    ///
    /// # Errors
    ///
    /// The address is not this machine's.
    pub async fn start(ip: Ipv4Addr) -> Result<Self> {
        let listener = TcpListener::bind((ip, 0)).await.context("the application's address")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // What becomes of a connection, its other end knows.
                tokio::spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Ok(Self { address, shared, task })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Puts a page at a path, in the place of the one before.
    pub fn put(&self, path: &str, page: Page) {
        self.shared.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), page);
    }

    /// Puts a document there.
    pub fn twiml(&self, path: &str, verbs: &str) {
        self.put(path, Page::twiml(format!("<Response>{verbs}</Response>")));
    }

    /// All requests for a path, oldest first.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|asked| asked.path() == path).cloned().collect()
    }

    /// The only request for a path, once it is there.
    ///
    /// # Errors
    ///
    /// None comes in time, or more than one has come.
    pub fn only(&self, path: &str) -> Result<Asked> {
        crate::wait_until(path, Duration::from_secs(30), || Ok(!self.asked(path).is_empty()))?;
        match self.asked(path).as_slice() {
            [only] => Ok(only.clone()),
            many => bail!("expected one request for {path}, found {}", many.len()),
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    let asked = read(&mut stream).await?;
    let page = shared.pages.lock().unwrap_or_else(PoisonError::into_inner).get(asked.path()).cloned();
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    let page = page.unwrap_or(Page { status: "404 Not Found", ..Page::twiml("") });
    tokio::time::sleep(page.delay).await;
    let location = page.location.map(|to| format!("Location: {to}\r\n")).unwrap_or_default();
    let more = page.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let (status, kind, length) = (page.status, page.kind, page.body.len());
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{location}{more}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&page.body).await?;
    Ok(stream.shutdown().await?)
}

async fn read(stream: &mut TcpStream) -> Result<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let body = bytes.get(end + 4..).unwrap_or_default();
            let headers: Vec<_> = head.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            if body.len() >= value(&headers, "content-length").parse().unwrap_or(0) {
                return asked(&head, headers, &String::from_utf8_lossy(body));
            }
        }
        if bytes.len() > LONGEST || stream.read_buf(&mut bytes).await? == 0 {
            bail!("no whole request");
        }
    }
}

fn asked(head: &str, headers: Vec<(String, String)>, body: &str) -> Result<Asked> {
    let mut words = head.split(' ');
    let (method, target) = words.next().zip(words.next()).context("a request line")?;
    let form = if method == "POST" { body } else { target.split_once('?').map_or("", |(_, query)| query) };
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let parameters = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    Ok(Asked {
        at: Instant::now(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        parameters,
    })
}

/// One name or value of `application/x-www-form-urlencoded`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
