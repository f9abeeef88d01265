//! 2.1: the life of a call.

use std::time::Duration;

use controller::call::facts::{Application, Direction};
use controller::call::input::Input;
use controller::call::rules::Rules;

use crate::story::*;

#[test]
fn l1_an_inbound_call_is_answered_once_and_executes_its_document_in_order() {
    let mut call = call("<Response><Say>Hi</Say><Play>http://api.twilio.com/cowbell.mp3</Play></Response>");
    call.wait(5.0);
    assert_eq!(
        call.did(),
        and_hangs_up([
            "POST https://example.com/twiml ringing",
            "answer",
            "report answered",
            "report 2 Basic.Kal",
            "play Basic.Kal/en-US/Hi.",
            "play http://api.twilio.com/cowbell.mp3",
        ])
    );
}

#[test]
fn l4_inline_twiml_needs_no_request() {
    let twiml = Application::Twiml("<Response><Play>https://a.b/c.mp3</Play></Response>".into());
    let mut call = Story::new(Direction::Inbound, twiml, Rules::DEFAULT);
    call.wait(5.0);
    assert_eq!(call.did(), and_hangs_up(["answer", "report answered", "play https://a.b/c.mp3"]));
}

#[test]
fn l6_the_end_of_the_document_hangup_and_errors_end_the_call() {
    let mut over = verbs("<Play>a</Play>");
    over.wait(2.0);
    assert_eq!(over.did(), and_hangs_up(["play https://example.com/a"]));
    let mut hangup = verbs("<Play>a</Play><Hangup/><Play>b</Play>");
    hangup.wait(9.0);
    assert_eq!(hangup.did(), and_hangs_up(["play https://example.com/a"]));
    let mut error = verbs("<Play>a</Play><Redirect/><Play>b</Play>");
    error.wait(9.0);
    assert_eq!(error.did(), and_hangs_up(["play https://example.com/a"]));
}

#[test]
fn l8_when_the_caller_hangs_up_nothing_is_requested_after_play_and_gather() {
    for verb in ["<Play>a</Play>", "<Gather action='/x'><Play>a</Play></Gather>", "<Gather timeout='9'/>"] {
        let mut call = verbs(&format!("{verb}<Redirect>/next</Redirect>"));
        call.did();
        call.press("1");
        call.caller_hangs_up();
        call.wait(60.0);
        let did = call.did();
        assert_eq!(did[did.len() - 2..], ["report completed NORMAL_CLEARING", "finish"]);
        assert!(!did.iter().any(|line| line.contains("next") || line.contains("/x ")), "{did:?}");
    }
}

#[test]
fn l9_an_outbound_call_executes_nothing_before_it_is_answered_and_needs_no_answer() {
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), Rules::DEFAULT);
    call.page(VOICE, "<Response><Play>a</Play></Response>");
    call.wait(20.0);
    assert_eq!(call.did(), [""; 0]);
    call.tell(Input::Ringing);
    call.wait(5.0);
    call.tell(Input::Answered);
    call.wait(5.0);
    assert_eq!(
        call.did(),
        and_hangs_up([
            "report ringing",
            "report answered",
            "POST https://example.com/twiml in-progress",
            "play https://example.com/a",
        ])
    );
}

#[test]
fn an_outbound_call_that_nobody_answers_is_over_with_its_channel() {
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), Rules::DEFAULT);
    call.tell(Input::Ringing);
    call.tell(Input::HungUp(end("NO_ANSWER")));
    assert_eq!(call.did(), ["report ringing", "report completed NO_ANSWER", "finish"]);
}

#[test]
fn an_outbound_call_does_not_ring_forever() {
    let rules = Rules { ringing: Duration::from_secs(60), ..Rules::DEFAULT };
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), rules);
    call.wait(59.0);
    assert_eq!(call.did(), [""; 0]);
    call.wait(2.0);
    assert_eq!(call.did(), HANGS_UP);
}

#[test]
fn l10_every_verb_but_reject_hangup_and_pause_answers_first() {
    let rest = [
        "<Say>a</Say>",
        "<Play>a</Play>",
        "<Gather/>",
        "<Record/>",
        "<Dial>1</Dial>",
        "<Redirect>/a</Redirect>",
    ];
    for verb in rest {
        let mut call = call(&format!("<Response>{verb}</Response>"));
        assert_eq!(call.did()[1], "answer", "{verb}");
    }
    for verb in ["<Reject/>", "<Hangup/>", "<Pause length='0'/>"] {
        let mut call = call(&format!("<Response>{verb}</Response>"));
        assert!(!call.did().contains(&"answer".to_owned()), "{verb}");
    }
}

#[test]
fn a_pause_at_the_beginning_comes_before_the_answer() {
    let mut call = call("<Response><Pause length='5'/><Play>a</Play></Response>");
    call.wait(4.9);
    assert_eq!(call.did(), ["POST https://example.com/twiml ringing"]);
    call.wait(0.2);
    assert_eq!(call.did(), ["answer", "report answered", "play https://example.com/a"]);
}

#[test]
fn a_pause_is_as_long_as_it_says() {
    let mut call = verbs("<Play>a</Play><Pause length='3'/><Play>b</Play>");
    call.wait(3.9);
    assert_eq!(call.did(), ["play https://example.com/a"]);
    call.wait(0.2);
    assert_eq!(call.did(), ["play https://example.com/b"]);
}

#[test]
fn a_call_lasts_no_longer_than_the_rules_say() {
    let rules = Rules { duration: Duration::from_secs(100), ..Rules::DEFAULT };
    let mut call = Story::new(Direction::Inbound, url(VOICE), rules);
    call.page(VOICE, "<Response><Play loop='0'>a</Play></Response>");
    call.wait(99.0);
    assert!(!call.finished);
    call.did();
    call.wait(2.0);
    let did = call.did();
    assert_eq!(
        did[did.len() - 4..],
        ["stop playing", "hang up", "report completed NORMAL_CLEARING", "finish"]
    );
}

#[test]
fn no_more_verbs_are_executed_than_the_rules_say() {
    let rules = Rules { verbs: 3, ..Rules::DEFAULT };
    let mut call = Story::new(Direction::Inbound, url(VOICE), rules);
    call.page(VOICE, &format!("<Response>{}</Response>", "<Play>a</Play>".repeat(5)));
    call.wait(9.0);
    assert_eq!(call.did().iter().filter(|line| line.starts_with("play")).count(), 3);
    assert!(call.finished && call.customer_was_told("more than 3 verbs"));
}

#[test]
fn a_switch_that_says_nothing_does_not_keep_a_call_forever() {
    let mut call = call("<Response><Play>a</Play></Response>");
    call.deaf = true;
    call.wait(100.0);
    assert_eq!(
        call.did(),
        [
            "POST https://example.com/twiml ringing",
            "answer",
            "hang up",
            "report completed NORMAL_UNSPECIFIED",
            "finish"
        ]
    );
}

#[test]
fn a_document_of_verbs_that_take_no_time_is_gone_through_at_once() {
    let mut call = call(&format!("<Response>{}</Response>", "<Pause length='0'/>".repeat(900)));
    call.run();
    assert!(call.finished);
}

#[test]
fn what_was_lost_is_begun_again_where_it_stood() {
    let mut call = verbs("<Play>a</Play><Play loop='3'>b</Play>");
    call.wait(2.5);
    call.did();
    call.tell(Input::Lost);
    call.wait(3.0);
    assert_eq!(
        call.did(),
        and_hangs_up(["stop playing", "play https://example.com/b", "play https://example.com/b"])
    );
}
