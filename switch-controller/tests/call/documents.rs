//! 2.3: documents.

use std::time::Duration;

use controller::call::Call;
use controller::call::facts::Direction;
use controller::call::rules::{Rules, Unsupported};

use twiml::Method;

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

const AWAY: &str = "https://example.net/away";

/// A call with a fallback.
fn with_fallback() -> Story {
    let mut facts = facts(Direction::Inbound);
    facts.fallback = Some((AWAY.into(), Method::Get));
    let now = Duration::from_secs(1000);
    Story::of(Call::new(facts, url(VOICE), Rules::DEFAULT, now), now)
}

#[test]
fn h14_h15_a_document_that_cannot_be_had_or_read_leads_to_the_fallback() {
    for (page, code) in [(None, "11200"), (Some("<Play/>"), "12100")] {
        let mut call = with_fallback();
        match page {
            Some(page) => call.page(VOICE, page),
            None => call.broken_page(VOICE, "no answer"),
        }
        call.page(AWAY, "<Response><Play>a</Play></Response>");
        call.run();
        let request = call.request.clone().expect("a request");
        assert_eq!((request.url.as_str(), request.method), (AWAY, Method::Get));
        let extras: Vec<_> =
            request.parameters.iter().rev().take(2).map(|(_, value)| value.as_str()).collect();
        assert_eq!(extras, [VOICE, code]);
        call.wait(60.0);
        assert!(call.did().contains(&"play https://example.net/a".to_owned()));
        assert!(call.customer_was_told("the call turns to its fallback"));
    }
}

#[test]
fn a_fallback_that_is_of_no_use_ends_the_call_and_one_is_asked_at_each_failure() {
    let mut call = with_fallback();
    call.broken_page(VOICE, "no answer");
    call.broken_page(AWAY, "no answer either");
    call.wait(60.0);
    let asked = call.did().iter().filter(|line| line.contains("example.net")).count();
    assert!(asked == 1 && call.finished, "{asked}");

    let mut call = with_fallback();
    call.broken_page(VOICE, "no answer");
    call.page(
        AWAY,
        "<Response><Pause length=\"1\"/><Redirect>https://example.com/twiml</Redirect></Response>",
    );
    call.wait(10.0);
    let asked = call.did().iter().filter(|line| line.contains("example.net")).count();
    assert!(asked > 1 && !call.finished, "{asked}");
}
