//! A caller: parked, answered, played to, recorded, hung up.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_parks_is_answered_hears_a_tone_and_is_hung_up() {
    let mut lab = Lab::start().await;
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.execute(&channel, "playback", "tone_stream://%(1500,0,800)", "a-tone").await;
    assert_eq!(controller.event("PLAYBACK_STOP", &channel).await.header("Playback-Status"), Some("done"));
    assert_eq!(controller.completed(&channel, "a-tone").await, "FILE PLAYED");
    let missing = lab.switch.directory().join("missing.wav");
    controller.execute(&channel, "playback", missing.to_str().unwrap(), "no-file").await;
    assert_eq!(controller.completed(&channel, "no-file").await, "FILE NOT FOUND");
    controller.ask(&format!("api uuid_kill {channel}")).await;
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
    assert_eq!(end.header("Hangup-Cause"), Some("NORMAL_CLEARING"));
    assert_eq!(end.variable("sip_hangup_disposition"), Some("send_bye"));
    let report = call.await.unwrap();
    assert!(report.completed() && report.hung_up_by == Some(Side::Callee), "{report}");
    assert!(report.audio.rms_per_second.iter().any(|rms| *rms > 1000.0), "{report}");
}

/// A real one does so or not, as its threads happen to run.
#[tokio::test(flavor = "multi_thread")]
async fn what_plays_before_the_second_park_is_broken_off() {
    let mut lab = Lab::stand_in().await;
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.event("CHANNEL_PARK", "").await.unique_id().unwrap().to_owned();
    controller.ask(&format!("api uuid_park {channel}")).await;
    controller.execute(&channel, "playback", "tone_stream://%(1500,0,800)", "early").await;
    assert_eq!(controller.completed(&channel, "early").await, "PLAYBACK ERROR");
    controller.event("CHANNEL_PARK", &channel).await;
    controller.execute(&channel, "playback", "tone_stream://%(100,0,800)", "late").await;
    assert_eq!(controller.completed(&channel, "late").await, "FILE PLAYED");
    controller.ask(&format!("api uuid_kill {channel}")).await;
    call.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_told_and_what_plays_can_be_broken_off() {
    let mut lab = Lab::start().await;
    let call = lab.call(vec![Step::Wait(seconds(1.0)), Step::Press("1#".to_owned())]);
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.execute(&channel, "playback", "tone_stream://%(500,500,440,480);loops=-1", "for-ever").await;
    assert_eq!(controller.event("DTMF", &channel).await.header("DTMF-Digit"), Some("1"));
    controller.ask(&format!("api uuid_break {channel} all")).await;
    assert_eq!(controller.event("PLAYBACK_STOP", &channel).await.header("Playback-Status"), Some("break"));
    assert_eq!(controller.completed(&channel, "for-ever").await, "FILE PLAYED");
    assert_eq!(controller.event("DTMF", &channel).await.header("DTMF-Digit"), Some("#"));
    controller.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_takes_is_refused_with_503_and_one_that_is_taken_stays() {
    let mut lab = Lab::start().await;
    let (lost, kept) = (lab.call(Vec::new()), lab.call(Vec::new()));
    let channel = lab.controller.take().await;
    let lost_one = lab.controller.event("CHANNEL_HANGUP_COMPLETE", "").await;
    assert_ne!(lost_one.unique_id(), Some(channel.as_str()));
    lab.controller.ask(&format!("api uuid_kill {channel} USER_BUSY")).await;
    let mut statuses = [lost.await.unwrap().status.unwrap(), kept.await.unwrap().status.unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [486, 503]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_at_its_limit_and_has_the_callers_sound() {
    let mut lab = Lab::start().await;
    let path = lab.switch.directory().join("recording.wav");
    let call = lab.call(Vec::new());
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    for (name, value) in [("RECORD_MIN_SEC", 0), ("RECORD_SILENCE_THRESHOLD", 200)] {
        controller.ask(&format!("api uuid_setvar {channel} {name} {value}")).await;
    }
    let path_text = path.display();
    assert_eq!(
        controller.ask(&format!("api uuid_record {channel} start {path_text} 3")).await,
        "+OK Success"
    );
    controller.event("RECORD_START", &channel).await;
    let stop = controller.event("RECORD_STOP", &channel).await;
    assert_eq!(stop.header("Record-File-Path"), path.to_str());
    assert_eq!(stop.header("Record-Completion-Cause"), Some("success-maxtime"));
    controller.ask(&format!("api uuid_kill {channel}")).await;
    assert!(call.await.unwrap().completed());
    let samples = samples(&path);
    // A limit counts by the clock's seconds; and a busy machine leaves gaps.
    let tenths: Vec<f64> = samples.chunks_exact(800).map(|tenth| share_of(tenth, 440)).collect();
    let pure = tenths.iter().filter(|share| **share > 0.9).count();
    assert!(tenths.len() > 10 && pure * 2 > tenths.len(), "{tenths:?}");
}

fn samples(path: &Path) -> Vec<i16> {
    let file = std::fs::read(path).unwrap();
    let data = file.windows(4).position(|four| four == b"data").unwrap() + 8;
    file[data..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_something_plays_and_is_recorded() {
    let mut lab = Lab::start().await;
    let path = lab.switch.directory().join("cut-off.wav");
    let call = lab.call(vec![Step::Wait(seconds(1.5)), Step::HangUp]);
    let controller = &mut lab.controller;
    let channel = controller.take_and_answer().await;
    controller.ask(&format!("api uuid_setvar {channel} RECORD_MIN_SEC 0")).await;
    controller.ask(&format!("api uuid_record {channel} start {} 60", path.display())).await;
    controller.execute(&channel, "playback", "tone_stream://%(60000,0,800)", "long").await;
    controller.event("PLAYBACK_START", &channel).await;
    controller.event("RECORD_START", &channel).await;
    controller.events.clear();
    assert_eq!(controller.completed(&channel, "long").await, "PLAYBACK ERROR");
    controller.events.retain(|event| event.name() != "CHANNEL_EXECUTE_COMPLETE");
    let stop = controller.event("RECORD_STOP", &channel).await;
    assert_eq!(stop.header("Record-Completion-Cause"), Some("success-silence"));
    let end = controller.event("CHANNEL_HANGUP_COMPLETE", &channel).await;
    assert_eq!(end.variable("sip_hangup_disposition"), Some("recv_bye"));
    assert_eq!(told(controller, &channel), ["CHANNEL_HANGUP", "PLAYBACK_STOP", "CHANNEL_UNPARK"]);
    assert!(call.await.unwrap().completed());
    assert!(samples(&path).len() > 4000);
}
