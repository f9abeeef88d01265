//! Legs: made, bridged, gone.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_legs_is_bridged_and_the_caller_parks_when_it_has_gone() {
    let mut lab = Lab::start().await;
    let trace = Trace::new();
    let machine = Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &trace).await.unwrap();
    let call = lab.call_with(Vec::new(), Source::Silence);
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.ask(&format!("api uuid_setvar {channel} park_after_bridge true")).await;
    for (leg, user) in [("leg-one", "hangup"), ("leg-two", "ring")] {
        let dial = format!("sofia/nat_gateway/{user}@{}", machine.address());
        let variables = format!("origination_uuid={leg},originate_timeout=20,sip_h_X-Switchyard-Leg={leg}");
        controller.ask(&format!("bgapi originate {{{variables}}}{dial} &park()")).await;
    }
    let answered = controller.event("CHANNEL_PARK", "leg-one").await;
    assert_eq!(answered.header("Call-Direction"), Some("outbound"));
    controller.ask("api uuid_kill leg-two LOSE_RACE").await;
    assert_eq!(controller.ask(&format!("api uuid_bridge {channel} leg-one")).await, "+OK leg-one");
    assert_eq!(
        controller.event("CHANNEL_BRIDGE", &channel).await.header("Bridge-B-Unique-ID"),
        Some("leg-one")
    );
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", "leg-one").await;
    assert_eq!(end.variable("sip_hangup_disposition"), Some("recv_bye"));
    let parted = controller.event("CHANNEL_UNBRIDGE", &channel).await;
    assert_eq!(parted.variable("last_bridge_hangup_cause"), Some("NORMAL_CLEARING"));
    controller.execute(&channel, "playback", "silence_stream://300", "afterwards").await;
    assert_eq!(controller.completed(&channel, "afterwards").await, "FILE PLAYED");
    controller.ask(&format!("api uuid_kill {channel}")).await;
    let report = call.await.unwrap();
    assert!(report.completed() && report.audio.rms_per_second.iter().any(|rms| *rms > 2000.0), "{report}");
    let legs = machine.report().calls;
    assert_eq!(legs[0].invite.named("X-Switchyard-Leg"), ["leg-one"]);
    assert_eq!(legs[1].status, Some(487));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_originate_that_fails_tells_why() {
    let mut lab = Lab::start().await;
    let machine =
        Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &Trace::new()).await.unwrap();
    let closed = lab::proxy_process::free_port("127.0.1.9".parse().unwrap()).unwrap();
    for (whom, cause, status) in [
        (format!("busy@{}", machine.address()), "USER_BUSY", "486"),
        (format!("ring@{}", machine.address()), "NO_ANSWER", "487"),
        (format!("anybody@127.0.1.9:{closed}"), "NORMAL_TEMPORARY_FAILURE", "503"),
    ] {
        let command = format!("bgapi originate {{originate_timeout=2}}sofia/nat_gateway/{whom} &park()");
        lab.controller.ask(&command).await;
        let end = lab.controller.event("CHANNEL_HANGUP_COMPLETE", "").await;
        let told = (end.header("Hangup-Cause"), end.variable("sip_invite_failure_status"));
        assert_eq!(told, (Some(cause), Some(status)), "{whom}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_ends_with_its_caller_or_without_park_after_bridge_with_its_callee() {
    let mut lab = Lab::start().await;
    let machine =
        Machine::start("127.0.1.9:0".parse().unwrap(), Answering::ByUser, &Trace::new()).await.unwrap();
    for (user, script, caller_told, leg_told) in [
        (
            "echo",
            vec![Step::Wait(seconds(2.5)), Step::HangUp],
            vec!["CHANNEL_BRIDGE", "CHANNEL_HANGUP", "CHANNEL_UNBRIDGE"],
            vec!["CHANNEL_HANGUP"],
        ),
        (
            "hangup",
            Vec::new(),
            vec!["CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_HANGUP"],
            vec!["CHANNEL_HANGUP"],
        ),
    ] {
        let call = lab.call(script);
        let controller = &mut lab.controller;
        let channel = controller.take_and_answer().await;
        let leg = format!("leg-{user}");
        let dial = format!("sofia/nat_gateway/{user}@{}", machine.address());
        controller.ask(&format!("bgapi originate {{origination_uuid={leg}}}{dial} &park()")).await;
        controller.event("CHANNEL_PARK", &leg).await;
        controller.ask(&format!("api uuid_bridge {channel} {leg}")).await;
        let bridge = controller.event("CHANNEL_BRIDGE", &channel).await;
        controller.events.clear();
        controller.events.push_back(bridge);
        let end = controller.event("CHANNEL_HANGUP_COMPLETE", &leg).await;
        assert_eq!(end.header("Hangup-Cause"), Some("NORMAL_CLEARING"));
        let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
        assert_eq!(end.header("Hangup-Cause"), Some("NORMAL_CLEARING"));
        controller.events.retain(|event| !event.name().starts_with("CHANNEL_EXECUTE"));
        assert_eq!(
            (told(controller, &channel), told(controller, &leg)),
            (owned(&caller_told), owned(&leg_told))
        );
        assert!(call.await.unwrap().completed());
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
