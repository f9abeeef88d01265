//! Target lists that are kept in DNS.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    message::Message,
    site::{ADVERTISED, Addresses, settings},
    wait_until,
    wire::{Wire, answer},
};
use lab::dns::{DnsServer, Reply, address, srv};
use lab::proxy_process::{Listener, ProxyProcess, TargetList};

/// How long a change may take to be seen on a busy machine.
const SOON: Duration = Duration::from_secs(20);
const SERVICE: &str = "_sip._udp.fs.example";

/// A proxy whose targets stand in DNS, three that might be among them, and a caller.
struct Fleet {
    dns: DnsServer,
    proxy: ProxyProcess,
    targets: [Wire; 3],
    caller: Wire,
}

impl Fleet {
    fn start(url: impl Fn(&[Wire; 3]) -> String, records: impl Fn(&DnsServer, &[Wire; 3])) -> Result<Self> {
        let addresses = Addresses::take();
        let bind = |number| Wire::bind(addresses.target(number));
        let targets = [bind(0)?, bind(1)?, bind(2)?];
        let dns = DnsServer::start(addresses.caller(2))?;
        dns.set_ttl(0);
        records(&dns, &targets);
        let mut settings = settings(addresses);
        settings.targets = TargetList::Elsewhere(format!("url = \"{}\"", url(&targets)));
        settings.further = dns.settings("timeout = \"200ms\"");
        let proxy = ProxyProcess::start(settings)?;
        Ok(Self { dns, proxy, targets, caller: Wire::bind(addresses.caller(0))? })
    }

    fn by_srv() -> Result<Self> {
        Self::start(|_| format!("dns+srv://{SERVICE}"), |dns, targets| list(dns, targets, &[0, 1]))
    }

    fn targets_are(&self, count: usize) -> Result<()> {
        let shown =
            || Ok(self.proxy.metric("switchyard_proxy_targets{state=\"active\"}") == Some(count as f64));
        wait_until(&format!("{count} targets"), SOON, shown).with_context(|| self.proxy.log())
    }

    /// Sets a call up. Returns which target got it, and the 200 with the INVITE that it answers.
    fn call(&self, number: usize) -> Result<(usize, e2e::wire::Request, Message)> {
        let invite = self.caller.request("INVITE", &format!("sip:{number}@{ADVERTISED}"));
        self.caller.send(invite.to_string(), self.proxy.sip_address())?;
        let mut got = None;
        wait_until("a target gets the call", SOON, || {
            for (place, target) in self.targets.iter().enumerate() {
                if let Some(came) = target.receive_now()? {
                    ensure!(came.is("INVITE"), "{came:?}");
                    let contact = format!("sip:x@{}", target.local());
                    target.send(answer(&came, "200 OK", &contact), self.proxy.sip_address())?;
                    got = Some(place);
                }
            }
            Ok(got.is_some())
        })
        .with_context(|| self.proxy.log())?;
        let ok = self.caller.receive_final().with_context(|| self.proxy.log())?;
        ensure!(ok.status() == Some(200), "{ok:?}");
        self.caller.send(invite.next("ACK", &ok).to_string(), self.proxy.sip_address())?;
        let place = got.context("a target")?;
        self.targets.get(place).context("a target")?.receive_ack()?;
        Ok((place, invite, ok))
    }

    /// So many calls. Returns how many each target got.
    fn calls(&self, count: usize) -> Result<[usize; 3]> {
        let mut shares = [0; 3];
        for number in 0..count {
            let place = self.call(number)?.0;
            shares.iter_mut().skip(place).take(1).for_each(|share| *share += 1);
        }
        Ok(shares)
    }
}

/// Puts these of the targets into DNS.
fn list(dns: &DnsServer, targets: &[Wire; 3], listed: &[usize]) {
    let record = |(place, target): (usize, &Wire)| {
        srv((0, 50, target.local().port()), &format!("fs{place}.fs.example"))
    };
    let servers = targets.iter().enumerate().filter(|(place, _)| listed.contains(place)).map(record);
    dns.records(SERVICE, servers.collect());
    for (place, target) in targets.iter().enumerate() {
        dns.records(&format!("fs{place}.fs.example"), vec![address(target.local().ip())]);
    }
}

