//! Dial with a Conference (DI12), as one call sees it. Who is in a room is `rooms.rs`.

use controller::call::facts::Application;
use controller::call::input::{Input, RoomInput};

use crate::story::*;

fn conference(dial: &str) -> Story {
    let mut call = verbs(&format!("{dial}<Play>foo.mp3</Play>"));
    call.run();
    call
}

fn join() -> RoomInput {
    RoomInput::Join("CF1".into())
}

#[test]
fn di12_a_caller_waits_and_is_then_a_part_of_it() {
    let mut call = conference("<Dial action='/done'><Conference>my room</Conference></Dial>");
    assert_eq!(call.did(), ["enter my room starts=true ends=false most=250"]);
    call.room(RoomInput::Wait);
    call.wait(60.0);
    assert_eq!(call.did(), ["play waiting"]);
    call.room(join());
    assert_eq!(call.did(), ["stop playing", "play conference CF1 beep-in beep-out"]);
    call.wait(600.0);
    call.room(RoomInput::Over);
    assert_eq!(
        call.did()[..3],
        ["stop playing", "leave", "POST https://example.com/done in-progress DialCallStatus=answered"]
    );
}

#[test]
fn di12_without_an_action_the_next_verb_follows_when_the_conference_is_not_heard_any_more() {
    let mut call = conference("<Dial><Conference beep='false' muted='true'>r</Conference></Dial>");
    call.room(join());
    assert_eq!(call.did()[1..], ["play conference CF1 muted"]);
    call.room(RoomInput::Over);
    assert_eq!(call.did(), ["stop playing", "leave", "play https://example.com/foo.mp3"]);
}

#[test]
fn di12_what_a_guest_is_told_to_the_room() {
    let mut call = conference(
        "<Dial><Conference startConferenceOnEnter='false' endConferenceOnExit='true' maxParticipants='5'
           beep='onExit'>r</Conference></Dial>",
    );
    assert_eq!(call.did(), ["enter r starts=false ends=true most=5"]);
    call.room(join());
    assert_eq!(call.did(), ["play conference CF1 beep-out"]);
}

#[test]
fn di12_a_room_that_is_full_is_a_failed_dial() {
    let mut call = conference("<Dial action='/done'><Conference>r</Conference></Dial>");
    call.room(RoomInput::Full);
    assert_eq!(call.did()[1], "POST https://example.com/done in-progress DialCallStatus=failed");
    assert!(call.customer_was_told("as many participants"));
}

#[test]
fn di20_star_and_time_limit_end_a_conference_for_the_caller() {
    let mut call = conference("<Dial hangupOnStar='true'><Conference>r</Conference></Dial>");
    call.room(join());
    call.did();
    call.press("1*");
    assert_eq!(call.did(), ["stop playing", "leave", "play https://example.com/foo.mp3"]);
    let mut call = conference("<Dial timeLimit='60'><Conference>r</Conference></Dial>");
    call.room(RoomInput::Wait);
    call.wait(30.0);
    call.room(join());
    call.wait(29.0);
    call.did();
    call.wait(2.0);
    assert_eq!(call.did()[..2], ["stop playing", "leave"], "waiting counts");
}

#[test]
fn l8_a_caller_who_hangs_up_leaves_and_the_customer_is_told() {
    for inside in [false, true] {
        let mut call = conference("<Dial action='/done'><Conference>r</Conference></Dial>");
        call.room(if inside { join() } else { RoomInput::Wait });
        call.did();
        call.caller_hangs_up();
        assert_eq!(
            call.did(),
            [
                "report completed NORMAL_CLEARING",
                "leave",
                "POST https://example.com/done completed DialCallStatus=answered",
                "finish",
            ]
        );
    }
}

#[test]
fn an_update_takes_the_caller_out() {
    let mut call = conference("<Dial action='/done'><Conference>r</Conference></Dial>");
    call.room(join());
    call.did();
    call.tell(Input::Update(Application::Twiml("<Response><Play>http://a/b</Play></Response>".into())));
    assert_eq!(call.did(), ["stop playing", "leave", "play http://a/b"]);
}

