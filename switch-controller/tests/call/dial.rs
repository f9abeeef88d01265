//! 2.8: Dial.

use controller::call::input::{HangUp, Input, LegInput};

use crate::story::*;

pub(crate) fn dial(dial: &str) -> Story {
    let mut call = verbs(&format!("{dial}<Play>foo.mp3</Play>"));
    call.run();
    call
}

pub(crate) const PLAYED: &str = "play https://example.com/foo.mp3";

#[test]
fn di1_di11_di22_a_number_without_an_action_and_then_the_next_verb() {
    let mut call = dial("<Dial>85516701721</Dial>");
    assert_eq!(call.did(), ["find 85516701721", "ring 1 85516701721 for 30s"]);
    call.leg(1, LegInput::Ringing);
    call.wait(3.0);
    call.leg(1, LegInput::Answered);
    assert_eq!(call.did(), ["play ringing", "stop playing", "bridge 1"]);
    call.wait(60.0);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert_eq!(call.did(), [PLAYED]);
}

#[test]
fn di4_di23_two_numbers_ring_at_once() {
    let mut call = dial("<Dial><Number> 85516701721 </Number><Number>855715100860</Number></Dial>");
    assert_eq!(
        call.did(),
        ["find 85516701721 855715100860", "ring 1 85516701721 for 30s", "ring 2 855715100860 for 30s"]
    );
}

#[test]
fn di5_a_sip_address() {
    let mut call = dial("<Dial><Sip>sip:alice@sip.example.com</Sip></Dial>");
    assert_eq!(call.did()[0], "find sip:alice@sip.example.com");
}

#[test]
fn di6_di16_the_action_is_told_of_the_leg() {
    let mut call = dial("<Dial action='/done'>+855 16 701721</Dial>");
    assert_eq!(call.did()[0], "find +855 16 701721");
    call.leg(1, LegInput::Answered);
    call.wait(23.7);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert_eq!(
        call.did()[..2],
        [
            "bridge 1",
            "POST https://example.com/done in-progress DialCallStatus=completed DialCallSid=CA-leg-1 DialCallDuration=23",
        ]
    );
}

#[test]
fn di7_di21_the_first_to_answer_is_connected_and_the_others_are_ended() {
    let mut call = dial("<Dial action='/done'><Number>1</Number><Number>2</Number><Number>3</Number></Dial>");
    call.leg(1, LegInput::Ringing);
    call.leg(2, LegInput::Ringing);
    call.did();
    call.leg(2, LegInput::Answered);
    assert_eq!(call.did(), ["end 1 LostRace", "end 3 LostRace", "stop playing", "bridge 2"]);
    call.wait(25.0);
    call.leg_ends(2, "NORMAL_CLEARING");
    assert!(call.did()[0].ends_with("DialCallStatus=completed DialCallSid=CA-leg-2 DialCallDuration=25"));
}

#[test]
fn di8_di18_get_and_post() {
    let mut call = dial("<Dial action='/done' method='GET'>1</Dial>");
    call.leg_ends(1, "USER_BUSY");
    assert!(call.did()[2].starts_with("GET https://example.com/done in-progress DialCallStatus=busy"));
}

#[test]
fn di9_di10_caller_id_and_timeout() {
    let mut call = dial("<Dial callerId='85523238265' timeout='10'>1</Dial>");
    assert_eq!(call.did(), ["find 1 from 85523238265", "ring 1 1 for 10s"]);
}

#[test]
fn di13_comments_are_no_destinations() {
    assert_eq!(dial("<Dial><!-- x --><Number>1</Number></Dial>").did()[0], "find 1");
}

#[test]
fn di14_di15_di17_why_nobody_answered() {
    for (cause, sip_status, told) in [
        ("USER_BUSY", Some(486), "busy"),
        ("NO_ANSWER", None, "no-answer"),
        ("NO_USER_RESPONSE", Some(480), "no-answer"),
        ("CALL_REJECTED", Some(603), "no-answer"),
        ("CALL_REJECTED", Some(403), "failed"),
        ("NORMAL_TEMPORARY_FAILURE", Some(503), "failed"),
        ("ORIGINATOR_CANCEL", None, "canceled"),
    ] {
        let mut call = dial("<Dial action='/done'>1</Dial>");
        call.leg(1, LegInput::HungUp(HangUp { cause: cause.into(), sip_status }));
        let expected =
            format!("POST https://example.com/done in-progress DialCallStatus={told} DialCallSid=CA-leg-1");
        assert_eq!(call.did()[2], expected, "{cause}");
    }
}

