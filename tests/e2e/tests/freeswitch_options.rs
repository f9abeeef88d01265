//! What FreeSWITCH does only where a setting says so: keys as tones, G.729, a log in JSON, call data records. With a real
//! one; skipped, with a message, unless `SWITCHYARD_FREESWITCH` names it.

use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use e2e::{site::Addresses, wait_until, web::Web};
use lab::real_switch::{Console, RealSwitch, SwitchSettings, start_script};

const WITHIN: Duration = Duration::from_secs(20);

/// A FreeSWITCH with some settings of its own.
fn start(variables: &[(&str, &str)]) -> Result<Option<RealSwitch>> {
    let IpAddr::V4(ip) = Addresses::take().target(0) else { bail!("expected an IPv4 address") };
    // Nobody takes the calls, and they are not to end for that.
    let settings = SwitchSettings::at(ip).set("FREESWITCH_TAKE_WITHIN", "60");
    let settings = variables.iter().fold(settings, |settings, (name, value)| settings.set(name, value));
    RealSwitch::start(&settings)
}

/// Two legs of one call: from FreeSWITCH to itself.
struct Call {
    console: Console,
    caller: String,
    callee: String,
}

impl Call {
    /// Both are up when this returns. `variables` are the caller's.
    fn up(switch: &RealSwitch, variables: &str) -> Result<Self> {
        let mut console = switch.console()?;
        let callee = switch.profiles().uas_nat_instance;
        console.api(&format!("bgapi originate {{{variables}}}sofia/nat_gateway/1294@{callee} &park()"))?;
        let mut legs = None;
        wait_until("both legs are there", WITHIN, || {
            let channels = console.api("show channels")?;
            let leg = |direction: &str| {
                let line = channels.lines().find(|line| line.contains(&format!(",{direction},")))?;
                line.split(',').next().map(str::to_owned)
            };
            legs = leg("outbound").zip(leg("inbound").filter(|_| channels.contains(",park,")));
            Ok(legs.is_some())
        })
        .with_context(|| switch.log())?;
        let (caller, callee) = legs.context("two legs")?;
        console.api(&format!("uuid_answer {callee}"))?;
        // What is executed before a leg is parked is broken off by that.
        wait_until("the caller's leg is parked", WITHIN, || {
            Ok(console.api(&format!("uuid_getvar {caller} current_application"))?.trim() == "park")
        })?;
        Ok(Self { console, caller, callee })
    }

    fn end(&mut self) -> Result<()> {
        self.console.api("hupall")?;
        wait_until("both legs are gone", WITHIN, || {
            Ok(self.console.api("show channels count")?.trim().starts_with("0 total"))
        })
    }

    fn hears_tones(&mut self, channel: &str) -> Result<bool> {
        Ok(self.console.api(&format!("uuid_buglist {channel}"))?.contains("spandsp_dtmf_detect"))
    }

    /// A variable of both legs, once they have it.
    fn both(&mut self, variable: &str) -> Result<[String; 2]> {
        let mut values = [String::new(), String::new()];
        wait_until(variable, WITHIN, || {
            for (value, leg) in values.iter_mut().zip([&self.caller, &self.callee]) {
                *value = self.console.api(&format!("uuid_getvar {leg} {variable}"))?.trim().to_owned();
            }
            Ok(values.iter().all(|value| value != "_undef_"))
        })?;
        Ok(values)
    }
}

#[test]
fn keys_that_come_as_tones_are_heard_in_calls_without_telephone_event_alone() -> Result<()> {
    let set = [("FREESWITCH_INBAND_DTMF", "on"), ("FREESWITCH_LOG_LEVEL", "info")];
    let Some(switch) = start(&set)? else { return Ok(()) };
    let mut call = Call::up(&switch, "dtmf_type=none")?;
    let (caller, callee) = (call.caller.clone(), call.callee.clone());
    wait_until("both legs are listened to", WITHIN, || {
        Ok(call.hears_tones(&callee)? && call.hears_tones(&caller)?)
    })
    .with_context(|| switch.log())?;
    call.console.api(&format!("uuid_broadcast {caller} tone_stream://d=200;w=200;15#"))?;
    for key in ["1", "5", "#"] {
        wait_until("the key is heard", WITHIN, || Ok(switch.log().contains(&format!("RECV DTMF {key}:"))))
            .with_context(|| format!("{key}: {}", switch.log()))?;
    }
    call.end()?;
    let mut call = Call::up(&switch, "dtmf_type=rfc2833")?;
    let (caller, callee) = (call.caller.clone(), call.callee.clone());
    // It would have been started by now: what comes after the answer has been done.
    call.both("rtp_use_codec_name")?;
    assert!(!call.hears_tones(&callee)? && !call.hears_tones(&caller)?, "{}", switch.log());
    Ok(())
}

#[test]
fn g729_is_negotiated_where_the_settings_name_it() -> Result<()> {
    let Some(plain) = start(&[])? else { return Ok(()) };
    let mut console = plain.console()?;
    console.api("load mod_g729")?;
    if console.api("module_exists mod_g729")?.trim() != "true" {
        eprintln!("SKIPPED: this FreeSWITCH has no mod_g729");
        return Ok(());
    }
    let Some(switch) = start(&[("FREESWITCH_CODECS", "PCMU,G729")])? else { return Ok(()) };
    let mut call = Call::up(&switch, "absolute_codec_string=G729")?;
    assert_eq!(call.both("read_codec")?, ["G729"; 2], "{}", switch.log());
    Ok(())
}

