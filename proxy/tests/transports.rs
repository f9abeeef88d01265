//! UDP, TCP, TLS, IPv4 and IPv6: each end of a call keeps its own, and both reach each other (RFC 5658).
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use proxy::route::{Cause, ConnectionId, Hop, Input, Transport, Verdict};
use support::{CARRIER, NOW, Outcome, PinnedSite, Site, TARGET, THREE, datagram, invite, request};

const TLS: &str = "tls = { bind = \"0.0.0.0:5061\", certificate = \"c\", key = \"k\" }\n";
const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

/// The main listener with a port for TLS, and beside it one for IPv6.
fn site() -> Site {
    site_with(
        r#"{"targets": [
            {"id": "task-1", "address": "10.10.1.21", "ports": {"sip": 5060, "alternative": 5080}}]}"#,
    )
}

fn site_with(targets: &str) -> Site {
    Site::with(
        |settings| {
            let main = "internal = \"10.10.1.162:5060\"\n";
            let six = "[[listener]]\nname = \"six\"\nbind = \"[2001:db8::10]:5060\"\n\
                       tls = { bind = \"[2001:db8::10]:5061\", certificate = \"c\", key = \"k\" }\n[targets]\n";
            assert!(settings.contains(main));
            let settings = settings.replace("[targets]\n", six).replace(main, &format!("{main}{TLS}"));
            settings
                .replace("\"10.10.0.0/16\"", "\"10.10.0.0/16\", \"2001:db8:10::/48\"")
                .replace("sources = [", "sources = [\"2001:db8:99::/48\", ")
        },
        targets,
    )
}

fn over(site: &Site, transport: Transport, message: &str, source: &str) -> Outcome {
    let connection = (transport != Transport::Udp).then_some(42);
    let message = message.replacen("SIP/2.0/UDP", &format!("SIP/2.0/{}", transport.as_str()), 1);
    let source: SocketAddr = source.parse().unwrap();
    site.route_input(&Input {
        bytes: message.as_bytes(),
        source,
        local: None,
        listener: 0,
        transport,
        connection,
        now: NOW,
    })
}

/// The Route lines of a request that one end sends, the route set as that end has it.
fn routes<'a>(values: impl Iterator<Item = &'a String>) -> String {
    values.map(|value| format!("Route: {value}\r\n")).collect()
}

fn parameter(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    }
}

fn response_to(request: &Outcome) -> String {
    let vias: String = request.headers("Via").iter().map(|via| format!("Via: {via}\r\n")).collect();
    format!("SIP/2.0 200 OK\r\n{vias}Call-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")
}

fn way(hop: Hop) -> (Transport, String, Option<ConnectionId>) {
    (hop.transport, hop.address.to_string(), hop.connection)
}

#[test]
fn a_caller_over_each_transport_and_a_target_over_udp_reach_each_other_in_a_dialog() {
    let site = site();
    for transport in TRANSPORTS {
        let call = over(&site, transport, &invite(""), "175.100.32.29:40000");
        assert_eq!(way(call.hop()), (Transport::Udp, TARGET.to_owned(), None), "{}", call.raw);
        let port = if transport == Transport::Tls { 5061 } else { 5060 };
        let outside = format!("<sip:52.74.4.205:{port}{};lr;r2=on>", parameter(transport));
        let routed = call.headers("Record-Route");
        assert_eq!(
            call.record_routes(),
            ["<sip:10.10.1.162:5060;lr;r2=on>".to_owned(), outside],
            "{}",
            call.raw
        );
        assert!(call.headers("Via")[0].starts_with("SIP/2.0/UDP 10.10.1.162:5060;"));
        // The answer goes back as the call came.
        let answer = site.route(response_to(&call), TARGET).hop();
        let (port, connection) = match transport {
            Transport::Udp => (5060, None),
            Transport::Tcp | Transport::Tls => (5060, Some(42)),
        };
        assert_eq!(way(answer), (transport, format!("175.100.32.29:{port}"), connection));
        // The caller hangs up: the route set from bottom to top.
        let bye = request("BYE", "sip:1294@10.10.1.21:5060", "target", &routes(routed.iter().rev()));
        let bye = over(&site, transport, &bye, "175.100.32.29:40000");
        assert_eq!((way(bye.hop()).0, bye.forwarded_to()), (Transport::Udp, TARGET.to_owned()));
        assert!(bye.headers("Route").is_empty());
        // The target hangs up: as it stood in the INVITE.
        let contact = format!("sip:0715100860@175.100.32.29:40000{}", parameter(transport));
        let bye = site.route(request("BYE", &contact, "caller", &routes(routed.iter())), TARGET);
        assert_eq!((bye.hop().transport, bye.forwarded_to()), (transport, "175.100.32.29:40000".to_owned()));
        let port = if transport == Transport::Tls { 5061 } else { 5060 };
        let sent_by = format!("SIP/2.0/{} 52.74.4.205:{port};", transport.as_str());
        assert!(bye.headers("Via")[0].starts_with(&sent_by), "{}", bye.raw);
    }
}

