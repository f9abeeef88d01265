//! The whole: telephone -> proxy -> FreeSWITCH -> switch-controller -> a customer's application.
//!
//! | file | what it holds |
//! |---|---|
//! | `calls.rs` | who calls, and what must come of it |
//! | `verdict.rs` | what came of it |

mod calls;
mod verdict;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::Url;

pub use calls::{Expected, NUMBER, planned};
pub use verdict::Outcome;

use crate::application::{ACCOUNT, Application, Registration};
use crate::controller_process::{ControllerProcess, ControllerSettings};
use crate::demo::Planned;
use crate::http;
use crate::ladder::{Look, ladder};
use crate::media::wav;
use crate::phone::{CallReport, Phone};
use crate::proxy_process::{ProxyProcess, Target};
use crate::real_switch::Console;
use crate::signalling::{Ids, Incoming};
use crate::switch::{Settings, Switch};
use crate::system::start_front;
use crate::trace::Trace;

/// Calls under way at the same time.
const AT_ONCE: usize = 10;

/// What is behind the proxy.
#[derive(Debug, Clone)]
pub enum Switches {
    /// So many stand-ins, at 127.0.2.1, 127.0.2.2, ...
    StandIns(u8),
    /// A FreeSWITCH on this machine.
    Real {
        /// Its event socket.
        event_socket: SocketAddr,
        /// The event socket's password.
        password: String,
        /// The sofia profile that is called.
        profile: String,
    },
}

/// A running system. All of it stops when dropped.
pub struct Line {
    trace: Trace,
    phone: Arc<Phone>,
    proxy: ProxyProcess,
    controllers: Vec<ControllerProcess>,
    /// The stand-ins; none with a real FreeSWITCH.
    stand_ins: Vec<Switch>,
    application: Application,
    look: Look,
}

/// A switch, whichever: where calls go, and how it is driven.
struct Found {
    sip: SocketAddr,
    event_socket: SocketAddr,
    password: String,
    profile: String,
}

impl Line {
    /// Starts the system and says who is where.
    ///
    /// # Errors
    /// When a part of it does not start, or the FreeSWITCH is not there.
    pub async fn start(switches: Switches, trace: &Trace) -> Result<Self> {
        println!("An early-warning line on this machine's loopback:");
        let (stand_ins, found) = match switches {
            Switches::StandIns(number) => stand_ins(number, trace).await?,
            Switches::Real { event_socket, password, profile } => {
                let asked = tokio::task::spawn_blocking(move || real(event_socket, password, profile));
                (Vec::new(), vec![asked.await.context("FreeSWITCH")??])
            }
        };
        let token = Ids::random().word();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let application = Application::start(address, &token).await?;
        let routes = format!(
            "[account]\nsid = \"{ACCOUNT}\"\nauth_token = \"{token}\"\n[[number]]\nmatch = \"{NUMBER}\"\nurl = \"{}\"\n",
            application.url()
        );
        let speech = speech()?;
        let mut controllers = Vec::new();
        for (at, switch) in found.iter().enumerate() {
            let name = format!("switch {}", at + 1);
            trace.name(switch.sip, &name);
            let settings = ControllerSettings {
                event_socket: Some(switch.event_socket),
                password: switch.password.clone(),
                profile: Some(switch.profile.clone()),
                routes: Some(routes.clone()),
                more: speech.clone().unwrap_or_default(),
                ..ControllerSettings::default()
            };
            let starting = tokio::task::spawn_blocking(move || ControllerProcess::start(&settings));
            let controller = starting.await.context("the controller's start")??;
            let what = if stand_ins.is_empty() { "a real FreeSWITCH" } else { "a stand-in for FreeSWITCH" };
            println!("  {name}     {}, {what}; its controller at http://{}", switch.sip, controller.api());
            controllers.push(controller);
        }
        let targets = found.iter().enumerate();
        let targets =
            targets.map(|(at, switch)| Target::new(&format!("switch-{}", at + 1), switch.sip)).collect();
        let (proxy, phone) = start_front(targets, !stand_ins.is_empty(), trace).await?;
        println!("  proxy        {}, admin at http://{}", proxy.sip_address(), proxy.admin_address());
        println!("  telephone    {}", phone.address());
        println!("  application  {}", application.url());
        let voice = if speech.is_none() { "espeak-ng" } else { "tones (there is no espeak-ng)" };
        println!("  voice        {voice}");
        let (trace, look) = (trace.clone(), Look::of_stdout());
        Ok(Self { trace, phone, proxy, controllers, stand_ins, application, look })
    }

