//! A whole exchange: FreeSWITCH (the stand-in, or a real one), the real switch-controller, a customer's server, a
//! telephone that calls in, and carriers that are called.
//!
//! Who is called decides what becomes of it: see [`CALLEES`].

mod application;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::controller_process::{ControllerProcess, ControllerSettings};
use lab::machine::{Answering, Behaviour, Machine, MachineReport};
use lab::media::Source;
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::proxy_process::free_port;
use lab::switch::AnySwitch;
use lab::trace::Trace;
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub use application::{Application, Asked, Page};

/// The token that signs requests.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Whom a number reaches: how it begins, and what is done there, as `lab machine` reads it.
pub const CALLEES: [(&str, &str); 6] = [
    ("8551", "tone:440"),
    ("8552", "refuse:486"),
    ("8553", "ring"),
    ("8554", "refuse:603"),
    ("8555", "tone:440,ringing=0.2,hangup=1"),
    ("8556", "tone:880,ringing=3"),
];

/// All of it. Everything ends when this is dropped.
pub struct Exchange {
    /// The switch.
    pub switch: AnySwitch,
    /// The controller.
    pub controller: ControllerProcess,
    /// The customer. A call to 1294 asks it for `/voice`.
    pub application: Application,
    phone: Arc<Phone>,
    carriers: Vec<(&'static str, Machine)>,
    settings: ControllerSettings,
    directory: TempDir,
}

impl Exchange {
    /// Starts it and waits until calls are taken.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with("").await
    }

