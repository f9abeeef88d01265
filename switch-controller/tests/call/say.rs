//! 2.4: Say. Which voice speaks is tested beside the catalogue.

use crate::story::*;

fn said(say: &str) -> Vec<String> {
    let mut call = verbs(say);
    call.wait(5.0);
    call.did().into_iter().filter(|line| line.starts_with("report ") || line.starts_with("play")).collect()
}

#[test]
fn s1_a_full_stop_is_said_and_not_counted() {
    let did = said("<Say voice='Basic.Slt'>Hola, buen día</Say>");
    assert_eq!(did[..2], ["report 14 Basic.Slt", "play Basic.Slt/en-US/Hola, buen día."]);
    assert_eq!(said("<Say>Who is there? </Say>")[1], "play Basic.Kal/en-US/Who is there?");
}

#[test]
fn s2_to_s11_the_voice_and_its_language() {
    assert_eq!(said("<Say voice='woman' language='de'>a</Say>")[1], "play Basic.Slt/en-US/a.");
    assert_eq!(said("<Say voice='Polly.Lotte-Neural'>a</Say>")[1], "play Polly.Lotte-Neural/nl-NL/a.");
    assert_eq!(said("<Say voice='alice'>a</Say>")[1], "play Basic.Kal/en-US/a.");
}

#[test]
fn s12_s14_said_a_thousand_times_at_most_and_reported_once() {
    for times in ["0", "1000", "2000"] {
        let mut call = verbs(&format!("<Say loop='{times}'>Hello</Say>"));
        call.wait(2000.0);
        let did = call.did();
        assert_eq!(did[0], "report 5000 Basic.Kal");
        assert_eq!(did.iter().filter(|line| line.starts_with("play")).count(), 1000);
    }
}

#[test]
fn s13_said_five_times_and_reported_once() {
    let mut did = said("<Say loop='5'>Hello</Say>");
    assert_eq!(did.remove(0), "report 25 Basic.Kal");
    assert_eq!(did.iter().filter(|line| *line == "play Basic.Kal/en-US/Hello.").count(), 5);
}

#[test]
fn s15_a_loop_that_is_no_number_is_once() {
    assert_eq!(said("<Say loop='-1'>Hello</Say>")[0], "report 5 Basic.Kal");
}

#[test]
fn s16_ssml_is_spoken_and_its_text_counted() {
    let did = said("<Say>One <emphasis>two</emphasis></Say>");
    assert_eq!(did[..2], ["report 7 Basic.Kal", "play Basic.Kal/en-US/One <emphasis>two</emphasis>"]);
}

#[test]
fn s17_the_report_comes_first_and_speech_that_fails_is_left_out() {
    let did = said("<Say>unspeakable</Say><Play>a</Play>");
    assert_eq!(did[..2], ["report 11 Basic.Kal", "play https://example.com/a"]);
}

#[test]
fn s18_an_empty_say_is_reported_and_says_nothing() {
    assert_eq!(said("<Say/><Play>a</Play>")[..2], ["report 0 Basic.Kal", "play https://example.com/a"]);
}