#[test]
fn targets_come_and_go_with_their_srv_records_and_calls_go_on() -> Result<()> {
    let fleet = Fleet::by_srv()?;
    fleet.targets_are(2)?;
    let shares = fleet.calls(20)?;
    ensure!(shares[0] > 0 && shares[1] > 0 && shares[2] == 0, "{shares:?}");
    let (place, invite, ok) = fleet.call(99)?;
    list(&fleet.dns, &fleet.targets, &[0, 1, 2]);
    fleet.targets_are(3)?;
    let shares = fleet.calls(30)?;
    ensure!(shares.iter().all(|share| *share > 0), "{shares:?}");
    // The one that has the call leaves: new calls go elsewhere, and that one goes on.
    let others: Vec<usize> = (0..3).filter(|other| *other != place).collect();
    list(&fleet.dns, &fleet.targets, &others);
    fleet.targets_are(2)?;
    ensure!(fleet.calls(20)?[place] == 0);
    fleet.caller.send(invite.next("BYE", &ok).to_string(), fleet.proxy.sip_address())?;
    let bye = fleet.targets[place].receive().with_context(|| fleet.proxy.log())?;
    ensure!(bye.is("BYE"), "{bye:?}");
    ensure!(fleet.proxy.get("/targets")?.1.contains(&fleet.targets[others[0]].local().to_string()));
    Ok(())
}

#[test]
fn dns_that_is_away_or_knows_nothing_changes_nothing() -> Result<()> {
    let mut fleet = Fleet::by_srv()?;
    fleet.targets_are(2)?;
    let looks = |fleet: &Fleet, result: &str| {
        let name = format!("switchyard_proxy_list_fetches_total{{list=\"targets\",result=\"{result}\"}}");
        fleet.proxy.metric(&name).unwrap_or_default()
    };
    for (reply, result) in [
        (Reply::NoName, "refused"),
        (Reply::Records(Vec::new()), "refused"),
        (Reply::Failure, "failed"),
        (Reply::Garbage, "failed"),
        (Reply::Silence, "failed"),
    ] {
        let before = looks(&fleet, result);
        fleet.dns.say_to_all(Some(reply.clone()));
        wait_until(&format!("{reply:?} is seen"), SOON, || Ok(looks(&fleet, result) >= before + 3.0))?;
        fleet.targets_are(2)?;
        ensure!(fleet.calls(4)?.iter().sum::<usize>() == 4);
    }
    fleet.dns.go_away();
    let before = looks(&fleet, "failed");
    wait_until("nobody is there", SOON, || Ok(looks(&fleet, "failed") >= before + 3.0))?;
    fleet.targets_are(2)?;
    ensure!(fleet.calls(4)?.iter().sum::<usize>() == 4);
    // It comes back with other targets.
    fleet.dns.say_to_all(None);
    list(&fleet.dns, &fleet.targets, &[0, 1, 2]);
    fleet.dns.come_back()?;
    fleet.targets_are(3)?;
    ensure!(
        fleet.proxy.metric("switchyard_proxy_list_confirmed_timestamp_seconds{list=\"targets\"}") > Some(1.0)
    );
    Ok(())
}

#[test]
fn while_dns_is_away_calls_of_a_target_that_died_go_to_another() -> Result<()> {
    let mut fleet = Fleet::by_srv()?;
    fleet.targets_are(2)?;
    let shares = fleet.calls(20)?;
    ensure!(shares[0] > 0 && shares[1] > 0, "{shares:?}");
    fleet.dns.go_away();
    // Somewhere else is no place that anybody was told of.
    let elsewhere = Wire::bind(fleet.targets[0].local().ip())?;
    drop(std::mem::replace(&mut fleet.targets[0], elsewhere));
    let shares = fleet.calls(20)?;
    ensure!(shares == [0, 20, 0], "{shares:?}");
    Ok(())
}

