//! A call whose controller is gone, in another one.

use std::time::Duration;

use controller::call::Call;
use controller::call::facts::{Application, Direction};
use controller::call::input::{Ask, Input};
use controller::call::resume::{Left, Next, Place};
use controller::call::rules::Rules;

use crate::story::*;

/// Another controller takes the call over with nothing but what was kept.
fn resumed(story: &Story, rules: Rules) -> Story {
    let (document, url) = story.call.document().unwrap();
    let next = Next::Verb {
        document: document.into(),
        url: url.map(str::to_owned),
        place: story.call.place().unwrap(),
        dialled: false,
    };
    let (answered, lasted) = (Some(Duration::from_secs(5)), Duration::from_secs(10));
    let left = Left { next, answered, lasted, asked: 1000 };
    // Its clock has nothing to do with the other one's.
    Story::of(
        Call::resume(facts(Direction::Inbound), left, rules, Duration::from_secs(3)),
        Duration::from_secs(3),
    )
}

#[test]
fn the_verb_that_was_carried_out_is_begun_again() {
    let mut call = verbs("<Play>a</Play><Play>b</Play><Gather action='c' numDigits='1'/>");
    call.wait(1.5);
    assert_eq!(call.call.place(), Some(Place { verb: 1, documents: 1, verbs: 2 }));
    let mut other = resumed(&call, Rules::DEFAULT);
    assert_eq!(other.did(), ["play https://example.com/b"]);
    assert_eq!(other.call.place(), call.call.place());
    other.wait(1.5);
    other.press("7");
    assert_eq!(other.did()[0], "POST https://example.com/c in-progress Digits=7");
}

/// What the process before had asked for may still be answered, under its numbers.
#[test]
fn answers_to_the_process_before_are_nobodys() {
    let mut call = verbs("<Play>a</Play><Play>b</Play>");
    call.wait(0.5);
    let mut other = resumed(&call, Rules::DEFAULT);
    assert_eq!(other.did(), ["play https://example.com/a"]);
    other.tell(Input::Played { ask: Ask(1), response: "FILE PLAYED".to_owned() });
    other.tell(Input::Played { ask: Ask(2), response: "FILE PLAYED".to_owned() });
    assert!(other.did().is_empty());
}

#[test]
fn behind_a_dial_comes_its_action_or_the_next_verb() {
    let behind = |verbs: &str| {
        let document = format!("<Response>{verbs}<Play>a</Play></Response>");
        let place = Place { verb: 0, documents: 1, verbs: 1 };
        let (answered, lasted) = (Some(Duration::from_secs(5)), Duration::from_secs(10));
        let url = Some("https://example.com/voice".to_owned());
        let next = Next::Verb { document, url, place, dialled: true };
        let left = Left { next, answered, lasted, asked: 9 };
        let call = Call::resume(facts(Direction::Inbound), left, Rules::DEFAULT, Duration::ZERO);
        Story::of(call, Duration::ZERO).did()
    };
    assert_eq!(behind("<Dial>85510</Dial>"), ["play https://example.com/a"]);
    assert_eq!(
        behind("<Dial action='d'>85510</Dial>")[..1],
        ["POST https://example.com/d in-progress DialCallStatus=completed"]
    );
}

#[test]
fn a_call_that_ended_meanwhile_is_reported_and_forgotten() {
    let answered = Some(Duration::from_secs(1));
    let call = Call::over(facts(Direction::Inbound), answered, Rules::DEFAULT, Duration::from_secs(9));
    let mut call = Story::of(call, Duration::from_secs(9));
    assert!(call.did().is_empty());
    call.caller_hangs_up();
    assert_eq!(call.did(), ["report completed NORMAL_CLEARING", "finish"]);
}

#[test]
fn limits_count_what_was_before() {
    let mut call = verbs("<Play>a</Play><Play>b</Play>");
    call.wait(1.5);
    let mut other = resumed(&call, Rules { verbs: 1, ..Rules::DEFAULT });
    assert_eq!(other.did(), HANGS_UP);
    let mut other = resumed(&call, Rules { duration: Duration::from_millis(10_500), ..Rules::DEFAULT });
    other.wait(0.6);
    assert_eq!(other.did()[2..], HANGS_UP);
}

#[test]
fn there_is_no_place_before_a_document_and_after_the_end() {
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), Rules::DEFAULT);
    assert_eq!((call.call.place(), call.call.document()), (None, None));
    call.caller_hangs_up();
    assert_eq!((call.call.place(), call.call.document()), (None, None));
}

#[test]
fn a_place_behind_the_document_ends_the_call() {
    let next = Next::Verb {
        document: "<Response><Play>a</Play></Response>".into(),
        url: None,
        place: Place { verb: usize::MAX, documents: 0, verbs: 0 },
        dialled: false,
    };
    let left = Left { next, answered: None, lasted: Duration::MAX, asked: 0 };
    let call = Call::resume(facts(Direction::Inbound), left, Rules::DEFAULT, Duration::ZERO);
    assert_eq!(Story::of(call, Duration::ZERO).did(), HANGS_UP);
}

#[test]
fn an_application_that_the_api_wants_is_asked_for_by_a_call_that_was_answered_and_waits_for_the_answer_before()
 {
    let url = "https://example.com/other".to_owned();
    let next = Next::Application(Application::Url { url, method: twiml::Method::Post });
    let left = |answered| Left { next: next.clone(), answered, lasted: Duration::ZERO, asked: 9 };
    let did = |direction, answered| {
        let call = Call::resume(facts(direction), left(answered), Rules::DEFAULT, Duration::ZERO);
        Story::of(call, Duration::ZERO).did()
    };
    let answered = Some(Duration::from_secs(1));
    let asked = ["POST https://example.com/other in-progress"];
    assert_eq!(did(Direction::Inbound, answered)[..1], asked);
    assert_eq!(did(Direction::OutboundApi, answered)[..1], asked);
    assert!(did(Direction::OutboundApi, None).is_empty());
}