    /// Places the calls, and prints what came of them; true when everything was as it must be.
    ///
    /// # Errors
    /// When a call could not be placed at all.
    pub async fn judge(&self, number: usize) -> Result<bool> {
        println!("\nPlacing {number} calls to {NUMBER}, {AT_ONCE} at a time");
        let mut outcomes = Vec::new();
        for (at, (planned, report)) in self.place(number).await?.into_iter().enumerate() {
            let switches = self.switches_of(&report);
            let recording = self.recording_of(&planned).await;
            outcomes.push(Outcome { number: at + 1, planned, report, switches, recording });
        }
        let registrations = self.application.registrations();
        outcomes.iter().for_each(|outcome| println!("{}", outcome.line(&registrations)));
        if let Some(shown) = outcomes.first() {
            println!("\nOne call in full: {}", shown.planned.title);
            println!("{}", ladder(&self.trace, &shown.report.call_id, self.look));
            registrations.of(&shown.planned.plan.from).into_iter().for_each(tell);
        }
        let mut faults: Vec<_> = outcomes.iter().flat_map(|outcome| outcome.faults(&registrations)).collect();
        if registrations.refused > 0 {
            faults.push(format!("the application refused {} requests", registrations.refused));
        }
        if self.phone.wrong() > 0 {
            faults.push(format!("the telephone got {} requests of no call of its own", self.phone.wrong()));
        }
        faults.iter().for_each(|fault| println!("  wrong: {fault}"));
        if faults.is_empty() {
            println!("\nPASS: all {number} calls to the line went as they must.");
        } else {
            println!("\nFAIL: {} things were not as they must be. The proxy's log:", faults.len());
            println!("{}", self.proxy.log());
            for (at, controller) in self.controllers.iter().enumerate() {
                println!("The log of switch {}'s controller:\n{}", at + 1, controller.log());
            }
        }
        Ok(faults.is_empty())
    }

    /// Says how to call it.
    pub fn invite(&self) {
        let address = self.proxy.sip_address();
        println!(
            "\nThe line: call sip:{NUMBER}@{address}, from this machine, with a softphone that offers PCMU and"
        );
        println!("RFC 4733 digits. The application is at {}.", self.application.url());
    }

    async fn place(&self, number: usize) -> Result<Vec<(Planned<Expected>, CallReport)>> {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut calls = JoinSet::new();
        for (at, planned) in planned(self.proxy.sip_address(), number).into_iter().enumerate() {
            let (slots, phone) = (Arc::clone(&slots), Arc::clone(&self.phone));
            calls.spawn(async move {
                let _slot = slots.acquire().await?;
                let report = phone.call(planned.plan.clone()).await?;
                anyhow::Ok((at, planned, report))
            });
        }
        let mut ended = Vec::new();
        while let Some(call) = calls.join_next().await {
            ended.push(call.context("a call's task")??);
        }
        ended.sort_by_key(|(at, ..)| *at);
        Ok(ended.into_iter().map(|(_, planned, report)| (planned, report)).collect())
    }

    /// The stand-ins that got or sent a message of a call.
    fn switches_of(&self, report: &CallReport) -> Option<Vec<usize>> {
        if self.stand_ins.is_empty() {
            return None;
        }
        let messages = self.trace.messages();
        let of_call =
            |bytes: &[u8]| Incoming::parse(bytes).is_ok_and(|found| found.call_id == report.call_id);
        let own: Vec<_> = messages.iter().filter(|message| of_call(&message.bytes)).collect();
        let saw = |switch: &Switch| {
            own.iter().any(|message| [message.from, message.to].contains(&switch.address()))
        };
        let seen = self.stand_ins.iter().enumerate().filter(|(_, switch)| saw(switch));
        Some(seen.map(|(at, _)| at + 1).collect())
    }

