//! Requests that begin something: what is refused and why, what is absorbed, where a new call goes and what it gets.

mod support;

use proxy::networks::Networks;
use proxy::route::{Cause, Input, Transport, Verdict};
use support::{ADVERTISED, CARRIER, DRAINING, INTERNAL, NOW, STRANGER, Site, TARGET, invite, request};

const OURS: &str = "sip:1294@52.74.4.205:5060";

#[test]
fn options_to_us_is_answered_200_from_anywhere() {
    let site = Site::new();
    for uri in
        ["sip:52.74.4.205", "sip:52.74.4.205:5060;transport=udp", "sip:10.10.1.162", "sip:52.74.4.205:5080"]
    {
        assert_eq!(site.route(request("OPTIONS", uri, "", ""), STRANGER).code(), 200, "{uri}");
    }
    let dying = request("OPTIONS", "sip:52.74.4.205", "", "").replace("Forwards: 70", "Forwards: 0");
    assert_eq!(site.route(dying, STRANGER).code(), 200);
    // With a user it is a question to a target, which strangers may not put.
    assert_eq!(site.route(request("OPTIONS", OURS, "", ""), CARRIER).forwarded_to(), TARGET);
    assert_eq!(site.route(request("OPTIONS", OURS, "", ""), STRANGER).code(), 403);
}

#[test]
fn max_forwards_0_gets_483_and_an_absent_one_becomes_70() {
    let site = Site::new();
    assert_eq!(site.route(invite("").replace("Forwards: 70", "Forwards: 0"), CARRIER).code(), 483);
    let out = site.route(invite("").replace("Max-Forwards: 70\r\n", ""), CARRIER);
    assert_eq!(out.headers("Max-Forwards"), ["70"]);
    assert_eq!(site.route(invite(""), CARRIER).headers("Max-Forwards"), ["69"]);
    assert_eq!(site.route(invite("").replace("Forwards: 70", "Forwards: 300"), CARRIER).code(), 400);
}

#[test]
fn from_outside_other_methods_without_a_to_tag_get_405_with_allow_and_from_targets_never() {
    let site = Site::new();
    for method in ["REGISTER", "SUBSCRIBE", "BYE", "MESSAGE", "INFO", "UNHEARDOF"] {
        let out = site.route(request(method, OURS, "", ""), CARRIER);
        assert_eq!(out.code(), 405, "{method}");
        assert!(out.headers("Allow")[0].contains("INVITE"));
        let out = site.route(request(method, "sip:85512345678@175.100.32.29", "", ""), TARGET);
        assert_eq!(out.forwarded_to(), CARRIER, "{method}");
    }
}

#[test]
fn an_invite_without_a_user_gets_484_and_a_tel_number_counts_as_one() {
    let site = Site::new();
    assert_eq!(site.route(request("INVITE", "sip:52.74.4.205", "", ""), CARRIER).code(), 484);
    assert_eq!(site.route(request("INVITE", "tel:+8551294", "", ""), CARRIER).forwarded_to(), TARGET);
}

#[test]
fn a_source_that_is_not_allowed_gets_403_or_nothing() {
    let site = Site::new();
    assert_eq!(site.route(invite(""), STRANGER).code(), 403);
    assert_eq!(site.route(request("CANCEL", OURS, "", ""), STRANGER).code(), 403);
    assert!(site.route(request("ACK", OURS, "", ""), STRANGER).is_dropped());
    let silent = Site::with(
        |settings| settings.replace("[access]", "[access]\nrefused = \"drop\""),
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#,
    );
    let out = silent.route(invite(""), STRANGER);
    assert_eq!(out.verdict, Verdict::Drop(Cause::Refused, None));
    // Nor in a dialog: the source may be forged.
    let route = "Route: <sip:52.74.4.205;lr>\r\n";
    for (method, uri, to_tag, lines) in [
        ("BYE", "sip:1294@192.0.2.1", "target", ""),
        ("BYE", "sip:1294@192.0.2.1", "target", route),
        ("BYE", "sip:1294@name.example", "target", route),
        ("BYE", OURS, "target", ""),
        ("REGISTER", OURS, "", ""),
    ] {
        let sent = request(method, uri, to_tag, lines);
        let out = silent.route(&sent, STRANGER);
        assert_eq!(out.verdict, Verdict::Drop(Cause::Refused, None), "{sent}");
        assert!(out.raw.is_empty());
        // Those who may call are told, or a name is looked up for them.
        match silent.route(&sent, CARRIER) {
            out if uri.ends_with("name.example") => assert_eq!(out.verdict, Verdict::Wait),
            out if uri != OURS || method == "REGISTER" => assert!(out.code() >= 400, "{sent}"),
            _ => {}
        }
    }
}

