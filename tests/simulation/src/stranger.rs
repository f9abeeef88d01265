//! Strangers, who try to make a proxy send something to where nothing of theirs may go.

use crate::context::Context;
use crate::message::Draft;
use crate::scenario::{ADVERTISED, Internal, NAME, SHARED, advertised, proxy_address, stranger_address};

/// Where they would like to get: metadata services, this machine, our networks, ports that are not SIP, others.
const VICTIMS: [&str; 8] = [
    "169.254.169.254:80",
    "127.0.0.1:8080",
    "10.10.1.21:8081",
    "10.10.7.7:5060",
    "203.0.113.77:5060",
    "0.0.0.0:5060",
    "255.255.255.255:5060",
    "224.0.0.1:5060",
];

/// Sends one such thing.
pub(crate) fn send(context: &mut Context, number: usize) {
    let address = stranger_address(number);
    let rng = &mut context.rng;
    let victim = rng.pick(&VICTIMS);
    let (host, port) = victim.split_once(':').unwrap_or((victim, "5060"));
    let own = format!("{}.{}.{}.{}:5060", ADVERTISED.0[0], ADVERTISED.0[1], ADVERTISED.0[2], ADVERTISED.0[3]);
    let internal = match context.scenario.internal {
        Internal::Own => proxy_address(0).to_string(),
        Internal::SharedAddress => SHARED.to_owned(),
        Internal::SharedName => NAME.to_owned(),
    };
    let rng = &mut context.rng;
    let (first, second) = (format!("<sip:{own};lr;r2=on>"), format!("<sip:{internal};lr;r2=on>"));
    let (evil, strict) = (format!("<sip:{victim};lr>"), format!("<sip:{victim}>"));
    let maddr = format!("<sip:{own};lr;maddr={host}>");
    let choices: [&[&str]; 8] = [
        &[],
        &[&evil],
        &[&strict],
        &[&first, &second],
        &[&first, &second, &evil],
        &[&first, &second, &strict],
        &[&evil, &first, &second],
        &[&first, &maddr],
    ];
    let routes = choices[rng.below(choices.len())];
    let uris = [
        format!("sip:x@{victim}"),
        format!("sip:1294@{own};maddr={host}"),
        format!("sip:{own};lr;r2=on"),
        format!("sip:{own};lr;maddr={host}"),
        format!("sip:1294@{own}"),
        format!("sip:x@{host};transport=tcp"),
        format!("sip:10.10.1.21:5060;maddr={host}"),
    ];
    let uri = &uris[rng.below(uris.len())];
    let vias = [
        format!("SIP/2.0/UDP {address};branch=z9hG4bKstranger{number}"),
        format!("SIP/2.0/UDP {victim};branch=z9hG4bKstranger{number}"),
        format!("SIP/2.0/UDP {address};branch=z9hG4bKstranger{number};maddr={host}"),
        format!("SIP/2.0/UDP {address};branch=z9hG4bKstranger{number};received={host};rport={port}"),
        format!("SIP/2.0/TCP {victim};branch=z9hG4bKstranger{number};i=0-1"),
    ];
    let via = &vias[rng.below(vias.len())];
    let forged = format!("SIP/2.0/UDP {own};branch=z9hG4bK1{:016x}{:016x};i=0", rng.next(), rng.next());
    let method = rng.pick(&["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "REGISTER", "", ""]);
    let tag = if rng.percent(50) { ";tag=made-up" } else { "" };
    let draft = match method {
        "" => Draft::response(200).field("Via", forged),
        method => Draft::request(method, uri),
    };
    let bytes = draft
        .field("Via", via)
        .fields("Route", routes.iter().copied())
        .field("From", format_args!("<sip:stranger@{host}>;tag=stranger{number}"))
        .field("To", format_args!("<sip:1294@{own}>{tag}"))
        .field("Call-ID", format_args!("stranger-{number}"))
        .field("CSeq", format_args!("1 {}", if method.is_empty() { "INVITE" } else { method }))
        .field("Contact", strict)
        .finish();
    for _ in 0..rng.between(1, 3) {
        context.send(address, advertised(), bytes.clone());
    }
}
