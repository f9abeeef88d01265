//! 2.3: documents.

use controller::call::facts::Direction;
use controller::call::rules::{Rules, Unsupported};

use crate::story::*;

/// What is done with a document, and what the customer is told.
fn outcome(document: &str) -> (Vec<String>, Story) {
    let mut call = call(document);
    call.wait(60.0);
    let did = call.did();
    (did[1..].to_vec(), call)
}

#[test]
fn d1_comments_and_blanks_are_skipped() {
    let (did, _) = outcome(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n  <Response>\n<!-- a -->\n\n  <Play>a</Play> </Response>",
    );
    assert_eq!(did, and_hangs_up(["answer", "report answered", "play https://example.com/a"]));
}

#[test]
fn d2_d3_what_is_no_twiml_ends_the_call_unanswered() {
    let (did, call) = outcome("<Play>a</Play>");
    assert_eq!(did, HANGS_UP);
    assert!(call.customer_was_told("The root element must be the <Response> element"));
    let (did, call) = outcome("Foobar");
    assert_eq!(did, HANGS_UP);
    assert!(call.customer_was_told("Error while parsing XML: ") && call.customer_was_told("Foobar"));
}

#[test]
fn d4_d5_d6_an_unknown_verb_ends_the_call_when_it_is_reached() {
    for (verb, error) in [
        ("<Foobar/>", "Invalid element <Foobar>"),
        ("<say>a</say>", "Invalid element <say>"),
        ("hello", "Invalid element <text>"),
        ("<Connect/>", "<Connect> is not supported"),
        ("<Start><Stream url='wss://a.b'/></Start>", "<Start> is not supported"),
        ("<Connect><Stream url='wss://a.b'/></Connect>", "<Connect> is not supported"),
    ] {
        let (did, call) = outcome(&format!("<Response><Play>a</Play>{verb}<Play>b</Play></Response>"));
        assert_eq!(did, and_hangs_up(["answer", "report answered", "play https://example.com/a"]), "{verb}");
        assert!(call.customer_was_told(error), "{verb}: {:?}", call.logs);
    }
}

#[test]
fn d4_by_the_rules_a_call_goes_on_after_an_unknown_verb() {
    let rules = Rules { unsupported: Unsupported::Skip, ..Rules::DEFAULT };
    let mut call = Story::new(Direction::Inbound, url(VOICE), rules);
    call.page(VOICE, "<Response><Foobar/><Connect/><Play>a</Play></Response>");
    call.wait(5.0);
    assert!(call.did().contains(&"play https://example.com/a".to_owned()));
    assert!(call.customer_was_told("Invalid element <Foobar>"));
}

#[test]
fn d8_d9_what_is_wrong_later_is_told_at_once_and_does_not_keep_earlier_verbs_from_running() {
    let mut call =
        call("<Response><Play nonsense='1'>a</Play><Redirect/><Gather><Record/></Gather></Response>");
    call.run();
    assert!(call.customer_was_told("<Redirect> must contain a URL"));
    assert!(call.customer_was_told("<Record> is not allowed within <Gather>"));
    assert_eq!(call.did()[1..], ["answer", "report answered", "play https://example.com/a"]);
    call.wait(5.0);
    assert_eq!(call.did(), HANGS_UP);
}

#[test]
fn an_empty_document_ends_the_call() {
    assert_eq!(outcome("<Response/>").0, HANGS_UP);
}