#[test]
fn addresses_of_one_name_are_targets_too_but_only_where_targets_live() -> Result<()> {
    // They share a port, as the pods of a headless service do.
    let addresses = Addresses::take();
    let first = Wire::bind(addresses.target(0))?;
    let port = first.local().port();
    let dns = DnsServer::start(addresses.caller(2))?;
    dns.set_ttl(0);
    let strange = [[198, 51, 100, 7].into(), [127, 0, 0, 1].into()].map(address);
    dns.records("fs.example", [vec![address(first.local().ip())], strange.to_vec()].concat());
    let mut settings = settings(addresses);
    settings.targets = TargetList::Elsewhere(format!("url = \"dns+a://fs.example:{port}\""));
    settings.further = dns.settings("");
    let proxy = ProxyProcess::start(settings)?;
    let (_, page) = proxy.get("/targets")?;
    ensure!(
        page.contains(&first.local().to_string()) && !page.contains("198.51") && !page.contains("127.0.0.1"),
        "{page}"
    );
    dns.records("fs.example", (0..3).map(|number| address(addresses.target(number))).collect());
    wait_until("three targets", SOON, || {
        Ok(proxy.metric("switchyard_proxy_targets{state=\"active\"}") == Some(3.0))
    })?;
    Ok(())
}

#[test]
fn a_target_that_has_an_aaaa_record_alone_gets_calls_and_hangs_up_over_ipv6() -> Result<()> {
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    for by_srv in [true, false] {
        let addresses = Addresses::take();
        let (target, caller) = (Wire::bind(six)?, Wire::bind(addresses.caller(0))?);
        let port = target.local().port();
        let dns = DnsServer::start(addresses.caller(2))?;
        dns.records(SERVICE, vec![srv((0, 50, port), "fs.example")]);
        dns.records("fs.example", vec![address(six)]);
        let mut settings = settings(addresses);
        settings.listeners.truncate(1);
        settings.listeners.push(Listener::new("six", SocketAddr::new(six, 0)));
        settings.networks.push("::1/128".to_owned());
        let url = if by_srv { format!("dns+srv://{SERVICE}") } else { format!("dns+a://fs.example:{port}") };
        settings.targets = TargetList::Elsewhere(format!("url = \"{url}\""));
        settings.further = dns.settings("");
        let proxy = ProxyProcess::start(settings)?;
        let proxy_six = proxy.listener_address("six").context("the listener")?;

        let invite = caller.request("INVITE", &format!("sip:1294@{ADVERTISED}"));
        caller.send(invite.to_string(), proxy.sip_address())?;
        let came = target.receive().with_context(|| proxy.log())?;
        ensure!(came.is("INVITE") && came.values("Via")[0].contains(&proxy_six.to_string()), "{came:?}");
        let routes = came.values("Record-Route");
        ensure!(routes[0].contains(&format!("sip:{proxy_six};")), "{came:?}");
        let contact = format!("sip:x@{}", target.local());
        target.send(answer(&came, "200 OK", &contact), proxy_six)?;
        let ok = caller.receive_final().with_context(|| proxy.log())?;
        ensure!(ok.status() == Some(200), "{ok:?}");
        caller.send(invite.next("ACK", &ok).to_string(), proxy.sip_address())?;
        target.receive_ack()?;
        let mut bye = target.request("BYE", &format!("sip:x@{}", caller.local()));
        bye.headers = routes.iter().map(|route| format!("Route: {route}")).collect();
        bye.to = format!("{};tag=x", bye.to);
        target.send(bye.to_string(), proxy_six)?;
        let bye = caller.receive().with_context(|| proxy.log())?;
        ensure!(bye.is("BYE"), "{bye:?}");
        caller.send(answer(&bye, "200 OK", "sip:x@y"), proxy.sip_address())?;
        ensure!(target.receive_final()?.status() == Some(200), "{}", proxy.log());
    }
    Ok(())
}