#[test]
fn a_target_over_udp_calls_out_over_each_transport() {
    let site = site();
    for transport in TRANSPORTS {
        let to = format!("sip:85512345@175.100.32.29{}", parameter(transport));
        let call = site.route(request("INVITE", &to, "", ""), TARGET);
        let port = if transport == Transport::Tls { 5061 } else { 5060 };
        assert_eq!((call.hop().transport, call.forwarded_to()), (transport, format!("175.100.32.29:{port}")));
        let outside = format!("<sip:52.74.4.205:{port}{};lr;r2=on>", parameter(transport));
        assert_eq!(call.record_routes(), [outside, "<sip:10.10.1.162:5060;lr;r2=on>".to_owned()]);
    }
}

#[test]
fn a_target_is_spoken_to_over_tcp_at_a_port_that_it_names_for_that() {
    let site = Site::with(
        |settings| settings,
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060, "sip_tcp": 5062}}]}"#,
    );
    let lines = "Route: <sip:52.74.4.205;lr>\r\n";
    let bye = |uri: &str| site.route(request("BYE", uri, "target", lines), CARRIER);
    let over_tcp = bye("sip:1294@10.10.1.21:5062;transport=tcp");
    assert_eq!(
        (over_tcp.hop().transport, over_tcp.forwarded_to().as_str()),
        (Transport::Tcp, "10.10.1.21:5062")
    );
    assert!(over_tcp.headers("Via")[0].starts_with("SIP/2.0/TCP 10.10.1.162:5060;"));
    assert_eq!(bye("sip:1294@10.10.1.21:5060").hop().transport, Transport::Udp);
    for forbidden in ["10.10.1.21:5060;transport=tcp", "10.10.1.21:5062", "10.10.1.21:5062;transport=tls"] {
        assert_eq!(bye(&format!("sip:1294@{forbidden}")).code(), 403, "{forbidden}");
    }
}

#[test]
fn without_a_port_for_tls_nothing_is_sent_by_it() {
    let out = Site::new().route(request("INVITE", "sips:1@175.100.32.29", "", ""), TARGET);
    assert_eq!(out.code(), 500);
    assert!(out.raw.starts_with("SIP/2.0 500 Next Hop Wants Another Transport"), "{}", out.raw);
}

