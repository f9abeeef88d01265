//! Tasks as they are: a stand-in for FreeSWITCH with the real switch-controller beside it, which ECS starts and stops.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::aws::Cloud;
use lab::controller_process::{ControllerProcess, ControllerSettings};
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::proxy_process::{ProxyProcess, free_port};
use lab::signalling::Side;
use lab::switch::{Settings, Switch};
use lab::trace::Trace;

use crate::wait_until;

/// What callers call, and what the customer says: the call is answered, and nothing is heard for as long as they stay.
const NUMBER: &str = "1294";
const TWIML: &str = "<Response><Gather timeout=\"600\"/></Response>";

/// The ports that every task has at its address.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    sip: u16,
    control: u16,
}

impl Ports {
    /// Free ones, at the addresses of [`address`].
    ///
    /// # Errors
    ///
    /// There are none.
    pub fn free() -> Result<Self> {
        Ok(Ports { sip: free_port(address(1))?, control: free_port(address(2))? })
    }

    /// As the Lambda is told them.
    pub fn setting(self) -> String {
        format!("sip={},control={}", self.sip, self.control)
    }
}

/// The address of a task by its number.
pub fn address(number: u8) -> IpAddr {
    IpAddr::from([127, 0, 7, 100 + number])
}

/// A task that runs.
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its FreeSWITCH, and the controller beside it.
    pub switch: Switch,
    /// It asks the cloud's agent for protection while it has calls.
    pub controller: ControllerProcess,
}

impl Task {
    /// Starts one of the service's present revision, and waits until it takes calls: then it is healthy. `more` are further
    /// settings of its controller.
    ///
    /// # Errors
    ///
    /// It does not.
    pub async fn start(cloud: &Cloud, id: &str, number: u8, ports: Ports, more: &str) -> Result<Self> {
        let ip = address(number);
        cloud.s3().put("/customer/voice.xml", TWIML);
        cloud.ecs().run(id, ip);
        cloud.ecs().change(id, |task| task.health = "UNKNOWN");
        let at = SocketAddr::new(ip, ports.sip);
        // It tells often how full it is, so that nobody has to wait for that.
        let (heartbeat, take_within) = (Duration::from_secs(1), Duration::from_secs(20));
        let settings = Settings { address: at, heartbeat, take_within, ..Settings::at(ip) };
        let switch = Switch::start(settings, &Trace::new()).await?;
        let settings = ControllerSettings {
            event_socket: Some(switch.event_socket()),
            password: switch.password().to_owned(),
            routes: Some(format!(
                "[account]\nsid = \"AC00000000000000000000000000000001\"\nauth_token = \"{:032}\"\n\
                 [[number]]\nmatch = \"{NUMBER}\"\nmethod = \"GET\"\nurl = \"{}/customer/voice.xml\"\n\
                 [[trunk]]\nname = \"any\"\nmatch = \"*\"\nhost = \"127.0.0.1:9\"\n",
                1,
                cloud.url()
            )),
            api: Some(SocketAddr::new(ip, ports.control)),
            more: more.to_owned(),
            environment: [cloud.variables(), vec![("ECS_AGENT_URI".to_owned(), cloud.agent(id))]].concat(),
            ..ControllerSettings::default()
        };
        let started = tokio::task::spawn_blocking(move || ControllerProcess::start(&settings));
        let controller = started.await??;
        cloud.ecs().change(id, |task| task.health = "HEALTHY");
        Ok(Task { id: id.to_owned(), switch, controller })
    }

    /// ECS stops it: SIGTERM to its controller, and when that has left, FreeSWITCH ends. It has no calls then.
    ///
    /// # Errors
    ///
    /// It has calls, or does not leave.
    pub fn stop(mut self, cloud: &Cloud) -> Result<()> {
        let sessions = self.switch.sessions();
        ensure!(sessions == 0, "{} is stopped with {sessions} calls:\n{}", self.id, self.controller.log());
        self.controller.terminate()?;
        let mut status = None;
        wait_until("the controller leaves", Duration::from_secs(15), || {
            status = self.controller.exit()?;
            Ok(status.is_some())
        })
        .with_context(|| self.controller.log())?;
        let status = status.context("a status")?;
        ensure!(status.success(), "{} left with {status}:\n{}", self.id, self.controller.log());
        cloud.ecs().change(&self.id, |task| task.last = "STOPPED");
        Ok(())
    }
}

/// A call through a proxy that lasts so long; its caller hangs up.
pub fn lasting(proxy: &ProxyProcess, time: Duration) -> CallPlan {
    CallPlan::new(proxy.sip_address(), NUMBER).script([Step::Wait(time), Step::HangUp])
}

/// A call, in the background.
pub fn place(phone: &std::sync::Arc<Phone>, plan: CallPlan) -> tokio::task::JoinHandle<Result<CallReport>> {
    let phone = std::sync::Arc::clone(phone);
    tokio::spawn(async move { phone.call(plan).await })
}

/// Answered, and ended by its own BYE.
///
/// # Errors
///
/// It was not so: how it was.
pub fn ended_by_its_caller(report: &CallReport) -> Result<()> {
    let so = report.status == Some(200)
        && report.hung_up_by == Some(Side::Caller)
        && report.bye_status == Some(200)
        && report.failure.is_none();
    ensure!(so, "a call failed:\n{report}");
    Ok(())
}
