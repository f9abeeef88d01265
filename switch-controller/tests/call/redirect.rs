//! 2.9: Redirect.

use std::time::Duration;

use controller::call::facts::Direction;
use controller::call::rules::Rules;

use crate::story::*;

#[test]
fn rd1_rd2_rd3_another_document() {
    for (redirect, asked) in [
        ("<Redirect>https://a.b/c</Redirect>", "POST https://a.b/c in-progress"),
        ("<Redirect>/c.xml</Redirect>", "POST https://example.com/c.xml in-progress"),
        ("<Redirect method='GET'>/c.xml?d=e</Redirect>", "GET https://example.com/c.xml?d=e in-progress"),
    ] {
        let mut call = verbs(&format!("{redirect}<Play>a</Play>"));
        call.wait(5.0);
        assert_eq!(call.did(), and_hangs_up([asked]));
    }
}

#[test]
fn rd4_without_a_url_the_call_ends() {
    let mut call = call("<Response><Redirect/></Response>");
    call.run();
    assert!(call.finished && call.customer_was_told("<Redirect> must contain a URL"));
}

#[test]
fn rd5_a_loop_of_redirects_is_slowed_down() {
    let mut call = call("<Response><Redirect>/twiml</Redirect></Response>");
    call.run();
    assert_eq!(call.did().iter().filter(|line| line.starts_with("POST")).count(), 20);
    call.wait(10.5);
    assert_eq!(call.did(), ["POST https://example.com/twiml in-progress"; 10]);
}

#[test]
fn rd6_a_loop_of_redirects_ends() {
    let rules = Rules { documents: 50, pace: Duration::ZERO, ..Rules::DEFAULT };
    let mut call = Story::new(Direction::Inbound, url(VOICE), rules);
    call.page(VOICE, "<Response><Redirect>/twiml</Redirect></Response>");
    call.wait(100.0);
    assert_eq!(call.did().iter().filter(|line| line.starts_with("POST")).count(), 50);
    assert!(call.finished && call.customer_was_told("more than 50 documents"));
}

#[test]
fn rd5_what_the_customer_is_owed_is_told_though_the_caller_does_not_wait_for_it() {
    let rules = Rules { burst: 1, pace: Duration::from_secs(60), ..Rules::DEFAULT };
    let mut call = Story::new(Direction::Inbound, url(VOICE), rules);
    call.page(VOICE, "<Response><Dial action='/done'>1</Dial></Response>");
    call.run();
    call.leg_ends(1, "USER_BUSY");
    call.did();
    call.caller_hangs_up();
    assert_eq!(call.did(), ["report completed NORMAL_CLEARING"]);
    call.wait(61.0);
    let done = "POST https://example.com/done in-progress DialCallStatus=busy DialCallSid=CA-leg-1";
    assert_eq!(call.did(), [done, "finish"]);
}
