//! S: Say. P: Play. And Pause, which the old switch did not have.

use std::time::Duration;

use twiml::{Speech, SpeechNode};

use crate::{error, only, problems};

#[test]
fn s1_text_keeps_its_characters() {
    let say = only!(Say, "<Say>Hola, buen día</Say>");
    let text = say.speech.text();
    assert_eq!((text.as_str(), text.chars().count()), ("Hola, buen día", 14));
    assert_eq!((say.voice, say.language, say.times), (None, None, 1));
}

#[test]
fn s2_to_s11_voice_and_language_are_as_written() {
    let say = only!(Say, "<Say voice=' Polly.Lotte-Neural ' language='NL-nl'>a</Say>");
    assert_eq!((say.voice.as_deref(), say.language.as_deref()), (Some("Polly.Lotte-Neural"), Some("NL-nl")));
    assert_eq!(only!(Say, "<Say voice='' language=' '>a</Say>").voice, None);
}

#[test]
fn s12_s13_s14_p2_p3_p6_loop_counts_and_zero_is_a_thousand() {
    for (written, times) in
        [("0", 1000), ("5", 5), ("2000", 1000), ("99999999999999999999", 1000), (" 1 ", 1)]
    {
        assert_eq!(only!(Say, &format!("<Say loop='{written}'>a</Say>")).times, times);
        assert_eq!(only!(Play, &format!("<Play loop='{written}'>http://a</Play>")).times, times);
    }
}

// Somleng said it zero times.
#[test]
fn s15_a_loop_that_is_no_number_is_one_with_a_warning() {
    for bad in ["-1", "often", ""] {
        let inner = format!("<Say loop='{bad}'>a</Say>");
        assert_eq!(only!(Say, &inner).times, 1);
        let expected = format!(
            "warning: line 1, column 16: 'loop' of <Say> must be a whole number, 0 or more, found \"{bad}\""
        );
        assert_eq!(problems(&inner), [expected]);
    }
}

#[test]
fn s16_ssml_is_kept_in_order_and_its_text_alone_can_be_had() {
    let speech = only!(
        Say,
        "<Say>\n A <break time=\"1s\"/>b&amp;<emphasis level='x\"&gt;'>c <s>&lt;d></s></emphasis><![CDATA[<e>]]>f \n</Say>"
    )
    .speech;
    assert_eq!(speech.text(), "A b&c <d><e>f");
    assert!(speech.has_markup());
    assert_eq!(
        speech.ssml(),
        "&#10; A <break time=\"1s\"/>b&amp;<emphasis level=\"x&quot;&gt;\">c <s>&lt;d&gt;</s></emphasis>&lt;e&gt;f &#10;"
    );
    let again = only!(Say, &format!("<Say>{}</Say>", speech.ssml())).speech;
    assert_eq!(again, speech);
    assert!(!only!(Say, "<Say>plain</Say>").speech.has_markup());
    assert_eq!(only!(Say, "<Say>plain</Say>").speech, Speech::from("plain"));
}

#[test]
fn s16_what_is_no_ssml_loses_its_tags_and_keeps_its_text() {
    let inner = "<Say>a<audio src='http://10.0.0.1/'>b<amazon:effect name='whispered'>c</amazon:effect></audio></Say>";
    let speech = only!(Say, inner).speech;
    assert_eq!(speech.ssml(), "ab<amazon:effect name=\"whispered\">c</amazon:effect>");
    assert!(matches!(speech.nodes(), [SpeechNode::Text(_), SpeechNode::Text(_), SpeechNode::Element { .. }]));
    assert_eq!(problems(inner), ["warning: line 1, column 17: <audio> of <Say> is ignored"]);
}

#[test]
fn s18_an_empty_say_says_nothing() {
    for empty in ["<Say/>", "<Say></Say>", "<Say> \n </Say>", "<Say><!-- a --></Say>"] {
        assert_eq!(only!(Say, empty).speech.text(), "");
    }
}

#[test]
fn p1_play_holds_a_url() {
    let play = only!(Play, "<Play>\n  http://api.twilio.com/cowbell.mp3\n</Play>");
    assert_eq!(play.url.unwrap().as_str(), "http://api.twilio.com/cowbell.mp3");
    assert_eq!((play.times, play.digits), (1, None));
    assert_eq!(only!(Play, "<Play>a.mp3</Play>").url.unwrap().as_str(), "a.mp3");
}

#[test]
fn p5_digits_are_played_with_or_without_a_url() {
    let play = only!(Play, "<Play digits='ww12#'/>");
    assert_eq!((play.url, play.digits.unwrap().as_str()), (None, "ww12#"));
    assert!(only!(Play, "<Play digits='1'>http://a</Play>").url.is_some());
    let text = "'digits' of <Play> must be keys (0 to 9, *, #) and w or W for waiting, found \"1;2\"";
    assert_eq!(error("<Play digits='1;2'/>"), text);
}

#[test]
fn p_something_to_play_is_needed() {
    assert_eq!(error("<Play/>"), "<Play> must contain a URL");
    assert_eq!(error("<Play digits=' '> </Play>"), "<Play> must contain a URL");
    assert_eq!(error("<Play><Say>a</Say></Play>"), "<Say> is not allowed within <Play>");
    let text = "<Play> must contain an http or https URL, or a relative one, found \"file:///etc/passwd\"";
    assert_eq!(error("<Play>file:///etc/passwd</Play>"), text);
}

#[test]
fn pause_waits_one_second_or_as_long_as_it_says() {
    for (written, seconds) in [("<Pause/>", 1), ("<Pause length='10'/>", 10), ("<Pause length='0'/>", 0)] {
        assert_eq!(only!(Pause, written).length, Duration::from_secs(seconds));
    }
    assert_eq!(only!(Pause, "<Pause length='-5'/>").length, Duration::from_secs(1));
    assert_eq!(only!(Pause, "<Pause length='1e9'/>").length, Duration::from_secs(1));
    assert_eq!(only!(Pause, "<Pause length='99999999999'/>").length, Duration::from_secs(86_400));
}
