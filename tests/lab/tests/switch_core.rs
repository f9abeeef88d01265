//! The stand-in without its sockets: time limits, and what strangers send.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::signalling::Ids;
use lab::switch::{Action, Core, Settings};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn core(now: Instant) -> Core {
    let settings = Settings::at(address("127.0.0.1:0").ip());
    Core::new(settings, Ids::seeded(3), now, Duration::from_secs(1_795_334_545))
}

fn said(actions: &[Action]) -> String {
    let replies = actions.iter().filter_map(|action| match action {
        Action::Reply { bytes, .. } => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    replies.collect()
}

#[test]
fn a_client_has_25_seconds_to_log_in() {
    let begun = Instant::now();
    let mut core = core(begun);
    core.connected(1, address("127.0.0.1:0").ip(), begun);
    core.connected(2, address("127.0.0.1:0").ip(), begun);
    core.received(2, b"auth stand-in\n\n", begun);
    core.take_actions();
    let (closed, now) = loop {
        let now = core.next_timeout();
        core.timeout(now);
        if let Some(closed) =
            core.take_actions().into_iter().find(|action| matches!(action, Action::Close { .. }))
        {
            break (closed, now);
        }
        assert!(now < begun + Duration::from_secs(60), "never closed");
    };
    assert_eq!((closed, now - begun), (Action::Close { listener: 1 }, Duration::from_secs(25)));
}

#[test]
fn heartbeat_comes_every_five_seconds_to_those_who_want_it() {
    let begun = Instant::now();
    let mut core = core(begun);
    core.connected(1, address("127.0.0.1:0").ip(), begun);
    core.received(1, b"auth stand-in\n\nevent plain HEARTBEAT\n\n", begun);
    core.take_actions();
    for beat in 1..=3 {
        assert_eq!(core.next_timeout() - begun, Duration::from_secs(5 * beat));
        core.timeout(core.next_timeout());
        let text = said(&core.take_actions());
        assert!(text.contains("Event-Name: HEARTBEAT\n") && text.contains("Session-Count: 0\n"), "{text}");
        assert!(text.contains("Max-Sessions: 1000\n") && text.contains("Idle-CPU: "), "{text}");
    }
}

#[test]
fn nothing_that_is_sent_makes_a_panic() {
    const INVITE: &str = "INVITE sip:1294@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKa\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nContact: <sip:a@127.0.0.2>\r\n\
        X-Y: z\r\nContent-Length: 0\r\n\r\n";
    const COMMANDS: &str = "auth stand-in\n\nevent json ALL\n\napi originate {a='b,c\\=d}sofia/internal/1@127.0.0.1:9;fs_path=sip:q &park()\n\n\
        api uuid_record x start y z\n\nbgapi originate {origination_uuid=u,originate_timeout=9999999999999999999}sofia/internal/1@[::1]:9 &park()\n\n\
        sendmsg u\ncall-command: execute\nexecute-app-name: playback\nexecute-app-arg: tone_stream://%(1,-1,0)\nloops: -1\n\n\
        sendmsg u\ncall-command: execute\nexecute-app-name: sleep\nexecute-app-arg: 9999999999999999999\n\n\
        filter delete\n\nfilter\n\nnixevent\n\nexit\n\n";
    let source = address("127.0.0.2:5060");
    let mut ids = Ids::seeded(11);
    for round in 0..2000_u64 {
        let mut now = Instant::now();
        let mut core = core(now);
        core.connected(1, source.ip(), now);
        let mut damaged = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..ids.number() % 4 {
                let at = (ids.number() % bytes.len() as u64) as usize;
                bytes[at] = ids.number() as u8;
            }
            bytes
        };
        core.sip(&damaged(INVITE), source, now);
        core.received(1, &damaged(COMMANDS), now);
        for action in core.take_actions() {
            if let Action::OpenMedia { channel } = action {
                let media = if round % 2 == 0 { Ok(address("127.0.0.1:4000")) } else { Err(String::new()) };
                core.media_opened(&channel, media, now);
                core.rtp(
                    &channel,
                    &damaged("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}sound"),
                    source,
                    now,
                );
            }
        }
        for _ in 0..20 {
            now = core.next_timeout();
            core.timeout(now);
            core.take_actions();
        }
    }
}

#[test]
fn what_is_executed_for_ever_or_for_ages_stops_neither_time_nor_others() {
    let mut now = Instant::now();
    let mut core = core(now);
    let invite = "INVITE sip:1294@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nContact: <sip:a@127.0.0.2>\r\nContent-Length: 0\r\n\r\n";
    core.connected(1, address("127.0.0.1:0").ip(), now);
    core.received(1, b"auth stand-in\n\nevent plain CHANNEL_PARK\n\n", now);
    core.take_actions();
    core.sip(invite.as_bytes(), address("127.0.0.2:5060"), now);
    let told = said(&core.take_actions());
    let channel = told.split("Unique-ID: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    for (application, argument) in
        [("set", "a=b"), ("sleep", "18446744073709551615"), ("playback", "tone_stream://%(1,0,1)")]
    {
        let command = format!(
            "sendmsg {channel}\ncall-command: execute\nexecute-app-name: {application}\nexecute-app-arg: {argument}\nloops: -1\n\n"
        );
        core.received(1, command.as_bytes(), now);
    }
    for _ in 0..50 {
        now = core.next_timeout();
        core.timeout(now);
    }
    assert_eq!(core.sessions(), 1);
}