#[test]
fn di14_of_several_legs_the_one_that_came_nearest_is_told() {
    let mut call = dial("<Dial action='/done'><Number>1</Number><Number>2</Number></Dial>");
    call.leg_ends(2, "NO_ANSWER");
    assert_eq!(call.did().len(), 3);
    call.leg_ends(1, "USER_BUSY");
    assert!(call.did()[0].ends_with("DialCallStatus=no-answer DialCallSid=CA-leg-2"));
}

#[test]
fn di19_no_routes_is_a_failed_dial_and_not_the_end_of_the_call() {
    for (action, next) in
        [("action='/done'", "POST https://example.com/done in-progress DialCallStatus=failed"), ("", PLAYED)]
    {
        let mut call = call(&format!("<Response><Dial {action}>1</Dial><Play>foo.mp3</Play></Response>"));
        call.no_routes = Some("422 the number is invalid".into());
        call.run();
        assert_eq!(call.did()[4], next);
        assert!(call.customer_was_told("the number is invalid"));
    }
}

#[test]
fn di20_what_is_not_done_is_said() {
    let call = dial("<Dial ringTone='zz'><Sip username='u' password='p'>sip:a@b</Sip></Dial>");
    assert!(call.customer_was_told("'username' and 'password' in <Dial> are ignored"));
    assert!(call.customer_was_told("'ringTone' \"zz\" is not known"));
}

#[test]
fn di20_the_ring_tone_is_that_of_a_country() {
    let mut call = dial("<Dial ringTone='US'>1</Dial>");
    call.did();
    call.leg(1, LegInput::Ringing);
    assert_eq!(call.did(), ["play %(2000,4000,440,480)"]);
}

/// A call that was not answered, at a Dial.
fn unanswered(dial: &str) -> Story {
    let mut call = call(&format!("<Response>{dial}<Play>foo.mp3</Play></Response>"));
    call.run();
    assert_eq!(call.did()[0], "POST https://example.com/twiml ringing");
    call
}

#[test]
fn di20_answer_on_bridge_answers_the_caller_when_a_leg_is() {
    let mut call = unanswered("<Dial answerOnBridge='true' action='/done'>1</Dial>");
    call.leg(1, LegInput::Ringing);
    call.leg(1, LegInput::Ringing);
    assert_eq!(call.did(), ["ring 180"]);
    call.leg(1, LegInput::Answered);
    assert_eq!(call.did(), ["answer", "report answered", "bridge 1"]);
    call.wait(10.0);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert!(
        call.did()[0]
            .ends_with("in-progress DialCallStatus=completed DialCallSid=CA-leg-1 DialCallDuration=10")
    );
}

#[test]
fn di20_answer_on_bridge_leaves_a_caller_unanswered_whom_nobody_answers() {
    let mut call = unanswered("<Dial answerOnBridge='true' action='/done'>1</Dial>");
    call.page("https://example.com/done", "<Response><Reject reason='busy'/></Response>");
    call.leg_ends(1, "USER_BUSY");
    let did = call.did();
    assert_eq!(did[0], "POST https://example.com/done ringing DialCallStatus=busy DialCallSid=CA-leg-1");
    assert_eq!(did[1], "refuse Busy");
    // A verb that is heard answers.
    let mut call = unanswered("<Dial answerOnBridge='true'>1</Dial>");
    call.leg_ends(1, "USER_BUSY");
    assert_eq!(call.did(), ["answer", "report answered", PLAYED]);
}

#[test]
fn di20_a_leg_that_leaves_while_the_caller_is_answered_was_answered() {
    let mut call = unanswered("<Dial answerOnBridge='true' action='/done'>1</Dial>");
    call.deaf = true;
    call.leg(1, LegInput::Answered);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert!(call.did()[1].ends_with("DialCallStatus=completed DialCallSid=CA-leg-1 DialCallDuration=0"));
}

#[test]
fn di20_the_one_who_answers_executes_a_document_before_the_connection() {
    let mut call = dial("<Dial><Number url='/w' method='GET'>+855 1</Number></Dial>");
    call.leg(1, LegInput::Ringing);
    call.did();
    call.leg(1, LegInput::Answered);
    assert_eq!(call.did(), ["brief 1 CA-leg-1 855 +855 1 GET https://example.com/w"], "and it rings on");
    call.wait(100.0);
    assert_eq!(call.did(), [""; 0], "it takes its time");
    call.leg(1, LegInput::Briefed);
    assert_eq!(call.did(), ["stop playing", "bridge 1"]);
}

#[test]
fn di20_keys_are_sent_before_the_document() {
    let mut call = dial("<Dial><Number sendDigits='ww1#'>1</Number></Dial>");
    call.did();
    call.leg(1, LegInput::Answered);
    assert_eq!(call.did(), ["brief 1 CA-leg-1 855 1 <Response><Play digits=\"ww1#\"/></Response>"]);
    let mut call = dial("<Dial><Number sendDigits='1' url='/w?a=1&amp;b=2'>1</Number></Dial>");
    call.did();
    call.leg(1, LegInput::Answered);
    assert_eq!(
        call.did(),
        ["brief 1 CA-leg-1 855 1 <Response><Play digits=\"1\"/><Redirect \
             method=\"POST\">https://example.com/w?a=1&amp;b=2</Redirect></Response>"]
    );
}

