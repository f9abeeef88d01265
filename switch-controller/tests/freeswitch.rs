//! The whole controller with a real FreeSWITCH. Skipped, with a message, unless `SWITCHYARD_FREESWITCH` names one.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use controller::config::Config;
use lab::media::Source;
use lab::phone::{CallPlan, CallReport, Phone, Step};
use lab::proxy_process::free_port;
use lab::real_switch::{RealSwitch, SwitchSettings};
use lab::signalling::Side;
use lab::trace::Trace;
use tokio::net::TcpListener;

/// A second of a loud tone, as a WAV file.
fn tone() -> Vec<u8> {
    let samples = (0..8_000_u32).map(|at| if (at / 8).is_multiple_of(2) { 12_000_i16 } else { -12_000 });
    let samples: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + samples.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((samples.len() as u32).to_le_bytes());
    file.extend(samples);
    file
}

async fn customer(ip: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let sound = || async { ([("content-type", "audio/wav")], tone()) };
    let router = Router::new().fallback(sound);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn config(switch: &RealSwitch, directory: &Path, api: SocketAddr) -> Config {
    let shown = directory.display();
    let text = format!(
        "[freeswitch]\naddress = \"{}\"\npassword = \"{}\"\nprofile = \"internal\"\n[routes]\nfile = \"{shown}/routes.toml\"\n\
         [sounds]\ndirectory = \"{shown}/sounds\"\n[recordings]\ndirectory = \"{shown}/recordings\"\n[api]\nbind = \"{api}\"\n",
        switch.event_socket(),
        switch.password(),
    );
    Config::parse(&text, "settings", std::iter::empty()).expect("right settings")
}

async fn call(ip: Ipv4Addr, to: SocketAddr, user: &str) -> CallReport {
    let phone = Phone::start((ip, 0).into(), &Trace::new()).await.expect("a telephone");
    let plan = CallPlan { source: Source::Silence, ..CallPlan::new(to, user) };
    phone.call(plan.script([Step::Wait(Duration::from_secs(1))])).await.expect("a call")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_what_the_routes_file_says_and_is_hung_up() {
    let ip = Ipv4Addr::new(127, 0, 4, 1);
    let Some(switch) = RealSwitch::start(&SwitchSettings::at(ip)).expect("FreeSWITCH") else { return };
    let customer = customer(ip).await;
    let directory = tempfile::tempdir().expect("a directory");
    let twiml = format!("<Response><Play loop=\"2\">http://{customer}/tone</Play><Hangup/></Response>");
    std::fs::write(directory.path().join("play.xml"), twiml).expect("written");
    let routes = "[[number]]\nmatch = \"1294\"\ntwiml = \"play.xml\"\n";
    std::fs::write(directory.path().join("routes.toml"), routes).expect("written");
    let api = SocketAddr::from((ip, free_port(ip.into()).expect("a port")));
    let running = tokio::spawn(controller::run(config(&switch, directory.path(), api)));
    let until = Instant::now() + Duration::from_secs(30);
    let to = switch.profiles().internal;
    let refused = loop {
        let report = call(ip, to, "9999").await;
        // 503 until the controller is there.
        if report.status == Some(404) || Instant::now() > until {
            break report;
        }
    };
    assert_eq!(refused.status, Some(404), "{refused}");
    let report = call(ip, to, "1294").await;
    assert_eq!(report.status, Some(200), "{report}\n{}", switch.log());
    assert_eq!(report.hung_up_by, Some(Side::Callee), "{report}");
    let loud = report.audio.rms_per_second.iter().filter(|rms| **rms > 6_000.0).count();
    assert!(loud >= 2, "{report}");
    running.abort();
}
