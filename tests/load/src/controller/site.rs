//! A controller before its switch, and calls by the thousand.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use lab::controller_process::{ControllerProcess, ControllerSettings};
use lab::machine::{Answering, Behaviour, Machine};
use lab::media::{Source, wav};
use lab::proxy_process::free_port;
use lab::real_switch::{RealSwitch, SwitchSettings};
use lab::switch::{Settings, Switch};
use lab::trace::Trace;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::broadcast::queue::post;
use crate::system;

/// Where all of it is.
const IP: Ipv4Addr = Ipv4Addr::new(127, 0, 10, 1);

/// Milliseconds that each of the four sounds of a call lasts on a real FreeSWITCH: an announcement of 20 s.
const REAL_SOUND: usize = 5_000;

/// How long things may take that take no time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A controller, the stand-in that it drives, and who is called.
pub struct Site {
    /// The stand-in.
    pub switch: Switch,
    controller: Controller,
}

/// A controller and who is called, whatever the switch is.
struct Controller {
    process: ControllerProcess,
    carrier: Machine,
    _directory: TempDir,
}

/// A document that plays so many sounds, each by a verb of its own.
pub fn talk(sounds: usize) -> String {
    let says: String = (0..sounds).map(|number| format!("<Say>sound {number}</Say>")).collect();
    format!("<Response>{says}<Hangup/></Response>")
}

impl Site {
    /// Starts it.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn start() -> Result<Self> {
        let settings = Settings {
            sound: false,
            records: true,
            max_sessions: 50_000,
            linger: Duration::from_secs(2),
            ..Settings::at(IP.into())
        };
        let trace = Trace::keeping(0);
        let switch = Switch::start(settings, &trace).await?;
        let answer =
            Behaviour::Answer { ringing: Duration::ZERO, source: Source::Silence, hang_up_after: None };
        let carrier = Machine::start_mute((IP, 0).into(), Answering::Always(answer), &trace).await?;
        let controller = Controller::start(carrier, switch.event_socket(), switch.password(), 200).await?;
        Ok(Self { switch, controller })
    }

    /// Makes so many calls of a document, so many in a second.
    ///
    /// # Errors
    /// One is refused.
    pub async fn make(&self, document: &str, calls: u32, rate: u32) -> Result<()> {
        let made = self.controller.make(document, calls, rate).await;
        // The records are not wanted, and are many.
        drop(self.switch.take_records());
        made
    }

    /// The controller's memory in bytes.
    pub fn memory(&self) -> u64 {
        system::usage(&[self.controller.process.pid()]).rss
    }

    /// Waits until as many calls are answered.
    ///
    /// # Errors
    /// They are not.
    pub async fn all_talk(&self, calls: u32) -> Result<()> {
        let talk = || self.switch.sessions() >= calls as usize;
        wait("all calls are there", talk).await?;
        // The last documents are begun.
        tokio::time::sleep(Duration::from_secs(2)).await;
        ensure!(talk(), "expected {calls} calls, found {}", self.switch.sessions());
        Ok(())
    }

    /// Waits until there are no calls.
    ///
    /// # Errors
    /// There still are.
    pub async fn none_left(&self) -> Result<()> {
        wait("all calls are over", || self.switch.sessions() == 0).await?;
        // What a call leaves behind goes a moment later.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    /// Ends all calls, as a FreeSWITCH that is restarted does.
    ///
    /// # Errors
    /// The controller does not notice.
    pub async fn end_all(&self) -> Result<()> {
        self.switch.restart();
        self.none_left().await
    }
}

impl Controller {
    async fn start(
        carrier: Machine,
        event_socket: SocketAddr,
        password: &str,
        millis: usize,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let sound = directory.path().join("sound.wav");
        std::fs::write(&sound, wav::write(&vec![0; 8 * millis], 1)).context("sound.wav")?;
        let settings = ControllerSettings {
            event_socket: Some(event_socket),
            password: password.to_owned(),
            directory: Some(directory.path().to_owned()),
            api: Some((IP, free_port(IP.into())?).into()),
            routes: Some("[account]\nsid = \"AC1\"\nauth_token = \"token\"\n".to_owned()),
            more: more(&sound),
            ..ControllerSettings::default()
        };
        let starting = tokio::task::spawn_blocking(move || ControllerProcess::start(&settings));
        Ok(Self { process: starting.await??, carrier, _directory: directory })
    }