#[test]
fn where_strangers_get_nothing_they_get_no_answer_to_anything() {
    let silent = Site::with(
        |settings| settings.replace("[access]", "[access]\nrefused = \"drop\""),
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#,
    );
    // A loop: what we sent comes back to us.
    let own = &silent.route(invite(""), CARRIER).headers("Via")[0];
    let again = format!("Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKnew\r\nVia: {own}\r\nVia: ");
    let (foreign, strict) = ("Proxy-Require: foo\r\n", "Route: <sip:x\r\n");
    let cases = [
        (200, request("OPTIONS", "sip:52.74.4.205", "", "")),
        (400, invite("").replace("Call-ID: call-1\r\n", "")),
        (400, invite("").replace("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia")),
        (400, request("BYE", "sip:52.74.4.205;lr", "target", strict)),
        (416, invite("").replace("INVITE sip:", "INVITE im:")),
        (420, invite(foreign)),
        (420, request("BYE", OURS, "target", foreign)),
        (482, invite("").replacen("Via: ", &again, 1)),
        (483, invite("").replace("Forwards: 70", "Forwards: 0")),
        (484, request("INVITE", "sip:52.74.4.205", "", "")),
        (505, invite("").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia")),
        (404, request("BYE", "sip:1294@192.0.2.1", "target", "")),
        (405, request("MESSAGE", OURS, "", "")),
    ];
    for (code, message) in &cases {
        assert_eq!(silent.route(message, CARRIER).code(), *code, "{message}");
        let out = silent.route(message, STRANGER);
        assert_eq!(out.verdict, Verdict::Drop(Cause::Refused, None), "{code}\n{message}");
        assert!(out.raw.is_empty(), "{}", out.raw);
    }
    // Targets, who are in no list, are told.
    assert_eq!(silent.route(&cases[1].1, TARGET).code(), 400);
}

#[test]
fn access_is_not_asked_for_a_request_with_a_to_tag() {
    let routes = format!("Route: <sip:{ADVERTISED};lr;r2=on>\r\nRoute: <sip:{INTERNAL};lr;r2=on>\r\n");
    let out = Site::new().route(request("BYE", "sip:1294@10.10.1.21:5060", "target", &routes), STRANGER);
    assert_eq!(out.forwarded_to(), TARGET);
}

#[test]
fn without_a_target_a_call_gets_500() {
    let out = Site::without_targets().route(invite(""), CARRIER);
    assert_eq!(out.code(), 500);
    assert!(out.raw.starts_with("SIP/2.0 500 No Destination available\r\n"));
}

#[test]
fn an_unknown_scheme_gets_416_and_an_unknown_extension_420_except_in_ack_and_cancel() {
    let site = Site::new();
    assert_eq!(site.route(request("INVITE", "im:1294@52.74.4.205", "", ""), CARRIER).code(), 416);
    let wanted = "Proxy-Require: foo, bar\r\n";
    let out = site.route(invite(wanted), CARRIER);
    assert_eq!((out.code(), out.headers("Unsupported")), (420, vec!["foo, bar".to_owned()]));
    assert_eq!(site.route(request("CANCEL", OURS, "", wanted), CARRIER).forwarded_to(), TARGET);
    assert_eq!(site.route(invite("Require: foo\r\n"), CARRIER).forwarded_to(), TARGET);
}

#[test]
fn what_is_malformed_gets_400_with_what_was_expected_or_505_for_another_version() {
    let site = Site::new();
    let mut cases = vec![
        invite("").replace("Call-ID: call-1\r\n", ""),
        invite("").replace("CSeq: 1 INVITE", "CSeq: 1 BYE"),
        invite("").replace("From: <sip:0715100860@carrier.example>", "From: <0715100860"),
        invite("").replace("From: <sip:0715100860@", "From: <sip:07 15@"),
        invite("").replace("To: <sip:1294@", "To: <sip:1294\r\n X-Src-Ip: 1@"),
        invite("").replace("Content-Length: 0", "Content-Length: 10"),
        invite("X-A: b\rX-Src-Ip: 1.2.3.4\r\n"),
        invite("no colon\r\n"),
        invite("").replace("sip:1294@52.74.4.205:5060 SIP", "<sip:1294@52.74.4.205> SIP"),
        invite("").replace("INVITE sip", "INVITE  sip"),
    ];
    for message in cases.drain(..) {
        let out = site.route(&message, CARRIER);
        assert_eq!(out.code(), 400, "{message}");
        assert!(out.raw.starts_with("SIP/2.0 400 Bad Request (expected "), "{}", out.raw);
    }
    assert_eq!(site.route(invite("").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), CARRIER).code(), 505);
}

