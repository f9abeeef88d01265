//! `lab demo`, as `cargo xtask demo` runs it: its exit code, and what it says about its calls.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::Ipv4Addr;
use std::process::{Command, Output, Stdio};

use lab::child::binary;
use lab::real_switch::{RealSwitch, SwitchSettings};

fn demo(arguments: &[&str], password: &str) -> Output {
    let mut lab = Command::new(binary("lab", "SWITCHYARD_LAB").unwrap());
    let lab = lab.arg("demo").args(arguments).env("FREESWITCH_ESL_PASSWORD", password);
    lab.env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap()
}

/// What it printed, if it has ended as it must.
fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("\nAll verdicts hold.\n"), "{said}");
    said
}

#[test]
fn callers_register_through_proxy_stand_ins_and_controllers() {
    let said = said(&demo(&["--registrations", "5", "--calls", "5"], ""));
    assert!(said.contains("switch 2"), "{said}");
    assert!(said.contains("  asked for  /voice, /province, /name\n"), "{said}");
    assert!(said.contains("  province   Phnom Penh\n"), "{said}");
    assert!(said.contains("PASS: all 5 calls to the line went as they must."), "{said}");
    assert!(said.contains("PASS: all 5 calls went as they must."), "{said}");
}

#[test]
fn callers_register_at_a_real_freeswitch() {
    let Some(switch) = RealSwitch::start(&SwitchSettings::at(Ipv4Addr::new(127, 0, 4, 60))).unwrap() else {
        return;
    };
    let address = switch.event_socket().to_string();
    let arguments = ["--registrations", "5", "--calls", "1", "--freeswitch", &address];
    let said = said(&demo(&arguments, switch.password()));
    assert!(said.contains("a real FreeSWITCH"), "{said}");
    assert!(said.contains("PASS: all 5 calls to the line went as they must."), "{said}");
}

#[test]
fn a_freeswitch_that_is_not_there_is_told_of() {
    let output = demo(&["--freeswitch", "127.0.0.1:1"], "x");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no event socket at 127.0.0.1:1"), "{said}");
}
