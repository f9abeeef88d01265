//! A real FreeSWITCH with our configuration, without a controller. Skipped, with a message, unless `SWITCHYARD_FREESWITCH`
//! names one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::{
    message::Message,
    sipp::Sipp,
    site::{Addresses, settings},
    wait_until,
    wire::{Wire, answer},
};
use lab::proxy_process::{ProxyProcess, Target, TargetList, free_port};
use lab::real_switch::{Console, RealSwitch, SwitchSettings};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";

/// A FreeSWITCH, and the addresses of one test.
struct Alone {
    addresses: Addresses,
    switch: RealSwitch,
}

impl Alone {
    fn start() -> Result<Option<Self>> {
        Self::start_with(|settings| settings)
    }

    fn start_with(change: impl FnOnce(SwitchSettings) -> SwitchSettings) -> Result<Option<Self>> {
        let addresses = Addresses::take();
        let settings = change(SwitchSettings::at(ipv4(addresses.target(0))?));
        Ok(RealSwitch::start(&settings)?.map(|switch| Self { addresses, switch }))
    }

    fn caller(&self) -> Result<SocketAddr> {
        let ip = self.addresses.caller(0);
        Ok(SocketAddr::from((ip, free_port(ip)?)))
    }

    /// The final answer to one request outside any dialog, sent to this address.
    fn ask(&self, method: &str, to: SocketAddr, media: Option<&str>) -> Result<Message> {
        let wire = Wire::connect(self.addresses.caller(0), to)?;
        let request = wire.request(method, &format!("sip:1294@{to}"));
        let request = match media {
            Some(media) => {
                with_body(&request.to_string(), &format!("{SDP}m=audio 30000 RTP/AVP {media}\r\n"))
            }
            None => request.to_string(),
        };
        wire.send(request, to)?;
        wire.receive_final().with_context(|| self.switch.log())
    }
}

fn ipv4(ip: IpAddr) -> Result<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(ip) => bail!("expected an IPv4 address, got {ip}"),
    }
}

fn with_body(request: &str, body: &str) -> String {
    let fields = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    request.replace("Content-Length: 0\r\n\r\n", &fields)
}

#[test]
fn a_call_that_no_controller_takes_is_refused_with_503_after_three_seconds() -> Result<()> {
    let Some(alone) = Alone::start()? else { return Ok(()) };
    let begun = Instant::now();
    let outcome = Sipp::caller("uac_not_taken", alone.caller()?, alone.switch.profiles().nat_gateway)
        .run()
        .with_context(|| alone.switch.log())?;
    // FreeSWITCH counts whole seconds: three of them are over after two to three.
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    let refusals = outcome.responses(503, "INVITE");
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(refusals[0].header("Reason").contains("cause=41"), "{:?}", refusals[0]);
    assert_eq!(refusals[0].headers("Retry-After"), [""; 0], "{:?}", refusals[0]);
    Ok(())
}

#[test]
fn a_call_that_no_controller_takes_goes_to_the_next_freeswitch() -> Result<()> {
    let Some(alone) = Alone::start_with(|settings| settings.set("FREESWITCH_TAKE_WITHIN", "1"))? else {
        return Ok(());
    };
    let other = alone.addresses.target(1);
    let answering = Sipp::answering("uas_answer", SocketAddr::from((other, free_port(other)?)));
    let mut proxy_settings = settings(alone.addresses);
    proxy_settings.targets = TargetList::File(vec![
        Target::new("real", alone.switch.profiles().nat_gateway),
        Target::new("other", answering.local()),
    ]);
    let proxy = ProxyProcess::start(proxy_settings)?;
    let answering = answering.start()?;
    // Enough for both to be somebody's first choice.
    let outcome = Sipp::caller("uac_call", alone.caller()?, proxy.sip_address())
        .calls(12, 20)
        .run()
        .with_context(|| proxy.log())?;
    assert_eq!((outcome.statistics.successful(), outcome.statistics.failed()), (12, 0));
    assert_eq!(answering.stop()?.statistics.successful(), 12);
    let refused = alone.switch.console()?.api("status")?;
    ensure!(!refused.contains("\n0 session(s) since startup"), "FreeSWITCH got no call: {refused}");
    Ok(())
}

