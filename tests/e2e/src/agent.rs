//! ECS's agent as far as a task asks it: protection against scaling in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::pause;

/// The agent, which does as it is told. It ends when dropped.
pub struct Agent {
    url: String,
    told: Arc<Mutex<Vec<bool>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// On a free port of loopback.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (told, ended) = (Arc::<Mutex<Vec<bool>>>::default(), Arc::<AtomicBool>::default());
        let (telling, ending) = (Arc::clone(&told), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            while !ending.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let protect = answer(stream);
                        let mut told = telling.lock().unwrap_or_else(PoisonError::into_inner);
                        told.extend(protect);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => pause(Duration::from_millis(10)),
                    Err(_) => return,
                }
            }
        });
        Ok(Agent { url, told, ended, thread: Some(thread) })
    }

    /// Where it is: `ECS_AGENT_URI`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was told: to protect the task, or not to.
    pub fn told(&self) -> Vec<bool> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: std::net::TcpStream) -> Result<bool> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"}") {
        let length = stream.read(&mut piece)?;
        request.extend_from_slice(piece.get(..length).filter(|piece| !piece.is_empty()).context("the end")?);
    }
    let protect = String::from_utf8_lossy(&request).contains("\"ProtectionEnabled\":true");
    let body = format!("{{\"protection\":{{\"ProtectionEnabled\":{protect}}}}}");
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")?;
    Ok(protect)
}
