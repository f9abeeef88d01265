//! A real FreeSWITCH as a child process, with the configuration of `infrastructure/freeswitch`: for tests of what the
//! stand-in cannot answer for. It is there only where `SWITCHYARD_FREESWITCH` names its binary.
//!
//! Blocking on purpose, with std alone, like [`crate::proxy_process`]. Everything it writes is in one temporary directory
//! which goes away with it; its ports are its own, so that several run side by side.

mod console;

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

pub use console::Console;

use crate::child::{Child, Directory};
use crate::proxy_process::free_port;

/// The variable that names the binary.
pub const BINARY: &str = "SWITCHYARD_FREESWITCH";

/// How long FreeSWITCH may take until its SIP profiles run: four seconds of its own, on a machine that does nothing else.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Where blocks of RTP ports come from: below those that [`free_port`] gives.
const RTP_PORTS: Range<u16> = 2_000..12_000;

/// A block: fifty calls.
const RTP_BLOCK: u16 = 200;

/// How often other ports are tried when somebody took ours between choosing and binding them.
const PORT_ATTEMPTS: usize = 3;

/// A FreeSWITCH that is yet to be started.
#[derive(Clone, Debug)]
pub struct SwitchSettings {
    ip: Ipv4Addr,
    variables: Vec<(String, String)>,
}

impl SwitchSettings {
    /// One with its SIP and RTP at this address of 127.0.0.0/8, and every setting's default.
    pub fn at(ip: Ipv4Addr) -> Self {
        Self { ip, variables: Vec::new() }
    }

    /// With another value for a setting, such as `FREESWITCH_TAKE_WITHIN`: `conf/vars.xml` has all of them.
    #[must_use]
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }
}

/// Where the SIP profiles of one FreeSWITCH listen, over UDP and TCP.
#[derive(Clone, Copy, Debug)]
pub struct Profiles {
    /// Calls whose RTP leaves by the NAT gateway.
    pub nat_gateway: SocketAddr,
    /// Calls from carriers whose RTP leaves by a NAT instance.
    pub uas_nat_instance: SocketAddr,
    /// Only for calls to carriers: nobody may call here.
    pub uac_nat_instance: SocketAddr,
    /// Calls that stay inside.
    pub internal: SocketAddr,
}

/// A running FreeSWITCH. Killed when dropped.
pub struct RealSwitch {
    child: Child,
    directory: Directory,
    profiles: Profiles,
    event_socket: SocketAddr,
    password: String,
}

impl RealSwitch {
    /// Starts it and waits until calls can come; `None`, said so on standard error, where there is no FreeSWITCH to test
    /// with.
    ///
    /// # Errors
    ///
    /// The binary or `start.sh` does not start, leaves, or is not ready within a minute: with its log.
    pub fn start(settings: &SwitchSettings) -> Result<Option<Self>> {
        let Some(binary) = env::var_os(BINARY).filter(|path| !path.is_empty()) else {
            say_skipped();
            return Ok(None);
        };
        for _ in 1..PORT_ATTEMPTS {
            match Self::start_once(settings, &binary) {
                Err(error) if port_was_taken(&format!("{error:#}")) => continue,
                outcome => return outcome.map(Some),
            }
        }
        Self::start_once(settings, &binary).map(Some)
    }