#[test]
fn the_event_socket_wants_the_password_that_was_made_up() -> Result<()> {
    let Some(alone) = Alone::start()? else { return Ok(()) };
    assert!(alone.switch.console()?.api("status")?.contains(" is ready"));
    assert_eq!(alone.switch.password().len(), 48);
    for password in ["ClueCon", "", "' or 1"] {
        let refused = Console::connect(alone.switch.event_socket(), password);
        assert!(format!("{:#}", refused.unwrap_err()).contains("-ERR invalid"), "{password}");
    }
    Ok(())
}

#[test]
fn a_password_and_texts_of_any_characters_reach_freeswitch_as_they_are() -> Result<()> {
    let password = "p\"ä&<'>$ip {} \\ x";
    let set = |settings: SwitchSettings| {
        settings
            .set("FREESWITCH_ESL_PASSWORD", password)
            .set("FREESWITCH_CDR_URL", "http://127.0.0.1:9/cdrs?a=1&b=2")
            .set("FREESWITCH_CDR_CREDENTIALS", "services:<&\">")
    };
    let Some(alone) = Alone::start_with(set)? else { return Ok(()) };
    assert_eq!(alone.switch.password(), password);
    assert_eq!(alone.switch.console()?.api("module_exists mod_json_cdr")?, "true");
    Ok(())
}

#[test]
fn options_tell_whether_a_call_would_be_taken() -> Result<()> {
    let Some(alone) = Alone::start()? else { return Ok(()) };
    let profiles = alone.switch.profiles();
    for profile in
        [profiles.nat_gateway, profiles.uas_nat_instance, profiles.uac_nat_instance, profiles.internal]
    {
        assert_eq!(alone.ask("OPTIONS", profile, None)?.status(), Some(200), "{profile}");
    }
    let mut console = alone.switch.console()?;
    assert!(console.api("fsctl pause inbound")?.starts_with("+OK"));
    for method in ["OPTIONS", "INVITE"] {
        let answer = alone.ask(method, profiles.nat_gateway, None)?;
        assert_eq!(answer.status(), Some(503), "{answer:?}");
    }
    assert!(console.api("fsctl resume inbound")?.starts_with("+OK"));
    assert_eq!(alone.ask("OPTIONS", profiles.nat_gateway, None)?.status(), Some(200));
    Ok(())
}

#[test]
fn a_shutdown_asap_lets_nobody_in_waits_for_the_last_call_and_can_be_called_off() -> Result<()> {
    let set = |settings: SwitchSettings| settings.set("FREESWITCH_TAKE_WITHIN", "7");
    let Some(alone) = Alone::start_with(set)? else { return Ok(()) };
    let sip = alone.switch.profiles().nat_gateway;
    let waiting = Sipp::caller("uac_not_taken", alone.caller()?, sip).start()?;
    let mut console = alone.switch.console()?;
    wait_until("the call parks", Duration::from_secs(10), || {
        Ok(console.api("show channels")?.contains(",park,"))
    })?;
    let mut ordering = alone.switch.console()?;
    // It answers when it has an end, which is why it is asked in the background.
    ordering.api("bgapi fsctl shutdown asap")?;
    wait_until("no more calls are let in", Duration::from_secs(2), || {
        Ok(alone.ask("OPTIONS", sip, None)?.status() == Some(503))
    })?;
    assert_eq!(alone.ask("INVITE", sip, Some("0"))?.status(), Some(503));
    console.api("fsctl shutdown cancel")?;
    wait_until("calls are let in again", Duration::from_secs(2), || {
        Ok(alone.ask("OPTIONS", sip, None)?.status() == Some(200))
    })?;
    waiting.finish()?;
    assert!(console.api("status")?.contains(" is ready"));
    ordering.api("bgapi fsctl shutdown asap")?;
    wait_until("it has ended", Duration::from_secs(20), || {
        Ok(Console::connect(alone.switch.event_socket(), alone.switch.password()).is_err())
    })
}