    /// Fetches a caller's recording as the application would.
    async fn recording_of(&self, planned: &Planned<Expected>) -> Option<Result<Vec<i16>, String>> {
        let registrations = self.application.registrations();
        let url = registrations.of(&planned.plan.from).into_iter().find_map(|call| call.recording.clone())?;
        let fetched = tokio::task::spawn_blocking(move || fetch(&url)).await;
        Some(fetched.map_err(anyhow::Error::from).flatten().map_err(|error| format!("{error:#}")))
    }
}

/// Prints what the application got.
fn tell(call: &Registration) {
    println!("What the application got of it:");
    println!("  asked for  {}", call.asked.join(", "));
    println!("  caller     {}", call.caller);
    println!("  province   {}", call.province.unwrap_or("none"));
    let recording = call.recording.as_deref().unwrap_or("none");
    println!("  name       {recording}, {} s", call.seconds.as_deref().unwrap_or("0"));
}

async fn stand_ins(number: u8, trace: &Trace) -> Result<(Vec<Switch>, Vec<Found>)> {
    let (mut switches, mut found) = (Vec::new(), Vec::new());
    for last in 1..=number {
        let settings = Settings::at(IpAddr::V4(Ipv4Addr::new(127, 0, 2, last)));
        let profile = settings.profile.clone();
        let switch = Switch::start(settings, trace).await?;
        let (sip, event_socket, password) =
            (switch.address(), switch.event_socket(), switch.password().to_owned());
        found.push(Found { sip, event_socket, password, profile });
        switches.push(switch);
    }
    Ok((switches, found))
}

/// Asks a FreeSWITCH where the profile listens.
fn real(event_socket: SocketAddr, password: String, profile: String) -> Result<Found> {
    let status = Console::connect(event_socket, &password)?.api("sofia status")?;
    match sip_address(&status, &profile) {
        Some(sip) => Ok(Found { sip, event_socket, password, profile }),
        None => bail!("expected a profile {profile} that listens, found:\n{status}"),
    }
}

/// From lines such as `nat_gateway  profile  sip:mod_sofia@10.0.0.1:5060  RUNNING (0)`.
fn sip_address(status: &str, profile: &str) -> Option<SocketAddr> {
    status.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        if (words.next()?, words.next()?) != (profile, "profile") {
            return None;
        }
        let (_, address) = words.next()?.split_once('@')?;
        address.split(';').next()?.parse().ok()
    })
}

/// The program that speaks: none, for the controller's own default, where espeak-ng is there; else this one.
fn speech() -> Result<Option<String>> {
    let espeak =
        Command::new("espeak-ng").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if espeak.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let own = std::env::current_exe().context("the path of this program")?;
    let own = own.to_str().context("expected a path of this program in UTF-8")?;
    Ok(Some(format!("[speech]\ncommand = [{}, \"speak\"]\n", serde_json::Value::from(own))))
}

fn fetch(url: &str) -> Result<Vec<i16>> {
    let parsed = Url::parse(url).with_context(|| url.to_owned())?;
    let host = parsed.host_str().context("expected a host")?;
    let port = parsed.port_or_known_default().context("expected a port")?;
    let address = SocketAddr::new(host.parse().with_context(|| format!("{host} is no address"))?, port);
    let http::Answer { status, body, .. } = http::request(address, "GET", parsed.path(), &[], "")?;
    if status != 200 {
        bail!("expected 200 to {url}, found {status}");
    }
    wav::read(&body).with_context(|| format!("expected a WAV file at {url}, found {} bytes", body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_by_its_name() {
        let status = "           Name\t   Type\tData\tState\n====\n\
            internal\tprofile\tsip:mod_sofia@127.0.4.1:5090\tRUNNING (0)\n\
            nat_gateway\tprofile\tsip:mod_sofia@127.0.4.1:5080;transport=udp\tRUNNING (0)\n";
        assert_eq!(sip_address(status, "nat_gateway"), Some("127.0.4.1:5080".parse().unwrap()));
        assert_eq!(sip_address(status, "gateway"), None);
    }
}
