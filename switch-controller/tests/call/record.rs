//! 2.7: Record.

use std::time::Duration;

use controller::call::input::Input;

use crate::story::*;

fn record(record: &str) -> Story {
    verbs(&format!("{record}<Play>foo</Play>"))
}

#[test]
fn r1_a_beep_then_the_recording_then_the_document_itself() {
    let mut call = record("<Record/>");
    call.wait(1.0);
    assert_eq!(call.did(), ["play a beep", "record 3600s silence 5s"]);
    call.wait(5.9);
    call.recording_ends("success-silence");
    assert_eq!(
        call.did()[..2],
        [
            "keep recording",
            "POST https://example.com/twiml in-progress RecordingUrl=https://rec.example.com/RE1 RecordingDuration=5",
        ]
    );
}

#[test]
fn r2_an_absolute_action() {
    let mut call = record("<Record action='https://a.b/c' playBeep='false'/>");
    call.wait(2.0);
    call.recording_ends("success-silence");
    assert!(call.did()[2].starts_with("POST https://a.b/c in-progress RecordingUrl="));
}

#[test]
fn r3_r4_the_callback_goes_to_the_platform_if_there_is_one() {
    let record =
        |attributes: &str| record(&format!("<Record playBeep='false' {attributes}/>")).did().remove(0);
    assert_eq!(
        record("recordingStatusCallback='/cb'"),
        "record 3600s silence 5s POST https://example.com/cb"
    );
    let get = "recordingStatusCallback='https://a.b/' recordingStatusCallbackMethod='GET'";
    assert_eq!(record(get), "record 3600s silence 5s GET https://a.b/");
    assert_eq!(record(""), "record 3600s silence 5s");
}

#[test]
fn r5_r6_r7_beep_length_and_silence() {
    assert_eq!(record("<Record playBeep='true'/>").did(), ["play a beep"]);
    assert_eq!(record("<Record playBeep='maybe'/>").did(), ["play a beep"]);
    let mut call = record("<Record playBeep='false' maxLength='30' timeout='10'/>");
    assert_eq!(call.did(), ["record 30s silence 10s"]);
    assert_eq!(record("<Record playBeep='false' timeout='0'/>").did(), ["record 3600s silence 0s"]);
}

#[test]
fn r8_r11_a_finish_key_ends_the_recording_and_is_told() {
    let mut call = record("<Record playBeep='false' finishOnKey='123456789'/>");
    call.wait(3.0);
    call.press("*#0");
    assert_eq!(call.did(), ["record 3600s silence 5s"]);
    call.press("4");
    let did = call.did();
    assert_eq!(did[..2], ["stop recording", "keep recording"]);
    assert!(did[2].ends_with(" RecordingDuration=3 Digits=4"), "{did:?}");
}

#[test]
fn r8_without_finish_keys_none_ends_it() {
    let mut call = record("<Record playBeep='false' finishOnKey=''/>");
    call.wait(3.0);
    call.press("1234567890*#");
    assert_eq!(call.did(), ["record 3600s silence 5s"]);
}

#[test]
fn r10_an_empty_recording_goes_on_with_the_next_verb() {
    let mut call = record("<Record playBeep='false'/>");
    call.recording_ends("uri-failure");
    assert_eq!(call.did()[1..], ["drop the recording", "play https://example.com/foo"]);
    let mut call = record("<Record playBeep='false'/>");
    call.wait(5.0);
    call.recording_ends("no-input-timeout");
    assert_eq!(call.did()[1..], ["drop the recording", "play https://example.com/foo"]);
}

#[test]
fn r11_l8_the_customer_is_told_when_the_caller_hung_up() {
    let mut call = record("<Record playBeep='false' action='/done'/>");
    call.wait(3.0);
    call.caller_hangs_up();
    assert_eq!(
        call.did()[1..],
        [
            "report completed NORMAL_CLEARING",
            "keep recording",
            "POST https://example.com/done completed RecordingUrl=https://rec.example.com/RE1 RecordingDuration=3 \
             Digits=hangup",
            "finish",
        ]
    );
}

#[test]
fn a_recording_of_which_nothing_is_told_after_the_caller_hung_up_is_kept_as_it_is() {
    let mut call = record("<Record playBeep='false' action='/done'/>");
    call.wait(3.0);
    call.did();
    call.tell(Input::HungUp(end("NORMAL_CLEARING")));
    call.wait(9.9);
    assert_eq!(call.did(), ["report completed NORMAL_CLEARING"]);
    call.wait(0.2);
    let told = "POST https://example.com/done completed RecordingUrl=https://rec.example.com/RE1 RecordingDuration=13 \
                Digits=hangup";
    assert_eq!(call.did(), ["keep recording", told, "finish"]);
}

#[test]
fn a_caller_who_hangs_up_during_the_beep_was_not_recorded() {
    let mut call = record("<Record/>");
    call.caller_hangs_up();
    assert_eq!(call.did(), ["play a beep", "report completed NORMAL_CLEARING", "finish"]);
}

#[test]
fn r12_a_recording_that_cannot_be_kept_goes_on_with_the_next_verb() {
    let mut call = record("<Record playBeep='false'/>");
    call.not_kept = Some("the platform says 500".into());
    call.wait(3.0);
    call.recording_ends("success-silence");
    assert_eq!(call.did()[1..], ["keep recording", "play https://example.com/foo"]);
}

#[test]
fn a_recording_that_never_ends_is_stopped_and_kept_as_it_is() {
    let mut call = record("<Record playBeep='false' maxLength='10'/>");
    call.deaf = true;
    call.wait(Duration::from_secs(49).as_secs_f64());
    assert_eq!(call.did(), ["record 10s silence 5s"]);
    call.wait(2.0);
    assert_eq!(call.did(), ["stop recording"]);
    call.wait(11.0);
    let told = "POST https://example.com/twiml in-progress RecordingUrl=https://rec.example.com/RE1 RecordingDuration=10";
    assert_eq!(call.did()[..2], ["keep recording", told]);
}

#[test]
fn a_recording_is_ended_and_told_when_events_were_lost() {
    let mut call = record("<Record playBeep='false'/>");
    call.wait(3.0);
    call.tell(Input::Lost);
    let did = call.did();
    assert_eq!(did[1..3], ["stop recording", "keep recording"]);
    assert!(did[3].contains("RecordingDuration=3"));
}
