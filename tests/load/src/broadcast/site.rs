//! Who takes part in a night: carriers, FreeSWITCHes with their controllers, proxies, the platform.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lab::controller_process::{ControllerProcess, ControllerSettings};
use lab::machine::{Answering, CallRecord, Machine};
use lab::platform::Platform;
use lab::proxy_process::{Access, Listener, ProxyProcess, ProxySettings, Target, TargetList, free_port};
use lab::switch::{Settings, Switch};
use lab::trace::Trace;
use serde_json::json;
use tempfile::TempDir;

use super::history::{Seen, Trunk};

/// The number that is called from outside.
pub const NUMBER: &str = "1294";

/// How often controllers say that they are there.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a call rings at most.
const RINGING: Duration = Duration::from_secs(5);

/// A way out: its carrier's name, calls at once, calls per second.
pub type Way = (&'static str, u32, u32);

/// A FreeSWITCH, and its controller when it lives.
pub struct Node {
    /// The stand-in.
    pub switch: Switch,
    settings: ControllerSettings,
    controller: Option<ControllerProcess>,
    directory: TempDir,
}

/// Everybody.
pub struct Site {
    /// The platform.
    pub platform: Arc<Platform>,
    /// The nodes.
    pub nodes: Vec<Node>,
    carriers: Vec<(Way, Machine)>,
    proxies: Vec<(ProxySettings, Option<ProxyProcess>)>,
    shared: TempDir,
    trace: Trace,
}

impl Site {
    /// Starts everybody: so many controllers and proxies, and a carrier for each way.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn start(controllers: usize, proxies: usize, ways: &[Way]) -> Result<Self> {
        let trace = Trace::keeping(0);
        let platform = Arc::new(Platform::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?);
        let document = "<Response><Gather timeout=\"4\"/></Response>";
        platform.number(NUMBER, json!({ "twiml": document }));
        let mut carriers = Vec::new();
        for way in ways {
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 8, 1), 0));
            carriers.push((*way, Machine::start_mute(address, Answering::Callees, &trace).await?));
        }
        let shared = tempfile::tempdir()?;
        let mut site = Self { platform, nodes: Vec::new(), carriers, proxies: Vec::new(), shared, trace };
        for _ in 0..controllers {
            site.add_node().await?;
        }
        for number in 0..proxies {
            let ip = IpAddr::from([127, 0, 0, 2 + u8::try_from(number)?]);
            let settings = ProxySettings {
                listeners: vec![Listener::new("main", SocketAddr::new(ip, free_port(ip)?))],
                targets: TargetList::File(Vec::new()),
                networks: vec!["127.0.9.0/24".to_owned()],
                access: Access {
                    sources: vec!["127.0.0.0/24".to_owned()],
                    ..ProxySettings::default().access
                },
                workers: 1,
                ..ProxySettings::default()
            };
            site.proxies.push((settings, None));
            site.start_proxy(number).await?;
        }
        Ok(site)
    }

    /// One more FreeSWITCH with a controller. Says the address of its API.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_node(&mut self) -> Result<SocketAddr> {
        let ip = Ipv4Addr::new(127, 0, 9, 1 + u8::try_from(self.nodes.len())?);
        let settings =
            Settings { sound: false, records: true, max_sessions: 10_000, ..Settings::at(ip.into()) };
        let switch = Switch::start(settings, &self.trace).await?;
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("routes.toml"), self.routes()).context("routes.toml")?;
        let api = SocketAddr::from((ip, free_port(ip.into())?));
        let settings = ControllerSettings {
            event_socket: Some(switch.event_socket()),
            password: switch.password().to_owned(),
            directory: Some(directory.path().to_owned()),
            api: Some(api),
            more: self.settings(),
            ..ControllerSettings::default()
        };
        self.nodes.push(Node { switch, settings, controller: None, directory });
        self.start_controller(self.nodes.len() - 1).await?;
        for (_, proxy) in &self.proxies {
            if let Some(proxy) = proxy {
                proxy.set_targets(&self.targets())?;
            }
        }
        Ok(api)
    }

    /// Starts a node's controller, for the first time or again.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_controller(&mut self, node: usize) -> Result<()> {
        let node = self.nodes.get_mut(node).context("no such node")?;
        let settings = node.settings.clone();
        let starting = tokio::task::spawn_blocking(move || ControllerProcess::start(&settings));
        node.controller = Some(starting.await??);
        Ok(())
    }

    /// Kills a node's controller, as the lack of memory does.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kill_controller(&mut self, node: usize) -> Result<()> {
        let node = self.nodes.get_mut(node).context("no such node")?;
        node.controller.take().context("no controller")?.kill()
    }

    /// Starts a proxy, for the first time or again.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_proxy(&mut self, number: usize) -> Result<()> {
        let targets = self.targets();
        let (settings, proxy) = self.proxies.get_mut(number).context("no such proxy")?;
        settings.targets = TargetList::File(targets);
        let settings = settings.clone();
        *proxy = Some(tokio::task::spawn_blocking(move || ProxyProcess::start(settings)).await??);
        Ok(())
    }

    /// Kills a proxy.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kill_proxy(&mut self, number: usize) -> Result<()> {
        let (_, proxy) = self.proxies.get_mut(number).context("no such proxy")?;
        // A process that is dropped is killed.
        drop(proxy.take().context("no proxy")?);
        Ok(())
    }

    /// Where the proxies are.
    #[must_use]
    pub fn front(&self) -> Vec<SocketAddr> {
        self.proxies.iter().filter_map(|(settings, _)| Some(settings.listeners.first()?.bind)).collect()
    }

    /// Where the controllers' APIs are.
    #[must_use]
    pub fn apis(&self) -> Vec<SocketAddr> {
        self.nodes.iter().filter_map(|node| node.settings.api).collect()
    }

    /// Where the carriers are.
    #[must_use]
    pub fn carriers(&self) -> Vec<SocketAddr> {
        self.carriers.iter().map(|(_, machine)| machine.address()).collect()
    }

    /// How many legs all FreeSWITCHes have.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.nodes.iter().map(|node| node.switch.sessions()).sum()
    }

    /// What the carriers saw.
    #[must_use]
    pub fn trunks(&self, began: Instant) -> Vec<Trunk> {
        let trunk = |((name, calls, per_second), machine): &(Way, Machine)| {
            let seen = machine.report().calls.iter().map(|record| seen(record, began)).collect();
            Trunk { name: (*name).to_owned(), calls: *calls, per_second: *per_second, seen }
        };
        self.carriers.iter().map(trunk).collect()
    }

    /// The last lines of each controller's log; whole logs are written to a directory, if one is named.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_logs(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        for (number, node) in self.nodes.iter().enumerate() {
            let log = node.directory.path().join("switch-controller.log");
            std::fs::copy(log, directory.join(format!("controller-{}.log", number + 1)))?;
        }
        Ok(())
    }

    fn targets(&self) -> Vec<Target> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .map(|(number, node)| Target::new(&format!("switch-{}", number + 1), node.switch.address()))
            .collect()
    }

    fn routes(&self) -> String {
        let trunk = |((name, calls, per_second), machine): &(Way, Machine)| {
            let host = machine.address();
            format!(
                "[[trunk]]\nname = \"{name}\"\nhost = \"{host}\"\ncalls = {calls}\ncalls_per_second = {per_second}\n"
            )
        };
        self.carriers.iter().map(trunk).collect()
    }

    fn settings(&self) -> String {
        let shared = self.shared.path().display();
        format!(
            "{}retry_for = \"2m\"\n[shared]\nurl = \"file://{shared}\"\ninterval = \"{}s\"\n\
             [limits]\nringing = \"{}s\"\nsessions = 10000\n[log]\nlevel = \"info\"\n",
            self.platform.settings(),
            INTERVAL.as_secs(),
            RINGING.as_secs(),
        )
    }
}

fn seen(record: &CallRecord, began: Instant) -> Seen {
    let since = |at: Instant| at.saturating_duration_since(began);
    let text = String::from_utf8_lossy(&record.invite.bytes);
    let sid = text.lines().find_map(|line| line.strip_prefix("X-Somleng-CallSid:")).unwrap_or_default();
    Seen {
        sid: sid.trim().to_owned(),
        number: record.user.clone(),
        began: since(record.began),
        ended: record.ended.map(since),
        answer: record.status,
    }
}
