//! 2.8: what a Dial records.

use controller::call::input::{Input, LegInput};

use crate::dial::dial;

#[test]
fn di20_a_recording_begins_with_the_connection_and_is_told_with_the_action() {
    let mut call = dial(
        "<Dial record='record-from-answer-dual' recordingStatusCallback='/r' action='/done' timeLimit='99'>1</Dial>",
    );
    call.leg(1, LegInput::Ringing);
    call.did();
    call.leg(1, LegInput::Answered);
    assert_eq!(call.did(), ["stop playing", "bridge 1", "record Both 99s POST https://example.com/r"]);
    call.wait(8.0);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert_eq!(
        call.did()[..3],
        [
            "stop recording",
            "keep recording",
            "POST https://example.com/done in-progress DialCallStatus=completed DialCallSid=CA-leg-1 \
             DialCallDuration=8 RecordingUrl=https://rec.example.com/RE1 RecordingDuration=8",
        ]
    );
}

#[test]
fn di20_a_recording_from_ringing_begins_with_it_and_is_told_when_nobody_answers() {
    let mut call = dial("<Dial record='record-from-ringing' action='/done'>1</Dial>");
    call.did();
    call.leg(1, LegInput::Ringing);
    assert_eq!(call.did(), ["play ringing", "record All 14400s"]);
    call.wait(5.0);
    call.leg_ends(1, "NO_ANSWER");
    let did = call.did();
    assert_eq!(did[..3], ["stop playing", "stop recording", "keep recording"]);
    assert!(
        did[3].ends_with("DialCallSid=CA-leg-1 RecordingUrl=https://rec.example.com/RE1 RecordingDuration=5")
    );
}

#[test]
fn di20_l8_a_recording_is_told_when_the_caller_hangs_up() {
    let mut call = dial("<Dial record='true' action='/done'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.wait(6.0);
    call.did();
    call.caller_hangs_up();
    let did = call.did();
    assert_eq!(did[..3], ["report completed NORMAL_CLEARING", "end 1 Over", "keep recording"]);
    assert!(did[3].contains("completed DialCallStatus=completed") && did[3].contains("RecordingDuration=6"));
}

#[test]
fn di20_a_recording_that_cannot_be_kept_or_never_ends_does_not_keep_the_call() {
    let mut call = dial("<Dial record='true' action='/done'>1</Dial>");
    call.not_kept = Some("500".into());
    call.leg(1, LegInput::Answered);
    call.wait(6.0);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert!(call.did().iter().any(|line| line.ends_with("DialCallDuration=6")));
    let mut call = dial("<Dial record='true' action='/done'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.deaf = true;
    call.leg_ends(1, "NORMAL_CLEARING");
    call.did();
    call.wait(41.0);
    let did = call.did();
    assert!(did[0] == "keep recording" && did[1].ends_with("DialCallDuration=0"), "{did:?}");
}

#[test]
fn di20_an_update_keeps_what_was_recorded_of_a_dial() {
    let mut call = dial("<Dial record='true'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.wait(6.0);
    call.did();
    call.tell(Input::Update(controller::call::facts::Application::Twiml(
        "<Response><Pause length='9'/></Response>".into(),
    )));
    assert_eq!(call.did(), ["stop recording", "end 1 CallerGone", "keep recording"]);
}
