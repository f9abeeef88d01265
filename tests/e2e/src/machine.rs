//! A target as a process of its own: the lab's answering machine, which can be frozen, thawed and killed.

use std::{
    fs::{self, File},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use crate::{wait_until, wire::Wire};

/// How long it may take to start.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// An answering machine. Killed when dropped.
pub struct MachineProcess {
    child: Child,
    address: SocketAddr,
    shown: NamedTempFile,
}

impl MachineProcess {
    /// Starts one which does that with calls (`lab machine --help` says what there is), and waits until it answers
    /// OPTIONS.
    ///
    /// # Errors
    ///
    /// There is no `lab`, or the address is taken.
    pub fn start(address: SocketAddr, behaviour: &str) -> Result<Self> {
        let own = std::env::current_exe().context("the path of this program")?;
        let beside = own.ancestors().skip(1).take(2).map(|directory| directory.join("lab"));
        let binary = beside.into_iter().find(|path| path.is_file());
        let binary =
            binary.context("no `lab` beside the tests: run `cargo build --workspace --bins` first")?;
        let shown = NamedTempFile::new().context("a file for what it shows")?;
        let child = Command::new(binary)
            .args(["machine", "--behaviour", behaviour, "--bind", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(File::create(shown.path())?)
            .spawn()
            .context("`lab` does not start")?;
        let machine = Self { child, address, shown };
        let wire = Wire::bind(address.ip())?;
        wait_until("the machine answers", READY_WITHIN, || {
            wire.send(wire.request("OPTIONS", &format!("sip:{address}")).to_string(), address)?;
            Ok(!wire.is_silent()?)
        })?;
        Ok(machine)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests that it has received so far: the method, and the first eight letters of the Call-ID.
    ///
    /// # Errors
    ///
    /// What it shows cannot be read.
    pub fn requests(&self) -> Result<Vec<(String, String)>> {
        let shown = fs::read_to_string(self.shown.path())?;
        // As `lab machine` draws them: an arrow to the right, with method and Request-URI on it.
        let request = |line: &str| {
            let (arrow, behind) = line.split_once(">│")?;
            let method = arrow.rsplit('│').next()?.trim_start_matches('─').trim_start().split(' ').next()?;
            Some((method.to_owned(), behind.split(' ').next_back()?.to_owned()))
        };
        Ok(shown.lines().filter_map(request).collect())
    }

    /// Stops it in its tracks (SIGSTOP): its port is open, and nobody answers there.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<()> {
        // The shell's own `kill`: not every small system has the program.
        let script = format!("kill -{name} \"$0\"");
        let status = Command::new("sh").args(["-c", &script, &self.child.id().to_string()]).status()?;
        ensure!(status.success(), "kill -{name}: {status}");
        Ok(())
    }
}

impl Drop for MachineProcess {
    fn drop(&mut self) {
        // Errors mean that it has left already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