#[test]
fn calls_that_are_not_for_us_are_refused_at_once() -> Result<()> {
    let Some(alone) = Alone::start()? else { return Ok(()) };
    let profiles = alone.switch.profiles();
    let no_codec_of_ours = alone.ask("INVITE", profiles.nat_gateway, Some("18"))?;
    assert_eq!(no_codec_of_ours.status(), Some(488), "{no_codec_of_ours:?}");
    let where_nobody_calls = alone.ask("INVITE", profiles.uac_nat_instance, Some("0"))?;
    assert_eq!(where_nobody_calls.status(), Some(403), "{where_nobody_calls:?}");
    for method in ["REGISTER", "SUBSCRIBE", "REFER"] {
        let answer = alone.ask(method, profiles.nat_gateway, None)?;
        assert_eq!(answer.status(), Some(405), "{answer:?}");
    }
    Ok(())
}

#[test]
fn calls_from_elsewhere_than_the_proxies_are_refused() -> Result<()> {
    let set = |settings: SwitchSettings| settings.set("FREESWITCH_SIP_ALLOW", "192.0.2.0/24,127.9.9.9/32");
    let Some(alone) = Alone::start_with(set)? else { return Ok(()) };
    let answer = alone.ask("INVITE", alone.switch.profiles().nat_gateway, Some("0"))?;
    assert_eq!(answer.status(), Some(403), "{answer:?}");
    Ok(())
}

#[test]
fn a_redirection_is_not_followed() -> Result<()> {
    let Some(alone) = Alone::start()? else { return Ok(()) };
    let elsewhere = Wire::bind(alone.addresses.caller(1))?;
    let carrier = Wire::bind(alone.addresses.caller(0))?;
    let mut console = alone.switch.console()?;
    console.api(&format!("bgapi originate sofia/nat_gateway/1294@{} &park()", carrier.local()))?;
    let invite = carrier.receive()?;
    assert!(invite.is("INVITE"), "{invite:?}");
    let contact = format!("sip:1294@{}", elsewhere.local());
    carrier.send(answer(&invite, "302 Moved Temporarily", &contact), alone.switch.profiles().nat_gateway)?;
    wait_until("the attempt ends", Duration::from_secs(10), || {
        Ok(console.api("show channels count")?.trim().starts_with("0 total"))
    })?;
    assert!(elsewhere.is_silent()?);
    Ok(())
}

#[test]
fn a_leg_that_sends_no_rtp_is_ended() -> Result<()> {
    let set = |settings: SwitchSettings| settings.set("FREESWITCH_RTP_TIMEOUT", "2");
    let Some(alone) = Alone::start_with(set)? else { return Ok(()) };
    let carrier = Wire::bind(alone.addresses.caller(0))?;
    alone
        .switch
        .console()?
        .api(&format!("bgapi originate sofia/nat_gateway/1294@{} &park()", carrier.local()))?;
    let invite = carrier.receive()?;
    let ok = answer(&invite, "200 OK", &format!("sip:1294@{}", carrier.local()));
    let ok = with_body(&ok, &format!("{SDP}m=audio 30000 RTP/AVP 0\r\n"));
    carrier.send(ok, alone.switch.profiles().nat_gateway)?;
    let (ack, bye) = (carrier.receive()?, carrier.receive()?);
    assert!(ack.is("ACK") && bye.is("BYE"), "{ack:?}{bye:?}");
    assert!(bye.header("Reason").contains("MEDIA_TIMEOUT"), "{bye:?}");
    Ok(())
}

#[test]
fn two_run_side_by_side_and_leave_nothing_behind() -> Result<()> {
    let (Some(one), Some(other)) = (Alone::start()?, Alone::start()?) else { return Ok(()) };
    assert_ne!(
        one.switch.console()?.api("global_getvar core_uuid")?,
        other.switch.console()?.api("global_getvar core_uuid")?
    );
    let (directory, log, socket) =
        (one.switch.directory(), one.switch.log_path().to_owned(), one.switch.event_socket());
    assert!(directory.join("run/freeswitch.pid").is_file() && log.is_file());
    drop(one);
    assert!(!directory.exists() && !log.exists());
    assert!(Console::connect(socket, "anything").is_err());
    assert!(other.switch.console()?.api("status")?.contains(" is ready"));
    Ok(())
}