#[test]
fn a_sips_uri_means_tls_outside_and_is_recorded_as_one() {
    let site = site();
    for (uri, port) in [("sips:1@175.100.32.29", 5061), ("sips:1@175.100.32.29:7000;transport=tcp", 7000)] {
        let call = site.route(request("INVITE", uri, "", ""), TARGET);
        let to = (call.hop().transport, call.forwarded_to());
        assert_eq!(to, (Transport::Tls, format!("175.100.32.29:{port}")));
        // RFC 3261 16.6.4; the inner side goes over UDP and cannot say so.
        assert_eq!(
            call.record_routes(),
            ["<sips:52.74.4.205:5061;lr;r2=on>", "<sip:10.10.1.162:5060;lr;r2=on>"]
        );
    }
    let call = over(&site, Transport::Tls, &invite("").replace("INVITE sip:", "INVITE sips:"), CARRIER);
    assert_eq!((call.hop().transport, call.forwarded_to()), (Transport::Udp, TARGET.to_owned()));
    let routed = call.headers("Record-Route");
    assert_eq!(call.record_routes(), ["<sip:10.10.1.162:5060;lr;r2=on>", "<sips:52.74.4.205:5061;lr;r2=on>"]);
    let bye = request("BYE", "sips:1294@10.10.1.21:5060", "target", &routes(routed.iter().rev()));
    let bye = over(&site, Transport::Tls, &bye, CARRIER);
    assert_eq!((bye.hop().transport, bye.forwarded_to()), (Transport::Udp, TARGET.to_owned()));
    // A listed target needs no token for that, whichever transport it takes.
    for (targets, transport) in [("sip", Transport::Udp), ("sip_tcp", Transport::Tcp)] {
        let listed = format!(
            r#"{{"targets": [{{"id": "a", "address": "10.10.1.21", "ports": {{"{targets}": 5060}}}}]}}"#
        );
        let route = "Route: <sip:52.74.4.205;lr>\r\n";
        let bye =
            site_with(&listed).route(request("BYE", "sips:1294@10.10.1.21:5060", "target", route), CARRIER);
        assert_eq!((bye.hop().transport, bye.forwarded_to()), (transport, TARGET.to_owned()));
    }
    // A sips URI below ours in Route, too.
    let routed = "Route: <sips:175.100.32.29;lr>\r\n";
    let call = site.route(request("INVITE", "sip:1@192.0.2.1", "", routed), TARGET);
    assert_eq!(
        (call.hop().transport, call.forwarded_to()),
        (Transport::Tls, "175.100.32.29:5061".to_owned())
    );
    assert_eq!(call.record_routes()[0], "<sips:52.74.4.205:5061;lr;r2=on>");
    // And no sips over datagrams.
    assert_eq!(
        site.route(request("INVITE", "sips:1@175.100.32.29;transport=udp", "", ""), TARGET).code(),
        500
    );
}

#[test]
fn a_route_is_ours_at_the_port_for_tls_named_or_not() {
    let site = site();
    for route in
        ["sip:52.74.4.205:5061", "sips:52.74.4.205", "sip:52.74.4.205;transport=tls", "sip:10.10.1.162:5061"]
    {
        let bye = request("BYE", "sip:x@10.10.1.21:5060", "target", &format!("Route: <{route};lr>\r\n"));
        assert_eq!(site.route(bye, CARRIER).forwarded_to(), TARGET, "{route}");
    }
    let bye = request("BYE", "sip:x@10.10.1.21:5060", "target", "Route: <sip:52.74.4.205:5062;lr>\r\n");
    assert_eq!(site.route(bye, CARRIER).code(), 404);
}

#[test]
fn an_answer_goes_by_a_stream_only_where_its_request_came_by_one() {
    let site = site();
    let claimed = invite("").replace("SIP/2.0/UDP", "SIP/2.0/TLS");
    let call = site.route(claimed, CARRIER);
    let answer = site.route(response_to(&call), TARGET);
    assert!(matches!(answer.verdict, Verdict::Drop(Cause::NoAddress, _)), "{:?}", answer.verdict);
    // And by no transport that we do not speak.
    let call = over(&site, Transport::Tls, &invite(""), CARRIER);
    let answer = response_to(&call);
    assert_eq!(site.route(&answer, TARGET).hop().transport, Transport::Tls);
    let answer = site.route(answer.replace("SIP/2.0/TLS", "SIP/2.0/SCTP"), TARGET);
    assert!(matches!(answer.verdict, Verdict::Drop(Cause::NoAddress, _)), "{:?}", answer.verdict);
}

