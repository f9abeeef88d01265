//! What only the stand-in can do.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_when_the_connection_is_closed_and_ends_without_a_word_when_it_restarts() {
    let mut lab = Lab::stand_in().await;
    let call = lab.call(vec![Step::Wait(seconds(3.0)), Step::HangUp]);
    let channel = lab.controller.take_and_answer().await;
    lab.controller.execute(&channel, "playback", "tone_stream://%(60000,0,800)", "long").await;
    lab.controller.event("PLAYBACK_START", &channel).await;
    lab.own().close_connections();
    assert!(matches!(lab.controller.next().await, Came::Closed));
    let report = call.await.unwrap();
    assert!(report.completed(), "{report}");
    assert!(report.audio.rms_per_second.iter().filter(|rms| **rms > 2000.0).count() >= 2, "{report}");

    let mut controller = Controller::log_in(&lab.switch).await;
    let before = controller.ask("api global_getvar core_uuid").await;
    assert_eq!(before, lab.own().core_uuid());
    let call = lab.call(vec![Step::Wait(seconds(1.0)), Step::HangUp]);
    controller.take_and_answer().await;
    lab.own().restart();
    assert_ne!(before, lab.own().core_uuid());
    assert_eq!(lab.own().sessions(), 0);
    // Its BYE is answered by a FreeSWITCH that knows nothing of the call.
    assert_eq!(call.await.unwrap().bye_status, Some(481));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_full_unwilling_frozen_slow_and_forgetful() {
    let mut lab = Lab::stand_in().await;
    lab.own().limit_sessions(1);
    assert_eq!(lab.call(Vec::new()).await.unwrap().status, Some(503));
    lab.own().limit_sessions(100);
    lab.own().refuse(Some("USER_BUSY"));
    assert_eq!(lab.call(Vec::new()).await.unwrap().status, Some(486));
    lab.own().refuse(None);

    lab.own().freeze(true);
    let patience = timeout(seconds(0.3), lab.controller.ask("api status")).await;
    assert!(patience.is_err(), "a frozen switch answers");
    lab.own().freeze(false);
    // The answer to the command that was given up comes now.
    assert!(matches!(lab.controller.next().await, Came::Reply(text) if text.starts_with("UP ")));

    lab.own().slow_replies(seconds(0.4));
    let asked = tokio::time::Instant::now();
    assert!(lab.controller.ask("api status").await.starts_with("UP "));
    assert!(asked.elapsed() >= seconds(0.4));
    lab.own().slow_replies(Duration::ZERO);

    // CREATE, EXECUTE and EXECUTE_COMPLETE of set, EXECUTE of park.
    lab.own().lose_events(4);
    let call = lab.call(Vec::new());
    let first = loop {
        if let Came::Event(event) = lab.controller.next().await
            && event.name() != "HEARTBEAT"
        {
            break event;
        }
    };
    assert_eq!(first.name(), "CHANNEL_PARK");
    lab.controller.ask(&format!("api uuid_kill {} CALL_REJECTED", first.unique_id().unwrap())).await;
    assert_eq!(call.await.unwrap().status, Some(603));

    lab.own().deny_connections(true);
    let mut stranger = Controller::connect(lab.switch.event_socket()).await;
    assert!(matches!(stranger.next().await, Came::Other(Kind::RudeRejection)));
    assert!(matches!(stranger.next().await, Came::Closed));
}
