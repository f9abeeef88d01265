//! A call whose controller is gone, in another one.

use std::time::Duration;

use controller::call::Call;
use controller::call::facts::Direction;
use controller::call::resume::{Kept, Place};
use controller::call::rules::Rules;

use crate::story::*;

/// Another controller takes the call over with nothing but what was kept.
fn resumed(story: &Story, rules: Rules) -> Story {
    let (document, url) = story.call.document().unwrap();
    let kept = Kept {
        document: document.into(),
        url: url.map(str::to_owned),
        place: story.call.place().unwrap(),
        answered: Some(Duration::from_secs(5)),
        lasted: Duration::from_secs(10),
    };
    // Its clock has nothing to do with the other one's.
    Story::of(
        Call::resume(facts(Direction::Inbound), kept, rules, Duration::from_secs(3)),
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
    let kept = Kept {
        document: "<Response><Play>a</Play></Response>".into(),
        url: None,
        place: Place { verb: usize::MAX, documents: 0, verbs: 0 },
        answered: None,
        lasted: Duration::MAX,
    };
    let call = Call::resume(facts(Direction::Inbound), kept, Rules::DEFAULT, Duration::ZERO);
    assert_eq!(Story::of(call, Duration::ZERO).did(), HANGS_UP);
}
