//! `dispatch.policy = "least-loaded"`: targets behind which a web server says how full each is.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    sipp::Sipp,
    site::{Addresses, Site},
    wait_until,
    web::{Document, Web},
};
use lab::proxy_process::{Target, TargetList};

const POLL: Duration = Duration::from_millis(200);
/// A poll with its jitter, and what a busy machine takes.
const SEEN: Duration = Duration::from_millis(240 + 3000);
const WITHIN: Duration = Duration::from_secs(10);
const LOAD: &str =
    "[dispatch]\npolicy = \"least-loaded\"\n[load]\npoll = \"200ms\"\ntimeout = \"200ms\"\nstale = \"2s\"\n";

/// Two answering machines, each with a web server beside it.
struct Fleet {
    site: Site,
    webs: Vec<Web>,
}

impl Fleet {
    fn start() -> Result<Self> {
        let addresses = Addresses::take();
        let webs =
            (0..2).map(|number| Web::start(addresses.target(number), None)).collect::<Result<Vec<_>>>()?;
        let answering = |local: SocketAddr| Sipp::answering("uas_answer", local);
        let change = |settings: &mut lab::proxy_process::ProxySettings| {
            settings.further.push_str(LOAD);
            if let TargetList::File(targets) = &mut settings.targets {
                with_control_ports(targets, &webs);
            }
        };
        let site = Site::start_at(addresses, 2, change, answering)?;
        Ok(Fleet { site, webs })
    }

    fn say(&self, number: usize, document: Document) {
        if let Some(web) = self.webs.get(number) {
            *web.document() = document;
        }
    }

    /// Waits until the proxy shows this of a target's load.
    fn wait_known(&self, number: usize, text: &str, within: Duration) -> Result<Duration> {
        let began = Instant::now();
        wait_until(text, within, || {
            let all = self.site.proxy.get("/targets")?.1;
            let parts: Vec<&str> = all.split("{\"id\":").collect();
            Ok(parts.get(number + 1).is_some_and(|own| own.contains(text)))
        })
        .with_context(|| self.site.proxy.log())?;
        Ok(began.elapsed())
    }

    /// So many calls; how many each target gets.
    fn calls(&self, calls: u32) -> Result<[f64; 2]> {
        let before = self.invites();
        self.site.run(&self.site.caller("uac_call")?.calls(calls, 100))?;
        let after = self.invites();
        Ok([after[0] - before[0], after[1] - before[1]])
    }

    fn invites(&self) -> [f64; 2] {
        [0, 1].map(|number| {
            let name = format!("switchyard_proxy_invites_total{{target=\"task-{number}\"}}");
            self.site.proxy.metric(&name).unwrap_or_default()
        })
    }
}

fn with_control_ports(targets: &mut [Target], webs: &[Web]) {
    for (target, web) in targets.iter_mut().zip(webs) {
        *target = target.clone().with_port("control", web.port());
    }
}

fn figures(sessions: u32, accepting: bool) -> Document {
    let body = format!(
        "{{\"sessions\": {sessions}, \"max_sessions\": 100, \"idle_cpu\": 95.5, \"accepting\": {accepting}, \
         \"age\": 0.1, \"later\": [1, {{}}]}}"
    );
    Document { status: "200 OK".to_owned(), body, ..Document::default() }
}

