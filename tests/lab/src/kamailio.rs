//! Kamailio, from whatever package, as a peer that everybody can install: a child process with a configuration of its
//! user's choosing.

use std::{
    env, fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::child::{Child, Directory};
use crate::pause;

/// Where packages put its modules.
const MODULES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules",
    "/usr/lib64/kamailio/modules",
    "/usr/lib/kamailio/modules",
];

/// How long it may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How long an answer is waited for before it is asked again.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// How long it may take to leave before it is killed.
const LEAVE: Duration = Duration::from_secs(3);

/// The program, if it is installed.
pub fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    modules()?;
    places.map(|place| place.join("kamailio")).find(|program| program.is_file())
}

fn modules() -> Option<&'static Path> {
    MODULES.iter().map(Path::new).find(|directory| directory.is_dir())
}

/// A Kamailio that runs. It leaves when this is dropped.
pub struct Kamailio {
    child: Child,
    _directory: Directory,
}

impl Kamailio {
    /// Starts it with this configuration, to which the path of its modules is added, and files beside it, and waits until
    /// it answers OPTIONS at `address` over UDP. In the configuration `{directory}` stands for where the files are.
    ///
    /// # Errors
    ///
    /// It is not installed, or does not start: with its log.
    pub fn start(
        address: SocketAddr,
        configuration: &str,
        further: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Self> {
        let (program, modules) = program().zip(modules()).context("kamailio is not installed")?;
        let directory = Directory::create()?;
        for (name, text) in further {
            fs::write(directory.path(name), text)?;
        }
        let own = directory.path("");
        let configuration = configuration.replace("{directory}", &own.display().to_string());
        let file = directory.path("kamailio.cfg");
        fs::write(&file, format!("mpath=\"{}/\"\n{configuration}", modules.display()))?;
        let mut command = Command::new(program);
        command.args(["-DD", "-E", "-m", "64"]).args(arguments).arg("-f");
        command.args([file, "-Y".into(), own, "-P".into(), directory.path("pid")]);
        let child = Child::spawn("Kamailio", &mut command, None, directory.path("log"))?;
        let kamailio = Self { child, _directory: directory };
        wait_ready(address).with_context(|| kamailio.log())?;
        Ok(kamailio)
    }

    /// The process id of the first of its processes.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.child.log()
    }
}

impl Drop for Kamailio {
    /// Asks it to leave, so that it takes its own children with it.
    fn drop(&mut self) {
        // Errors mean that it has left already, or does not: then it is killed.
        let _ = self.child.terminate().and_then(|()| self.child.wait_exit(LEAVE));
    }
}

/// Asks with OPTIONS until something comes back.
fn wait_ready(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((address.ip(), 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(ANSWER_WITHIN))?;
    let own = socket.local_addr()?;
    let options = format!(
        "OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:lab@{own}>;tag=ready\r\nTo: <sip:{address}>\r\nCall-ID: ready@{own}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let deadline = Instant::now() + READY_WITHIN;
    while Instant::now() < deadline {
        // Errors mean that it does not listen yet, and come back at once.
        let sent = Instant::now();
        let answer = socket.send(options.as_bytes()).and_then(|_| socket.recv(&mut [0; 1500]));
        if answer.is_ok() {
            return Ok(());
        }
        pause(ANSWER_WITHIN.saturating_sub(sent.elapsed()));
    }
    bail!("no answer to OPTIONS within {READY_WITHIN:?}")
}
