//! A program as a child process: its own directory, its log in a file, and no process left behind.
//!
//! Blocking on purpose, with std alone: tests that drive SIPp and tests that run on tokio both use it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::pause;

/// How often a child, which cannot tell us when something changes, is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A running program. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    name: &'static str,
    log: PathBuf,
}

impl Child {
    /// Starts it, with both its outputs added to the file `log`, and without variables of this process that begin with
    /// `settings`: each would be a setting that nobody has chosen.
    pub(crate) fn spawn(
        name: &'static str,
        command: &mut Command,
        settings: Option<&str>,
        log: PathBuf,
    ) -> Result<Self> {
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("{name}'s log"))?;
        let chosen: Vec<_> = command.get_envs().map(|(variable, _)| variable.to_owned()).collect();
        for (variable, _) in env::vars_os() {
            let shown = variable.to_string_lossy();
            if settings.is_some_and(|prefix| shown.starts_with(prefix)) && !chosen.contains(&variable) {
                command.env_remove(variable);
            }
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        Ok(Self { process, name, log })
    }

    /// Looks until it is ready.
    ///
    /// # Errors
    ///
    /// It leaves, or is not ready in time: with its log. Or what `ready` says itself.
    pub(crate) fn wait_ready(
        &mut self,
        within: Duration,
        mut ready: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let name = self.name;
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.exit()? {
                bail!("{name} left with {status} before it was ready; its log:\n{}", self.log());
            }
            if ready()? {
                return Ok(());
            }
            pause(POLL);
        }
        bail!("{name} is not ready after {within:?}; its log:\n{}", self.log())
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where its log is.
    pub(crate) fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid = self.pid().to_string();
        // The shell's own `kill`: not every small system has the program.
        let status =
            Command::new("sh").args(["-c", "kill -TERM \"$0\" 2>&-", &pid]).status().context("sh")?;
        if status.success() { Ok(()) } else { bail!("kill -TERM {pid}: {status}") }
    }

    /// Kills it, as the lack of memory does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Whether it has left, and how.
    pub(crate) fn exit(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Waits for it to leave.
    pub(crate) fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.exit()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("{} is still there after {timeout:?}; its log:\n{}", self.name, self.log());
            }
            pause(POLL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Errors mean that it has left already, which is what we want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the variable says, or a program where cargo puts it: beside this one, or above it if this is a test.
///
/// # Errors
///
/// It is not there.
pub fn binary(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let own = env::current_exe().context("the path of this program")?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| anyhow!("no `{name}` beside {}: run `cargo build -p {name}` first", own.display()))
}

/// A directory of our own under the system's temporary one; removed when dropped.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn create() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("switchyard-{}-{number}", std::process::id()));
        // Left by an earlier program that was killed and had this process id.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