#[test]
fn the_emptier_target_gets_the_calls_and_one_that_closes_gets_none_within_a_poll() -> Result<()> {
    let fleet = Fleet::start()?;
    fleet.say(0, figures(10, true));
    fleet.say(1, figures(90, true));
    fleet.wait_known(0, "\"sessions\":10,", WITHIN)?;
    fleet.wait_known(1, "\"sessions\":90,", WITHIN)?;
    assert_eq!(fleet.calls(20)?, [20.0, 0.0], "{}", fleet.site.proxy.log());
    let room = fleet.site.proxy.metric("switchyard_proxy_target_room{target=\"task-1\"}").unwrap_or_default();
    assert!((room - 0.1).abs() < 0.001, "{room}");

    // Calls are up there when it closes. They go on, and end.
    let mut up = fleet.site.caller("uac_call")?.calls(8, 100).hold(Duration::from_secs(2)).start()?;
    up.wait_sent(8, |message| message.is("ACK"))?;
    fleet.say(0, figures(10, false));
    let seen = fleet.wait_known(0, "\"accepting\":false", SEEN)?;
    println!("seen within {seen:?}, with a poll of {POLL:?}");
    assert_eq!(fleet.calls(20)?, [0.0, 20.0], "{}", fleet.site.proxy.log());
    assert_eq!(fleet.site.proxy.metric("switchyard_proxy_target_accepting{target=\"task-0\"}"), Some(0.0));
    up.finish()?;
    ensure!(fleet.site.proxy.log().contains("what its controller says of new calls"));

    // Where nobody takes calls, they are tried all the same.
    fleet.say(1, figures(90, false));
    fleet.wait_known(1, "\"accepting\":false", WITHIN)?;
    let both = fleet.calls(40)?;
    assert!(both.iter().all(|calls| *calls > 5.0), "{both:?}");
    fleet.site.finish()?;
    Ok(())
}

#[test]
fn figures_that_are_old_are_not_used_and_what_is_none_harms_nobody() -> Result<()> {
    let fleet = Fleet::start()?;
    let mut failed = 0.0;
    let hostile = [
        ("500 No", "{}".to_owned(), None),
        ("302 Found", String::new(), None),
        ("200 OK", String::new(), None),
        ("200 OK", "[".repeat(4000), None),
        ("200 OK", "x".repeat(1 << 20), None),
        ("200 OK", String::new(), Some(usize::MAX / 2)),
        ("200 OK", "{\"sessions\": 1".to_owned(), Some(4000)),
        ("200 OK", figures(0, true).body.replace("95.5", "1e999"), None),
        ("200 OK", figures(0, true).body.replace("95.5", "-1"), None),
        ("200 OK", figures(0, true).body.replace("100", "-100"), None),
        ("200 OK", figures(0, true).body.replace("0.1", "1e300"), None),
        // Figures, but of an hour ago.
        ("200 OK", figures(0, true).body.replace("0.1", "3600"), None),
        ("", String::new(), None),
    ];
    for (status, body, length) in hostile {
        let name = format!("{status} {} {length:?}", body.get(..40).unwrap_or(&body));
        fleet.say(0, figures(99, true));
        fleet.say(1, figures(1, true));
        // Known, before it speaks nonsense: the other one gets all.
        for (number, room) in [(0, "\"sessions\":99,"), (1, "\"sessions\":1,")] {
            fleet.wait_known(number, room, WITHIN)?;
            fleet.wait_known(number, "\"stale\":false", WITHIN)?;
        }
        assert_eq!(fleet.calls(10)?, [0.0, 10.0], "{name}");
        for number in 0..2 {
            let body = body.clone();
            fleet.say(number, Document { status: status.to_owned(), body, length, ..Document::default() });
        }
        // What was said before is used until it is old; the hash says whose a call is then.
        for number in 0..2 {
            fleet.wait_known(number, "\"stale\":true", WITHIN).context(name.clone())?;
        }
        let both = fleet.calls(20)?;
        assert!(both[0] > 0.0 && both[1] > 0.0, "{name}: {both:?}");
        let now = fleet.site.proxy.metric("switchyard_proxy_load_polls_total{result=\"failed\"}");
        assert!(body.contains("3600") || now > Some(failed), "{name}: {now:?}");
        failed = now.unwrap_or_default();
    }
    let log = fleet.site.proxy.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.contains("it does not say how full it is") && log.contains("it says again how full it is"));
    assert_eq!(fleet.site.proxy.metric("switchyard_proxy_target_room{target=\"task-0\"}"), None);
    fleet.site.finish()?;
    Ok(())
}
