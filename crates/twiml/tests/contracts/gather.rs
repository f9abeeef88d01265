//! G: Gather.

use std::time::Duration;

use twiml::{Key, Method, Prompt};

use crate::{error, only, problems};

#[test]
fn g1_to_g6_g11_g19_defaults_and_values() {
    let gather = only!(Gather, "<Gather/>");
    assert_eq!((gather.action, gather.method), (None, Method::Post));
    assert_eq!((gather.timeout, gather.num_digits), (Duration::from_secs(5), None));
    assert!(!gather.action_on_empty_result && gather.barge_in && gather.prompts.is_empty());
    assert_eq!(gather.finish_on_key, Some(Key::HASH));
    let gather =
        only!(Gather, "<Gather action='/g.xml' method='GET' timeout='10' numDigits='5' bargeIn='false'/>");
    assert_eq!((gather.action.unwrap().as_str(), gather.method), ("/g.xml", Method::Get));
    assert_eq!(gather.timeout, Duration::from_secs(10));
    assert_eq!(gather.num_digits.map(|digits| digits.get()), Some(5));
    assert!(!gather.barge_in);
}

#[test]
fn g7_finish_on_key_is_hash_none_or_the_key() {
    assert_eq!(only!(Gather, "<Gather finishOnKey=''/>").finish_on_key, None);
    assert_eq!(only!(Gather, "<Gather finishOnKey='*'/>").finish_on_key, Key::new('*'));
    assert_eq!(only!(Gather, "<Gather finishOnKey='0'/>").finish_on_key, Key::new('0'));
}

#[test]
fn g8_a_finish_key_of_two_characters_or_a_letter_falls_back_to_hash() {
    for bad in ["12", "a", "##", "é"] {
        let inner = format!("<Gather finishOnKey='{bad}'/>");
        assert_eq!(only!(Gather, &inner).finish_on_key, Some(Key::HASH));
        assert_eq!(problems(&inner).len(), 1);
    }
}

#[test]
fn g12_g13_action_on_empty_result_is_true_or_else_false() {
    assert!(only!(Gather, "<Gather actionOnEmptyResult='true'/>").action_on_empty_result);
    for other in ["false", "yes", "1", ""] {
        let gather = only!(Gather, &format!("<Gather actionOnEmptyResult='{other}'/>"));
        assert!(!gather.action_on_empty_result, "{other}");
    }
}

#[test]
fn g14_g15_g16_prompts_keep_their_order_and_loops() {
    let prompts = only!(
        Gather,
        "<Gather> <Say voice='woman' language='de' loop='3'>Hello World</Say><Play loop='3'>http://u</Play>
         <Pause length='2'/><Say voice='man'>Foobar</Say></Gather>"
    )
    .prompts;
    let [Prompt::Say(first), Prompt::Play(play), Prompt::Pause(pause), Prompt::Say(last)] = &prompts[..]
    else {
        panic!("{prompts:?}")
    };
    assert_eq!(
        (first.voice.as_deref(), first.language.as_deref(), first.times),
        (Some("woman"), Some("de"), 3)
    );
    assert_eq!((first.speech.text().as_str(), play.times), ("Hello World", 3));
    assert_eq!((pause.length, last.times), (Duration::from_secs(2), 1));
}

#[test]
fn g17_other_verbs_are_not_allowed_in_it() {
    assert_eq!(error("<Gather><Record/></Gather>"), "<Record> is not allowed within <Gather>");
    assert_eq!(error("<Gather><Gather/></Gather>"), "<Gather> is not allowed within <Gather>");
    assert_eq!(error("<Gather>Press 1</Gather>"), "<text> is not allowed within <Gather>");
    assert_eq!(error("<Gather><Play/></Gather>"), "<Play> must contain a URL");
}

#[test]
fn g18_comments_in_it_are_skipped() {
    assert_eq!(only!(Gather, "<Gather><!-- <Record/> --></Gather>").prompts, []);
}

// The old switch had a limit of 0.
#[test]
fn g22_num_digits_that_is_no_count_is_no_limit() {
    for bad in ["0", "abc", "-1", ""] {
        let inner = format!("<Gather numDigits='{bad}'/>");
        assert_eq!(only!(Gather, &inner).num_digits, None);
        assert_eq!(problems(&inner).len(), 1, "{bad}");
    }
    let most = only!(Gather, "<Gather numDigits='4000000000'/>").num_digits.unwrap().get();
    assert_eq!(most, 128);
}

#[test]
fn speech_alone_is_refused_and_beside_dtmf_it_is_ignored() {
    let text = "'input' of <Gather> must be dtmf: speech is not recognised, found \"speech\"";
    assert_eq!(error("<Gather input='speech'/>"), text);
    let both = "<Gather input='dtmf speech'/>";
    assert_eq!(only!(Gather, both), only!(Gather, "<Gather input='dtmf'/>"));
    assert_eq!(problems(both).len(), 1);
    assert_eq!(only!(Gather, "<Gather input=''/>"), only!(Gather, "<Gather/>"));
}

#[test]
fn an_action_that_leads_nowhere_is_an_error() {
    let text = "'action' of <Gather> must be an http or https URL, or a relative one, found \"javascript:x\"";
    assert_eq!(error("<Gather action='javascript:x'/>"), text);
}

#[test]
fn attributes_about_speech_are_reported_as_ignored() {
    let reported = problems("<Gather speechTimeout='auto' hints='a'><Say x='y'>a</Say></Gather>");
    assert_eq!(
        reported,
        [
            "warning: line 1, column 19: 'speechTimeout' of <Gather> is ignored",
            "warning: line 1, column 40: 'hints' of <Gather> is ignored",
            "warning: line 1, column 55: 'x' of <Say> is ignored",
        ]
    );
}
