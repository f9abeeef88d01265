//! Targets that die, freeze and come back: real processes, probed by the real proxy.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    machine::MachineProcess,
    site::{Addresses, free_address, settings},
    wait_until,
    wire::Wire,
};
use lab::proxy_process::{ProxyProcess, ProxySettings, Target, TargetList};

/// Quick, so that the tests are; rise and fall are the usual ones.
const HEALTH: &str = "interval = \"300ms\"\ntimeout = \"250ms\"";

/// How long the proxy may take to notice something, on a busy machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

/// A proxy before targets which refuse every call with 486, at once.
struct Site {
    addresses: Addresses,
    machines: Vec<Option<MachineProcess>>,
    proxy: ProxyProcess,
}

impl Site {
    fn start(targets: u8, change: impl FnOnce(&mut ProxySettings)) -> Result<Self> {
        let addresses = Addresses::take();
        let machine = |number| {
            let address = free_address(addresses.target(number))?;
            MachineProcess::start(address, "refuse:486").map(Some)
        };
        let machines = (0..targets).map(machine).collect::<Result<Vec<_>>>()?;
        let mut settings = settings(addresses);
        settings.health = HEALTH.to_owned();
        let list = machines.iter().flatten().enumerate();
        settings.targets = TargetList::File(
            list.map(|(number, machine)| Target::new(&format!("task-{number}"), machine.address())).collect(),
        );
        change(&mut settings);
        let proxy = ProxyProcess::start(settings)?;
        Ok(Self { addresses, machines, proxy })
    }

    fn machine(&mut self, number: usize) -> Result<&mut Option<MachineProcess>> {
        self.machines.get_mut(number).context("no such machine")
    }

    /// Waits until the proxy thinks so of a target.
    fn wait_up(&self, number: usize, up: bool) -> Result<()> {
        let name = format!("switchyard_proxy_target_up{{port=\"sip\",target=\"task-{number}\"}}");
        let wanted = if up { 1.0 } else { 0.0 };
        wait_until(&name, NOTICED_WITHIN, || Ok(self.proxy.metric(&name) == Some(wanted)))
            .with_context(|| self.proxy.log())
    }

    /// INVITEs that a target got.
    fn invites(&self, number: usize) -> f64 {
        let name = format!("switchyard_proxy_invites_total{{target=\"task-{number}\"}}");
        self.proxy.metric(&name).unwrap_or_default()
    }

    /// Makes calls, one after the other, each of which is answered so.
    fn calls(&self, count: usize, status: u16) -> Result<()> {
        for _ in 0..count {
            let caller = Wire::bind(self.addresses.caller(0))?;
            let invite = caller.request("INVITE", &format!("sip:1294@{}", self.proxy.sip_address()));
            caller.send(invite.to_string(), self.proxy.sip_address())?;
            let answer = caller.receive_final().with_context(|| self.proxy.log())?;
            ensure!(answer.status() == Some(status), "{answer:?}\n{}", self.proxy.log());
            caller.send(invite.ack_of(&answer).to_string(), self.proxy.sip_address())?;
        }
        Ok(())
    }

    fn address(&mut self, number: usize) -> Result<SocketAddr> {
        Ok(self.machine(number)?.as_ref().context("it is gone")?.address())
    }
}

#[test]
fn a_dead_target_gets_no_calls_and_gets_them_again_when_it_is_back() -> Result<()> {
    let mut site = Site::start(3, |_| ())?;
    let address = site.address(1)?;
    *site.machine(1)? = None;
    site.wait_up(1, false)?;
    let before = site.invites(1);
    site.calls(60, 486)?;
    assert_eq!(site.invites(1), before, "{}", site.proxy.log());
    // Its calls are spread over both others.
    assert!(site.invites(0) > 5.0 && site.invites(2) > 5.0, "{} {}", site.invites(0), site.invites(2));
    assert!(site.proxy.log().contains("target went down"), "{}", site.proxy.log());

    *site.machine(1)? = Some(MachineProcess::start(address, "refuse:486")?);
    site.wait_up(1, true)?;
    site.calls(60, 486)?;
    assert!(site.invites(1) > before, "{}", site.proxy.log());
    assert!(site.proxy.log().contains("target came up"), "{}", site.proxy.log());
    Ok(())
}