#[test]
fn answers_leave_from_the_address_that_the_request_was_sent_to_where_the_listener_has_several() {
    let site = site();
    for local in ["10.10.1.163", "2001:db8::163"] {
        let local = Some(local.parse().unwrap());
        let route = |message: &str| {
            let source = "175.100.32.29:40000".parse().unwrap();
            let (bytes, transport) = (message.as_bytes(), Transport::Udp);
            site.route_input(&Input {
                bytes,
                source,
                local,
                listener: 0,
                transport,
                connection: None,
                now: NOW,
            })
        };
        assert_eq!(route(&request("OPTIONS", "sip:52.74.4.205", "", "")).hop().local, local);
        let call = route(&invite(""));
        assert_eq!(call.hop().local, None);
        assert_eq!(site.route(response_to(&call), TARGET).hop().local, local, "{}", call.raw);
    }
    assert_eq!(site.route(response_to(&site.route(invite(""), CARRIER)), TARGET).hop().local, None);
}

#[test]
fn what_we_say_ourselves_leaves_from_the_address_that_the_call_came_to() {
    let (mut site, text) = (PinnedSite::new("attempts = 3", THREE), invite(""));
    let local = Some("52.74.4.206".parse().unwrap());
    site.put(&Input { local, ..datagram(0, text.as_bytes(), CARRIER) });
    let support::Site { router, table } = &site.site;
    site.pins.set_time(Duration::from_millis(300));
    assert!(!site.pins.expire(router, table, 64));
    let hops: Vec<_> = site.pins.outbox().iter().map(|posted| (posted.code(), posted.hop.local)).collect();
    assert_eq!(hops, [(Some(100), local)]);
}

#[test]
fn a_caller_at_a_link_local_address_is_answered_on_its_link() {
    let settings = |settings: String| {
        let six = "[[listener]]\nname = \"six\"\nbind = \"[2001:db8::10]:5060\"\n[targets]\n";
        settings.replace("[targets]\n", six).replace("sources = [", "sources = [\"fe80::/10\", ")
    };
    let targets = r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#;
    let site = Site::with(settings, targets);
    let caller: SocketAddr = "[fe80::7%3]:5060".parse().unwrap();
    let from = |message: &str| {
        let bytes = message.replace("175.100.32.29:5060;branch", "[fe80::7]:5060;branch");
        let bytes = bytes.as_bytes();
        let (transport, connection) = (Transport::Udp, None);
        site.route_input(&Input {
            bytes,
            source: caller,
            local: None,
            listener: 2,
            transport,
            connection,
            now: NOW,
        })
    };
    assert_eq!(from(&request("OPTIONS", "sip:52.74.4.205", "", "")).hop().address, caller);
    let call = from(&invite(""));
    let answer = site.route(response_to(&call), TARGET);
    assert_eq!(answer.hop().address, caller, "{}", call.raw);
    // Others' addresses have none.
    let other = site.route(response_to(&call).replace("fe80::7", "fd00::7"), TARGET);
    assert_eq!(other.hop().address, "[fd00::7]:5060".parse().unwrap());
}

#[test]
fn a_next_hop_of_the_other_ip_version_is_reached_by_the_listener_that_speaks_it() {
    let site = site();
    for (transport, port) in [(Transport::Udp, 5060), (Transport::Tcp, 5060), (Transport::Tls, 5061)] {
        let to = format!("sip:1@[2001:db8:5::1]{}", parameter(transport));
        let call = site.route(request("INVITE", &to, "", ""), TARGET);
        assert_eq!((call.hop().listener, call.hop().transport), (2, transport), "{}", call.raw);
        assert_eq!(call.forwarded_to(), format!("[2001:db8:5::1]:{port}"));
        let outside = format!("<sip:[2001:db8::10]:{port}{};lr;r2=on>", parameter(transport));
        assert_eq!(call.record_routes(), [outside, "<sip:10.10.1.162:5060;lr;r2=on>".to_owned()]);
        let via = &call.headers("Via")[0];
        assert!(via.starts_with(&format!("SIP/2.0/{} [2001:db8::10]:{port};branch=", transport.as_str())));
        // And its answer finds the way back to the target, over the first listener.
        let answer = site.route_on(2, response_to(&call), "[2001:db8:5::1]:5060");
        assert_eq!((answer.hop().listener, answer.forwarded_to()), (0, TARGET.to_owned()));
    }
}