#[test]
fn the_uris_of_from_and_to_decide_nothing_and_pass_as_they_came() {
    let identity = |uri: &str| {
        let from = |uri: &str| format!("From: <{uri}>");
        let call = invite("").replace(&from("sip:0715100860@carrier.example"), &from(uri));
        let out = Site::new().route(&call, CARRIER);
        assert_eq!(out.forwarded_to(), TARGET);
        assert!(out.raw.contains(&from(uri)), "{}", out.raw);
        out.headers("X-Somleng-Caller-Identity")
    };
    assert_eq!(identity("sip:0715100860@no-host:x"), ["0715100860"]);
    for odd in ["nothing", "sip:0715100860", "sip:@"] {
        assert_eq!(identity(odd), [""], "{odd}");
    }
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    let site = Site::new();
    for bytes in [
        &b""[..],
        b"\r\n\r\n",
        b"\0\x01\0\0!\x12\xa4B0123456789ab",
        b"hello",
        &[0xff; 1500],
        b"INVITE sip:a SIP/2.0\r\n",
    ] {
        assert!(site.route(bytes, CARRIER).is_dropped(), "{}", bytes.escape_ascii());
    }
    let no_via = invite("").replace("Via: ", "X-Via: ");
    assert!(site.route(no_via, CARRIER).is_dropped());
    let bad_ack = request("ACK", OURS, "", "").replace("CSeq: 1 ACK", "CSeq: x");
    assert!(site.route(bad_ack, CARRIER).is_dropped());
}

#[test]
fn our_answers_go_back_as_via_says_and_not_to_maddr() {
    let site = Site::new();
    let with_via =
        |via: &str| invite("").replace("SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKcarrier", via);
    let hop = |via: &str| site.route(with_via(via), "198.51.100.66:40000").hop().address.to_string();
    assert_eq!(hop("SIP/2.0/UDP 198.51.100.66:5070;branch=z9hG4bKx"), "198.51.100.66:5070");
    assert_eq!(hop("SIP/2.0/UDP 198.51.100.66:5070;rport;branch=z9hG4bKx"), "198.51.100.66:40000");
    assert_eq!(hop("SIP/2.0/UDP 192.168.1.5:5070;branch=z9hG4bKx"), "198.51.100.66:40000");
    assert_eq!(hop("SIP/2.0/UDP 198.51.100.66;maddr=203.0.113.1;branch=z9hG4bKx"), "198.51.100.66:5060");
}

#[test]
fn the_ack_of_our_own_refusal_is_absorbed() {
    let site = Site::without_targets();
    let refusal = site.route(invite(""), CARRIER);
    let tag = refusal.headers("To")[0].split(";tag=").nth(1).unwrap().to_owned();
    let ack = request("ACK", OURS, &tag, "");
    assert_eq!(Site::new().route(ack, CARRIER).verdict, Verdict::Drop(Cause::OwnAck, None));
    // The same request gets the same tag, on any proxy with the same secret.
    assert!(Site::without_targets().route(invite(""), CARRIER).headers("To")[0].ends_with(&tag));
}

#[test]
fn route_values_of_a_new_call_are_removed_ours_and_others() {
    let routes = format!(
        "Route: <sip:10.99.1.1;lr>, <sip:{ADVERTISED};lr>\r\nX: 1\r\nRoute: <sip:169.254.169.254>\r\n"
    );
    let out = Site::new().route(invite(&routes), CARRIER);
    assert_eq!((out.forwarded_to(), out.headers("Route").len()), (TARGET.to_owned(), 0));
}

#[test]
fn what_we_add_cannot_be_set_from_outside_in_any_spelling() {
    let forged = "x-src-ip: 1.1.1.1\r\nX-SRC-IP\t :\r\n 2.2.2.2\r\nX-Somleng-Caller-Identity:a\r\nX-Somleng-Account: b\r\nX-Src-Ip:\r\n";
    let out = Site::new().route(invite(forged), CARRIER);
    assert_eq!(out.headers("X-Src-Ip"), ["175.100.32.29"]);
    assert_eq!(out.headers("X-Somleng-Caller-Identity"), ["0715100860"]);
    assert_eq!(out.headers("X-Somleng-Callee-Identity"), ["1294"]);
    assert!(out.headers("X-Somleng-Account").is_empty());
    // Nor in a request of a dialog, nor in a response from outside; what targets send passes.
    let bye = request("BYE", OURS, "target", forged);
    assert!(Site::new().route(bye, CARRIER).headers("X-Src-Ip").is_empty());
    let out = Site::new().route(request("INVITE", "sip:1@175.100.32.29", "", "X-Src-Ip: theirs\r\n"), TARGET);
    assert_eq!(out.headers("X-Src-Ip"), ["theirs"]);
}

