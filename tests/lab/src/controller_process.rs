//! The real switch-controller as a child process, beside one FreeSWITCH or a stand-in for it.
//!
//! Blocking, like [`crate::proxy_process`].

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::child::{Child, Directory, binary};
use crate::http;
use crate::proxy_process::free_port;

/// How long it may take until it has its FreeSWITCH and takes calls.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A controller that is yet to be started.
#[derive(Debug, Clone, Default)]
pub struct ControllerSettings {
    /// FreeSWITCH's event socket.
    pub event_socket: Option<SocketAddr>,
    /// Its password.
    pub password: String,
    /// The sofia profile for calls that name none; `None` leaves the controller's default.
    pub profile: Option<String>,
    /// The routes file's text; `None` leaves what is in `directory`.
    pub routes: Option<String>,
    /// Where its files are kept; `None`: in a temporary directory, which goes away with it.
    pub directory: Option<PathBuf>,
    /// Its API; `None`: a free port on loopback.
    pub api: Option<SocketAddr>,
    /// More settings: whole sections of its file. Where they do not say which networks customers' URLs may lead to, loopback
    /// is allowed, where the customers of tests are.
    pub more: String,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
}

/// A running controller. Killed when dropped.
pub struct ControllerProcess {
    child: Child,
    api: SocketAddr,
    _directory: Option<Directory>,
}

impl ControllerProcess {
    /// Starts one and waits until it takes calls.
    ///
    /// # Errors
    ///
    /// No binary, settings that it refuses, an exit, or no readiness within half a minute: with its log.
    pub fn start(settings: &ControllerSettings) -> Result<Self> {
        let mut controller = Self::spawn(settings)?;
        controller.wait_ready()?;
        Ok(controller)
    }

    /// Starts one that waits for its FreeSWITCH.
    ///
    /// # Errors
    ///
    /// No binary.
    pub fn spawn(settings: &ControllerSettings) -> Result<Self> {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let api = match settings.api {
            Some(api) => api,
            None => SocketAddr::new(loopback, free_port(loopback)?),
        };
        let own = settings.directory.is_none().then(Directory::create).transpose()?;
        let given = settings.directory.clone();
        let path = given.or(own.as_ref().map(|own| own.path(""))).unwrap_or_default();
        if let Some(routes) = &settings.routes {
            fs::write(path.join("routes.toml"), routes).context("routes.toml")?;
        }
        let file = path.join("switch-controller.toml");
        fs::write(&file, settings.to_toml(&path, api)).context("switch-controller.toml")?;
        let mut command = Command::new(binary("switch-controller", "SWITCHYARD_SWITCH_CONTROLLER")?);
        let log = path.join("switch-controller.log");
        let command = command.arg("--config").arg(&file).envs(settings.environment.iter().cloned());
        let child = Child::spawn("the controller", command, Some("SWITCHYARD_"), log)?;
        Ok(Self { child, api, _directory: own })
    }

    /// Waits until it takes calls.
    ///
    /// # Errors
    ///
    /// It leaves, or does not within half a minute: with its log.
    pub fn wait_ready(&mut self) -> Result<()> {
        let api = self.api;
        let ready = || Ok(matches!(http::text(api, "GET", "/readyz", &[]), Ok((200, _))));
        self.child.wait_ready(READY_WITHIN, ready)
    }

    /// Where its API, recordings, health and metrics are.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Asks its API, with a body in JSON or none. Status and body.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the answer is not HTTP.
    pub fn http(&self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        let answer = self.ask(method, path, body)?;
        Ok((answer.status, answer.body))
    }

    /// The same, with the answer's header fields.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the answer is not HTTP.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<http::Answer> {
        http::request(self.api, method, path, &["Content-Type: application/json"], body)
    }

    /// What it has logged so far; and those before it, whose directory it was.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub fn terminate(&self) -> Result<()> {
        self.child.terminate()
    }

    /// Whether it has left, and how.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn exit(&mut self) -> Result<Option<ExitStatus>> {
        self.child.exit()
    }

    /// Kills it, as the lack of memory does.
    ///
    /// # Errors
    ///
    /// It is not there any more.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }
}

impl ControllerSettings {
    fn with_loopback(&self) -> String {
        let (section, allow) = ("[webhook]\n", "allow = [\"127.0.0.0/8\"]\n");
        match self.more.find(section) {
            _ if self.more.contains("allow = ") => self.more.clone(),
            Some(at) => {
                let (before, after) = self.more.split_at(at + section.len());
                format!("{before}{allow}{after}")
            }
            None => format!("{}\n{section}{allow}", self.more),
        }
    }

    fn to_toml(&self, directory: &Path, api: SocketAddr) -> String {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let path = |name: &str| text(&directory.join(name).display().to_string());
        let line = |key: &str, value: Option<String>| {
            value.map_or_else(String::new, |value| format!("{key} = {value}\n"))
        };
        let address = self.event_socket.map(|address| format!("\"{address}\""));
        format!(
            "drain = \"20s\"\n[freeswitch]\n{}{}password = {}\n[routes]\nfile = {}\n[sounds]\ndirectory = {}\n\
             [recordings]\ndirectory = {}\n[calls]\ndirectory = {}\n[api]\nbind = \"{api}\"\n{}",
            line("address", address),
            line("profile", self.profile.as_deref().map(text)),
            text(&self.password),
            path("routes.toml"),
            path("sounds"),
            path("recordings"),
            path("calls"),
            self.with_loopback(),
        )
    }
}
