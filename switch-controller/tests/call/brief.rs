//! A leg that executes an application of its own before it is connected (DI20: `url`, `sendDigits`).

use std::time::Duration;

use controller::call::Call;
use controller::call::facts::{Application, Direction};
use controller::call::rules::Rules;

use crate::story::*;

fn brief(document: &str) -> Story {
    let now = Duration::from_secs(1000);
    let call =
        Call::brief(facts(Direction::OutboundDial), "CA-parent".into(), url(VOICE), Rules::DEFAULT, now);
    let mut story = Story::of(call, now);
    story.page(VOICE, &format!("<Response>{document}</Response>"));
    story
}

#[test]
fn di20_a_leg_executes_its_document_and_stays() {
    let mut call = brief("<Say>a</Say><Gather numDigits='1' action='/key'><Play>b</Play></Gather><Hangup/>");
    call.page("https://example.com/key", "<Response><Play>c</Play></Response>");
    call.wait(1.5);
    call.press("5");
    call.wait(2.0);
    assert_eq!(
        call.did(),
        [
            "POST https://example.com/twiml in-progress ParentCallSid=CA-parent",
            "report 1 Basic.Kal",
            "play Basic.Kal/en-US/a.",
            "play https://example.com/b",
            "stop playing",
            "POST https://example.com/key in-progress Digits=5 ParentCallSid=CA-parent",
            "play https://example.com/c",
            "finish",
        ]
    );
    assert!(call.call.is_released());
    let parameters = &call.request.unwrap().parameters;
    assert!(parameters.contains(&("Direction".into(), "outbound-dial".into())), "{parameters:?}");
}

#[test]
fn di20_a_leg_is_ended_by_its_document() {
    for document in [
        "<Hangup/>",
        "<Foobar/>",
        "<Dial>1</Dial>",
        "<Record/>",
        "<Reject/>",
        "<Refer><Sip>sip:a@b</Sip></Refer>",
    ] {
        let mut call = brief(document);
        assert_eq!(call.did()[1..], ["hang up", "finish"], "{document}");
        assert!(!call.call.is_released());
    }
    let mut call = brief("<Dial>1</Dial>");
    call.run();
    assert!(call.customer_was_told("<Dial> is not allowed in the document of somebody who is called"));
}

#[test]
fn di20_a_leg_without_its_document_is_ended() {
    let mut call = brief("");
    call.broken_page(VOICE, "500");
    assert_eq!(call.did()[1..], ["hang up", "finish"]);
}

#[test]
fn di20_a_leg_that_hangs_up_is_over() {
    let mut call = brief("<Play>a</Play>");
    call.run();
    call.caller_hangs_up();
    assert_eq!(call.did()[2..], ["finish"]);
    assert!(!call.call.is_released());
}

#[test]
fn di20_keys_are_sent_and_nothing_is_asked() {
    let now = Duration::from_secs(1000);
    let keys = Application::Twiml("<Response><Play digits='w1#'/></Response>".into());
    let call = Call::brief(facts(Direction::OutboundDial), "CA-parent".into(), keys, Rules::DEFAULT, now);
    let mut call = Story::of(call, now);
    call.wait(2.0);
    assert_eq!(call.did(), ["play keys w1#", "finish"]);
    assert!(call.call.is_released());
}