#[test]
fn what_is_told_of_another_entry_does_not_count() {
    let mut call =
        conference("<Dial><Conference>a</Conference></Dial><Dial><Conference>b</Conference></Dial>");
    let first = call.room_asked();
    call.room(RoomInput::Over);
    call.did();
    call.tell(Input::Room(first, join()));
    call.tell(Input::Room(first, RoomInput::Over));
    assert_eq!(call.did(), [""; 0]);
}

#[test]
fn a_conference_that_freeswitch_ends_is_left() {
    let mut call = conference("<Dial><Conference>r</Conference></Dial>");
    call.room(join());
    call.did();
    call.sound_ends("");
    assert_eq!(call.did(), ["leave", "play https://example.com/foo.mp3"]);
}

#[test]
fn a_caller_stays_in_a_conference_when_events_were_lost_and_waiting_is_begun_again() {
    let mut call = conference("<Dial><Conference>r</Conference></Dial>");
    call.room(RoomInput::Wait);
    call.did();
    call.tell(Input::Lost);
    assert_eq!(call.did(), ["stop playing", "play waiting"]);
    call.room(join());
    call.did();
    call.tell(Input::Lost);
    assert_eq!(call.did(), [""; 0]);
}

#[test]
fn a_room_that_does_not_answer_is_left() {
    let mut call = conference("<Dial><Conference>r</Conference></Dial>");
    call.did();
    call.wait(11.0);
    assert_eq!(call.did()[0], "leave");
}

#[test]
fn a_wait_url_is_a_document_that_is_heard_again_and_again() {
    let mut call = conference("<Dial><Conference waitUrl='/wait/music'>my room</Conference></Dial>");
    call.page(
        "https://example.com/wait/music",
        "<Response><Play>a.mp3</Play><Say>b</Say><Gather/><Pause length='2'/></Response>",
    );
    call.did();
    call.room(RoomInput::Wait);
    let round = [
        "POST https://example.com/wait/music in-progress FriendlyName=my room",
        "report 1 Basic.Kal",
        "play https://example.com/wait/a.mp3",
        "play Basic.Kal/en-US/b.",
    ];
    call.wait(4.5);
    assert_eq!(call.did(), round);
    assert!(call.customer_was_told("<Gather> is ignored in a waitUrl"));
    call.wait(1.0);
    assert_eq!(call.did()[..3], round[..3]);
    call.room(join());
    assert_eq!(call.did()[..2], ["stop playing", "play conference CF1 beep-in beep-out"]);
    call.room(RoomInput::Over);
    // The call's own document stays what it was.
    assert_eq!(call.did()[2], "play https://example.com/foo.mp3");
}

#[test]
fn a_wait_url_may_lead_elsewhere_or_be_a_sound() {
    let mut call = conference("<Dial><Conference waitUrl='/w' waitMethod='GET'>r</Conference></Dial>");
    call.page("https://example.com/w", "<Response><Pause/><Redirect>/x</Redirect></Response>");
    call.page("https://example.com/x", "no TwiML");
    call.did();
    call.room(RoomInput::Wait);
    call.wait(3.0);
    assert_eq!(
        call.did(),
        [
            "GET https://example.com/w in-progress FriendlyName=r",
            "POST https://example.com/x in-progress FriendlyName=r",
            "play https://example.com/x",
            "play https://example.com/x",
        ]
    );
}

#[test]
fn nothing_is_heard_with_an_empty_wait_url() {
    let mut call = conference("<Dial><Conference waitUrl=''>r</Conference></Dial>");
    call.did();
    call.room(RoomInput::Wait);
    call.wait(60.0);
    assert_eq!(call.did(), [""; 0]);
    call.room(join());
    assert_eq!(call.did(), ["play conference CF1 beep-in beep-out"]);
}

#[test]
fn a_wait_url_that_fails_is_asked_once_a_second_at_most() {
    let mut call = conference("<Dial><Conference waitUrl='/missing'>r</Conference></Dial>");
    call.did();
    call.room(RoomInput::Wait);
    call.wait(10.5);
    let asked = call.did().len();
    assert!((10..=11).contains(&asked), "{asked}");
}
