//! The real switch-controller as a child process, beside one FreeSWITCH or a stand-in for it.
//!
//! Blocking on purpose, with std alone, like [`crate::proxy_process`]. Settings, routes, sounds, recordings and log are in
//! one temporary directory which goes away with it.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::proxy_process::{Directory, binary, free_port, http, pause};

/// How long it may take until it has its FreeSWITCH and takes calls.
const READY_WITHIN: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(20);

/// A controller that is yet to be started.
#[derive(Debug, Clone)]
pub struct ControllerSettings {
    /// FreeSWITCH's event socket.
    pub event_socket: SocketAddr,
    /// Its password.
    pub password: String,
    /// The sofia profile for calls that name none.
    pub profile: String,
    /// The routes file's text.
    pub routes: String,
    /// The program that speaks, with its arguments; an empty list leaves the controller's default.
    pub speech: Vec<String>,
}

/// A running controller. Killed when dropped.
pub struct ControllerProcess {
    child: Child,
    directory: Directory,
    api: SocketAddr,
}

impl ControllerProcess {
    /// Starts one and waits until it takes calls.
    ///
    /// # Errors
    /// No binary, settings that it refuses, an exit, or no readiness within 20 seconds: with its log.
    pub fn start(settings: &ControllerSettings) -> Result<Self> {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let api = SocketAddr::new(loopback, free_port(loopback)?);
        let directory = Directory::create()?;
        fs::write(directory.path("routes.toml"), &settings.routes).context("routes.toml")?;
        let file = directory.path("switch-controller.toml");
        fs::write(&file, settings.to_toml(&directory, api)).context("switch-controller.toml")?;
        let binary = binary("switch-controller", "SWITCHYARD_SWITCH_CONTROLLER")?;
        let log = fs::File::create(directory.path("log")).context("the controller's log")?;
        let mut command = Command::new(&binary);
        // A variable of this kind is a setting of the controller's, which nobody has chosen.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWITCHYARD_"))
        {
            command.env_remove(name);
        }
        let child = command
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let mut controller = Self { child, directory, api };
        controller.wait_ready()?;
        Ok(controller)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the controller left with {status} before it was ready; its log:\n{}", self.log());
            }
            if matches!(http(self.api, "GET", "/readyz", &[]), Ok((200, _))) {
                return Ok(());
            }
            pause(POLL);
        }
        bail!("the controller is not ready after {READY_WITHIN:?}; its log:\n{}", self.log())
    }

    /// Where its API, recordings, health and metrics are.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.path("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for ControllerProcess {
    fn drop(&mut self) {
        // Errors mean that it has left already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ControllerSettings {
    fn to_toml(&self, directory: &Directory, api: SocketAddr) -> String {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let path = |name: &str| text(&directory.path(name).display().to_string());
        let words: Vec<_> = self.speech.iter().map(|word| text(word)).collect();
        let speech = match words.is_empty() {
            true => String::new(),
            false => format!("[speech]\ncommand = [{}]\n", words.join(", ")),
        };
        format!(
            "[freeswitch]\naddress = \"{}\"\npassword = {}\nprofile = {}\n[routes]\nfile = {}\n[sounds]\ndirectory = {}\n\
             [recordings]\ndirectory = {}\n[api]\nbind = \"{api}\"\n{speech}",
            self.event_socket,
            text(&self.password),
            text(&self.profile),
            path("routes.toml"),
            path("sounds"),
            path("recordings"),
        )
    }
}