#[test]
fn a_frozen_target_gets_no_calls_until_it_goes_on() -> Result<()> {
    let mut site = Site::start(2, |_| ())?;
    site.machine(0)?.as_ref().context("it is there")?.freeze()?;
    site.wait_up(0, false)?;
    let before = site.invites(0);
    site.calls(20, 486)?;
    assert_eq!(site.invites(0), before);
    site.machine(0)?.as_ref().context("it is there")?.thaw()?;
    site.wait_up(0, true)?;
    site.calls(40, 486)?;
    assert!(site.invites(0) > before);
    Ok(())
}

#[test]
fn a_call_that_gets_nothing_has_its_target_probed_at_once() -> Result<()> {
    // Probes alone would take minutes.
    let mut site = Site::start(2, |settings| {
        settings.health = "interval = \"60s\"\ntimeout = \"250ms\"".to_owned();
    })?;
    *site.machine(1)? = None;
    // Those of the dead one are answered by the other, and tell.
    let down = "switchyard_proxy_target_up{port=\"sip\",target=\"task-1\"}";
    wait_until("the calls tell", NOTICED_WITHIN, || {
        site.calls(1, 486)?;
        Ok(site.proxy.metric(down) == Some(0.0))
    })
    .with_context(|| site.proxy.log())?;
    assert!(site.proxy.metric("switchyard_proxy_target_call_failures_total") >= Some(1.0));
    Ok(())
}

#[test]
fn when_all_targets_seem_down_calls_are_tried_or_refused_as_set() -> Result<()> {
    // A code that counts as no answer: the targets are alive, and do not look so.
    let failing = format!("{HEALTH}\nfailing = [200]");
    for (all_down, status) in [("try", 486), ("refuse", 500)] {
        let health = format!("{failing}\nall_down = \"{all_down}\"");
        let site = Site::start(2, |settings| settings.health = health)?;
        (0..2).try_for_each(|number| site.wait_up(number, false))?;
        site.calls(4, status).with_context(|| all_down.to_owned())?;
        assert!(site.proxy.log().contains("every target is down"), "{}", site.proxy.log());
    }
    Ok(())
}

#[test]
fn each_port_is_judged_by_itself_whichever_worker_gets_the_answers() -> Result<()> {
    let site = Site::start(1, |settings| {
        settings.workers = 2;
        let TargetList::File(list) = &mut settings.targets else { return };
        // Nobody listens there.
        *list = list.iter().map(|target| target.clone().with_port("alternative", 9)).collect();
    })?;
    let name = "switchyard_proxy_target_up{port=\"alternative\",target=\"task-0\"}";
    wait_until(name, NOTICED_WITHIN, || Ok(site.proxy.metric(name) == Some(0.0)))?;
    let answered = "switchyard_proxy_probes_total{result=\"answered\"}";
    let before = site.proxy.metric(answered).unwrap_or_default();
    wait_until(answered, NOTICED_WITHIN, || Ok(site.proxy.metric(answered) > Some(before + 3.0)))?;
    site.wait_up(0, true)?;
    let (_, targets) = site.proxy.get("/targets")?;
    assert!(
        targets.contains("\"health\":\"healthy\"") && targets.contains("\"health\":\"down\""),
        "{targets}"
    );
    site.calls(4, 486)
}

#[test]
fn nobody_else_can_answer_a_probe() -> Result<()> {
    let mut site = Site::start(1, |_| ())?;
    let address = site.address(0)?;
    *site.machine(0)? = None;
    // Whoever sits at the target's own address still has to know the probe's branch.
    let forger = std::net::UdpSocket::bind(address)?;
    let forged = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKp100000000000000010123456789abcdef\r\n\
         From: <sip:a@b>;tag=x\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        site.proxy.sip_address()
    );
    let dropped = "switchyard_proxy_messages_dropped_total{cause=\"for_us\"}";
    wait_until("it is down in spite of all answers", NOTICED_WITHIN, || {
        forger.send_to(forged.as_bytes(), site.proxy.sip_address())?;
        let up = site.proxy.metric("switchyard_proxy_target_up{port=\"sip\",target=\"task-0\"}");
        Ok(up == Some(0.0) && site.proxy.metric(dropped) >= Some(1.0))
    })
}
