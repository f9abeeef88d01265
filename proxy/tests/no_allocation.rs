//! Routing a message that is forwarded allocates nothing, once the buffers that it reuses have grown.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use proxy::health::Condition;
use proxy::load::Figures;
use proxy::route::{Input, Scratch, Transport, Verdict};
use proxy::table::{Choice, Policy};
use support::{ADVERTISED, CARRIER, INTERNAL, NOW, Site, TARGET, invite, request};

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all work is the system allocator's.
#[allow(unsafe_code, reason = "an allocator that counts cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(site: &Site, message: &str, source: &str) -> (u64, Verdict) {
    let (mut scratch, mut out) = (Scratch::new(), Vec::with_capacity(64 * 1024));
    let input = Input {
        bytes: message.as_bytes(),
        source: source.parse().unwrap(),
        local: None,
        listener: 0,
        transport: Transport::Udp,
        connection: None,
        now: NOW,
    };
    let before = ALLOCATIONS.with(Cell::get);
    let verdict = site.router.route(&input, &site.table, &mut scratch, &mut out);
    (ALLOCATIONS.with(Cell::get) - before, verdict)
}

#[test]
fn a_forwarded_message_costs_no_allocation_from_the_first_one_on() {
    let site = Site::new();
    let branch = site.route(invite(""), CARRIER).branches().remove(0);
    let many = (0..40).map(|i| format!("X-Somleng-{i}: stripped\r\n")).collect::<String>();
    let routes = format!(
        "Route: <sip:{INTERNAL};lr;r2=on>\r\nRoute: <sip:{ADVERTISED};lr;r2=on>\r\nRoute: <sip:{CARRIER};lr>\r\n"
    );
    // A target that left the list, which the token speaks for, and a caller behind a NAT, whose address it holds.
    let token = |invite: &str| site.route(invite, CARRIER).tokens().remove(0);
    let gone = format!(
        "Route: <sip:{ADVERTISED};lr;r2=on;did={token}>\r\nRoute: <sip:{INTERNAL};lr;r2=on;did={token}>\r\n",
        token = token(&invite(""))
    );
    let nat = invite("Contact: <sip:x@192.168.1.2>\r\n").replace("UDP 175.100.32.29", "UDP 192.168.1.2");
    let to_nat = format!(
        "Route: <sip:{INTERNAL};lr;r2=on;did={token}>, <sip:{ADVERTISED};lr;r2=on;did={token}>\r\n",
        token = token(&nat)
    );
    let back = request("BYE", "sip:x@192.168.1.2", "target", &to_nat);
    let back = back.replace("tag=caller", "tag=x").replace("tag=target", "tag=caller");
    let response = format!("Via: SIP/2.0/UDP {INTERNAL};branch={branch}\r\n");
    let ok = request("INVITE", "sip:x", "target", "")
        .replace("INVITE sip:x SIP/2.0\r\n", &format!("SIP/2.0 200 OK\r\n{response}"));
    let messages = [
        (invite(&many), CARRIER),
        (invite("Record-Route: <sip:a;lr>\r\nRoute: <sip:b;lr>\r\n"), CARRIER),
        (request("CANCEL", "sip:1294@52.74.4.205:5060", "", ""), CARRIER),
        (request("BYE", "sip:1294@52.74.4.205:5060", "target", ""), CARRIER),
        (request("BYE", "sip:0715100860@10.65.104.1:5060", "caller", &routes), TARGET),
        (request("INVITE", "sip:85512345@175.100.32.29", "", ""), TARGET),
        (ok, TARGET),
        (nat, CARRIER),
        (back, TARGET),
        (request("BYE", "sip:x@10.10.7.7", "target", &gone), CARRIER),
    ];
    for (message, source) in &messages {
        let (count, verdict) = allocations(&site, message, source);
        assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}\n{message}");
        assert_eq!(count, 0, "{message}");
    }
}

#[test]
fn choosing_the_emptier_of_two_costs_none() {
    let three = r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060, "control": 8081}},
                                {"id": "b", "address": "10.10.1.22", "ports": {"sip": 5060, "control": 8081}},
                                {"id": "c", "address": "10.10.1.23", "ports": {"sip": 5060, "control": 8081}}]}"#;
    let mut site = Site::with(|settings| settings, three);
    let (policy, time) = (Policy::LeastLoaded, Duration::from_secs(30));
    site.table = site.table.choosing_by(Choice { policy, slow_start: time, stale: time });
    let hash = site.route(invite(""), CARRIER).hop().address;
    for (target, gauge) in site.table.gauges() {
        let full = format!(
            r#"{{"sessions": {}, "max_sessions": 9, "idle_cpu": 90, "accepting": true, "age": 0}}"#,
            if target.address == hash.ip() { 9 } else { 0 }
        );
        gauge.take(Figures::from_json(full.as_bytes()).unwrap(), NOW);
    }
    let (count, verdict) = allocations(&site, &invite(""), CARRIER);
    let Verdict::Forward { hop, .. } = verdict else { panic!("{verdict:?}") };
    assert_ne!(hop.address, hash, "it is full");
    assert_eq!(count, 0);
    // Another that is down, so that two have to be looked for.
    site.table.endpoints().find(|(_, _, e)| e.address == hop.address).unwrap().2.mark.set(Condition::Down);
    let (count, verdict) = allocations(&site, &invite(""), CARRIER);
    assert!(
        matches!(verdict, Verdict::Forward { hop: next, .. } if ![hash, hop.address].contains(&next.address))
    );
    assert_eq!(count, 0);
}

#[test]
fn passing_over_a_target_that_is_down_and_knowing_a_probes_answer_cost_none() {
    let two = r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}},
                              {"id": "b", "address": "10.10.1.22", "ports": {"sip": 5060}}]}"#;
    let site = Site::with(|settings| settings, two);
    let target = site.route(invite(""), CARRIER).hop().address;
    let dead = site.table.endpoints().find(|(_, _, endpoint)| endpoint.address == target).unwrap().2;
    dead.mark.set(Condition::Down);
    let (count, verdict) = allocations(&site, &invite(""), CARRIER);
    assert!(matches!(verdict, Verdict::Forward { hop, .. } if hop.address != target), "{verdict:?}");
    assert_eq!(count, 0);

    let mut probe = Vec::new();
    site.router.write_probe(0, (proxy::route::Transport::Udp, target), 1, 2, &mut probe);
    let probe = String::from_utf8(probe).unwrap();
    let answer = format!("SIP/2.0 200 OK\r\n{}", probe.split_once("\r\n").unwrap().1);
    let (count, verdict) = allocations(&site, &answer, TARGET);
    assert!(matches!(verdict, Verdict::Answer(_)), "{verdict:?}");
    assert_eq!(count, 0);
}