#[test]
fn each_listener_leads_to_its_own_port_of_the_target_and_shows_itself() {
    let out = Site::new().route_on(1, invite(""), CARRIER);
    assert_eq!(out.forwarded_to(), "10.10.1.21:5080");
    let expected = ["<sip:10.10.1.162:5080;lr;r2=on>", "<sip:52.74.4.205:5080;lr;r2=on>"];
    assert_eq!(out.record_routes(), expected);
    assert_eq!(out.hop().listener, 1);
}

#[test]
fn cancel_and_the_ack_of_a_refusal_go_where_the_invite_went_with_its_branch() {
    let site = Site::new();
    let sent = site.route(invite("Route: <sip:10.99.1.1;lr>\r\n"), CARRIER);
    let cancel = site.route(request("CANCEL", OURS, "", "Route: <sip:10.99.1.1;lr>\r\n"), CARRIER);
    let ack = site.route(request("ACK", OURS, "target", "Route: <sip:10.99.1.1;lr>\r\n"), CARRIER);
    for other in [&cancel, &ack] {
        assert_eq!(other.forwarded_to(), sent.forwarded_to());
        assert_eq!(other.branches(), sent.branches());
        assert!(other.headers("Record-Route").is_empty() && other.headers("X-Src-Ip").is_empty());
        assert!(other.headers("Route").is_empty());
    }
}

#[test]
fn the_ack_of_a_refusal_follows_its_invite_whatever_that_was_called() {
    let site = Site::new();
    let routes = format!("Route: <sip:{ADVERTISED};lr>, <sip:10.99.1.1;lr>\r\n");
    for (uri, routes) in [("tel:+8551294", ""), ("sip:1294@sip.carrier.example", ""), (OURS, routes.as_str())]
    {
        let sent = site.route(request("INVITE", uri, "", routes), CARRIER);
        let ack = site.route(request("ACK", uri, "target", routes), CARRIER);
        assert_eq!((ack.forwarded_to(), ack.branches()), (sent.forwarded_to(), sent.branches()), "{uri}");
        assert!(ack.headers("Route").is_empty());
    }
    // From those who may not call there was no INVITE.
    assert!(site.route(request("ACK", "tel:+8551294", "target", ""), STRANGER).is_dropped());
}

#[test]
fn max_forwards_said_twice_leaves_once() {
    let twice = invite("Max-Forwards: 70\r\n");
    assert_eq!(Site::new().route(twice, CARRIER).headers("Max-Forwards"), ["69"]);
}

#[test]
fn a_retransmission_has_the_same_branch_on_any_proxy_and_another_transaction_another() {
    let branch = |message: String| Site::new().route(message, CARRIER).branches();
    assert_eq!(branch(invite("")), branch(invite("")));
    assert_ne!(branch(invite("")), branch(invite("").replace("z9hG4bKcarrier", "z9hG4bKother")));
    // RFC 2543 callers have no branch: the transaction is known by the rest.
    let old = |message: String| message.replace(";branch=z9hG4bKcarrier", "");
    assert_eq!(branch(old(invite(""))), branch(old(request("CANCEL", OURS, "", ""))));
    assert_ne!(branch(old(invite(""))), branch(old(invite("").replace("call-1", "call-2"))));
}

#[test]
fn our_via_stands_right_above_those_that_came_wherever_our_record_routes_go() {
    for caller in ["", "Record-Route: <sip:192.0.2.9;lr>\r\n"] {
        let sent = Site::new().route(invite(caller), CARRIER).text();
        let names: Vec<_> = sent.lines().skip(1).filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        let vias: Vec<_> =
            names.iter().enumerate().filter(|(_, name)| **name == "Via").map(|(i, _)| i).collect();
        assert_eq!(vias.len(), 2, "{sent}");
        assert_eq!(vias[0] + 1, vias[1], "{sent}");
    }
}

