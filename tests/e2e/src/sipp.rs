//! A SIPp process: how it is started, waited for, and stopped.
//!
//! Whatever goes wrong, it ends: SIPp has time limits of its own, we wait with one, and dropping kills it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    message::{Message, read_log},
    outcome::{self, Outcome},
    wait_until,
};

/// How long a calling SIPp may take for all its calls.
const CALLS_WITHIN: Duration = Duration::from_secs(40);

/// How long SIPp waits for a message that its scenario expects.
const MESSAGE_WITHIN: Duration = Duration::from_secs(10);

/// How long an answering SIPp lives at most, should nobody stop it.
const ANSWERS_AT_MOST: Duration = Duration::from_secs(180);

/// How many times longer a patient one waits for everything.
const PATIENCE: u32 = 4;

/// SIPp's exit code when it was stopped before any call came.
const NO_CALLS: i32 = 99;

/// A SIPp that is yet to be started.
#[derive(Clone, Debug)]
pub struct Sipp {
    scenario: Scenario,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    over_tcp: bool,
    calls: u32,
    per_second: u32,
    hold: Duration,
    keys: BTreeMap<&'static str, String>,
    log_messages: bool,
    patient: bool,
}

#[derive(Clone, Debug)]
enum Scenario {
    File(String),
    BuiltIn(&'static str),
}

impl Sipp {
    /// One that calls `remote` from `local`, once, with a scenario of `scenarios/`.
    pub fn caller(scenario: &str, local: SocketAddr, remote: SocketAddr) -> Self {
        let sipp = Self { remote: Some(remote), ..Self::at(Scenario::File(scenario.to_owned()), local) };
        sipp.key("request_uri", "sip:1294@203.0.113.10:5060;user=phone")
            .key("sent_by", &local.to_string())
            .key("via_params", "")
            .key("contact", &format!("sip:0715100860@{local}"))
            .key("extra", "")
    }

    /// One that answers calls at `local`, with a scenario of `scenarios/`.
    pub fn answering(scenario: &str, local: SocketAddr) -> Self {
        Self::at(Scenario::File(scenario.to_owned()), local)
    }

    fn at(scenario: Scenario, local: SocketAddr) -> Self {
        Self {
            scenario,
            local,
            remote: None,
            over_tcp: false,
            calls: 1,
            per_second: 20,
            // Not none at all: the BYE may overtake the ACK.
            hold: Duration::from_millis(20),
            keys: BTreeMap::new(),
            log_messages: true,
            patient: false,
        }
    }

    /// With one of SIPp's own scenarios instead, and without a log of messages: for many calls.
    #[must_use]
    pub fn built_in(self, name: &'static str) -> Self {
        Self { scenario: Scenario::BuiltIn(name), log_messages: false, ..self }
    }

    /// Calling another address instead.
    #[must_use]
    pub fn to(self, remote: SocketAddr) -> Self {
        Self { remote: Some(remote), ..self }
    }

    /// Over one TCP connection, as its Contact says then.
    #[must_use]
    pub fn over_tcp(mut self) -> Self {
        if let Some(contact) = self.keys.get_mut("contact") {
            contact.push_str(";transport=tcp");
        }
        Self { over_tcp: true, ..self }
    }

    /// So many calls, all in all and per second.
    #[must_use]
    pub fn calls(self, calls: u32, per_second: u32) -> Self {
        Self { calls, per_second, ..self }
    }

    /// Calls that last so long: the length of a scenario's `<pause/>`.
    #[must_use]
    pub fn hold(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Waiting longer, and sending again more often, than where no message is lost.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patient: true, ..self }
    }

    /// What stands for `[name]` in the scenario.
    #[must_use]
    pub fn key(mut self, name: &'static str, value: &str) -> Self {
        self.keys.insert(name, value.to_owned());
        self
    }

    /// More header lines in the initial INVITE, where the scenario says `[extra]`.
    #[must_use]
    pub fn headers(self, lines: &[&str]) -> Self {
        // Placed at the end of a line: an empty line would end the headers.
        let extra: String = lines.iter().map(|line| format!("\r\n{line}")).collect();
        self.key("extra", &extra)
    }