#[test]
fn a_next_hop_of_an_ip_version_that_no_listener_speaks_is_told_so() {
    let out = Site::new().route(request("INVITE", "sip:1@[2001:db8:5::1]", "", ""), TARGET);
    assert_eq!(out.code(), 500);
    assert!(out.raw.starts_with("SIP/2.0 500 Next Hop Has Another IP Version"), "{}", out.raw);
    // One that leads to other ports of the targets is no help.
    let six =
        "[[listener]]\nname = \"six\"\nbind = \"[2001:db8::10]:5060\"\nport_name = \"six\"\n[targets]\n";
    let site = Site::with(
        |settings| settings.replace("[targets]\n", six),
        r#"{"targets": [{"id": "six", "address": "2001:db8:10::1", "ports": {"sip": 5060}}]}"#,
    );
    assert_eq!(site.route(invite(""), CARRIER).code(), 500);
}

#[test]
fn a_caller_over_ipv6_reaches_a_target_over_ipv4_and_back() {
    let site = site();
    let from_six = |message: &str, source: &str| {
        let message = message.replace("175.100.32.29:5060;branch", "[2001:db8:99::7]:5060;rport;branch");
        site.route_on(2, message, source)
    };
    let call = from_six(&invite(""), "[2001:db8:99::7]:40000");
    assert_eq!((call.hop().listener, call.forwarded_to()), (0, TARGET.to_owned()));
    let routed = call.headers("Record-Route");
    assert_eq!(
        call.record_routes(),
        ["<sip:10.10.1.162:5060;lr;r2=on>", "<sip:[2001:db8::10]:5060;lr;r2=on>"]
    );
    let stamped = &call.headers("Via")[1];
    assert!(stamped.contains("rport=40000") && stamped.ends_with(";received=2001:db8:99::7"), "{stamped}");
    let answer = site.route(response_to(&call), TARGET);
    assert_eq!((answer.hop().listener, answer.forwarded_to()), (2, "[2001:db8:99::7]:40000".to_owned()));
    // The caller hangs up: the inner value selects the listener that reaches the target, also when another proxy wrote it.
    for inner in ["<sip:10.10.1.162:5060;lr;r2=on>", "<sip:10.10.1.99:5060;lr;r2=on>"] {
        let lines = routes([routed[1].clone(), inner.to_owned()].iter());
        let bye =
            from_six(&request("BYE", "sip:1294@10.10.1.21:5060", "t", &lines), "[2001:db8:99::7]:40000");
        assert_eq!((bye.hop().listener, bye.forwarded_to()), (0, TARGET.to_owned()), "{inner}");
    }
    // The target hangs up.
    let bye = request("BYE", "sip:1@[2001:db8:99::7]:5060", "caller", &routes(routed.iter()));
    let bye = site.route(bye, TARGET);
    assert_eq!((bye.hop().listener, bye.forwarded_to()), (2, "[2001:db8:99::7]:5060".to_owned()));
}

#[test]
fn the_partner_of_another_proxy_selects_the_listener_of_its_ip_version() {
    let six =
        "[[listener]]\nname = \"six\"\nbind = \"[2001:db8::10]:5060\"\nport_name = \"six\"\n[targets]\n";
    let site = Site::with(
        |settings| settings.replace("[targets]\n", six),
        r#"{"targets": [{"id": "a", "address": "2001:db8:10::1", "ports": {"six": 5060}}]}"#,
    );
    let lines = "Route: <sip:52.74.4.205;lr;r2=on>, <sip:[2001:db8::99]:5060;lr;r2=on>\r\n";
    let bye = site.route(request("BYE", "sip:x@[2001:db8:10::1]:5060", "target", lines), CARRIER);
    assert_eq!((bye.hop().listener, bye.forwarded_to().as_str()), (2, "[2001:db8:10::1]:5060"));
}