    async fn make(&self, document: &str, calls: u32, rate: u32) -> Result<()> {
        let (api, document) = (self.process.api(), Arc::<str>::from(document));
        let (began, failed) = (Instant::now(), Arc::new(AtomicU32::new(0)));
        let carrier = self.carrier.address();
        let mut asks = JoinSet::new();
        for number in 0..calls {
            tokio::time::sleep_until((began + Duration::from_secs(1) * number / rate.max(1)).into()).await;
            let (document, failed) = (Arc::clone(&document), Arc::clone(&failed));
            asks.spawn(async move {
                let to = format!("sip:callee@{carrier}");
                let body = json!({ "from": "1294", "to": to, "twiml": &*document }).to_string();
                if !matches!(ask(api, &body).await, Ok(200)) {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            });
            while asks.try_join_next().is_some() {}
        }
        asks.join_all().await;
        match failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => bail!("{failed} of {calls} calls were refused; the log:\n{}", self.process.log()),
        }
    }
}

/// What speaks is a file that is there already: neither HTTP nor a synthesiser is measured.
fn more(sound: &Path) -> String {
    let sound = sound.display();
    format!(
        "[limits]\nsessions = 100000\nremembered = 5000\n[speech]\ncommand = [\"cat\", \"{sound}\"]\n[log]\nlevel = \"warn\"\n"
    )
}

async fn ask(api: SocketAddr, body: &str) -> Result<u16> {
    let stream = TcpStream::connect(api).await?;
    Ok(post(stream, api, body).await?.0)
}

async fn wait(what: &str, holds: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !holds() {
        ensure!(began.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The CPU time of the controller and of a real FreeSWITCH, in seconds, while there are so many calls at once for so long.
/// None where there is no FreeSWITCH.
///
/// # Errors
/// Something does not start, or calls are refused.
pub async fn against_freeswitch(at_once: u32, time: Duration) -> Result<Option<(f64, f64)>> {
    let settings = SwitchSettings::at(IP).set("FREESWITCH_SESSIONS_PER_SECOND", "1000");
    let Some(switch) = tokio::task::spawn_blocking(move || RealSwitch::start(&settings)).await?? else {
        return Ok(None);
    };
    let answer = Behaviour::Answer { ringing: Duration::ZERO, source: Source::Silence, hang_up_after: None };
    let carrier = Machine::start((IP, 0).into(), Answering::Always(answer), &Trace::keeping(0)).await?;
    let controller = Controller::start(carrier, switch.event_socket(), switch.password(), REAL_SOUND).await?;
    let (own, other) = (controller.process.pid(), switch.pid());
    let cpu = |pid| system::usage(&[pid]).cpu_s;
    let document = talk(4);
    controller.make(&document, 5, 5).await?;
    tokio::time::sleep(Duration::from_secs(25)).await;
    let before = (cpu(own), cpu(other));
    let lasts = u32::try_from(4 * REAL_SOUND / 1000)?;
    let rate = (at_once / lasts).max(1);
    let calls = rate * u32::try_from(time.as_secs())?;
    controller.make(&document, calls, rate).await?;
    tokio::time::sleep(Duration::from_secs(25)).await;
    let after = (cpu(own), cpu(other));
    let answered = controller.carrier.report().calls.iter().filter(|call| call.status == Some(200)).count();
    ensure!(answered >= calls as usize, "expected {calls} answered calls, found {answered}");
    println!("{calls} calls on a real FreeSWITCH, {at_once} at once");
    Ok(Some((after.0 - before.0, after.1 - before.1)))
}
