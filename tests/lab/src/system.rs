//! The whole system: a proxy process, answering machines behind it and a telephone before it, all on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::machine::{Answering, Machine};
use crate::phone::Phone;
use crate::proxy_process::{Listener, ProxyProcess, ProxySettings, Target, TargetList, free_port};
use crate::trace::Trace;

/// The usual port of SIP.
const SIP_PORT: u16 = 5060;

/// A running system. All of it stops when dropped.
pub struct System {
    /// The messages of telephone and machines.
    pub trace: Trace,
    /// The machines at 127.0.1.1, 127.0.1.2, ..., which answer by user.
    pub machines: Vec<Machine>,
    /// The telephone at 127.0.0.1.
    pub phone: Arc<Phone>,
    /// The proxy at 127.0.0.1.
    pub proxy: ProxyProcess,
}

impl System {
    /// Starts a system with so many machines. Everybody takes port 5060 where it is free, and any other where not.
    ///
    /// # Errors
    /// When an address cannot be bound, or the proxy does not become ready.
    pub async fn start(machines: u8, trace: &Trace) -> Result<Self> {
        if !(1..=250).contains(&machines) {
            bail!("expected 1 to 250 machines, found {machines}");
        }
        let trace = trace.clone();
        let machines = start_machines(machines, &trace).await?;
        let targets = machines.iter().enumerate();
        let targets = targets
            .map(|(at, machine)| Target::new(&format!("machine-{}", at + 1), machine.address()))
            .collect();
        let (proxy, phone) = start_front(targets, true, &trace).await?;
        Ok(Self { trace, machines, phone, proxy })
    }

    /// Where calls are sent.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.proxy.sip_address()
    }

    /// Whether the proxy got the port that telephones expect.
    #[must_use]
    pub fn has_usual_port(&self) -> bool {
        self.address().port() == SIP_PORT
    }
}

/// A proxy before these targets, and a telephone, both at 127.0.0.1. `named` gives the proxy's inside the name localhost,
/// which a real FreeSWITCH does not find: sofia-sip asks DNS for it.
pub(crate) async fn start_front(
    targets: Vec<Target>,
    named: bool,
    trace: &Trace,
) -> Result<(ProxyProcess, Arc<Phone>)> {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let port = match free_or_any(address) {
        0 => free_port(address)?,
        port => port,
    };
    // One address, with a name of its own for the inside: so the two Record-Routes of a call can be told apart.
    let listener = Listener {
        internal: named.then(|| format!("localhost:{port}")),
        ..Listener::new("main", SocketAddr::new(address, port))
    };
    let settings = ProxySettings {
        listeners: vec![listener],
        targets: TargetList::File(targets),
        ..ProxySettings::default()
    };
    let starting = tokio::task::spawn_blocking(|| ProxyProcess::start(settings));
    let proxy = starting.await.context("the proxy's start")??;
    trace.name(proxy.sip_address(), "proxy");
    let phone = Arc::new(Phone::start(SocketAddr::new(address, 0), trace).await?);
    trace.name(phone.address(), "telephone");
    Ok((proxy, phone))
}

async fn start_machines(number: u8, trace: &Trace) -> Result<Vec<Machine>> {
    let mut machines = Vec::new();
    for last in 1..=number {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 1, last));
        let address = SocketAddr::new(address, free_or_any(address));
        let machine = Machine::start(address, Answering::ByUser, trace).await?;
        trace.name(machine.address(), &format!("machine {last}"));
        machines.push(machine);
    }
    Ok(machines)
}

/// 5060, where nobody has it.
fn free_or_any(address: IpAddr) -> u16 {
    let usual = (address, SIP_PORT);
    if UdpSocket::bind(usual).is_ok() && TcpListener::bind(usual).is_ok() { SIP_PORT } else { 0 }
}
