//! 2.6: Gather.

use controller::call::facts::{Application, Direction};
use controller::call::input::Input;
use controller::call::rules::Rules;

use crate::story::*;

/// A document with a Gather and a Play behind it.
fn gather(gather: &str) -> Story {
    verbs(&format!("{gather}<Play>foo</Play>"))
}

const PLAYED: &str = "play https://example.com/foo";

#[test]
fn g1_keys_go_to_the_document_itself() {
    let mut call = gather("<Gather/>");
    call.press("1");
    call.wait(4.9);
    assert_eq!(call.did(), [""; 0]);
    call.wait(0.2);
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress Digits=1");
    let body = call.request.as_ref().unwrap().body();
    assert!(body.contains("Called=85512456869") && body.contains("From=1000"), "{body}");
}

#[test]
fn g2_g3_the_action_is_absolute_or_relative() {
    for (action, asked) in [
        ("https://other.example.com/a?b=c", "https://other.example.com/a?b=c"),
        ("/gather_results.xml", "https://example.com/gather_results.xml"),
    ] {
        let mut call = gather(&format!("<Gather action='{action}'/>"));
        call.press("12#");
        assert_eq!(call.did()[0], format!("POST {asked} in-progress Digits=12"));
    }
}

#[test]
fn g4_without_keys_the_next_verb_follows() {
    let mut call = gather("<Gather action='/x'/>");
    call.wait(5.1);
    assert_eq!(call.did(), [PLAYED]);
}

#[test]
fn g5_get_has_all_in_its_query() {
    let mut call = gather("<Gather method='GET' numDigits='1'/>");
    call.press("1");
    assert_eq!(call.did()[0], "GET https://example.com/twiml in-progress Digits=1");
    let request = call.request.as_ref().unwrap();
    assert!(request.target().starts_with("https://example.com/twiml?Caller=1000&Called="));
    assert!(request.target().ends_with("&CallStatus=in-progress&Digits=1"));
}

#[test]
fn g6_the_timeout_is_five_seconds_or_what_is_said() {
    for (attributes, seconds) in [("", 5.0), ("timeout='10'", 10.0), ("timeout='0'", 0.0)] {
        let mut call = gather(&format!("<Gather {attributes}/>"));
        if seconds > 0.0 {
            call.wait(seconds - 0.1);
            assert_eq!(call.did(), [""; 0]);
        }
        call.wait(0.2);
        assert_eq!(call.did(), [PLAYED]);
    }
}

#[test]
fn g7_g8_g9_the_finish_key_ends_the_input_and_is_no_part_of_it() {
    for (attribute, keys, digits) in [
        ("", "1*#", "1*"),
        ("finishOnKey='*'", "1#*", "1#"),
        ("finishOnKey='12'", "12#", "12"),
        ("finishOnKey='x'", "1#", "1"),
    ] {
        let mut call = gather(&format!("<Gather {attribute}/>"));
        call.press(keys);
        assert_eq!(call.did()[0], format!("POST https://example.com/twiml in-progress Digits={digits}"));
    }
}

#[test]
fn g7_g21_without_a_finish_key_the_timeout_ends_the_input() {
    let mut call = gather("<Gather finishOnKey=''/>");
    call.press("1#*");
    call.wait(4.9);
    assert_eq!(call.did(), [""; 0]);
    call.wait(0.2);
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress Digits=1#*");
}

#[test]
fn g10_a_finish_key_alone_is_no_input() {
    let mut call = gather("<Gather/>");
    call.press("#");
    assert_eq!(call.did(), [PLAYED]);
}

#[test]
fn g11_the_last_of_num_digits_ends_the_input() {
    let mut call = gather("<Gather numDigits='5'/>");
    call.press("1234");
    assert_eq!(call.did(), [""; 0]);
    call.press("5");
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress Digits=12345");
}

#[test]
fn g12_g13_action_on_empty_result() {
    let mut call = gather("<Gather actionOnEmptyResult='true'/>");
    call.wait(5.1);
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress");
    let mut call = gather("<Gather actionOnEmptyResult='yes'/>");
    call.wait(5.1);
    assert_eq!(call.did(), [PLAYED]);
}

#[test]
fn g14_a_nested_play_is_repeated() {
    let mut call = gather("<Gather><Play loop='3'>u</Play></Gather>");
    call.wait(7.9);
    assert_eq!(call.did(), ["play https://example.com/u"; 3]);
    call.wait(0.2);
    assert_eq!(call.did(), [PLAYED]);
}

#[test]
fn g15_two_nested_says_are_two_reports_and_eight_prompts() {
    let mut call = gather(
        "<Gather><Say voice='woman' language='de' loop='3'>Hello World</Say>\
         <Say voice='man' language='en' loop='5'>Foobar</Say></Gather>",
    );
    call.wait(10.0);
    let mut did = call.did();
    assert_eq!(did.drain(..2).collect::<Vec<_>>(), ["report 33 Basic.Slt", "report 30 Basic.Kal"]);
    let expected =
        [["play Basic.Slt/en-US/Hello World."].repeat(3), ["play Basic.Kal/en-US/Foobar."].repeat(5)];
    assert_eq!(did, expected.concat());
}

