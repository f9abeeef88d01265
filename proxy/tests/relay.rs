//! Nobody is led where nobody may go: what the dialog token opens, and that nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use std::time::Duration;

use proxy::route::{Cause, Check, Input, Scratch, Transport, Verdict};
use support::{ADVERTISED, CARRIER, INTERNAL, NOW, Outcome, STRANGER, Site, TARGET, invite, request};

const OUR_URI: &str = "sip:1294@52.74.4.205";
/// A target that left the list before this proxy was started, and one that is newer than its list.
const GONE: &str = "10.10.1.99:5062";
const EMPTY: &str = r#"{"targets": []}"#;
const HOUR: u64 = 3600;

fn site_with_secrets(secrets: &str) -> Site {
    let old = r#"secrets = ["k1:0123456789abcdef0123456789abcdef"]"#;
    Site::with(|settings| settings.replace(old, &format!("secrets = [{secrets}]\n")), EMPTY)
}

/// The token of the call that `invite("")` begins, at that time.
fn token_of(site: &Site, invite: &str, source: &str) -> String {
    let mut tokens = site.route(invite, source).tokens();
    assert!(!tokens.is_empty() && tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    tokens.remove(0)
}

fn token() -> String {
    token_of(&Site::new(), &invite(""), CARRIER)
}

/// Our Route values with this token, as a caller sends them back, or as a target does.
fn routes(token: &str) -> String {
    format!(
        "Route: <sip:{ADVERTISED};lr;r2=on;did={token}>\r\nRoute: <sip:{INTERNAL};lr;r2=on;did={token}>\r\n"
    )
}

fn routes_of_target(token: &str) -> String {
    format!("Route: <sip:{INTERNAL};lr;r2=on;did={token}>, <sip:{ADVERTISED};lr;r2=on;did={token}>\r\n")
}

fn bye_to(uri: &str, routes: &str) -> String {
    request("BYE", uri, "target", routes)
}

/// A BYE from outside to a target that is not listed.
fn bye(token: &str) -> String {
    bye_to(&format!("sip:1294@{GONE}"), &routes(token))
}

fn at(site: &Site, message: &str, source: &str, now: Duration) -> (Outcome, Option<Check>) {
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let input = Input {
        local: None,
        bytes: message.as_bytes(),
        source: source.parse().unwrap(),
        listener: 0,
        transport: Transport::Udp,
        connection: None,
        now,
    };
    let verdict = site.router.route(&input, &site.table, &mut scratch, &mut out);
    (Outcome { verdict, raw: String::from_utf8(out).unwrap() }, scratch.notes.token)
}

fn refused(site: &Site, message: &str, check: Check) {
    let (out, seen) = at(site, message, STRANGER, NOW);
    assert_eq!((out.code(), seen), (403, Some(check)), "{message}");
}

#[test]
fn a_token_leads_to_a_target_that_has_left_the_list_from_any_source_and_by_any_proxy() {
    for site in [Site::new(), Site::without_targets()] {
        let (out, check) = at(&site, &bye(&token()), STRANGER, NOW);
        assert_eq!((out.forwarded_to(), check), (GONE.to_owned(), Some(Check::Valid)));
        assert!(out.headers("Route").is_empty());
    }
}

#[test]
fn a_token_stands_in_each_value_of_ours_and_either_is_enough() {
    let out = Site::new().route(invite(""), CARRIER);
    assert_eq!(out.tokens().len(), 2);
    let token = token();
    for (first, second) in [(token.as_str(), ""), ("", token.as_str())] {
        let did = |token: &str| if token.is_empty() { String::new() } else { format!(";did={token}") };
        let routes = format!(
            "Route: <sip:{ADVERTISED};lr;r2=on{}>, <sip:{INTERNAL};lr;r2=on{}>\r\n",
            did(first),
            did(second)
        );
        let message = bye_to(&format!("sip:1294@{GONE}"), &routes);
        assert_eq!(Site::new().route(message, STRANGER).forwarded_to(), GONE);
    }
}

#[test]
fn the_partner_of_a_value_with_a_token_may_name_another_proxy() {
    let message = bye(&token()).replace(INTERNAL, "10.10.9.9:5060");
    assert_eq!(Site::new().route(message, STRANGER).forwarded_to(), GONE);
}

#[test]
fn a_token_holds_whatever_else_stands_in_route() {
    // From outside, somebody's own pair above ours.
    let lines = format!("Route: <sip:175.100.32.29:5070;lr;r2=on>\r\n{}", routes(&token()));
    let site = Site::without_targets();
    assert_eq!(site.route(bye_to(&format!("sip:1294@{GONE}"), &lines), STRANGER).forwarded_to(), GONE);
    // From a target whose call came to us twice: once from another, and before that from a caller, or the same way.
    let site = Site::new();
    let inside = token_of(&site, &invite(""), "10.10.1.98:5060");
    let pair = "<sip:10.10.1.162:5080;lr;r2=on>, <sip:52.74.4.205:5080;lr;r2=on>";
    for below in [pair, "<sip:10.10.1.162:5080;lr>"] {
        let lines = format!("Route: <sip:{INTERNAL};lr;did={inside}>, {below}\r\n");
        let bye = bye_to(&format!("sip:x@{GONE}"), &lines);
        assert_eq!(site.route(bye, "10.10.1.98:5060").forwarded_to(), GONE, "{lines}");
    }
}

#[test]
fn the_first_secret_signs_and_all_verify() {
    let (old, new) = (r#""k1:0123456789abcdef0123456789abcdef""#, r#""k2:fedcba9876543210fedcba9876543210""#);
    let both = format!("{new}, {old}");
    assert_eq!(site_with_secrets(&both).route(bye(&token()), STRANGER).forwarded_to(), GONE);
    assert_eq!(site_with_secrets(old).route(bye(&token()), STRANGER).forwarded_to(), GONE);
    refused(&site_with_secrets(new), &bye(&token()), Check::Forged);
    // And what the new one signs: for a call from a target, since this site has none.
    let call = request("INVITE", "sip:85512345678@175.100.32.29", "", "");
    let signed = token_of(&site_with_secrets(&both), &call, TARGET);
    let back = bye(&signed)
        .replace("To: <", "To: <x")
        .replace("tag=caller", "tag=x")
        .replace("tag=target", "tag=caller");
    assert_eq!(site_with_secrets(new).route(back.replace("To: <x", "To: <"), STRANGER).forwarded_to(), GONE);
}

#[test]
fn a_token_expires_after_its_lifetime_and_then_the_list_alone_decides() {
    let (site, token) = (Site::new(), token());
    let after = |hours: u64| at(&site, &bye(&token), STRANGER, NOW + Duration::from_secs(hours * HOUR));
    assert_eq!(after(24).0.forwarded_to(), GONE);
    let (out, check) = after(25);
    assert_eq!((out.code(), check), (403, Some(Check::Expired)));
    let listed = bye_to("sip:1294@10.10.1.21", &routes(&token));
    let much_later = NOW + Duration::from_secs(1000 * HOUR);
    assert_eq!(at(&site, &listed, STRANGER, much_later).0.forwarded_to(), TARGET);
    let longer = Site::with(
        |settings| settings.replacen("[[listener]]", "[tokens]\nlifetime = \"48h\"\n[[listener]]", 1),
        EMPTY,
    );
    assert_eq!(
        at(&longer, &bye(&token), STRANGER, NOW + Duration::from_secs(48 * HOUR)).0.forwarded_to(),
        GONE
    );
    // Not from the future either, but for a clock that is a little wrong.
    assert_eq!(at(&site, &bye(&token), STRANGER, NOW - Duration::from_secs(HOUR)).0.forwarded_to(), GONE);
    assert_eq!(at(&site, &bye(&token), STRANGER, NOW - Duration::from_secs(2 * HOUR)).0.code(), 403);
}

#[test]
fn a_token_is_worth_nothing_in_another_dialog() {
    let (site, good) = (Site::new(), bye(&token()));
    assert_eq!(site.route(&good, STRANGER).forwarded_to(), GONE);
    for (from, to) in [
        ("call-1", "call-2"),
        ("tag=caller", "tag=another"),
        // The caller is at the other end of From and To only in what targets send.
        (
            "tag=caller\r\nTo: <sip:1294@52.74.4.205>;tag=target",
            "tag=target\r\nTo: <sip:1294@52.74.4.205>;tag=caller",
        ),
        // Another listener, another transport.
        ("52.74.4.205:5060;lr", "52.74.4.205:5080;lr"),
        ("10.10.1.162:5060;lr", "10.10.1.162:5080;lr"),
        ("52.74.4.205:5060;lr", "52.74.4.205:5060;transport=tcp;lr"),
    ] {
        assert!(good.contains(from), "{from}");
        refused(&site, &good.replace(from, to), Check::Forged);
    }
    // A call the other way round has another direction.
    let outward = token_of(&site, &request("INVITE", "sip:1@175.100.32.29", "", ""), TARGET);
    refused(&site, &bye(&outward), Check::Forged);
    refused(&site, &bye_to(&format!("sip:1294@{GONE}"), &routes("x").replace(";did=x", "")), Check::Missing);
}

#[test]
fn a_token_that_is_forged_truncated_or_huge_is_refused() {
    let (site, token) = (Site::new(), token());
    let mut bad: Vec<String> = (1..token.len()).map(|length| token[..length].to_owned()).collect();
    bad.extend((0..token.len()).map(|at| {
        let mut bad = token.clone().into_bytes();
        bad[at] = if bad[at] == b'7' { b'8' } else { b'7' };
        String::from_utf8(bad).unwrap()
    }));
    bad.extend([
        "0".repeat(8000),
        format!("{token}0"),
        format!("{token}-0a0a01155060"),
        format!("{token}-{}", "f".repeat(36)),
    ]);
    for bad in bad {
        refused(&site, &bye(&bad), Check::Forged);
    }
}

#[test]
fn a_token_opens_sip_ports_where_targets_live_and_nothing_else() {
    let (site, token) = (Site::new(), token());
    assert_eq!(
        site.route(bye_to("sip:x@10.10.1.21:5090", &routes(&token)), STRANGER).forwarded_to(),
        "10.10.1.21:5090"
    );
    assert_eq!(
        site.route(bye_to("sip:x@10.10.7.7:1024", &routes(&token)), STRANGER).forwarded_to(),
        "10.10.7.7:1024"
    );
    for host in [
        // A port of a listed target that is not SIP's, and ports that never are.
        "10.10.1.21:8081",
        "10.10.7.7:80",
        "10.10.7.7:53",
        "10.10.7.7:1023",
        "127.0.0.1:5060",
        "169.254.169.254:5060",
        "[fd00:ec2::254]:5060",
        "203.0.113.7:5060",
        "[::1]:5060",
        "0.0.0.0:5060",
        "224.0.0.1:5060",
        // A stream, where the call had none.
        "10.10.1.99:5062;transport=tcp",
        "10.10.1.99:5062;transport=TCP",
    ] {
        assert_eq!(
            site.route(bye_to(&format!("sip:x@{host}"), &routes(&token)), STRANGER).code(),
            403,
            "{host}"
        );
    }
    let ack = request("ACK", "sip:x@10.10.7.7:80", "target", &routes(&token));
    assert!(site.route(ack, STRANGER).is_dropped());
}

#[test]
fn targets_networks_that_hold_loopback_or_metadata_addresses_do_not_open_them() {
    let everything = |settings: String| {
        let six = "[[listener]]\nname = \"six\"\nbind = \"[fd00::1]:5060\"\n[targets]\n";
        settings.replace("[targets]\n", six).replace(
            r#"networks = ["10.10.0.0/16"]"#,
            r#"networks = ["10.10.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fd00::/8"]"#,
        )
    };
    let site = Site::with(everything, EMPTY);
    let token = token();
    for host in ["127.0.0.1:5060", "169.254.169.254:5060", "[fd00:ec2::254]:5060"] {
        assert_eq!(
            site.route(bye_to(&format!("sip:x@{host}"), &routes(&token)), STRANGER).code(),
            403,
            "{host}"
        );
    }
    assert_eq!(
        site.route(bye_to("sip:x@[fd00::9]", &routes(&token)), STRANGER).forwarded_to(),
        "[fd00::9]:5060"
    );
}

#[test]
fn a_token_opens_the_last_hop_alone_so_that_no_other_proxy_of_ours_is_made_a_relay() {
    let (site, token) = (Site::new(), token());
    // Another proxy of ours lives among the targets: what comes to it from us would count as a target's.
    let other = "10.10.1.163:5060";
    for (uri, further) in [
        ("sip:victim@203.0.113.7", format!("Route: <sip:{other};lr>\r\n")),
        ("sip:victim@203.0.113.7", format!("Route: <sip:{other}>\r\n")),
        ("sip:victim@203.0.113.7;maddr=10.10.1.163", String::new()),
    ] {
        let message = bye_to(uri, &(routes(&token) + &further));
        assert_eq!(site.route(message, STRANGER).code(), 403, "{uri} {further}");
    }
}

#[test]
fn a_stream_is_opened_where_the_call_had_one() {
    // A target called out over TCP: its side of us says so.
    let message =
        request("INVITE", "sip:85512345678@175.100.32.29", "", "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let site = Site::new();
    let out = site.route_input(&Input {
        local: None,
        bytes: message.as_bytes(),
        source: "10.10.1.99:41000".parse().unwrap(),
        listener: 0,
        transport: Transport::Tcp,
        connection: Some(7),
        now: NOW,
    });
    let token = out.tokens().remove(0);
    let routes = routes(&token).replace("10.10.1.162:5060", "10.10.1.162:5060;transport=tcp");
    let back = bye_to("sip:1294@10.10.1.99:5062;transport=tcp", &routes);
    let back = back.replace("tag=caller", "tag=callee").replace("tag=target", "tag=caller");
    let hop = site.route(&back, STRANGER).hop();
    assert_eq!((hop.transport, hop.address.to_string()), (Transport::Tcp, GONE.to_owned()));
    let control = back.replace("10.10.1.99:5062", "10.10.1.21:8081");
    assert_eq!(site.route(control, STRANGER).code(), 403);
}

#[test]
fn a_target_that_has_left_the_list_ends_its_calls_and_reaches_other_such_targets() {
    let site = Site::new();
    let caller = "sip:0715100860@175.100.32.29:5060";
    let (token, from_caller) = (token(), "tag=caller");
    let swap = |message: String| message.replace(from_caller, "tag=x").replace("tag=target", from_caller);
    let bye_out = swap(bye_to(caller, &routes_of_target(&token)));
    assert_eq!(site.route(bye_out, "10.10.1.99:5062").forwarded_to(), CARRIER);
    // A call from target to target, both of which are gone by now.
    let call = token_of(&site, &invite(""), "10.10.1.98:5060");
    let route = format!("Route: <sip:{INTERNAL};lr;did={call}>\r\n");
    for message in [bye_to(&format!("sip:x@{GONE}"), &route), swap(bye_to(&format!("sip:x@{GONE}"), &route))]
    {
        assert_eq!(site.route(&message, "10.10.1.98:5060").forwarded_to(), GONE);
        // Not for somebody outside, and not without.
        refused(&site, &message, Check::Forged);
        assert_eq!(site.route(message.replace(&route, ""), "10.10.1.98:5060").code(), 403);
    }
}

#[test]
fn a_former_target_outside_the_networks_is_remembered_for_those_with_a_token() {
    // No networks at all: the addresses of the list are all that is known.
    let settings = |settings: String| settings.replace(r#"networks = ["10.10.0.0/16"]"#, "");
    let targets = r#"{"targets": [{"id": "a", "address": "10.10.1.99", "ports": {"sip": 5062}}]}"#;
    let mut site = Site::with(settings, targets);
    let token = token_of(&site, &invite(""), CARRIER);
    let empty = fleet::Snapshot::from_json(EMPTY.as_bytes()).unwrap();
    site.table = proxy::table::Table::new(empty, &["sip".to_owned()], [0; 16], Some(&site.table));
    assert_eq!(site.route(bye(&token), STRANGER).forwarded_to(), GONE);
    refused(&site, &bye("x"), Check::Forged);
    let bye_out = bye_to("sip:x@175.100.32.29", &routes_of_target(&token));
    assert_eq!(site.route(bye_out, GONE).forwarded_to(), CARRIER);
}

#[test]
fn a_stranger_with_a_to_tag_of_his_own_making_reaches_no_target() {
    let site = Site::new();
    let (token, forged) = (token(), token().replace('7', "8").replace('3', "4"));
    let silent = Site::with(|settings| settings.replace("[access]", "[access]\nrefused = \"drop\""), EMPTY);
    for method in ["BYE", "INVITE", "OPTIONS", "REGISTER"] {
        for further in [
            String::new(),
            "Route: <sip:203.0.113.1;lr>\r\n".to_owned(),
            routes(&forged),
            routes("x").replace(";did=x", ""),
        ] {
            let message = request(method, OUR_URI, "made-up", &further);
            assert_eq!(site.route(&message, STRANGER).code(), 403, "{message}");
            assert_eq!(
                silent.route(&message, STRANGER).verdict,
                Verdict::Drop(Cause::Refused, None),
                "{message}"
            );
            // Whoever may call has calls: SIPp's uac, for instance, takes no notice of Record-Route.
            assert_eq!(site.route(&message, CARRIER).forwarded_to(), TARGET, "{message}");
        }
        let proved = request(method, OUR_URI, "target", &routes(&token));
        assert_eq!(site.route(proved, STRANGER).forwarded_to(), TARGET);
    }
    assert!(site.route(request("ACK", OUR_URI, "made-up", ""), STRANGER).is_dropped());
}

#[test]
fn without_secrets_a_token_is_good_in_the_process_that_made_it() {
    let alone = || site_with_secrets("");
    let site = alone();
    let call = request("INVITE", "sip:85512345678@175.100.32.29", "", "");
    let token = token_of(&site, &call, TARGET);
    let back = bye(&token).replace("tag=caller", "tag=callee").replace("tag=target", "tag=caller");
    assert_eq!(site.route(&back, STRANGER).forwarded_to(), GONE);
    refused(&alone(), &back, Check::Forged);
    let listed = Site::with(
        |settings| settings.replace("secrets =", "#"),
        r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#,
    );
    assert_eq!(listed.route(bye_to("sip:x@10.10.1.21", &routes(&token)), STRANGER).forwarded_to(), TARGET);
}

/// An INVITE with this Via sent-by and this Contact, and what else is behind its Via.
fn invite_of(sent_by: &str, contact: &str, further: &str) -> String {
    let contact = format!("Contact: <sip:0715100860@{contact}>\r\n{further}");
    invite(&contact).replace("SIP/2.0/UDP 175.100.32.29:5060", &format!("SIP/2.0/UDP {sent_by}"))
}

/// Where the target's BYE to that caller goes, whose Request-URI is this.
fn bye_of_target(site: &Site, invite: &str, source: &str, uri: &str) -> Outcome {
    let token = token_of(site, invite, source);
    let bye = bye_to(uri, &routes_of_target(&token));
    site.route(bye.replace("tag=caller", "tag=x").replace("tag=target", "tag=caller"), TARGET)
}

const BEHIND_NAT: &str = "175.100.32.77:40123";
const PHONE: &str = "192.168.1.2:5060";

#[test]
fn a_caller_behind_a_nat_without_record_route_is_reached_where_its_invite_came_from() {
    let site = Site::new();
    let uri = format!("sip:0715100860@{PHONE}");
    for phone in [PHONE, "100.64.3.4:5060"] {
        let uri = format!("sip:0715100860@{phone}");
        let out = bye_of_target(&site, &invite_of(phone, phone, ""), BEHIND_NAT, &uri);
        assert_eq!((out.forwarded_to(), out.hop().transport), (BEHIND_NAT.to_owned(), Transport::Udp));
        assert!(out.raw.starts_with(&format!("BYE {uri} SIP/2.0\r\n")) && out.headers("Route").is_empty());
    }
    // Its Contact is another by now.
    let out = bye_of_target(&site, &invite_of(PHONE, PHONE, ""), BEHIND_NAT, "sip:x@203.0.113.7:5070");
    assert_eq!(out.forwarded_to(), "203.0.113.7:5070");
    // Behind its own proxy, which the Record-Route tells of or another Via.
    for further in [
        "Record-Route: <sip:175.100.32.29;lr>\r\n",
        "Via: SIP/2.0/UDP 10.65.104.9:5060;branch=z9hG4bKphone\r\n",
    ] {
        let out = bye_of_target(&site, &invite_of(PHONE, PHONE, further), BEHIND_NAT, &uri);
        assert_eq!(out.forwarded_to(), PHONE, "{further}");
    }
    // Not behind a NAT: one of the two is where it sends from, or Contact is an address that others can reach.
    for (sent_by, contact) in [
        ("175.100.32.77:5060", PHONE),
        (PHONE, "175.100.32.77:5060"),
        (PHONE, "203.0.113.7:5060"),
        ("sbc.example", PHONE),
    ] {
        let out =
            bye_of_target(&site, &invite_of(sent_by, contact, ""), BEHIND_NAT, &format!("sip:x@{contact}"));
        assert_eq!(out.forwarded_to(), contact, "{sent_by} {contact}");
    }
}

#[test]
fn a_caller_in_a_private_network_that_its_contact_tells_is_reached_there() {
    let private = |settings: String| settings.replace("175.100.32.0/24", "192.168.0.0/16");
    let targets = r#"{"targets": [{"id": "a", "address": "10.10.1.21", "ports": {"sip": 5060}}]}"#;
    let invite = invite_of("10.65.104.1:5060", PHONE, "");
    let site = Site::with(private, targets);
    let out = bye_of_target(&site, &invite, "192.168.1.2:40000", &format!("sip:x@{PHONE}"));
    assert_eq!(out.forwarded_to(), PHONE);
}

#[test]
fn the_address_in_a_token_cannot_be_changed_and_is_not_for_those_outside() {
    let (site, invite) = (Site::new(), invite_of(PHONE, PHONE, ""));
    let token = token_of(&site, &invite, BEHIND_NAT);
    let uri = format!("sip:0715100860@{PHONE}");
    let bye = |token: &str| {
        let bye = bye_to(&uri, &routes_of_target(token));
        bye.replace("tag=caller", "tag=x").replace("tag=target", "tag=caller")
    };
    assert_eq!(site.route(bye(&token), TARGET).forwarded_to(), BEHIND_NAT);
    let (mac, _) = token.split_once('-').unwrap();
    for other in [mac.to_owned(), format!("{mac}-cb7100071388"), format!("{mac}-7f0000010050")] {
        assert_eq!(site.route(bye(&other), TARGET).forwarded_to(), PHONE, "{other}");
    }
    // It still opens what a token opens, and no more, for the caller itself.
    assert_eq!(site.route(bye_to(&format!("sip:x@{GONE}"), &routes(&token)), STRANGER).forwarded_to(), GONE);
    assert_eq!(site.route(bye_to(&uri, &routes(&token)), STRANGER).code(), 403);
}

#[test]
fn a_caller_behind_a_nat_over_tcp_is_reached_by_its_transport() {
    let site = Site::new();
    let message = invite_of(PHONE, PHONE, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let out = site.route_input(&Input {
        local: None,
        bytes: message.as_bytes(),
        source: BEHIND_NAT.parse().unwrap(),
        listener: 0,
        transport: Transport::Tcp,
        connection: Some(7),
        now: NOW,
    });
    let token = out.tokens().remove(0);
    let routes = routes_of_target(&token).replace("52.74.4.205:5060;", "52.74.4.205:5060;transport=tcp;");
    let bye = bye_to(&format!("sip:0715100860@{PHONE}"), &routes).replace("tag=caller", "tag=x");
    let hop = site.route(bye.replace("tag=target", "tag=caller"), TARGET).hop();
    assert_eq!((hop.transport, hop.address.to_string()), (Transport::Tcp, BEHIND_NAT.to_owned()));
}