    /// Where it sends from and receives.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Starts it; one that answers is ready then.
    ///
    /// # Errors
    ///
    /// There is no `sipp`, or it cannot have its port.
    pub fn start(&self) -> Result<Running> {
        let directory = TempDir::new().context("a directory for SIPp")?;
        let screen = File::create(directory.path().join("screen.log"))?;
        let child = self
            .command()
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(screen.try_clone()?)
            .stderr(screen)
            .spawn()
            .context("`sipp` does not start: on Debian, `apt-get install sip-tester`")?;
        let mut running = Running {
            child,
            directory,
            name: format!("{:?} at {}", self.scenario, self.local),
            patience: self.patience(),
        };
        if self.remote.is_none() {
            let name = format!("{} listens", running.name);
            wait_until(&name, MESSAGE_WITHIN, || running.is_bound(self.local, self.over_tcp))?;
        }
        Ok(running)
    }

    /// Starts it, and waits until all its calls are made.
    ///
    /// # Errors
    ///
    /// A call did not go as the scenario says.
    pub fn run(&self) -> Result<Outcome> {
        self.start()?.finish()
    }

    fn patience(&self) -> u32 {
        if self.patient { PATIENCE } else { 1 }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("sipp");
        let ip = self.local.ip().to_string();
        match &self.scenario {
            Scenario::BuiltIn(name) => command.args(["-sn", name]),
            Scenario::File(name) => command.arg("-sf").arg(scenario_file(name)),
        };
        let limit = match self.remote {
            Some(remote) => {
                command.arg(remote.to_string()).args(["-m", &self.calls.to_string(), "-timeout_error"]);
                command.args(["-r", &self.per_second.to_string()]);
                CALLS_WITHIN * self.patience()
            }
            None => ANSWERS_AT_MOST,
        };
        command
            .args(["-t", if self.over_tcp { "t1" } else { "u1" }])
            .args(["-i", &ip, "-p", &self.local.port().to_string(), "-bind_local"])
            // Its control and media ports, too, are on its own address, where nobody else has them.
            .args(["-ci", &ip, "-mi", &ip])
            .args(["-d", &self.hold.as_millis().to_string()])
            .args(["-timeout", &limit.as_secs().to_string()])
            .args(["-recv_timeout", &(MESSAGE_WITHIN * self.patience()).as_millis().to_string()])
            .args(["-trace_stat", "-stf", "statistics.csv", "-fd", "1"])
            .args(["-trace_err", "-error_file", "errors.log"])
            .args(["-nostdin", "-skip_rlimit"]);
        if self.patient {
            command.args(["-max_invite_retrans", "10", "-max_non_invite_retrans", "15"]);
        }
        if self.log_messages {
            command.args(["-trace_msg", "-message_file", "messages.log"]);
        }
        for (name, value) in &self.keys {
            command.args(["-key", name, value]);
        }
        command
    }
}

/// A SIPp process. Killed when dropped.
pub struct Running {
    child: Child,
    directory: TempDir,
    name: String,
    patience: u32,
}

impl Running {
    /// Waits until all calls are made.
    ///
    /// # Errors
    ///
    /// A call did not go as the scenario says, or they take too long: with SIPp's logs.
    pub fn finish(mut self) -> Result<Outcome> {
        let status = self.wait_exit((CALLS_WITHIN + MESSAGE_WITHIN) * self.patience)?;
        self.outcome(status)
    }

    /// Waits until all calls are made, however they went.
    ///
    /// # Errors
    ///
    /// They take too long: with SIPp's logs.
    pub fn finish_anyhow(mut self) -> Result<Outcome> {
        self.wait_exit((CALLS_WITHIN + MESSAGE_WITHIN) * self.patience)?;
        Ok(Outcome::read(self.directory.path()))
    }