    /// The same, with more settings of the controller: whole sections of its file. What stands before the first one is
    /// `[api]`.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub async fn start_with(more: &str) -> Result<Self> {
        Self::start_at(|_| more.to_owned()).await
    }

    /// The same, where the settings depend on the customer's address.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub async fn start_at(more: impl FnOnce(Ipv4Addr) -> String) -> Result<Self> {
        Self::start_where(more, &[]).await
    }

    /// The same, with variables for a real FreeSWITCH.
    ///
    /// # Errors
    ///
    /// Something does not start.
    pub async fn start_where(
        more: impl FnOnce(Ipv4Addr) -> String,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let ip = Ipv4Addr::new(127, 0, 6, 1 + NEXT.fetch_add(1, Ordering::Relaxed) % 250);
        let trace = Trace::new();
        let switch = AnySwitch::start_with(ip, 3, variables, &trace).await?;
        let application = Application::start(ip).await?;
        let mut carriers = Vec::new();
        for (prefix, behaviour) in CALLEES {
            let answering = Answering::Always(behaviour.parse::<Behaviour>()?);
            carriers.push((prefix, Machine::start((ip, 0).into(), answering, &trace).await?));
        }
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("routes.toml"), routes(&application, &carriers))?;
        let api = SocketAddr::from((ip, free_port(ip.into())?));
        let settings = ControllerSettings {
            event_socket: Some(switch.event_socket()),
            password: switch.password().to_owned(),
            directory: Some(directory.path().to_owned()),
            api: Some(api),
            more: with_log(more(ip)),
            ..ControllerSettings::default()
        };
        let controller = ControllerProcess::start(&settings)?;
        let phone = Arc::new(Phone::start((ip, 0).into(), &trace).await?);
        Ok(Self { switch, controller, application, phone, carriers, settings, directory })
    }

    /// Starts a controller again, where the last one was.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn restart_controller(&mut self) -> Result<()> {
        self.restart_controller_in_task(None)
    }

    /// The same, in a task of ECS, whose agent is there.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn restart_controller_in_task(&mut self, agent: Option<String>) -> Result<()> {
        self.settings.environment =
            agent.map(|agent| ("ECS_AGENT_URI".to_owned(), agent)).into_iter().collect();
        self.controller = ControllerProcess::start(&self.settings)?;
        Ok(())
    }

    /// Whether the switch is a real FreeSWITCH.
    pub fn is_real(&self) -> bool {
        matches!(self.switch, AnySwitch::Real(_))
    }

    /// Begins a call to 1294 by a caller who plays a tone, and does this once it is answered.
    pub fn calling(&self, script: impl IntoIterator<Item = Step>) -> JoinHandle<Result<CallReport>> {
        self.placing(CallPlan::new(self.switch.address(), "1294").script(script))
    }

    /// Begins a call, which may take three minutes.
    pub fn placing(&self, plan: CallPlan) -> JoinHandle<Result<CallReport>> {
        let phone = Arc::clone(&self.phone);
        let longest = Duration::from_secs(180);
        tokio::spawn(async move {
            tokio::time::timeout(longest, phone.call(plan)).await.context("the call does not end")?
        })
    }

    /// A call to 1294, to its end.
    ///
    /// # Errors
    ///
    /// There is no media port.
    pub async fn call(&self, script: impl IntoIterator<Item = Step>) -> Result<CallReport> {
        self.calling(script).await.context("the telephone")?
    }

    /// What the carrier of a prefix has seen.
    pub fn carrier(&self, prefix: &str) -> MachineReport {
        let carrier = self.carriers.iter().find(|(known, _)| *known == prefix);
        carrier.map(|(_, machine)| machine.report()).unwrap_or_default()
    }

    /// Where the carrier of a prefix is, as `host:port`.
    pub fn carrier_host(&self, prefix: &str) -> String {
        let carrier = self.carriers.iter().find(|(known, _)| *known == prefix);
        carrier.map(|(_, machine)| machine.address().to_string()).unwrap_or_default()
    }

    /// The directory that the controller has for itself.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Waits until the carrier of a prefix has been called so often.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn wait_called(&self, prefix: &str, times: u64) -> Result<()> {
        let called = || Ok(self.carrier(prefix).taken >= times);
        crate::wait_until(prefix, Duration::from_secs(30), called).with_context(|| self.controller.log())
    }

    /// How many calls the controller keeps for the next one.
    ///
    /// # Errors
    ///
    /// Its directory cannot be read.
    pub fn kept(&self) -> Result<usize> {
        Ok(std::fs::read_dir(self.directory.path().join("calls"))?.count())
    }

    /// Waits until the controller has forgotten all calls, and the switch has no channel left.
    ///
    /// # Errors
    ///
    /// Some stay.
    pub fn wait_nothing_left(&self) -> Result<()> {
        let gone = || {
            let calls = self.controller.http("GET", "/calls", "")?.1;
            let channels = self.switch.console()?.api("show channels count")?;
            Ok(calls == b"[]" && channels.trim().starts_with("0 total"))
        };
        crate::wait_until("all calls end", Duration::from_secs(30), gone)
            .with_context(|| self.controller.log())
    }

    /// Waits for a line of the controller's log that has this in it.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn wait_logged(&self, text: &str) -> Result<()> {
        let logged = || Ok(self.controller.log().contains(text));
        crate::wait_until(text, Duration::from_secs(30), logged).with_context(|| self.controller.log())
    }
}

fn with_log(more: String) -> String {
    if more.contains("[log]") { more } else { format!("{more}\n[log]\nlevel = \"debug\"\n") }
}

fn routes(application: &Application, carriers: &[(&'static str, Machine)]) -> String {
    let voice = application.url("/voice");
    let mut text = format!(
        "[account]\nsid = \"AC00000000000000000000000000000001\"\nauth_token = \"{TOKEN}\"\n\
         [[number]]\nmatch = \"1294\"\nurl = \"{voice}\"\n"
    );
    for (prefix, machine) in carriers {
        let host = machine.address();
        text += &format!("[[trunk]]\nname = \"t{prefix}\"\nmatch = \"{prefix}*\"\nhost = \"{host}\"\n");
    }
    text
}

/// So many seconds of a tone, loud, as a WAV file.
pub fn wav(hertz: u16, seconds: usize) -> Vec<u8> {
    let mut tone = lab::media::Tone::new(hertz);
    let samples: Vec<i16> = (0..50 * seconds).flat_map(|_| tone.frame()).collect();
    lab::media::wav::write(&samples, 1)
}

/// A telephone that says nothing, and calls 1294.
pub fn silent(exchange: &Exchange, script: impl IntoIterator<Item = Step>) -> CallPlan {
    CallPlan { source: Source::Silence, ..CallPlan::new(exchange.switch.address(), "1294").script(script) }
}
