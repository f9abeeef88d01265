//! 2.10: Reject and Hangup.

use crate::story::*;

fn outcome(verbs: &str) -> Vec<String> {
    let mut call = call(&format!("<Response>{verbs}</Response>"));
    call.wait(9.0);
    call.did()[1..].to_vec()
}

#[test]
fn rj1_to_rj4_a_call_is_refused_and_never_answered() {
    for (reject, refused) in [
        ("<Reject/>", "refuse Rejected"),
        ("<Reject reason='busy'/>", "refuse Busy"),
        ("<Reject reason='tired'/>", "refuse Rejected"),
    ] {
        let did = outcome(&format!("{reject}<Play>a</Play>"));
        assert_eq!(did, [refused, "report completed NORMAL_CLEARING", "finish"]);
    }
}

#[test]
fn rj5_an_answered_call_ends() {
    let did = outcome("<Play>a</Play><Reject reason='busy'/>");
    assert_eq!(did, and_hangs_up(["answer", "report answered", "play https://example.com/a"]));
}

#[test]
fn hu1_a_call_ends_unanswered() {
    assert_eq!(outcome("<Hangup/><Play>a</Play>"), HANGS_UP);
}