#[test]
fn di20_the_first_who_has_executed_its_document_has_the_call() {
    let mut call = dial(
        "<Dial action='/done'><Number url='/w'>1</Number><Number url='/w'>2</Number><Number url='/w'>3</Number></Dial>",
    );
    call.leg(1, LegInput::Answered);
    call.leg(2, LegInput::Answered);
    call.did();
    call.leg(2, LegInput::Briefed);
    assert_eq!(call.did(), ["end 1 LostRace", "end 3 LostRace", "bridge 2"]);
    call.leg(1, LegInput::Briefed);
    assert_eq!(call.did(), ["end 1 CallerGone"], "too late, if it lives");
    call.wait(5.0);
    call.leg_ends(2, "NORMAL_CLEARING");
    assert!(call.did()[0].ends_with("DialCallSid=CA-leg-2 DialCallDuration=5"));
}

#[test]
fn di20_one_who_hangs_up_during_its_document_was_not_connected() {
    let mut call = dial("<Dial action='/done'><Number url='/w'>1</Number></Dial>");
    call.leg(1, LegInput::Answered);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert!(call.did().iter().any(|line| line.ends_with("DialCallStatus=completed DialCallSid=CA-leg-1")));
}

#[test]
fn di20_those_who_ring_are_given_up_while_one_listens_who_has_its_own_time() {
    let mut call = dial(
        "<Dial timeout='10' timeLimit='60' action='/done'><Number>1</Number><Number url='/w'>2</Number></Dial>",
    );
    call.leg(2, LegInput::Answered);
    call.did();
    call.wait(21.0);
    assert_eq!(call.did(), ["end 1 CallerGone"]);
    call.wait(60.0);
    let did = call.did();
    assert_eq!(did[0], "end 2 CallerGone");
    assert!(did[1].contains("DialCallStatus=no-answer"));
}

#[test]
fn di20_the_customer_is_told_how_legs_get_on() {
    let all = "statusCallback='/s' statusCallbackEvent='initiated ringing answered completed'";
    let mut call = dial(&format!(
        "<Dial><Number {all}>1</Number><Sip statusCallback='/t' statusCallbackMethod='GET'>sip:a@b</Sip></Dial>"
    ));
    assert_eq!(
        call.did()[1..],
        [
            "ring 1 1 for 30s",
            "tell POST https://example.com/s CA-leg-1 initiated 0 -",
            "ring 2 sip:a@b for 30s",
        ]
    );
    call.leg(1, LegInput::Ringing);
    call.leg(1, LegInput::Ringing);
    assert_eq!(call.did(), ["tell POST https://example.com/s CA-leg-1 ringing 1 -", "play ringing"]);
    call.leg(1, LegInput::Answered);
    assert_eq!(
        call.did(),
        [
            "tell POST https://example.com/s CA-leg-1 in-progress 2 -",
            "end 2 LostRace",
            "stop playing",
            "tell GET https://example.com/t CA-leg-2 canceled 0 -",
            "bridge 1",
        ]
    );
    call.wait(7.0);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert_eq!(call.did()[0], "tell POST https://example.com/s CA-leg-1 completed 3 7");
}

#[test]
fn di20_the_customer_is_told_of_legs_that_no_verb_waits_for() {
    let mut call = dial("<Dial><Number statusCallback='/s'>1</Number></Dial>");
    call.did();
    call.deaf = true;
    call.tell(Input::Update(controller::call::facts::Application::Twiml(
        "<Response><Pause length='9'/></Response>".into(),
    )));
    call.leg_ends(1, "ORIGINATOR_CANCEL");
    assert_eq!(call.did(), ["end 1 CallerGone", "tell POST https://example.com/s CA-leg-1 canceled 0 -"]);
}

#[test]
fn di20_sequential_legs_ring_one_after_another() {
    let mut call = dial("<Dial sequential='true' action='/done'><Number>1</Number><Number>2</Number></Dial>");
    assert_eq!(call.did(), ["find 1 2", "ring 1 1 for 30s"]);
    call.leg_ends(1, "USER_BUSY");
    assert_eq!(call.did(), ["ring 2 2 for 30s"]);
    call.leg_ends(2, "NO_ANSWER");
    assert!(call.did()[0].contains("DialCallStatus=no-answer"));
}