#[test]
fn a_token_holds_over_each_transport_on_a_proxy_that_does_not_know_the_target() {
    let (site, other) = (site(), site_with(r#"{"targets": []}"#));
    for (transport, scheme) in
        [(Transport::Udp, "sip"), (Transport::Tcp, "sip"), (Transport::Tls, "sip"), (Transport::Tls, "sips")]
    {
        let call = invite("").replace("INVITE sip:", &format!("INVITE {scheme}:"));
        let routed = over(&site, transport, &call, CARRIER).headers("Record-Route");
        let uri = format!("{scheme}:1294@10.10.1.21:5060");
        let bye = |lines: &str| over(&other, transport, &request("BYE", &uri, "target", lines), CARRIER);
        let led = bye(&routes(routed.iter().rev()));
        assert_eq!(
            (led.hop().transport, led.forwarded_to()),
            (Transport::Udp, TARGET.to_owned()),
            "{scheme}"
        );
        // What lives inside is spoken to in the open, and over TLS only where a sips URI promises that to the caller.
        let by_tls =
            request("BYE", "sip:1294@10.10.1.21:5060;transport=tls", "target", &routes(routed.iter().rev()));
        assert_eq!(over(&other, transport, &by_tls, CARRIER).code(), 403);
        let without: Vec<String> = routed.iter().map(|value| value.replace(";did=", ";x=")).collect();
        assert_eq!(bye(&routes(without.iter().rev())).code(), 403);
    }
}

#[test]
fn a_listener_that_looks_the_same_from_both_sides_stands_in_record_route_once() {
    let same = |settings: String| {
        let both = |port: u16| format!("internal = \"10.10.1.162:{port}\"");
        let port = "internal = \"52.74.4.205:5060\"";
        let settings = settings.replace(&both(5060), port);
        // Only over TLS do the sides differ.
        let tls = TLS.replace(" }", ", internal = \"10.10.1.162:5061\" }");
        settings.replace(port, &format!("{port}\n{tls}"))
    };
    let targets = r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#;
    let site = Site::with(same, targets);
    let one = ["<sip:52.74.4.205:5060;lr>"];
    assert_eq!(over(&site, Transport::Udp, &invite(""), CARRIER).record_routes(), one);
    // RFC 5658: where the transports differ both sides are shown.
    let call = over(&site, Transport::Tcp, &invite(""), CARRIER);
    let two = ["<sip:52.74.4.205:5060;lr;r2=on>", "<sip:52.74.4.205:5060;transport=tcp;lr;r2=on>"];
    assert_eq!(call.record_routes(), two);
    // From a target to a target there is one side, however it is reached.
    let call = over(&site, Transport::Tcp, &invite(""), "10.10.1.22:5060");
    assert_eq!(call.record_routes(), one);
    assert_eq!(
        self::site().route(invite(""), "10.10.1.22:5060").record_routes(),
        ["<sip:10.10.1.162:5060;lr>"]
    );
}

#[test]
fn the_partner_of_another_proxy_selects_the_listener_of_its_port_for_tls() {
    let site = Site::with(
        |settings| {
            let tls = TLS.replace("5061", "5081");
            settings.replace("port_name = \"alternative\"\n", &format!("port_name = \"alternative\"\n{tls}"))
        },
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060, "alternative": 5080}}]}"#,
    );
    let sender = |partner: &str| {
        let lines = format!("Route: <sip:52.74.4.205;lr;r2=on>, <sip:10.10.1.99:{partner};lr;r2=on>\r\n");
        site.route(request("BYE", "sip:x@10.10.1.21:5080", "target", &lines), CARRIER).hop().listener
    };
    assert_eq!(sender("5081;transport=tls"), 1);
    assert_eq!((sender("5080"), sender("5060"), sender("5070")), (1, 0, 0));
}

#[test]
fn listeners_that_lead_to_the_same_ports_of_targets_share_their_pins() {
    let router = site().router;
    assert_eq!([0, 1, 2, 7].map(|listener| router.pins_of(listener)), [0, 1, 0, 7]);
}