#[test]
fn g16_say_play_and_say_are_two_reports() {
    let mut call = gather(
        "<Gather><Say voice='man' loop='5'>Hello World</Say><Play loop='3'>u</Play><Say voice='woman'>Hello World</Say></Gather>",
    );
    assert_eq!(call.did()[..2], ["report 55 Basic.Kal", "report 11 Basic.Slt"]);
}

#[test]
fn g17_a_nested_record_ends_the_call() {
    let mut call = call("<Response><Gather><Record/></Gather></Response>");
    call.run();
    assert!(call.finished && call.customer_was_told("<Record> is not allowed within <Gather>"));
}

#[test]
fn g18_comments_and_pauses_inside() {
    let mut call = gather("<Gather><!-- a --><Play>u</Play><Pause length='2'/></Gather>");
    call.wait(7.9);
    assert_eq!(call.did(), ["play https://example.com/u"]);
    call.wait(0.2);
    assert_eq!(call.did(), [PLAYED]);
}

#[test]
fn g19_the_first_key_ends_the_prompts_and_counts() {
    let mut call = gather("<Gather numDigits='2'><Play loop='9'>u</Play></Gather>");
    call.wait(0.5);
    call.press("1");
    assert_eq!(call.did(), ["play https://example.com/u", "stop playing"]);
    call.press("2");
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress Digits=12");
}

#[test]
fn g19_without_barge_in_prompts_are_heard_to_their_end() {
    let mut call = gather("<Gather numDigits='1' bargeIn='false'><Play loop='3'>u</Play></Gather>");
    call.wait(0.5);
    call.press("12");
    call.wait(2.4);
    assert_eq!(call.did(), ["play https://example.com/u"; 3]);
    call.wait(0.2);
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress Digits=1");
}

#[test]
fn g20_the_time_begins_with_the_end_of_the_prompts_and_anew_with_each_key() {
    let mut call = gather("<Gather timeout='3'><Play loop='4'>u</Play></Gather>");
    call.wait(6.9);
    assert_eq!(call.did().len(), 4);
    call.press("1");
    call.wait(2.9);
    call.press("2");
    call.wait(2.9);
    assert_eq!(call.did(), [""; 0]);
    call.wait(0.2);
    assert_eq!(call.did()[0], "POST https://example.com/twiml in-progress Digits=12");
}

#[test]
fn g22_num_digits_that_is_no_number_is_no_limit_and_there_is_a_highest() {
    for attribute in ["numDigits='0'", "numDigits='abc'", "numDigits='100000'", ""] {
        let mut call = gather(&format!("<Gather {attribute}/>"));
        call.press(&"1".repeat(127));
        assert_eq!(call.did(), [""; 0]);
        call.press("1");
        assert!(call.did()[0].ends_with(&"1".repeat(128)));
    }
}

#[test]
fn keys_that_were_pressed_before_a_gather_are_not_for_it() {
    let mut call = verbs("<Play>a</Play><Gather numDigits='1'/><Play>foo</Play>");
    call.press("7");
    call.wait(6.5);
    assert_eq!(call.did(), ["play https://example.com/a", PLAYED]);
}

#[test]
fn h11_a_get_to_the_document_itself_does_not_repeat_parameters() {
    let mut call = gather("<Gather method='GET' numDigits='1'/>");
    call.press("1");
    call.press("2");
    let target = call.request.as_ref().unwrap().target();
    assert_eq!(target.matches("CallSid=").count(), 1, "{target}");
    assert!(target.ends_with("Digits=2"), "{target}");
}

#[test]
fn h12_without_a_url_the_document_is_over() {
    let twiml =
        Application::Twiml("<Response><Gather numDigits='1'/><Play>https://a.b/c</Play></Response>".into());
    let mut call = Story::new(Direction::Inbound, twiml, Rules::DEFAULT);
    call.run();
    call.did();
    call.press("1");
    assert_eq!(call.did(), HANGS_UP);
}

#[test]
fn keys_are_kept_when_events_were_lost_and_prompts_begin_again() {
    let mut call = gather("<Gather numDigits='2' bargeIn='false'><Play>u</Play><Play>v</Play></Gather>");
    call.wait(1.5);
    call.press("1");
    call.tell(Input::Lost);
    call.press("2");
    call.wait(1.1);
    assert_eq!(
        call.did()[..5],
        [
            "play https://example.com/u",
            "play https://example.com/v",
            "stop playing",
            "play https://example.com/v",
            "POST https://example.com/twiml in-progress Digits=12",
        ]
    );
}
