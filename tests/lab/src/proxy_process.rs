//! The real proxy as a child process: started with settings of a test's choosing, asked over its admin port, stopped.
//!
//! Blocking on purpose: tests that drive SIPp and tests that run on tokio both use it. Everything that
//! belongs to one process (settings, target list, log) lives in one temporary directory which goes away with it.

mod settings;

use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    ops::Range,
    process::{Command, ExitStatus},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::child::{Child, Directory, binary};
use crate::http;

pub use settings::{Access, Listener, ProxySettings, Target, TargetList};

/// How long a proxy may take until it says that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// The ports that tests are given.
const PORTS: Range<u16> = 12_000..32_000;

/// How often other ports are tried when somebody took ours between choosing and binding them.
const PORT_ATTEMPTS: usize = 3;

/// A running proxy. Killed when dropped.
pub struct ProxyProcess {
    child: Child,
    directory: Directory,
    listeners: Vec<Listener>,
    admin: SocketAddr,
}

impl ProxyProcess {
    /// Starts a proxy and waits until it is ready.
    ///
    /// # Errors
    ///
    /// No binary, settings that the proxy refuses, an exit, or no readiness within ten seconds: with the proxy's log.
    pub fn start(settings: ProxySettings) -> Result<Self> {
        let free_choice = settings.listeners.iter().any(|listener| listener.bind.port() == 0);
        for _ in 1..PORT_ATTEMPTS {
            match Self::start_once(settings.clone()) {
                Err(error) if free_choice && format!("{error:#}").contains("in use") => continue,
                outcome => return outcome,
            }
        }
        Self::start_once(settings)
    }

    fn start_once(mut settings: ProxySettings) -> Result<Self> {
        for listener in &mut settings.listeners {
            if listener.bind.port() == 0 {
                listener.bind.set_port(free_port(listener.bind.ip())?);
            }
        }
        if settings.admin.port() == 0 {
            settings.admin.set_port(free_port(settings.admin.ip())?);
        }
        let directory = Directory::create()?;
        if let TargetList::File(targets) = &settings.targets {
            write_targets(&directory, targets)?;
        }
        let file = directory.path("proxy.toml");
        fs::write(&file, settings.to_toml(&directory.path("targets.json"))).context("proxy.toml")?;
        let mut command = Command::new(binary("proxy", "SWITCHYARD_PROXY")?);
        let command = command.arg("--config").arg(&file).envs(settings.environment);
        let child = Child::spawn("the proxy", command, Some("SWITCHYARD_"), directory.path("proxy.log"))?;
        let mut proxy = Self { child, directory, listeners: settings.listeners, admin: settings.admin };
        let ready = || Ok(matches!(http::text(settings.admin, "GET", "/readyz", &[]), Ok((200, _))));
        proxy.child.wait_ready(READY_WITHIN, ready)?;
        Ok(proxy)
    }

    /// Where the first listener receives SIP, over UDP and TCP.
    pub fn sip_address(&self) -> SocketAddr {
        self.listeners.first().map_or(SocketAddr::from(([127, 0, 0, 1], 0)), |listener| listener.bind)
    }

    /// Where the listener with this name receives SIP.
    pub fn listener_address(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.iter().find(|listener| listener.name == name).map(|listener| listener.bind)
    }

    /// Where `/healthz`, `/readyz`, `/metrics` and `/targets` are served.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Status and body of an admin page, such as `/metrics`.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the answer is not HTTP.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        http::text(self.admin, "GET", path, &[])
    }

    /// Posts to an admin page, such as `/targets/a/drain`, with these header lines. Status and body.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the answer is not HTTP.
    pub fn post(&self, path: &str, headers: &[&str]) -> Result<(u16, String)> {
        http::text(self.admin, "POST", path, headers)
    }

    /// What `/metrics` says about a metric: its sample, or the sum of its samples if it has labels. Give one sample's
    /// whole name, labels included, for that one alone.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, page) = self.get("/metrics").ok()?;
        sum_of_samples(&page, name)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Sends SIGTERM: the proxy is to drain and then to leave.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub fn terminate(&self) -> Result<()> {
        self.child.terminate()
    }

    /// Waits for the process to leave.
    ///
    /// # Errors
    ///
    /// It is still there after `timeout`.
    pub fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        self.child.wait_exit(timeout)
    }

    /// Replaces the target list, as an operator would: another file in the place of the old one. The proxy sees it at
    /// its next look (`ProxySettings::poll`).
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_targets(&self, targets: &[Target]) -> Result<()> {
        write_targets(&self.directory, targets)
    }

    /// What the proxy has logged so far.
    pub fn log(&self) -> String {
        self.child.log()
    }
}

/// A port that is free on this address for UDP and for TCP, and that this program has not been given before.
///
/// Between this look and the use of the port nobody may take it. So it comes from below those that the system gives to
/// sockets which do not care about theirs (32768 and above), and two programs begin at different places.
///
/// # Errors
///
/// The address is not this machine's, or has no free port.
pub fn free_port(ip: IpAddr) -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(199);
    let mut last = None;
    for _ in 0..PORTS.len() {
        let step = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (step % PORTS.len() as u32) as u16;
        match TcpListener::bind((ip, port)).and_then(|_tcp| UdpSocket::bind((ip, port))) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map(|error| format!(": {error}")).unwrap_or_default();
    bail!("no port of {}..{} on {ip} is free for both UDP and TCP{why}", PORTS.start, PORTS.end)
}

/// Written beside and renamed, so that the proxy never reads half a list.
fn write_targets(directory: &Directory, targets: &[Target]) -> Result<()> {
    let draft = directory.path("targets.json.new");
    fs::write(&draft, settings::targets_to_json(targets)).context("target list")?;
    fs::rename(&draft, directory.path("targets.json")).context("target list")
}

/// The Prometheus text format: `name 1` or `name{label="value"} 1`.
fn sum_of_samples(page: &str, name: &str) -> Option<f64> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(sample, _)| *sample == name || sample.split('{').next() == Some(name))
        .filter_map(|(_, value)| value.parse::<f64>().ok())
        .reduce(|sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::pause;

    const PAGE: &str =
        "# HELP calls All calls.\n# TYPE calls counter\ncalls{how=\"a\"} 2\ncalls{how=\"b\"} 3\nup 1\n";

    #[test]
    fn samples_of_one_metric_are_added_up() {
        assert_eq!(sum_of_samples(PAGE, "calls"), Some(5.0));
        assert_eq!(sum_of_samples(PAGE, "calls{how=\"b\"}"), Some(3.0));
        assert_eq!(sum_of_samples(PAGE, "up"), Some(1.0));
        assert_eq!(sum_of_samples(PAGE, "call"), None);
    }

    #[test]
    fn a_free_port_can_be_bound_by_both_transports() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let port = free_port(ip).unwrap();
        let bound = || TcpListener::bind((ip, port)).is_ok() && UdpSocket::bind((ip, port)).is_ok();
        // A child that another test is just starting holds what this program had open until it has become its program.
        let soon = Instant::now() + READY_WITHIN;
        while !bound() {
            assert!(Instant::now() < soon, "{port}");
            pause(Duration::from_millis(20));
        }
    }

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..50).map(|_| free_port([127, 0, 0, 1].into()).unwrap()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
        assert!(free_port([192, 0, 2, 1].into()).is_err());
    }
}
