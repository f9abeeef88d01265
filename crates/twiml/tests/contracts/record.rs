//! R: Record.

use std::time::Duration;

use twiml::{Keys, Method, Trim};

use crate::{only, problems};

#[test]
fn r1_defaults() {
    let record = only!(Record, "<Record/>");
    assert_eq!((record.action, record.method), (None, Method::Post));
    assert_eq!((record.timeout, record.max_length), (Duration::from_secs(5), Duration::from_secs(3600)));
    assert_eq!((record.finish_on_key.as_str(), record.trim), ("1234567890*#", Trim::TrimSilence));
    assert!(record.play_beep);
}

#[test]
fn r2_r6_r7_values() {
    let record = only!(
        Record,
        "<Record action='http://a/b' method='GET' maxLength='30' timeout='10' trim='do-not-trim'/>"
    );
    assert_eq!((record.action.unwrap().as_str(), record.method), ("http://a/b", Method::Get));
    assert_eq!((record.timeout, record.max_length), (Duration::from_secs(10), Duration::from_secs(30)));
    assert_eq!(record.trim, Trim::DoNotTrim);
    let record = only!(Record, "<Record timeout='0' maxLength='0'/>");
    assert_eq!((record.timeout, record.max_length), (Duration::ZERO, Duration::from_secs(3600)));
}

#[test]
fn r3_r4_the_callback_and_its_method_are_there_where_they_are_named() {
    let record = only!(Record, "<Record/>");
    assert_eq!((record.recording_status_callback, record.recording_status_callback_method), (None, None));
    let record =
        only!(Record, "<Record recordingStatusCallback='http://a' recordingStatusCallbackMethod='GET'/>");
    assert_eq!(record.recording_status_callback.unwrap().as_str(), "http://a");
    assert_eq!(record.recording_status_callback_method, Some(Method::Get));
}

#[test]
fn a_callback_that_leads_nowhere_does_not_stop_the_recording() {
    let inner = "<Record recordingStatusCallback='ftp://a'/>";
    assert_eq!(only!(Record, inner).recording_status_callback, None);
    assert_eq!(problems(inner).len(), 1);
}

#[test]
fn r5_only_false_is_no_beep() {
    for (written, beep) in [("true", true), ("false", false), ("no", true), ("", true), ("FALSE", false)] {
        assert_eq!(only!(Record, &format!("<Record playBeep='{written}'/>")).play_beep, beep, "{written}");
    }
}

#[test]
fn r8_finish_on_key_is_that_set_none_or_all() {
    let keys = |written: &str| only!(Record, &format!("<Record finishOnKey='{written}'/>")).finish_on_key;
    assert_eq!(keys("123456789").as_str(), "123456789");
    assert!(keys("").is_empty());
    assert_eq!((keys("#"), keys("ab")), (Keys::parse("#").unwrap(), Keys::all()));
}

#[test]
fn r13_attributes_that_are_not_carried_out_are_reported() {
    let inner = "<Record transcribe='true' transcribeCallback='/t' recordingTrack='both'><Say/></Record>";
    assert_eq!(only!(Record, inner), only!(Record, "<Record/>"));
    assert_eq!(problems(inner).len(), 4);
}
