//! Refer: the other end is asked to call somebody else.

use crate::story::*;

fn refer() -> Story {
    let mut call = verbs("<Refer action='/done'><Sip>sip:alice@example.com</Sip></Refer>");
    assert_eq!(call.did(), ["refer sip:alice@example.com"]);
    call
}

#[test]
fn what_came_of_a_refer_is_told() {
    for (answer, notified, told) in [
        (
            Some(202),
            Some(200),
            "ReferCallStatus=in-progress ReferSipResponseCode=202 NotifySipResponseCode=200",
        ),
        (Some(202), Some(486), "ReferCallStatus=busy ReferSipResponseCode=202 NotifySipResponseCode=486"),
        (
            Some(202),
            Some(487),
            "ReferCallStatus=no-answer ReferSipResponseCode=202 NotifySipResponseCode=487",
        ),
        (Some(202), Some(603), "ReferCallStatus=failed ReferSipResponseCode=202 NotifySipResponseCode=603"),
        (Some(202), None, "ReferSipResponseCode=202"),
        (Some(405), None, "ReferCallStatus=failed ReferSipResponseCode=405"),
        (None, None, "ReferCallStatus=failed"),
    ] {
        let mut call = refer();
        call.referred(answer, notified);
        assert_eq!(call.did()[0], format!("POST https://example.com/done in-progress {told}"));
    }
}

#[test]
fn without_an_action_the_next_verb_follows() {
    let mut call = verbs("<Refer><Sip>sip:a@b</Sip></Refer><Play>foo</Play>");
    call.referred(Some(405), None);
    assert_eq!(call.did(), ["refer sip:a@b", "play https://example.com/foo"]);
}

#[test]
fn a_caller_who_is_referred_and_gone_is_told() {
    let mut call = refer();
    call.referred(Some(202), Some(200));
    call.caller_hangs_up();
    let mut call = refer();
    call.caller_hangs_up();
    assert_eq!(
        call.did(),
        [
            "report completed NORMAL_CLEARING",
            "POST https://example.com/done completed ReferCallStatus=canceled",
            "finish",
        ]
    );
}

#[test]
fn a_refer_of_which_nothing_is_heard_is_given_up() {
    let mut call = refer();
    call.wait(91.0);
    assert_eq!(call.did()[0], "POST https://example.com/done in-progress ReferCallStatus=failed");
}
