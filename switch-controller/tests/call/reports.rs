//! 2.12: what the platform is told.

use std::time::Duration;

use controller::call::Call;
use controller::call::action::{Action, Report};
use controller::call::facts::{Application, Direction};
use controller::call::input::{HangUp, Input};
use controller::call::rules::Rules;

use crate::story::*;

fn reports(call: &mut Call) -> Vec<Report> {
    let report = |action| if let Action::Report(report) = action { Some(report) } else { None };
    std::iter::from_fn(|| call.next_action()).filter_map(report).collect()
}

#[test]
fn e1_the_end_says_how_it_came_and_when_the_call_was_answered() {
    let twiml = Application::Twiml("<Response><Pause length='60'/></Response>".into());
    let mut call = Call::new(facts(Direction::OutboundApi), twiml, Rules::DEFAULT, Duration::ZERO);
    call.input(Input::Answered, Duration::from_secs(7));
    let end = HangUp { cause: "NORMAL_CLEARING".into(), sip_status: Some(200) };
    call.input(Input::HungUp(end.clone()), Duration::from_secs(9));
    let answered_at = Some(Duration::from_secs(7));
    assert_eq!(reports(&mut call), [Report::Answered, Report::Completed { answered_at, end }]);
}

#[test]
fn e2_a_call_that_was_not_answered_has_no_time_of_that() {
    let mut call = Call::new(facts(Direction::OutboundApi), url(VOICE), Rules::DEFAULT, Duration::ZERO);
    call.input(Input::HungUp(end("NO_ANSWER")), Duration::from_secs(9));
    assert_eq!(reports(&mut call), [Report::Completed { answered_at: None, end: end("NO_ANSWER") }]);
}

#[test]
fn e3_e6_e7_ringing_answered_and_completed_each_once_and_in_order() {
    let mut call = Story::new(Direction::OutboundApi, url(VOICE), Rules::DEFAULT);
    for input in [Input::Ringing, Input::Ringing, Input::Answered, Input::Answered, Input::Ringing] {
        call.tell(input);
    }
    call.caller_hangs_up();
    call.caller_hangs_up();
    let reports: Vec<String> = call.did().into_iter().filter(|line| line.starts_with("report")).collect();
    assert_eq!(reports, ["report ringing", "report answered", "report completed NORMAL_CLEARING"]);
}

#[test]
fn e5_legs_are_not_reported() {
    use controller::call::input::LegInput;
    let mut call = verbs("<Dial>1</Dial><Pause/>");
    call.leg(1, LegInput::Ringing);
    call.leg(1, LegInput::Answered);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert!(!call.did().iter().any(|line| line.starts_with("report")));
}