    fn start_once(settings: &SwitchSettings, binary: &OsStr) -> Result<Self> {
        let ip = IpAddr::from(settings.ip);
        let sip = || free_port(ip).map(|port| SocketAddr::from((ip, port)));
        let profiles = Profiles {
            nat_gateway: sip()?,
            uas_nat_instance: sip()?,
            uac_nat_instance: sip()?,
            internal: sip()?,
        };
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let event_socket = SocketAddr::from((loopback, free_port(loopback)?));
        let directory = Directory::create()?;
        let mut command = Command::new(start_script());
        let rtp = rtp_block();
        command
            .env(BINARY, binary)
            .env("FREESWITCH_DIRECTORY", directory.path("state"))
            .env("FREESWITCH_IP", ip.to_string())
            .env("FREESWITCH_NAT_GATEWAY_PORT", profiles.nat_gateway.port().to_string())
            .env("FREESWITCH_UAS_NAT_INSTANCE_PORT", profiles.uas_nat_instance.port().to_string())
            .env("FREESWITCH_UAC_NAT_INSTANCE_PORT", profiles.uac_nat_instance.port().to_string())
            .env("FREESWITCH_INTERNAL_PORT", profiles.internal.port().to_string())
            .env("FREESWITCH_ESL_PORT", event_socket.port().to_string())
            .env("FREESWITCH_RTP_FIRST_PORT", rtp.start.to_string())
            .env("FREESWITCH_RTP_LAST_PORT", rtp.end.to_string())
            .envs(settings.variables.iter().map(|(name, value)| (name, value)));
        let log = directory.path("freeswitch.log");
        let mut child = Child::spawn("FreeSWITCH", &mut command, Some("FREESWITCH_"), log)?;
        let key = directory.path("state/run/esl-password");
        let log = child.log_path().to_owned();
        child.wait_ready(READY_WITHIN, || {
            let log = fs::read(&log).unwrap_or_default();
            ensure!(!port_was_taken(&String::from_utf8_lossy(&log)), "a port is in use");
            Ok(profiles_running(event_socket, &key).is_ok_and(|running| running == 4))
        })?;
        let password = password(&key)?;
        Ok(Self { child, directory, profiles, event_socket, password })
    }

    /// Where its SIP profiles listen.
    pub fn profiles(&self) -> Profiles {
        self.profiles
    }

    /// Where its event socket listens.
    pub fn event_socket(&self) -> SocketAddr {
        self.event_socket
    }

    /// The event socket's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A new connection to its event socket, logged in.
    ///
    /// # Errors
    ///
    /// It is gone, or has refused the password.
    pub fn console(&self) -> Result<Console> {
        Console::connect(self.event_socket, &self.password)
    }

    /// Where it writes: `log`, `db`, `run` and `temp` are in it. It is gone when this value is.
    pub fn directory(&self) -> PathBuf {
        self.directory.path("state")
    }

    /// Where its log is.
    pub fn log_path(&self) -> &Path {
        self.child.log_path()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}

fn profiles_running(event_socket: SocketAddr, key: &Path) -> Result<usize> {
    let status = Console::connect(event_socket, &password(key)?)?.api("sofia status")?;
    Ok(status.lines().filter(|line| line.contains("profile") && line.contains("RUNNING")).count())
}

/// start.sh makes it up, and has written it before FreeSWITCH listens.
fn password(key: &Path) -> Result<String> {
    let text = fs::read_to_string(key).with_context(|| key.display().to_string())?;
    Ok(text.trim_end().to_owned())
}

/// `infrastructure/freeswitch/start.sh`.
pub fn start_script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infrastructure/freeswitch/start.sh")
}

/// On standard error itself: what tests print is kept from those who run them, unless they fail.
fn say_skipped() {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!(
        "\nSKIPPED: {test}: {BINARY} does not name a FreeSWITCH, so nothing was tried (docs/freeswitch.md)\n"
    );
    // Whoever has closed it does not want to know.
    let _ = io::stderr().write_all(line.as_bytes());
}

fn port_was_taken(error: &str) -> bool {
    error.contains("Error Creating SIP UA") || error.contains("Socket Error!")
}

/// A block of ports that no other switch of this program has; the first and the last of them. Others may use single ones:
/// FreeSWITCH looks before it takes one.
fn rtp_block() -> Range<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let blocks = u32::from((RTP_PORTS.end - RTP_PORTS.start) / RTP_BLOCK);
    let block =
        std::process::id().wrapping_mul(7).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % blocks;
    let first = RTP_PORTS.start + RTP_BLOCK * block as u16;
    first..first + RTP_BLOCK - 2
}

/// For tests that want to see what `start.sh` does: its exit code, and both its outputs.
///
/// # Errors
///
/// It does not start.
pub fn try_start_script(
    binary: &Path,
    directory: &Path,
    variables: &[(&str, &str)],
) -> Result<(i32, String)> {
    let output = Command::new(start_script())
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env(BINARY, binary)
        .env("FREESWITCH_DIRECTORY", directory)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .context("start.sh")?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.code().unwrap_or(-1), said))
}