#[test]
fn a_loop_gets_482_and_a_spiral_goes_on() {
    let site = Site::new();
    let out = site.route(invite(""), CARRIER);
    let via = &out.headers("Via")[0];
    let again = invite("").replacen(
        "Via: ",
        &format!("Via: SIP/2.0/UDP 175.100.32.29:5060;branch=z9hG4bKnew\r\nVia: {via}\r\nVia: "),
        1,
    );
    assert_eq!(site.route(&again, CARRIER).code(), 482);
    let spiral = again.replace("INVITE sip:1294@", "INVITE sip:1295@");
    assert_eq!(site.route(spiral, CARRIER).forwarded_to(), TARGET);
}

#[test]
fn a_draining_target_gets_no_new_call() {
    let site = Site::new();
    for call in 0..200 {
        let message = invite("").replace("call-1", &format!("call-{call}"));
        assert_ne!(site.route(message, CARRIER).forwarded_to(), DRAINING);
    }
}

#[test]
fn an_invite_from_a_target_to_us_is_dispatched_with_one_internal_record_route() {
    let out = Site::new().route(invite(""), DRAINING);
    assert_eq!(out.forwarded_to(), TARGET);
    assert_eq!(out.record_routes(), [format!("<sip:{INTERNAL};lr>")]);
    assert!(out.headers("X-Src-Ip").is_empty());
}

#[test]
fn an_invite_from_a_target_outward_shows_the_advertised_side_first() {
    let route = format!("Route: <sip:{INTERNAL};lr>\r\n");
    for further in ["", &route] {
        let out = Site::new().route(request("INVITE", "sip:85512345678@175.100.32.29", "", further), TARGET);
        assert_eq!(out.forwarded_to(), CARRIER);
        let expected = [format!("<sip:{ADVERTISED};lr;r2=on>"), format!("<sip:{INTERNAL};lr;r2=on>")];
        assert_eq!(out.record_routes(), expected);
        assert!(out.headers("Route").is_empty());
        assert!(out.headers("Via")[0].starts_with("SIP/2.0/UDP 52.74.4.205:5060;branch="));
        assert!(out.headers("Via")[0].ends_with(";rport"));
    }
}

#[test]
fn a_call_over_tcp_shows_its_transport_outside_only_and_remembers_its_connection() {
    let message = invite("").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let input = Input {
        bytes: message.as_bytes(),
        source: "175.100.32.29:45678".parse().unwrap(),
        local: None,
        listener: 0,
        transport: Transport::Tcp,
        connection: Some(17),
        now: NOW,
    };
    let site = Site::new();
    let out = site.route_input(&input);
    assert_eq!(out.hop().transport, Transport::Udp);
    let expected =
        [format!("<sip:{INTERNAL};lr;r2=on>"), format!("<sip:{ADVERTISED};transport=tcp;lr;r2=on>")];
    assert_eq!(out.record_routes(), expected);
    let vias = out.headers("Via").iter().map(|via| format!("Via: {via}\r\n")).collect::<String>();
    let ringing = format!("SIP/2.0 180 Ringing\r\n{vias}CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
    let back = site.route(ringing, TARGET).hop();
    assert_eq!((back.transport, back.connection, back.listener), (Transport::Tcp, Some(17), 0));
}

#[test]
fn until_the_list_of_those_who_may_call_was_read_nobody_may_and_the_last_one_counts() {
    let site = Site::with(
        |settings| settings.replace("[\"175.100.32.0/24\"]", "\"file:///unused\""),
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#,
    );
    assert!(!site.router.has_access());
    assert_eq!(site.route(invite(""), CARRIER).code(), 403);
    site.router.set_access(Networks::parse_lines("175.100.32.0/24").unwrap());
    assert!(site.router.has_access());
    assert_eq!(site.route(invite(""), CARRIER).forwarded_to(), TARGET);
    assert_eq!(site.route(invite(""), STRANGER).code(), 403);
    site.router.set_access(Networks::parse_lines("198.51.100.0/24").unwrap());
    assert_eq!(site.route(invite(""), CARRIER).code(), 403);
    assert!(Site::new().router.has_access());
}

#[test]
fn a_header_field_that_is_added_says_what_its_template_does() {
    let add = r#"add = { "X-All" = "{source_ip}:{source_port} {from_user}>{to_user}/{request_user}!", "#;
    let site = Site::with(
        |settings| settings.replace("add = { ", add),
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#,
    );
    let call = invite("").replace("INVITE sip:1294@", "INVITE sip:1295@");
    let out = site.route(call, "175.100.32.29:40000");
    assert_eq!(out.headers("X-All"), ["175.100.32.29:40000 0715100860>1294/1295!"]);
}
