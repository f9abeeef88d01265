//! What stands between caller and targets while it is measured.

use std::{
    env, fmt,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lab::kamailio::Kamailio;
use lab::proxy_process::{self, Access, Listener, ProxyProcess, ProxySettings, TargetList};

use super::kamailio;
use crate::plan::Target;

/// How long a process may take to leave before it is killed.
const LEAVE: Duration = Duration::from_secs(3);

/// How often a process that is to leave is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Contender {
    /// The bare forwarder.
    Floor,
    /// The proxy with four targets.
    Proxy,
    /// The proxy with a thousand.
    #[value(name = "proxy-1000")]
    ManyTargets,
    /// Kamailio, stateless, with one worker.
    Kamailio,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contender::Floor => "bare forwarder",
            Contender::Proxy => "proxy, 4 targets",
            Contender::ManyTargets => "proxy, 1000 targets",
            Contender::Kamailio => "Kamailio",
        })
    }
}

/// The addresses of a measurement.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where the contender listens.
    pub against: SocketAddr,
    /// Where calls come from.
    pub caller: SocketAddr,
    /// Where they are answered.
    pub targets: Vec<Target>,
    /// The contender's targets.
    pub list: Vec<SocketAddr>,
}

impl Contender {
    /// Starts it, and waits until it takes calls.
    ///
    /// # Errors
    ///
    /// It does not start, with what it says about that.
    pub fn start(self, site: &Site) -> Result<Running> {
        match self {
            Contender::Floor => floor(site),
            Contender::Proxy | Contender::ManyTargets => {
                Ok(Running::Proxy(Box::new(ProxyProcess::start(proxy(site))?)))
            }
            Contender::Kamailio => kamailio::start(site),
        }
    }
}

/// A contender at work; it leaves when this is dropped.
pub enum Running {
    /// The proxy.
    Proxy(Box<ProxyProcess>),
    /// Kamailio.
    Kamailio(Kamailio),
    /// Another program.
    Other(Process),
}

impl Running {
    /// The process to measure.
    pub fn pid(&self) -> u32 {
        match self {
            Running::Proxy(proxy) => proxy.pid(),
            Running::Kamailio(kamailio) => kamailio.pid(),
            Running::Other(process) => process.0.id(),
        }
    }
}

/// A child that is asked to leave when this is dropped, so that it takes its own children with it.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Errors mean that it has left already.
        let _ = Command::new("sh").args(["-c", "kill -TERM \"$0\" 2>&-", &self.0.id().to_string()]).status();
        let deadline = Instant::now() + LEAVE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            pause(POLL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "std offers no way to wait for a child with a timeout")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn floor(site: &Site) -> Result<Running> {
    let list: Vec<_> = site.list.iter().map(SocketAddr::to_string).collect();
    let child = Command::new(env::current_exe()?)
        .args(["forward", "--listen", &site.against.to_string(), "--caller", &site.caller.to_string()])
        .args(["--targets", &list.join(",")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut process = Process(child);
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().context("no output")?).read_line(&mut line)?;
    ensure!(line.starts_with("forwarding"), "expected that it forwards, found {line:?}");
    Ok(Running::Other(process))
}

/// As it would be run, with everything on that costs: access list, header fields taken out and put in, and metrics,
/// which it always counts. What is answered at a wildcard address comes from 127.0.0.1, and from a target's network.
pub fn proxy(site: &Site) -> ProxySettings {
    let target = |(place, address): (usize, &SocketAddr)| {
        proxy_process::Target::new(&format!("task-{}", place + 1), *address)
    };
    ProxySettings {
        listeners: vec![Listener::new("main", site.against)],
        targets: TargetList::File(site.list.iter().enumerate().map(target).collect()),
        poll: Duration::from_secs(2),
        networks: vec!["127.0.1.0/24".to_owned(), "127.0.0.0/24".to_owned()],
        access: Access {
            sources: vec!["127.0.2.0/24".to_owned()],
            refused: "403".to_owned(),
            further: String::new(),
        },
        workers: 1,
        ..ProxySettings::default()
    }
}
