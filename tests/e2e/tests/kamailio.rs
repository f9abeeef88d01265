//! Kamailio, which routes as most carriers' proxies do: in front of the proxy, and behind it as a target.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use e2e::{
    machine::MachineProcess,
    message::{Message, is_pair_value},
    outcome::Outcome,
    sipp::Sipp,
    site::{ADVERTISED, Addresses, free_address, settings},
    skipped,
};
use lab::kamailio::{self, Kamailio};
use lab::proxy_process::{ProxyProcess, Target, TargetList};

/// What the side of the proxy is known by on which SIPp stands: SIPp sends to where messages come from, and needs no
/// address that leads anywhere. Kamailio goes by what Record-Route says.
const NOWHERE: &str = "192.0.2.1:5060";

const CALLS: u32 = 5;

/// A Kamailio at `own` with transactions, which record-routes and sends each new call to `next`, a URI. In a dialog it
/// goes by Route alone.
fn start(own: SocketAddr, next: &str) -> Result<Kamailio> {
    let configuration = format!(
        r#"
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:{own}
listen=tcp:{own}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"

request_route {{
    if (is_method("OPTIONS") && !has_totag()) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (!mf_process_maxfwd_header("70")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    if (has_totag()) {{
        if (loose_route() || (is_method("ACK") && t_check_trans())) {{
            t_relay();
        }}
        exit;
    }}
    t_check_trans();
    record_route();
    $du = "{next}";
    t_relay();
}}
"#
    );
    Kamailio::start(own, &configuration, &[], &[])
}

/// A Kamailio in front of a proxy with one target.
struct InFront {
    /// Where both are known to callers.
    kamailio: SocketAddr,
    proxy: ProxyProcess,
    addresses: Addresses,
    running: Kamailio,
}

impl InFront {
    /// Between Kamailio and the proxy, `transport` as a URI's parameters have it. The target knows the proxy by `internal`,
    /// or, without one, by its only address.
    fn of(addresses: Addresses, target: SocketAddr, transport: &str, internal: Option<&str>) -> Result<Self> {
        let mut settings = settings(addresses);
        settings.listeners.truncate(1);
        let at = free_address(addresses.proxy())?;
        for listener in &mut settings.listeners {
            (listener.bind, listener.advertise) = (at, None);
            listener.internal = internal.map(str::to_owned);
        }
        settings.targets = TargetList::File(vec![Target::new("only", target)]);
        let proxy = ProxyProcess::start(settings)?;
        let kamailio = free_address(addresses.caller(1))?;
        let running = start(kamailio, &format!("sip:{at}{transport}"))?;
        Ok(Self { kamailio, proxy, addresses, running })
    }

    fn caller(&self, scenario: &str) -> Result<Sipp> {
        let caller = Sipp::caller(scenario, free_address(self.addresses.caller(0))?, self.kamailio);
        Ok(caller.calls(CALLS, 20))
    }

    fn run(&self, caller: &Sipp) -> Result<Outcome> {
        caller.run().with_context(|| format!("{}\n{}", self.proxy.log(), self.running.log()))
    }

    /// What has to stand in an INVITE at the target.
    fn check(&self, invite: &Message, caller: &Sipp) -> Result<()> {
        let routes = invite.values("Record-Route");
        let [first, second, theirs @ ..] = routes.as_slice() else { bail!("ours are not there: {invite:?}") };
        let at = self.proxy.sip_address().to_string();
        assert!(is_pair_value(first, NOWHERE) && is_pair_value(second, &at), "{invite:?}");
        let own = format!("<sip:{};", self.kamailio);
        assert!(!theirs.is_empty() && theirs.iter().all(|value| value.starts_with(&own)), "{invite:?}");
        let vias = invite.values("Via");
        let sent_by = |via: &str| via.split([' ', ';']).nth(1).unwrap_or_default().to_owned();
        let senders = [NOWHERE.to_owned(), self.kamailio.to_string(), caller.local().to_string()];
        assert_eq!(vias.iter().map(|via| sent_by(via)).collect::<Vec<_>>(), senders, "{invite:?}");
        assert!(invite.header("Contact").contains(&caller.local().to_string()), "{invite:?}");
        Ok(())
    }
}

fn is_missing() -> bool {
    kamailio::program().is_none()
        && skipped("Kamailio is not installed: on Debian, `apt-get install kamailio`")
}

#[test]
fn behind_a_kamailio_calls_are_ended_from_either_end_over_udp_and_tcp() -> Result<()> {
    if is_missing() {
        return Ok(());
    }
    let over_udp: fn(Sipp) -> Sipp = |sipp| sipp;
    let over_tcp: fn(Sipp) -> Sipp = Sipp::over_tcp;
    let tcp = ";transport=tcp";
    // Where caller and proxy are spoken to differently, Kamailio itself stands in Record-Route twice, with an r2 of its own.
    for (transport, how, theirs) in
        [("", over_udp, 1), (tcp, over_tcp, 1), (tcp, over_udp, 2), ("", over_tcp, 2)]
    {
        for (calling, answering) in [("uac_call", "uas_answer"), ("uac_hung_up", "uas_hangup")] {
            let addresses = Addresses::take();
            let target = free_address(addresses.target(0))?;
            let answers = Sipp::answering(answering, target).start()?;
            let site = InFront::of(addresses, target, transport, Some(NOWHERE))?;
            let caller = how(site.caller(calling)?);
            let called = site.run(&caller)?;
            let answered = answers.stop().with_context(|| site.proxy.log())?;

            let invites = answered.requests("INVITE");
            assert_eq!(invites.len(), CALLS as usize);
            for invite in invites {
                site.check(invite, &caller)?;
                assert_eq!(invite.values("Record-Route").len(), 2 + theirs, "{invite:?}");
            }
            let acks = answered.requests("ACK");
            assert_eq!(acks.len(), CALLS as usize);
            let ended = if calling == "uac_call" { &answered } else { &called };
            let byes = ended.requests("BYE");
            assert_eq!(byes.len(), CALLS as usize);
            for request in acks.into_iter().chain(byes) {
                assert!(request.values("Route").is_empty(), "nobody is left: {request:?}");
            }
            for ok in called.responses(200, "INVITE") {
                assert_eq!(ok.values("Via").len(), 1, "{ok:?}");
                assert_eq!(ok.values("Record-Route").len(), 2 + theirs, "{ok:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn behind_a_kamailio_calls_are_cancelled_and_refused() -> Result<()> {
    if is_missing() {
        return Ok(());
    }
    for (calling, behaviour) in [("uac_cancel", "ring"), ("uac_refused", "refuse:486")] {
        let addresses = Addresses::take();
        let machine = MachineProcess::start(free_address(addresses.target(0))?, behaviour)?;
        let site = InFront::of(addresses, machine.address(), "", None)?;
        site.run(&site.caller(calling)?)?;
    }
    Ok(())
}

/// A Kamailio as the only target of a proxy, which answers at another address.
struct AsTarget {
    proxy: ProxyProcess,
    addresses: Addresses,
    kamailio: Kamailio,
    at: SocketAddr,
    answering: SocketAddr,
}

impl AsTarget {
    fn new() -> Result<Self> {
        let addresses = Addresses::take();
        let address = |ip: IpAddr| free_address(ip);
        let (at, answering) = (address(addresses.target(0))?, address(addresses.target(1))?);
        let mut settings = settings(addresses);
        settings.targets = TargetList::File(vec![Target::new("kamailio", at)]);
        let proxy = ProxyProcess::start(settings)?;
        let kamailio = start(at, &format!("sip:{answering}"))?;
        Ok(Self { proxy, addresses, kamailio, at, answering })
    }

    fn run(&self, caller: &Sipp) -> Result<Outcome> {
        caller.run().with_context(|| format!("{}\n{}", self.proxy.log(), self.kamailio.log()))
    }

    fn caller(&self, scenario: &str) -> Result<Sipp> {
        let local = free_address(self.addresses.caller(0))?;
        Ok(Sipp::caller(scenario, local, self.proxy.sip_address()).calls(CALLS, 20))
    }
}

#[test]
fn a_kamailio_as_target_relays_calls_that_are_ended_from_either_end() -> Result<()> {
    if is_missing() {
        return Ok(());
    }
    let over_udp: fn(Sipp) -> Sipp = |sipp| sipp;
    for (how, calling, answering) in [
        (over_udp, "uac_call", "uas_answer"),
        (over_udp, "uac_hung_up", "uas_hangup"),
        (Sipp::over_tcp, "uac_call", "uas_answer"),
        (Sipp::over_tcp, "uac_hung_up", "uas_hangup"),
    ] {
        let site = AsTarget::new()?;
        let answers = Sipp::answering(answering, site.answering).start()?;
        let called = site.run(&how(site.caller(calling)?))?;
        let answered = answers.stop().with_context(|| site.proxy.log())?;

        let invites = answered.requests("INVITE");
        assert_eq!(invites.len(), CALLS as usize);
        let at = site.proxy.sip_address().to_string();
        for invite in invites {
            let routes = invite.values("Record-Route");
            assert_eq!(routes.len(), 3, "{invite:?}");
            assert!(routes[0].starts_with(&format!("<sip:{};", site.at)), "{invite:?}");
            let outer = routes[2].replace(";transport=tcp", "");
            assert!(is_pair_value(routes[1], &at) && is_pair_value(&outer, ADVERTISED), "{invite:?}");
        }
        let ended = if calling == "uac_call" { &answered } else { &called };
        let byes = ended.requests("BYE");
        assert_eq!(byes.len(), CALLS as usize);
        assert!(byes.iter().all(|bye| bye.values("Route").is_empty()), "{byes:?}");
    }
    Ok(())
}

#[test]
fn a_kamailio_as_target_passes_cancel_and_refusals_on() -> Result<()> {
    if is_missing() {
        return Ok(());
    }
    for (calling, behaviour) in [("uac_cancel", "ring"), ("uac_refused", "refuse:486")] {
        let site = AsTarget::new()?;
        let _machine = MachineProcess::start(site.answering, behaviour)?;
        site.run(&site.caller(calling)?)?;
    }
    Ok(())
}
