//! The API in the middle of a call: another application, and the end.

use controller::call::facts::{Application, Direction};
use controller::call::input::{Answer, Ask, HangUp, Input, LegInput};
use controller::call::rules::Rules;

use crate::story::*;

fn twiml(verbs: &str) -> Input {
    Input::Update(Application::Twiml(format!("<Response>{verbs}</Response>")))
}

#[test]
fn an_update_interrupts_whatever_is_heard() {
    let cases = [
        ("<Play loop='9'>a</Play>", &["stop playing"][..]),
        ("<Gather><Play loop='9'>a</Play></Gather>", &["stop playing"]),
        ("<Pause length='60'/>", &[]),
        ("<Gather timeout='60'/>", &[]),
    ];
    for (verb, stopped) in cases {
        let mut call = verbs(&format!("<Play>first</Play>{verb}<Play>never</Play>"));
        call.wait(1.5);
        call.did();
        call.tell(twiml("<Play>https://a.b/new</Play>"));
        call.wait(5.0);
        let expected: Vec<&str> = [stopped, &["play https://a.b/new"], &HANGS_UP].concat();
        assert_eq!(call.did(), expected, "{verb}");
    }
}

#[test]
fn an_update_asks_for_another_document() {
    let mut call = verbs("<Gather timeout='60'/>");
    call.page("https://a.b/new", "<Response><Play>c</Play></Response>");
    call.tell(Input::Update(url("https://a.b/new")));
    assert_eq!(call.did(), ["POST https://a.b/new in-progress", "play https://a.b/c"]);
}

#[test]
fn an_update_ends_a_recording_which_is_kept() {
    let mut call = verbs("<Record playBeep='false' action='/done'/>");
    call.wait(3.0);
    call.did();
    call.tell(twiml("<Pause length='5'/>"));
    call.wait(1.0);
    assert_eq!(call.did(), ["stop recording", "keep recording"]);
}

#[test]
fn an_update_ends_legs_and_waits_for_the_one_that_is_connected() {
    let mut call = verbs("<Dial action='/done'><Number>1</Number><Number>2</Number></Dial>");
    call.leg(1, LegInput::Ringing);
    call.did();
    call.tell(twiml("<Play>https://a.b/new</Play>"));
    assert_eq!(call.did(), ["stop playing", "end 1 CallerGone", "end 2 CallerGone", "play https://a.b/new"]);

    let mut call = verbs("<Dial action='/done'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.deaf = true;
    call.did();
    call.tell(twiml("<Play>https://a.b/new</Play>"));
    assert_eq!(call.did(), ["end 1 CallerGone"]);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert_eq!(call.did(), ["play https://a.b/new"]);
}

#[test]
fn an_answer_to_a_request_that_was_overtaken_is_not_executed() {
    use controller::call::Call;
    use controller::call::action::Action;
    use std::time::Duration;

    let mut call = Call::new(facts(Direction::Inbound), url(VOICE), Rules::DEFAULT, Duration::ZERO);
    let mut asks = Vec::new();
    let mut fetch = |call: &mut Call| {
        while let Some(action) = call.next_action() {
            match action {
                Action::Fetch { ask, .. } => asks.push(ask),
                Action::Log(..) => {}
                action => panic!("{action:?}"),
            }
        }
        asks.clone()
    };
    fetch(&mut call);
    call.input(Input::Update(url("https://a.b/new")), Duration::ZERO);
    let asked: Vec<Ask> = fetch(&mut call);
    let answer = |ask| {
        let answer = Answer { url: VOICE.into(), body: b"<Response><Hangup/></Response>".to_vec() };
        Input::Fetched { ask, result: Ok(answer) }
    };
    call.input(answer(asked[0]), Duration::ZERO);
    assert_eq!(call.next_action(), None);
    call.input(answer(asked[1]), Duration::ZERO);
    assert!(std::iter::from_fn(|| call.next_action()).any(|action| action == Action::HangUp));
}

#[test]
fn an_update_before_the_answer_takes_the_place_of_the_application() {
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), Rules::DEFAULT);
    call.tell(twiml("<Play>https://a.b/new</Play>"));
    assert_eq!(call.did(), [""; 0]);
    call.tell(Input::Answered);
    assert_eq!(call.did(), ["report answered", "play https://a.b/new"]);
}

#[test]
fn an_update_that_is_no_twiml_ends_the_call() {
    let mut call = verbs("<Play>a</Play>");
    call.did();
    call.tell(Input::Update(Application::Twiml("Foobar".into())));
    assert_eq!(call.did(), and_hangs_up(["stop playing"]));
}

#[test]
fn an_end_before_the_answer_cancels() {
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), Rules::DEFAULT);
    call.tell(Input::Ringing);
    call.tell(Input::End);
    assert_eq!(call.did(), and_hangs_up(["report ringing"]));
}

#[test]
fn an_end_during_any_verb_ends_the_call() {
    let cases = [
        ("<Play>a</Play>", &["play https://example.com/a", "stop playing"][..], &[][..]),
        ("<Pause/>", &[], &[]),
        ("<Gather action='/x'/>", &[], &[]),
        (
            "<Record playBeep='false' action='/x'/>",
            &["record 3600s silence 5s", "stop recording"],
            &["keep recording"],
        ),
        ("<Dial action='/x'>1</Dial>", &["find 1", "ring 1 1 for 30s", "end 1 CallerGone"], &[]),
    ];
    for (verb, before, kept) in cases {
        let mut call = call(&format!("<Response><Play>first</Play>{verb}</Response>"));
        call.wait(1.5);
        call.tell(Input::End);
        call.wait(1.0);
        let expected: Vec<&str> = [before, &HANGS_UP[..1], kept, &HANGS_UP[1..]].concat();
        let did = call.did();
        let mut did: Vec<&str> = did.iter().map(String::as_str).collect();
        did.drain(..4);
        // What is kept may come before or after the channel's end.
        did.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(did, expected, "{verb}");
    }
}

#[test]
fn nothing_comes_after_the_end() {
    let mut call = verbs("<Play>a</Play>");
    call.tell(Input::End);
    assert!(call.finished);
    call.did();
    let gone = HangUp { cause: "X".into(), sip_status: None };
    for input in [Input::Answered, Input::HungUp(gone), Input::End, twiml("<Play>a</Play>"), Input::Lost] {
        call.tell(input);
    }
    call.wait(1e6);
    assert_eq!(call.did(), [""; 0]);
}