#[test]
fn the_log_is_json_where_the_settings_say_so() -> Result<()> {
    let set = [("FREESWITCH_LOG_FORMAT", "json"), ("FREESWITCH_LOG_LEVEL", "info")];
    let Some(switch) = start(&set)? else { return Ok(()) };
    let mut call = Call::up(&switch, "")?;
    call.end()?;
    let channel = call.callee.clone();
    wait_until("the end of the call is logged", WITHIN, || {
        Ok(switch.log().contains(&format!("\"session\":\"{channel}\"")) && switch.log().contains("Ended"))
    })?;
    let log = switch.log();
    // What FreeSWITCH says before its modules are there is text, whatever the settings.
    let lines: Vec<&str> = log.lines().skip_while(|line| !line.starts_with('{')).collect();
    let whole = lines.iter().take(lines.len().saturating_sub(1));
    let mut read = 0;
    for line in whole {
        let entry: serde_json::Value = serde_json::from_str(line).with_context(|| (*line).to_owned())?;
        ensure!(entry["message"].is_string() && entry["level"].is_u64(), "{entry}");
        let seconds = entry["timestamp"].as_f64().context("a timestamp")?;
        ensure!((1.0e9..1.0e10).contains(&seconds), "expected seconds since 1970, got {seconds}");
        read += 1;
    }
    assert!(read > 10, "{log}");
    Ok(())
}

#[test]
fn its_health_check_says_whether_all_profiles_run() -> Result<()> {
    let Some(switch) = start(&[])? else { return Ok(()) };
    let healthy = || -> Result<bool> {
        let output = Command::new(start_script().with_file_name("healthy.sh"))
            .env("FREESWITCH_DIRECTORY", switch.directory())
            .env("FREESWITCH_ESL_PORT", switch.event_socket().port().to_string())
            .output()?;
        Ok(output.status.success())
    };
    assert!(healthy()?, "{}", switch.log());
    let mut console = switch.console()?;
    wait_until("it is not healthy", WITHIN, || {
        // FreeSWITCH refuses that in a profile's first ten seconds.
        console.api("sofia profile internal stop")?;
        Ok(!healthy()?)
    })
}

#[test]
fn a_call_data_record_for_each_leg_reaches_the_platform() -> Result<()> {
    let platform = Web::start(IpAddr::from([127, 0, 0, 1]), None)?;
    platform.put("", None);
    let url = platform.url().split('?').next().context("a URL")?.to_owned();
    let set = [("FREESWITCH_CDR_URL", url.as_str()), ("FREESWITCH_CDR_CREDENTIALS", "services:secret")];
    let Some(switch) = start(&set)? else { return Ok(()) };
    let mut call = Call::up(&switch, "")?;
    call.end()?;
    wait_until("both records come", WITHIN, || Ok(platform.requests() == 2)).with_context(|| switch.log())?;
    for channel in [&call.caller, &call.callee] {
        let requests = platform.document().requests.clone();
        let request = requests.iter().find(|request| request.start_line().contains(channel.as_str()));
        let request = request.with_context(|| format!("no record of {channel}: {requests:?}"))?;
        assert!(request.is("POST"), "{request:?}");
        assert_eq!(request.header("Content-Type"), "application/x-www-form-base64-encoded");
        let login = format!("Basic {}", STANDARD.encode("services:secret"));
        assert_eq!(request.header("Authorization"), login);
    }
    assert_eq!(fs::read_dir(switch.directory().join("log/cdr-not-sent"))?.count(), 0);
    Ok(())
}

#[test]
fn a_call_data_record_that_nobody_takes_is_tried_again_and_then_kept() -> Result<()> {
    let platform = Web::start(IpAddr::from([127, 0, 0, 1]), None)?;
    platform.document().status = "503 Service Unavailable".to_owned();
    let url = platform.url().split('?').next().context("a URL")?.to_owned();
    let set = [
        ("FREESWITCH_CDR_URL", url.as_str()),
        ("FREESWITCH_CDR_RETRIES", "3"),
        ("FREESWITCH_CDR_DELAY", "1"),
    ];
    let Some(switch) = start(&set)? else { return Ok(()) };
    let mut call = Call::up(&switch, "")?;
    call.end()?;
    for channel in [&call.caller, &call.callee] {
        let kept = switch.directory().join(format!("log/cdr-not-sent/{channel}.cdr.json"));
        wait_until("the record is kept", WITHIN, || {
            Ok(fs::read(&kept).is_ok_and(|text| text.ends_with(b"\n")))
        })
        .with_context(|| switch.log())?;
        let record = STANDARD.decode(fs::read_to_string(&kept)?.trim_end())?;
        let record: serde_json::Value = serde_json::from_slice(&record)?;
        assert_eq!(record["variables"]["uuid"], channel.as_str(), "{record}");
        let tries = platform
            .document()
            .requests
            .iter()
            .filter(|one| one.start_line().contains(channel.as_str()))
            .count();
        assert_eq!(tries, 1 + 3);
    }
    Ok(())
}