    /// Lets it neither run nor end, as a machine that hangs.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Kills it, as `kill -9` does.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill")?;
        self.child.wait().context("wait").map(drop)
    }

    fn signal(&self, name: &str) -> Result<()> {
        // The shell's own `kill`: not every small system has the program.
        let pid = self.child.id().to_string();
        let status =
            Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", name, &pid]).status().context("sh")?;
        if status.success() { Ok(()) } else { bail!("kill -{name} {pid}: {status}") }
    }

    /// Ends an answering SIPp once its calls have ended.
    ///
    /// # Errors
    ///
    /// A call did not go as the scenario says, or does not end: with SIPp's logs.
    pub fn stop(mut self) -> Result<Outcome> {
        let status = self.leave()?;
        self.outcome(status)
    }

    /// The same, however its calls went.
    ///
    /// # Errors
    ///
    /// A call does not end: with SIPp's logs.
    pub fn stop_anyhow(mut self) -> Result<Outcome> {
        self.leave()?;
        Ok(Outcome::read(self.directory.path()))
    }

    fn leave(&mut self) -> Result<ExitStatus> {
        // SIPp's wish to be told so.
        self.signal("USR1")?;
        self.wait_exit(MESSAGE_WITHIN * 2 * self.patience)
    }

    /// How many messages that `wanted` likes have been received so far.
    pub fn received(&self, wanted: impl Fn(&Message) -> bool) -> usize {
        self.logged(false, wanted)
    }

    /// How many messages that `wanted` likes have been sent so far.
    pub fn sent(&self, wanted: impl Fn(&Message) -> bool) -> usize {
        self.logged(true, wanted)
    }

    fn logged(&self, sent: bool, wanted: impl Fn(&Message) -> bool) -> usize {
        let log = fs::read(self.directory.path().join("messages.log")).unwrap_or_default();
        let log = read_log(&String::from_utf8_lossy(&log));
        log.iter().filter(|logged| logged.sent == sent && wanted(&logged.message)).count()
    }

    /// Waits until so many messages that `wanted` likes have been received.
    ///
    /// # Errors
    ///
    /// They do not come, or the process ends: with SIPp's logs.
    pub fn wait_received(&mut self, count: usize, wanted: impl Fn(&Message) -> bool) -> Result<()> {
        self.wait_logged(false, count, wanted)
    }

    /// Waits until so many messages that `wanted` likes have been sent.
    ///
    /// # Errors
    ///
    /// As with [`Self::wait_received`].
    pub fn wait_sent(&mut self, count: usize, wanted: impl Fn(&Message) -> bool) -> Result<()> {
        self.wait_logged(true, count, wanted)
    }

    fn wait_logged(&mut self, sent: bool, count: usize, wanted: impl Fn(&Message) -> bool) -> Result<()> {
        let seen =
            wait_until(
                "messages",
                MESSAGE_WITHIN * self.patience,
                || Ok(self.logged(sent, &wanted) >= count),
            );
        seen.with_context(|| self.report())
    }

    fn is_bound(&mut self, local: SocketAddr, over_tcp: bool) -> Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} left with {status}\n{}", self.name, self.report());
        }
        is_bound(local, if over_tcp { "tcp" } else { "udp" })
    }

    fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let mut status = None;
        let ended = wait_until("it ends", timeout, || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        });
        ended.with_context(|| self.report())?;
        status.context("no exit status")
    }

    fn outcome(&self, status: ExitStatus) -> Result<Outcome> {
        if status.success() || status.code() == Some(NO_CALLS) {
            return Ok(Outcome::read(self.directory.path()));
        }
        bail!("{status}: {}", self.report())
    }

    fn report(&self) -> String {
        format!("{}\n{}", self.name, outcome::report(self.directory.path()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scenario_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).with_extension("xml")
}

/// Whether somebody has bound this address, by the kernel's own table: trying to bind it would be in SIPp's way.
fn is_bound(address: SocketAddr, protocol: &str) -> Result<bool> {
    let SocketAddr::V4(address) = address else { bail!("{address} is not an IPv4 address") };
    let entry = format!(": {:08X}:{:04X} ", u32::from_ne_bytes(address.ip().octets()), address.port());
    // This thread's: it may be in another network than its process.
    let table = Path::new("/proc/thread-self/net").join(protocol);
    Ok(fs::read_to_string(&table).with_context(|| table.display().to_string())?.contains(&entry))
}
