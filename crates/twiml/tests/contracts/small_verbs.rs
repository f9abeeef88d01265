//! RD: Redirect. RJ: Reject. HU: Hangup. And Refer.

use twiml::{Method, RejectReason, Verb};

use crate::{error, only, problems, verb};

#[test]
fn rd1_rd2_rd3_a_redirect_has_a_url_and_a_method() {
    let redirect = only!(Redirect, "<Redirect>\n http://a/b?c=d&amp;e=f\n</Redirect>");
    assert_eq!((redirect.url.as_str(), redirect.method), ("http://a/b?c=d&e=f", Method::Post));
    let redirect = only!(Redirect, "<Redirect method='GET'>../x</Redirect>");
    assert_eq!((redirect.url.as_str(), redirect.method), ("../x", Method::Get));
}

#[test]
fn rd4_a_redirect_without_a_url_is_an_error() {
    for empty in ["<Redirect/>", "<Redirect> \n </Redirect>"] {
        assert_eq!(error(empty), "<Redirect> must contain a URL");
    }
    assert_eq!(error("<Redirect><a/></Redirect>"), "<a> is not allowed within <Redirect>");
    assert!(
        error("<Redirect>ftp://a</Redirect>").starts_with("<Redirect> must contain an http or https URL")
    );
}

#[test]
fn rj1_rj2_rj3_reject_declines_unless_it_says_busy() {
    for (written, reason) in [
        ("<Reject/>", RejectReason::Rejected),
        ("<Reject reason='rejected'/>", RejectReason::Rejected),
        ("<Reject reason='busy'/>", RejectReason::Busy),
        ("<Reject reason='tired'><Say/></Reject>", RejectReason::Rejected),
    ] {
        assert_eq!(only!(Reject, written).reason, reason, "{written}");
    }
}

#[test]
fn hu1_hangup_needs_nothing_and_takes_nothing() {
    assert!(matches!(verb("<Hangup/>"), Verb::Hangup(_)));
    assert!(matches!(verb("<Hangup a='b'>c</Hangup>"), Verb::Hangup(_)));
    let reported = problems("<Hangup a='b'>c</Hangup>");
    assert_eq!(
        reported,
        [
            "warning: line 1, column 19: 'a' of <Hangup> is ignored",
            "warning: line 1, column 25: text of <Hangup> is ignored"
        ]
    );
}

#[test]
fn refer_names_one_sip_address() {
    let refer = only!(Refer, "<Refer action='/after' method='GET'> <Sip>sip:a@b</Sip> </Refer>");
    assert_eq!((refer.to.as_str(), refer.method), ("sip:a@b", Method::Get));
    assert_eq!(refer.action.unwrap().as_str(), "/after");
    assert_eq!(error("<Refer/>"), "<Refer> must contain exactly one <Sip> noun");
    assert_eq!(error("<Refer><Number>1</Number></Refer>"), "<Number> is not allowed within <Refer>");
    assert_eq!(error("<Refer>sip:a@b</Refer>"), "<text> is not allowed within <Refer>");
    let two = error("<Refer><Sip>sip:a@b</Sip><Sip>sip:a@c</Sip></Refer>");
    assert_eq!(two, "<Refer> must contain exactly one <Sip> noun");
}
