//! The real switch-controller as a child process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use lab::switch::AnySwitch;

use crate::wait_until;

/// A running controller. Killed when dropped.
pub struct Controller {
    child: Child,
    api: SocketAddr,
    directory: PathBuf,
}

impl Controller {
    /// Starts one that waits for its FreeSWITCH, with `routes.toml` of this directory, which it may fill as it likes.
    ///
    /// # Errors
    ///
    /// No binary.
    pub fn start(switch: &AnySwitch, directory: &Path, api: SocketAddr, more: &str) -> Result<Self> {
        let shown = directory.display();
        let text = format!(
            "drain = \"20s\"\n[freeswitch]\naddress = \"{}\"\npassword = \"{}\"\n[routes]\nfile = \"{shown}/routes.toml\"\n\
             [sounds]\ndirectory = \"{shown}/sounds\"\n[recordings]\ndirectory = \"{shown}/recordings\"\n\
             [api]\nbind = \"{api}\"\n[log]\nlevel = \"debug\"\n{more}",
            switch.event_socket(),
            switch.password(),
        );
        let file = directory.join("controller.toml");
        fs::write(&file, text).context("controller.toml")?;
        let log = fs::File::options().create(true).append(true).open(directory.join("controller.log"))?;
        let mut command = Command::new(binary()?);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWITCHYARD_"))
        {
            command.env_remove(name);
        }
        let command = command.arg("--config").arg(&file).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().context("switch-controller")?;
        Ok(Self { child, api, directory: directory.to_owned() })
    }

    /// Waits until it takes calls.
    ///
    /// # Errors
    ///
    /// It does not within half a minute: with its log.
    pub fn wait_ready(&self) -> Result<()> {
        let ready = || Ok(self.http("GET", "/readyz", "").is_ok_and(|(status, _)| status == 200));
        wait_until("the controller is ready", Duration::from_secs(30), ready).with_context(|| self.log())
    }

    /// Asks its API. Status and body.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the answer is not HTTP.
    pub fn http(&self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        let timeout = Duration::from_secs(10);
        let mut stream = TcpStream::connect_timeout(&self.api, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        let (api, length) = (self.api, body.len());
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {api}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no end of the header")?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no HTTP status")?;
        Ok((status, body))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("controller.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub fn terminate(&self) -> Result<()> {
        let pid = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().context("sh")?;
        if status.success() { Ok(()) } else { bail!("kill -TERM {pid}: {status}") }
    }

    /// Whether it has left, and how.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn exit(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Kills it, as the lack of memory does.
    ///
    /// # Errors
    ///
    /// It is not there any more.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // Errors mean that it has left already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `SWITCHYARD_CONTROLLER`, or `switch-controller` where cargo puts it.
fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("SWITCHYARD_CONTROLLER") {
        return Ok(path.into());
    }
    let own = env::current_exe().context("the path of this program")?;
    let mut places = own.ancestors().skip(1).take(2).map(|directory| directory.join("switch-controller"));
    places.find(|path| path.is_file()).with_context(|| {
        format!(
            "no `switch-controller` beside {}: run `cargo build -p switch-controller` first",
            own.display()
        )
    })
}
