//! 2.5: Play.

use controller::call::facts::{Application, Direction};
use controller::call::rules::Rules;

use crate::story::*;

fn played(verbs: &str) -> Vec<String> {
    let mut call = crate::story::verbs(verbs);
    call.wait(3000.0);
    call.did().into_iter().filter(|line| line.starts_with("play")).collect()
}

#[test]
fn p1_a_url_is_played_once() {
    assert_eq!(
        played("<Play>http://api.twilio.com/cowbell.mp3</Play>"),
        ["play http://api.twilio.com/cowbell.mp3"]
    );
}

#[test]
fn p2_p3_p6_repeated_and_a_thousand_times_at_most() {
    assert_eq!(played("<Play loop='5'>a</Play>").len(), 5);
    assert_eq!(played("<Play loop='0'>a</Play>").len(), 1000);
    assert_eq!(played("<Play loop='1001'>a</Play>").len(), 1000);
}

#[test]
fn p4_a_file_that_cannot_be_had_is_left_out() {
    let mut call = verbs("<Play loop='3'>missing</Play><Play>b</Play>");
    call.run();
    assert_eq!(call.did(), ["play https://example.com/b"]);
    assert!(call.customer_was_told("404 Not Found"));
}

#[test]
fn p4_a_file_that_cannot_be_played_is_left_out() {
    let mut call = call("<Response><Play loop='3'>a</Play><Play>b</Play></Response>");
    call.response = "PLAYBACK ERROR".into();
    call.wait(1.5);
    assert_eq!(call.did()[3..], ["play https://example.com/a", "play https://example.com/b"]);
    assert!(call.customer_was_told("PLAYBACK ERROR"));
}

#[test]
fn p4_a_relative_url_without_a_document_is_left_out() {
    let twiml = "<Response><Play>a</Play><Play>https://a.b/c</Play></Response>";
    let mut call = Story::new(Direction::Inbound, Application::Twiml(twiml.into()), Rules::DEFAULT);
    call.run();
    assert_eq!(call.did()[2..], ["play https://a.b/c"]);
    assert!(call.customer_was_told("<Play> is left out"));
}

#[test]
fn p5_keys_are_played() {
    assert_eq!(played("<Play digits='1w2#'/>"), ["play keys 1w2#"]);
    assert_eq!(played("<Play digits='1'>a</Play>"), ["play https://example.com/a", "play keys 1"]);
}

#[test]
fn a_sound_that_never_comes_is_left_out() {
    // Nobody answers what is asked for here: the call itself is driven.
    use controller::call::Call;
    use controller::call::action::Action;
    use controller::call::input::Input;
    use std::time::Duration;

    let twiml = "<Response><Play>https://a.b/c</Play><Hangup/></Response>";
    let mut call = Call::new(
        facts(Direction::Inbound),
        Application::Twiml(twiml.into()),
        Rules::DEFAULT,
        Duration::ZERO,
    );
    call.input(Input::Answered, Duration::ZERO);
    while call.next_action().is_some() {}
    assert_eq!(call.poll_timeout(), Some(Rules::DEFAULT.sound));
    call.timeout(Rules::DEFAULT.sound);
    assert!(std::iter::from_fn(|| call.next_action()).any(|action| action == Action::HangUp));
}
