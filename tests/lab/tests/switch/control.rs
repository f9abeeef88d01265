//! What a controller asks, and what it is told.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn another_controller_finds_the_channels_and_their_variables() {
    let mut lab = Lab::start().await;
    let call = lab.call(Vec::new());
    let channel = lab.controller.take_and_answer().await;
    lab.controller
        .ask(&format!("api uuid_setvar_multi {channel} switchyard_verb=3;switchyard_sid=CA1"))
        .await;
    lab.controller.stream.shutdown().await.unwrap();
    let mut second = Controller::log_in(&lab.switch).await;
    // A real one writes its list of channels when it has time.
    let listed = async {
        loop {
            let list = second.ask("api show channels as json").await;
            let list: serde_json::Value = serde_json::from_str(&list).unwrap();
            if list["row_count"] == 1 {
                break list["rows"][0]["uuid"].clone();
            }
            tokio::time::sleep(seconds(0.05)).await;
        }
    };
    assert_eq!(timeout(WITHIN, listed).await.unwrap(), channel.as_str());
    let dump = second.ask(&format!("api uuid_dump {channel} json")).await;
    let dump = Event::from_json(dump.as_bytes()).unwrap();
    assert_eq!((dump.variable("switchyard_verb"), dump.variable("switchyard_sid")), (Some("3"), Some("CA1")));
    assert_eq!(dump.header("Answer-State"), Some("answered"));
    second.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_parked_a_third_time_executes_nothing_any_more() {
    let mut lab = Lab::start().await;
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.event("CHANNEL_UNPARK", &channel).await;
    controller.ask(&format!("api uuid_park {channel}")).await;
    controller.event("CHANNEL_UNPARK", &channel).await;
    controller.events.clear();
    controller.execute(&channel, "playback", "tone_stream://%(100,0,800)", "unheard").await;
    tokio::time::sleep(seconds(1.0)).await;
    controller.ask("api status").await;
    assert_eq!(told(controller, &channel), [""; 0]);
    controller.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_in_the_same_words() {
    let mut lab = Lab::start().await;
    let path = lab.switch.directory().join("short.wav");
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    for (command, expected) in [
        ("uuid_kill nosuch", "-ERR No such channel!"),
        ("uuid_setvar nosuch a b", "-ERR No such channel!"),
        ("uuid_park nosuch", "-ERR No such channel!"),
        ("uuid_break nosuch all", "-ERR No such channel!"),
        ("uuid_dump nosuch json", "-ERR No such channel!"),
        ("uuid_getvar nosuch a", "-ERR No such channel!"),
        ("uuid_broadcast nosuch a", "-ERR invalid uuid"),
        ("uuid_answer nosuch", "-ERROR"),
        ("uuid_record nosuch start /tmp/x.wav 3", "-ERR Cannot locate session!"),
        ("uuid_record {channel} stop /tmp/none.wav", "-ERR Cannot stop record session!"),
        ("uuid_send_dtmf nosuch 1", "-ERR Cannot locate session!"),
        ("uuid_bridge nosuch other", "-ERR Invalid uuid"),
        ("uuid_exists nosuch", "false"),
        ("uuid_getvar {channel} nosuch", "_undef_"),
        ("uuid_kill", "-USAGE: <uuid> [cause]"),
        ("uuid_bridge", "-USAGE: <uuid> <other_uuid>"),
        ("originate nosuch/1 &park()", "-ERR CHAN_NOT_IMPLEMENTED"),
        ("nosuch", "-ERR nosuch Command not found!"),
    ] {
        let command = command.replace("{channel}", &channel);
        assert_eq!(controller.ask(&format!("api {command}")).await, expected, "{command}");
    }
    for (command, expected) in [
        (
            "sendmsg nosuch\ncall-command: execute\nexecute-app-name: answer",
            "-ERR invalid session id [nosuch]",
        ),
        ("filter add Unique-ID x", "+OK filter added. [Unique-ID]=[x]"),
        ("filter delete Unique-ID x", "+OK filter deleted. [Unique-ID][x]"),
        ("filter delete Unique-ID", "+OK filter deleted. [Unique-ID][]"),
        ("nixevent HEARTBEAT", "+OK events nixed"),
        ("nosuch", "-ERR command not found"),
    ] {
        assert_eq!(controller.ask(command).await, expected, "{command}");
    }
    // However short it is.
    controller.ask(&format!("api uuid_record {channel} start {} 60", path.display())).await;
    controller.event("RECORD_START", &channel).await;
    tokio::time::sleep(seconds(0.5)).await;
    controller.ask(&format!("api uuid_record {channel} stop {}", path.display())).await;
    controller.event("RECORD_STOP", &channel).await;
    assert!(path.exists());
    // A directory that is missing is made.
    let elsewhere = lab.switch.directory().join("new/x.wav");
    let nowhere = elsewhere.display();
    assert_eq!(controller.ask(&format!("api uuid_record {channel} start {nowhere} 60")).await, "+OK Success");
    controller.event("RECORD_START", &channel).await;
    tokio::time::sleep(seconds(0.5)).await;
    controller.ask(&format!("api uuid_record {channel} stop {nowhere}")).await;
    controller.event("RECORD_STOP", &channel).await;
    assert!(elsewhere.exists());
    controller.execute(&channel, "no_such_application", "x", "unknown").await;
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
    assert_eq!(end.header("Hangup-Cause"), Some("DESTINATION_OUT_OF_ORDER"));
    let executed = controller.events.iter().filter(|event| event.application_uuid() == Some("unknown"));
    assert_eq!(executed.count(), 0);
    assert_eq!(controller.ask("noevents").await, "+OK no longer listening for events");
    assert_eq!(controller.ask("exit").await, "+OK bye");
    assert!(matches!(controller.next().await, Came::Other(Kind::DisconnectNotice)));
    assert!(matches!(controller.next().await, Came::Closed));
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_the_connection_closed() {
    let lab = Lab::start().await;
    let mut stranger = Controller::connect(lab.switch.event_socket()).await;
    assert!(matches!(stranger.next().await, Came::Other(Kind::AuthRequest)));
    assert_eq!(stranger.ask("auth wrong").await, "-ERR invalid");
    loop {
        match stranger.next().await {
            Came::Closed => break,
            Came::Other(Kind::DisconnectNotice) => {}
            _ => panic!("something else than the end"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_it_refuses_calls_with_503_until_it_is_resumed() {
    let mut lab = Lab::start().await;
    lab.controller.ask("api fsctl pause inbound").await;
    assert_eq!(lab.controller.ask("api fsctl pause_check inbound").await, "true");
    assert_eq!(lab.call(Vec::new()).await.unwrap().status, Some(503));
    lab.controller.ask("api fsctl resume inbound").await;
    let call = lab.call(Vec::new());
    let channel = lab.controller.take().await;
    lab.controller.ask(&format!("api uuid_kill {channel} CALL_REJECTED")).await;
    assert_eq!(call.await.unwrap().status, Some(603));
}
