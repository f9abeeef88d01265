//! A proxy, its targets and callers in networks of their own: routes, NAT and loss as outside of tests.

use std::net::{Ipv4Addr, SocketAddr};

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::network::{Internet, Namespace, Party, Tap};
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::proxy_process::{Access, Listener, ProxyProcess, ProxySettings, Target, TargetList};
use lab::trace::Trace;
use tokio::task::JoinSet;

use crate::machine::MachineProcess;
use crate::sipp::{Running, Sipp};

/// What callers know the proxies by.
pub const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// What targets know them by.
pub const INTERNAL: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 10);
/// A caller whom everybody can reach.
pub const CALLER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);
/// What everybody sees of a caller behind a NAT, and what it knows of itself.
pub const NAT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// See there.
pub const HIDDEN: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 2);
const BEFORE_HIDDEN: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 1);

/// The port of everybody.
const SIP: u16 = 5060;

/// All of them. Proxies have the same addresses, and the network leads to one of them.
pub struct Parties {
    /// What connects them.
    pub internet: Internet,
    proxies: Vec<(Namespace, Party)>,
    targets: Namespace,
    caller: Namespace,
    hidden: Namespace,
    _nat: Namespace,
}

impl Parties {
    /// So many proxies, the first of which is led to.
    ///
    /// # Errors
    ///
    /// This is not permitted here, or a program or a part of the kernel is missing.
    pub fn meet(proxies: usize) -> Result<Self> {
        let mut internet = Internet::new()?;
        let (targets, caller, nat, hidden) =
            (Namespace::new()?, Namespace::new()?, Namespace::new()?, Namespace::new()?);
        internet.connect(&targets, &[0, 1, 2].map(target))?;
        internet.connect(&caller, &[CALLER])?;
        internet.connect(&nat, &[NAT])?;
        nat.hide(NAT, &hidden, (BEFORE_HIDDEN, HIDDEN))?;
        let proxies = (0..proxies).map(|_| {
            let proxy = Namespace::new()?;
            let party = internet.connect(&proxy, &[PUBLIC, INTERNAL])?;
            party.sends_from(&proxy, "10.10.0.0/16", INTERNAL)?;
            Ok((proxy, party))
        });
        let proxies = proxies.collect::<Result<Vec<_>>>()?;
        let parties = Self { internet, proxies, targets, caller, hidden, _nat: nat };
        parties.lead_to(0)?;
        Ok(parties)
    }

    /// From now on what is for the proxies reaches this one.
    ///
    /// # Errors
    ///
    /// There are fewer.
    pub fn lead_to(&self, proxy: usize) -> Result<()> {
        let (_, party) = self.proxies.get(proxy).context("no such proxy")?;
        [PUBLIC, INTERNAL].into_iter().try_for_each(|address| self.internet.lead(address, party))
    }

    /// Starts a proxy, which has this target list.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_proxy(
        &self,
        number: usize,
        targets: u8,
        change: impl FnOnce(&mut ProxySettings) + Send,
    ) -> Result<ProxyProcess> {
        let (namespace, _) = self.proxies.get(number).context("no such proxy")?;
        let listener = Listener {
            advertise: Some(format!("{PUBLIC}:{SIP}")),
            internal: Some(format!("{INTERNAL}:{SIP}")),
            ..Listener::new("main", SocketAddr::from((Ipv4Addr::UNSPECIFIED, SIP)))
        };
        let target = |number: u8| Target::new(&format!("task-{number}"), at(target(number)));
        let mut settings = ProxySettings {
            listeners: vec![listener],
            targets: TargetList::File((0..targets).map(target).collect()),
            networks: vec!["10.10.1.0/24".to_owned()],
            access: Access { sources: vec!["198.51.100.0/24".to_owned()], ..ProxySettings::default().access },
            ..ProxySettings::default()
        };
        change(&mut settings);
        namespace.enter(|| ProxyProcess::start(settings))
    }

    /// What a proxy counts under this name.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub fn metric(&self, number: usize, proxy: &ProxyProcess, name: &str) -> Result<f64> {
        let (namespace, _) = self.proxies.get(number).context("no such proxy")?;
        namespace.enter(|| proxy.metric(name).with_context(|| name.to_owned()))
    }

    /// Listens to what comes to a proxy and leaves it.
    ///
    /// # Errors
    ///
    /// Not permitted.
    pub fn tap(&self, number: usize) -> Result<Tap> {
        self.proxies.get(number).context("no such proxy")?.0.tap()
    }

    /// Starts what answers at a target's address.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_target(&self, number: u8, sipp: impl FnOnce(SocketAddr) -> Sipp) -> Result<Running> {
        let sipp = sipp(at(target(number)));
        self.targets.enter(|| sipp.start())
    }

    /// Starts the lab's answering machine at a target's address.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_machine(&self, number: u8, behaviour: &str) -> Result<MachineProcess> {
        self.targets.enter(|| MachineProcess::start(at(target(number)), behaviour))
    }

    /// Starts a caller whom everybody can reach.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_caller(&self, scenario: &str, change: impl FnOnce(Sipp) -> Sipp) -> Result<Running> {
        let sipp = change(Sipp::caller(scenario, at(CALLER), at(PUBLIC)));
        self.caller.enter(|| sipp.start())
    }

    /// Lets the lab's telephone, which goes by RFC 3261 in all that is sent again, call and hang up, from behind the NAT or
    /// from where everybody can reach it: so many calls, one every `pace`. Returns what came of each.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn telephone(
        &self,
        is_hidden: bool,
        (calls, pace): (usize, Duration),
        script: &[Step],
    ) -> Result<Vec<CallReport>> {
        let (namespace, own) = if is_hidden { (&self.hidden, HIDDEN) } else { (&self.caller, CALLER) };
        let work = async || {
            let phone = Arc::new(Phone::start(at(own), &Trace::keeping(0)).await?);
            let mut under_way = JoinSet::new();
            let mut ticks = tokio::time::interval(pace);
            for _ in 0..calls {
                ticks.tick().await;
                let plan = CallPlan::new(at(PUBLIC), "1294").script(script.iter().cloned());
                let phone = Arc::clone(&phone);
                under_way.spawn(async move { phone.call(plan).await });
            }
            under_way.join_all().await.into_iter().collect()
        };
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        namespace.enter(|| runtime()?.block_on(work()))
    }

    /// Starts a caller behind a NAT, whose Via and Contact have the address that it knows of itself.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start_hidden(&self, scenario: &str, change: impl FnOnce(Sipp) -> Sipp) -> Result<Running> {
        let sipp = change(Sipp::caller(scenario, at(HIDDEN), at(PUBLIC)));
        self.hidden.enter(|| sipp.start())
    }
}

/// A target's address: `number` from 0 to 2.
fn target(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 10, 1, 21 + number)
}

fn at(address: Ipv4Addr) -> SocketAddr {
    SocketAddr::from((address, SIP))
}