#[test]
fn di20_who_is_not_called_any_more_is_said() {
    let three = "<Dial sequential='true'><Number>1</Number><Number>2</Number><Number>3</Number></Dial>";
    let mut call = dial(three);
    call.leg_ends(1, "USER_BUSY");
    call.did();
    call.leg(2, LegInput::Answered);
    assert_eq!(call.did()[0], "call nobody else");
    let mut call = dial(three);
    call.did();
    call.caller_hangs_up();
    assert!(call.did().contains(&"call nobody else".to_owned()));
    let mut call = dial(three);
    call.did();
    call.tell(Input::Update(controller::call::facts::Application::Twiml("<Response/>".into())));
    assert!(call.did().contains(&"call nobody else".to_owned()));
    let mut call = dial("<Dial sequential='true'>1</Dial>");
    call.leg(1, LegInput::Answered);
    assert!(!call.did().contains(&"call nobody else".to_owned()), "there is nobody else");
}

#[test]
fn di20_the_callers_star_and_the_time_limit_end_a_leg() {
    let mut call = dial("<Dial hangupOnStar='true'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.did();
    call.press("1*");
    assert_eq!(call.did(), ["end 1 Over", PLAYED]);
    let mut call = dial("<Dial timeLimit='60' action='/done'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.wait(59.0);
    call.did();
    call.wait(2.0);
    let did = call.did();
    assert_eq!(did[0], "end 1 Over");
    assert!(did[1].ends_with("DialCallDuration=60"));
}

#[test]
fn di21_l8_a_caller_who_hangs_up_ends_all_legs_and_the_customer_is_told() {
    let mut call = dial("<Dial action='/done'><Number>1</Number><Number>2</Number></Dial>");
    call.leg(1, LegInput::Ringing);
    call.did();
    call.caller_hangs_up();
    assert_eq!(
        call.did(),
        [
            "report completed NORMAL_CLEARING",
            "end 1 CallerGone",
            "end 2 CallerGone",
            "POST https://example.com/done completed DialCallStatus=canceled DialCallSid=CA-leg-2",
            "finish",
        ]
    );
}

#[test]
fn di21_l8_the_customer_is_told_of_a_connection_that_the_caller_ended() {
    let mut call = dial("<Dial action='/done'>1</Dial>");
    call.leg(1, LegInput::Answered);
    call.wait(10.0);
    call.did();
    call.caller_hangs_up();
    assert_eq!(
        call.did(),
        [
            "report completed NORMAL_CLEARING",
            "end 1 Over",
            "POST https://example.com/done completed DialCallStatus=completed DialCallSid=CA-leg-1 DialCallDuration=10",
            "finish",
        ]
    );
}

#[test]
fn a_leg_that_ends_between_its_answer_and_its_connection_was_answered() {
    let mut call = dial("<Dial action='/done'>1</Dial>");
    call.deaf = true;
    call.leg(1, LegInput::Answered);
    call.leg_ends(1, "NORMAL_CLEARING");
    assert!(call.did()[3].ends_with("DialCallStatus=completed DialCallSid=CA-leg-1 DialCallDuration=0"));
}

#[test]
fn a_leg_that_is_never_connected_is_ended() {
    let mut call = dial("<Dial action='/done'>1</Dial>");
    call.deaf = true;
    call.leg(1, LegInput::Answered);
    call.wait(60.0);
    assert_eq!(call.did()[2..4], ["bridge 1", "end 1 Over"]);
}

#[test]
fn a_leg_that_answers_too_late_is_ended() {
    let mut call = dial("<Dial><Number>1</Number><Number>2</Number></Dial>");
    call.deaf = true;
    call.leg(1, LegInput::Answered);
    call.did();
    call.leg(2, LegInput::Answered);
    assert_eq!(call.did(), [""; 0], "it was ended when the first one answered");
    call.wait(11.0);
    call.did();
    call.leg(2, LegInput::Answered);
    assert_eq!(call.did(), ["end 2 CallerGone"]);
}

#[test]
fn legs_that_ring_on_are_ended_soon_after_their_time() {
    let mut call = dial("<Dial timeout='10' action='/done'>1</Dial>");
    call.wait(19.0);
    call.did();
    call.wait(2.0);
    let did = call.did();
    assert_eq!(did[0], "end 1 CallerGone");
    assert!(did[1].contains("DialCallStatus=no-answer"), "{did:?}");
}

#[test]
fn ringing_begins_again_when_events_were_lost_and_legs_stay() {
    let mut call = dial("<Dial>1</Dial>");
    call.leg(1, LegInput::Ringing);
    call.did();
    call.tell(Input::Lost);
    assert_eq!(call.did(), ["stop playing", "play ringing"]);
    call.leg(1, LegInput::Answered);
    assert_eq!(call.did(), ["stop playing", "bridge 1"]);
}
