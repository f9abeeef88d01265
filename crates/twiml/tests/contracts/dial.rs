//! DI: Dial and its nouns.

use std::time::Duration;

use twiml::{Beep, CallEvent, Conference, DialRecording, DialTo, Leg, Method, RoomEvent, WaitMusic};

use crate::{error, only, problems};

fn legs(inner: &str) -> Vec<Leg> {
    match only!(Dial, inner).to {
        DialTo::Legs(legs) => legs,
        other => panic!("{other:?}"),
    }
}

fn numbers(inner: &str) -> Vec<String> {
    let number = |leg: Leg| match leg {
        Leg::Number(number) => number.number,
        Leg::Sip(sip) => sip.uri,
    };
    legs(inner).into_iter().map(number).collect()
}

fn conference(inner: &str) -> Conference {
    match only!(Dial, &format!("<Dial>{inner}</Dial>")).to {
        DialTo::Conference(conference) => conference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn di1_di11_di18_a_number_as_text_and_defaults() {
    let dial = only!(Dial, "<Dial>85516701721</Dial>");
    assert_eq!((dial.action, dial.method, dial.caller_id), (None, Method::Post, None));
    assert_eq!((dial.timeout, dial.time_limit), (Duration::from_secs(30), Duration::from_secs(14_400)));
    assert_eq!((dial.record, dial.ring_tone), (DialRecording::DoNotRecord, None));
    assert!(!dial.hangup_on_star && !dial.answer_on_bridge && !dial.sequential);
    assert_eq!(numbers("<Dial>85516701721</Dial>"), ["85516701721"]);
}

#[test]
fn di4_numbers_stay_in_the_order_of_the_document() {
    let inner = "<Dial><Number>2</Number><Sip>sip:a@b</Sip> <Number>1</Number></Dial>";
    assert_eq!(numbers(inner), ["2", "sip:a@b", "1"]);
}

#[test]
fn di5_a_sip_address_keeps_its_scheme() {
    assert_eq!(
        numbers("<Dial><Sip> sip:alice@sip.example.com;x=y </Sip></Dial>"),
        ["sip:alice@sip.example.com;x=y"]
    );
    let sip = legs("<Dial><Sip username='u' password=' p '>SIPS:a@b</Sip></Dial>").remove(0);
    let Leg::Sip(sip) = sip else { panic!("{sip:?}") };
    assert_eq!((sip.username.as_deref(), sip.password.as_deref()), (Some("u"), Some(" p ")));
    assert!(!format!("{sip:?}").contains(" p "));
    for bad in ["alice@example.com", "sip:", "tel:1", "sip:a b@c", "sip:a@b&#10;X: y", "sip:&lt;a>", ""] {
        let error = error(&format!("<Dial><Sip>{bad}</Sip></Dial>"));
        assert!(error.starts_with("<Sip> must contain a sip: or sips: URI, found "), "{error}");
    }
}

#[test]
fn di6_di8_di9_di10_action_method_caller_id_and_timeout() {
    let dial = only!(
        Dial,
        "<Dial action='http://a/b' method='get' callerId=' 85523238265 ' timeout='10' timeLimit='60'>+855 16 701721</Dial>"
    );
    assert_eq!((dial.action.unwrap().as_str(), dial.method), ("http://a/b", Method::Get));
    assert_eq!(dial.caller_id.as_deref(), Some("85523238265"));
    assert_eq!((dial.timeout, dial.time_limit), (Duration::from_secs(10), Duration::from_secs(60)));
    let dial = only!(Dial, "<Dial timeout='9999' timeLimit='0'>1</Dial>");
    assert_eq!((dial.timeout, dial.time_limit), (Duration::from_secs(600), Duration::from_secs(14_400)));
    assert_eq!(only!(Dial, "<Dial timeout='0'>1</Dial>").timeout, Duration::from_secs(30));
}

#[test]
fn di12_other_nouns_are_not_allowed_in_it() {
    for noun in ["Client", "Queue", "Say", "Sim"] {
        let text = error(&format!("<Dial><Number>1</Number><{noun}>x</{noun}></Dial>"));
        assert_eq!(text, format!("<{noun}> is not allowed within <Dial>"));
    }
    assert_eq!(error("<Dial><Number>1<b/></Number></Dial>"), "<b> is not allowed within <Number>");
}

#[test]
fn di13_comments_are_skipped() {
    assert_eq!(numbers("<Dial>\n<Number>1</Number>\n<!-- Number>2</Number -->\n</Dial>"), ["1"]);
    assert_eq!(numbers("<Dial>1<!-- x -->2</Dial>"), ["12"]);
}

#[test]
fn di20_what_the_old_switch_ignored_is_read() {
    let dial = only!(
        Dial,
        "<Dial hangupOnStar='true' answerOnBridge='true' sequential='true' ringTone='US-old' record='true'
             recordingStatusCallback='/r'><Number sendDigits='wwww1#' url='/whisper' method='GET' statusCallback='/s'
             statusCallbackMethod='GET' statusCallbackEvent='ringing initiated,ringing'>1</Number></Dial>"
    );
    assert!(dial.hangup_on_star && dial.answer_on_bridge && dial.sequential);
    assert_eq!(
        (dial.ring_tone.as_deref(), dial.record),
        (Some("us-old"), DialRecording::FromAnswer { dual: false })
    );
    assert_eq!(dial.recording_status_callback.unwrap().as_str(), "/r");
    let DialTo::Legs(legs) = dial.to else { panic!("{:?}", dial.to) };
    let [Leg::Number(number)] = &legs[..] else { panic!("{legs:?}") };
    assert_eq!(number.send_digits.as_ref().unwrap().as_str(), "wwww1#");
    assert_eq!((number.url.as_ref().unwrap().as_str(), number.method), ("/whisper", Method::Get));
    let callback = number.status_callback.as_ref().unwrap();
    assert_eq!((callback.url.as_str(), callback.method), ("/s", Method::Get));
    assert_eq!(callback.events, [CallEvent::Ringing, CallEvent::Initiated]);
    assert!(
        problems("<Dial><Number machineDetection='Enable' statusCallbackEvent='x'>1</Number></Dial>").len()
            == 2
    );
    let wrong = error("<Dial><Number sendDigits='call me'>1</Number></Dial>");
    assert!(wrong.starts_with("'sendDigits' of <Number> must be keys"), "{wrong}");
}

#[test]
fn di20_what_is_recorded() {
    let record = |written: &str| only!(Dial, &format!("<Dial record='{written}'>1</Dial>")).record;
    assert_eq!(record("record-from-ringing-dual"), DialRecording::FromRinging { dual: true });
    assert_eq!(record("record-from-ringing"), DialRecording::FromRinging { dual: false });
    assert_eq!(record("record-from-answer-dual"), DialRecording::FromAnswer { dual: true });
    assert_eq!((record("false"), record("x")), (DialRecording::DoNotRecord, DialRecording::DoNotRecord));
}

#[test]
fn di23_destinations_are_trimmed() {
    assert_eq!(numbers("<Dial>\n  +855 16 701721\u{a0}\n</Dial>"), ["+855 16 701721"]);
    assert_eq!(numbers("<Dial>\n 1 \n<Number>\t2\n</Number> 3 </Dial>"), ["1", "2", "3"]);
}

#[test]
fn somebody_must_be_called_and_not_more_than_ten() {
    for empty in ["<Dial/>", "<Dial> <!-- 1 --> </Dial>"] {
        assert_eq!(error(empty), "<Dial> must contain a number, or one of <Number>, <Sip> and <Conference>");
    }
    assert_eq!(error("<Dial><Number/></Dial>"), "<Number> must contain a number");
    assert_eq!(numbers(&format!("<Dial>{}</Dial>", "<Number>1</Number>".repeat(10))).len(), 10);
    let eleven = error(&format!("<Dial>{}</Dial>", "<Number>1</Number>".repeat(11)));
    assert_eq!(eleven, "11 destinations in <Dial>: at most 10 are taken");
}

#[test]
fn a_conference_has_its_defaults() {
    let room = conference("<Conference> my room </Conference>");
    assert_eq!((room.name.as_str(), room.beep, room.wait), ("my room", Beep::Both, WaitMusic::Default));
    assert_eq!((room.wait_method, room.max_participants), (Method::Post, 250));
    assert!(!room.muted && room.start_conference_on_enter && !room.end_conference_on_exit && !room.record);
}

#[test]
fn a_conference_has_its_attributes() {
    let room = conference(
        "<Conference muted='true' beep='onenter' startConferenceOnEnter='false' endConferenceOnExit='true' waitUrl=''
            waitMethod='GET' maxParticipants='999' record='record-from-start' participantLabel='x'>r</Conference>",
    );
    assert!(room.muted && !room.start_conference_on_enter && room.end_conference_on_exit && room.record);
    assert_eq!((room.beep, room.wait, room.wait_method), (Beep::OnEnter, WaitMusic::Silence, Method::Get));
    assert_eq!((room.max_participants, room.participant_label.as_deref()), (250, Some("x")));
    let WaitMusic::Url(url) = conference("<Conference waitUrl='/w'>r</Conference>").wait else {
        panic!("a URL")
    };
    assert_eq!(url.as_str(), "/w");
}

#[test]
fn a_conference_tells_what_it_is_asked_to_tell() {
    let callback = |attributes: &str| {
        conference(&format!("<Conference statusCallback='/c' {attributes}>r</Conference>")).status_callback
    };
    let callback_of =
        callback("statusCallbackMethod='get' statusCallbackEvent='Start leave,start mute'").unwrap();
    assert_eq!((callback_of.url.as_str(), callback_of.method), ("/c", Method::Get));
    assert_eq!(callback_of.events, [RoomEvent::Start, RoomEvent::Leave]);
    assert!(callback("").unwrap().events.is_empty());
    assert_eq!(conference("<Conference statusCallbackEvent='end'>r</Conference>").status_callback, None);
    let wrong =
        problems("<Dial><Conference statusCallback='/c' statusCallbackEvent='begin'>r</Conference></Dial>");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
}

#[test]
fn a_conference_stands_alone_and_has_a_name() {
    assert_eq!(error("<Dial><Conference/></Dial>"), "<Conference> must contain the name of a room");
    let before = error("<Dial><Number>1</Number><Conference>r</Conference></Dial>");
    assert_eq!(before, "<Conference> is not allowed within <Dial>");
    assert_eq!(
        error("<Dial><Conference>r</Conference><Sip>sip:a@b</Sip></Dial>"),
        "<Sip> is not allowed within <Dial>"
    );
    assert_eq!(error("<Dial><Conference>r</Conference>1</Dial>"), "<text> is not allowed within <Dial>");
}
