//! 2.2: requests to the customer, where they depend on the call. What they say is tested beside the module.

use controller::call::facts::{Application, Direction};
use controller::call::rules::Rules;
use twiml::Method;

use crate::story::*;

#[test]
fn h3_h4_the_first_request() {
    let mut call = call("<Response/>");
    call.run();
    assert_eq!(
        call.request.unwrap().body(),
        "Caller=1000&Called=85512456869&From=1000&To=85512456869&CallSid=CA1&Direction=inbound&AccountSid=AC1\
         &ApiVersion=2010-04-01&CallStatus=ringing"
    );
}

#[test]
fn h5_later_requests_are_in_progress() {
    let mut call = verbs("<Redirect>/a</Redirect>");
    assert_eq!(call.did()[0], "POST https://example.com/a in-progress");
}

#[test]
fn h7_the_application_says_how_it_is_asked() {
    let get = Application::Url { url: format!("{VOICE}?a=b"), method: Method::Get };
    let mut call = Story::new(Direction::Inbound, get, Rules::DEFAULT);
    assert_eq!(call.did()[0], "GET https://example.com/twiml?a=b ringing");
    assert!(call.request.unwrap().target().starts_with("https://example.com/twiml?a=b&Caller="));
}

#[test]
fn h10_relative_urls_belong_to_the_last_document() {
    let mut call = verbs("<Redirect>https://a.b/menu/one</Redirect>");
    assert_eq!(call.did()[0], "POST https://a.b/menu/one in-progress");
    let mut call = call_with_redirect();
    call.run();
    assert_eq!(
        call.did()[3..5],
        ["POST https://a.b/menu/one in-progress", "POST https://a.b/menu/two in-progress"]
    );
}

fn call_with_redirect() -> Story {
    let mut call = call("<Response><Redirect>https://a.b/menu/one</Redirect></Response>");
    call.page("https://a.b/menu/one", "<Response><Redirect>two</Redirect></Response>");
    call
}

#[test]
fn h14_h15_a_request_that_fails_ends_the_call_and_says_why() {
    let mut call = call("");
    call.broken_page(VOICE, "status 500");
    call.run();
    assert_eq!(call.did()[1..], HANGS_UP);
    assert!(call.customer_was_told("https://example.com/twiml: status 500"));
    let mut call = verbs("<Gather numDigits='1' action='/x'/><Play>a</Play>");
    call.press("1");
    assert_eq!(call.did()[1..], HANGS_UP);
    assert!(call.customer_was_told("https://example.com/x: 404 Not Found"));
}

#[test]
fn h15_a_request_that_is_never_answered_ends_the_call() {
    use controller::call::Call;
    use controller::call::action::Action;
    use std::time::Duration;

    let mut call = Call::new(facts(Direction::Inbound), url(VOICE), Rules::DEFAULT, Duration::ZERO);
    while call.next_action().is_some() {}
    assert_eq!(call.poll_timeout(), Some(Rules::DEFAULT.fetch));
    call.timeout(Rules::DEFAULT.fetch);
    assert!(std::iter::from_fn(|| call.next_action()).any(|action| action == Action::HangUp));
}

#[test]
fn an_application_that_is_no_url_ends_the_call() {
    for bad in ["", "example.com", "ftp://a/b", "file:///etc/passwd"] {
        let mut call = Story::new(Direction::Inbound, url(bad), Rules::DEFAULT);
        call.run();
        assert!(call.finished && call.customer_was_told("expected an absolute http or https URL"), "{bad}");
    }
}
