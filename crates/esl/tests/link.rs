//! One connection without a socket: what a link does when things go wrong.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

use std::time::{Duration, Instant};

use esl::server::Sent;
use esl::{
    Api, CallError, Command, Event, Limits, Link, Login, Name, Outcome, Password, Reason, Rest, Subscription,
    Ticket, Timing, Uuid,
};

const PATIENCE: Duration = Duration::from_secs(3);

fn login() -> Login {
    let names = vec![Name::new("CHANNEL_PARK").expect("a name")];
    let subscription = Subscription { names, ..Subscription::default() };
    Login { password: Password::new("ClueCon").expect("a password"), subscription, filters: Vec::new() }
}

fn new_link(login: Login, now: Instant) -> Link {
    Link::new(login, Timing::default(), Limits::default(), now)
}

fn sent(link: &mut Link) -> String {
    let bytes = link.output().to_vec();
    link.sent(bytes.len());
    String::from_utf8(bytes).expect("text")
}

fn outcomes(link: &mut Link) -> Vec<Outcome> {
    std::iter::from_fn(|| link.next_outcome()).collect()
}

/// One that is logged in.
fn up(now: Instant) -> Link {
    let mut link = new_link(login(), now);
    link.received(&Sent::AuthRequest.to_bytes(), now);
    link.received(&Sent::CommandReply("+OK accepted").to_bytes(), now);
    link.received(&Sent::ApiResponse("core-1").to_bytes(), now);
    link.received(&Sent::CommandReply("+OK event listener enabled json").to_bytes(), now);
    assert_eq!(outcomes(&mut link), [Outcome::Up { core: Some("core-1".into()) }]);
    sent(&mut link);
    link
}

fn status(link: &mut Link, patience: Duration, now: Instant) -> Ticket {
    link.send(&Command::Api(Api::status()), patience, now).expect("the link is up")
}

fn down(reason: Reason) -> Vec<Outcome> {
    vec![Outcome::Down(reason)]
}

#[test]
fn it_logs_in_and_is_up_before_the_first_event() {
    let now = Instant::now();
    let mut login = login();
    login.filters = vec![(Name::new("Caller-Context").expect("a name"), Rest::new("a b").expect("a value"))];
    let mut link = new_link(login, now);
    assert_eq!(sent(&mut link), "");
    link.received(&Sent::AuthRequest.to_bytes(), now);
    assert_eq!(sent(&mut link), "auth ClueCon\n\n");
    assert_eq!(link.send(&Command::Api(Api::status()), PATIENCE, now), Err(CallError::NotUp));
    link.received(&Sent::CommandReply("+OK accepted").to_bytes(), now);
    let expected = "api global_getvar core_uuid\n\nfilter add Caller-Context a b\n\n\
                    filter add Event-Name BACKGROUND_JOB\n\nevent json CHANNEL_PARK BACKGROUND_JOB\n\n";
    assert_eq!(sent(&mut link), expected);
    let event = Event::new([("Event-Name", "CHANNEL_PARK")], None);
    let rest = [
        Sent::ApiResponse("core-1"),
        Sent::CommandReply("+OK filter added."),
        Sent::CommandReply("+OK filter added."),
        Sent::CommandReply("+OK event listener enabled json"),
        Sent::EventJson(&event),
    ];
    link.received(&rest.map(|sent| sent.to_bytes()).concat(), now);
    assert_eq!(outcomes(&mut link), [Outcome::Up { core: Some("core-1".into()) }, Outcome::Event(event)]);
}

#[test]
fn refusals_at_log_in_are_told_apart() {
    let now = Instant::now();
    let mut link = new_link(login(), now);
    link.received(&Sent::RudeRejection.to_bytes(), now);
    assert_eq!(outcomes(&mut link), down(Reason::Forbidden));

    let mut link = new_link(login(), now);
    link.received(&Sent::AuthRequest.to_bytes(), now);
    link.received(
        &[Sent::CommandReply("-ERR invalid"), Sent::Disconnect].map(|sent| sent.to_bytes()).concat(),
        now,
    );
    assert_eq!(outcomes(&mut link), down(Reason::WrongPassword));

    let mut link = new_link(login(), now);
    link.received(&Sent::AuthRequest.to_bytes(), now);
    link.received(&Sent::CommandReply("+OK accepted").to_bytes(), now);
    // A user who may not use global_getvar is told so by a command/reply, and goes on without.
    link.received(&Sent::CommandReply("-ERR permission denied").to_bytes(), now);
    link.received(&Sent::CommandReply("-ERR permission denied").to_bytes(), now);
    assert_eq!(outcomes(&mut link), down(Reason::Refused("permission denied".into())));

    let mut link = new_link(login(), now);
    link.received(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", now);
    assert!(matches!(&outcomes(&mut link)[..], [Outcome::Down(Reason::Unreadable(_))]));

    let mut link = new_link(login(), now);
    let late = link.next_timeout().expect("a time");
    assert_eq!(late, now + Timing::default().login);
    link.timed_out(late);
    assert_eq!(outcomes(&mut link), down(Reason::LoginTimedOut));
}

#[test]
fn the_password_is_not_given_twice() {
    let now = Instant::now();
    let mut link = new_link(login(), now);
    link.received(&Sent::AuthRequest.to_bytes(), now);
    sent(&mut link);
    link.received(&Sent::AuthRequest.to_bytes(), now);
    assert_eq!((sent(&mut link), outcomes(&mut link)), (String::new(), down(Reason::OutOfStep)));
}

#[test]
fn answers_come_to_whom_they_belong_two_thousand_at_once() {
    let now = Instant::now();
    let mut link = up(now);
    let tickets: Vec<Ticket> = (0..2000).map(|_| status(&mut link, PATIENCE, now)).collect();
    assert_eq!(sent(&mut link), "api status\n\n".repeat(2000));
    for (number, ticket) in tickets.into_iter().enumerate() {
        link.received(&Sent::ApiResponse(&number.to_string()).to_bytes(), now);
        let found = outcomes(&mut link);
        let [Outcome::Answer(found, Ok(reply))] = &found[..] else { panic!("{found:?}") };
        assert_eq!((*found, &reply.text), (ticket, &number.to_string()));
    }
}

#[test]
fn a_call_that_was_given_up_keeps_its_turn() {
    let now = Instant::now();
    let mut link = up(now);
    let first = status(&mut link, Duration::from_secs(1), now);
    let second = status(&mut link, PATIENCE, now);
    assert_eq!(link.next_timeout(), Some(now + Duration::from_secs(1)));
    link.timed_out(now + Duration::from_secs(1));
    assert_eq!(outcomes(&mut link), [Outcome::Answer(first, Err(CallError::TimedOut))]);
    link.received(&Sent::ApiResponse("late").to_bytes(), now);
    link.received(&Sent::ApiResponse("in time").to_bytes(), now);
    let found = outcomes(&mut link);
    assert!(
        matches!(&found[..], [Outcome::Answer(ticket, Ok(reply))] if *ticket == second && reply.text == "in time")
    );
}

fn job_event(job: &str, text: &str) -> Event {
    Event::new([("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", job)], Some(text))
}

#[test]
fn a_job_is_answered_by_its_event_whichever_comes_first() {
    let now = Instant::now();
    let mut link = up(now);
    let job = |text| Command::BgApi { api: Api::status(), job: Uuid::new(text).expect("a UUID") };
    let one = link.send(&job("one"), PATIENCE, now).expect("up");
    let two = link.send(&job("two"), PATIENCE, now).expect("up");
    let three = link.send(&job("three"), PATIENCE, now).expect("up");
    let late = link.send(&job("late"), PATIENCE, now).expect("up");
    link.received(&Sent::EventJson(&job_event("two", "+OK 2\n")).to_bytes(), now);
    for reply in [Sent::JobReply("one"), Sent::JobReply("two"), Sent::CommandReply("-ERR permission denied")]
    {
        link.received(&reply.to_bytes(), now);
    }
    link.received(&Sent::JobReply("late").to_bytes(), now);
    link.received(&Sent::EventPlain(&job_event("one", "-ERR USER_BUSY\n")).to_bytes(), now);
    let stranger = job_event("stranger", "+OK");
    link.received(&Sent::EventJson(&stranger).to_bytes(), now);
    let answers: Vec<_> = outcomes(&mut link)
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Answer(ticket, Ok(reply)) => {
                (Some(ticket), reply.ok().map(str::to_owned).map_err(str::to_owned))
            }
            Outcome::Event(event) => (None, Ok(event.job_uuid().unwrap_or_default().to_owned())),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (Some(two), Ok("2".to_owned())),
        (Some(three), Err("permission denied".to_owned())),
        (Some(one), Err("USER_BUSY".to_owned())),
        (None, Ok("stranger".to_owned())),
    ];
    assert_eq!(answers, expected);
    link.timed_out(now + PATIENCE);
    assert_eq!(outcomes(&mut link), [Outcome::Answer(late, Err(CallError::TimedOut))]);
    // Nobody waits any more: it is an event as others are.
    let event = job_event("late", "+OK");
    link.received(&Sent::EventJson(&event).to_bytes(), now);
    assert_eq!(outcomes(&mut link), [Outcome::Event(event)]);
}

#[test]
fn silence_is_asked_about_and_then_taken_for_death() {
    let (start, timing) = (Instant::now(), Timing::default());
    let mut link = up(start);
    let asked = start + timing.ping_after;
    assert_eq!(link.next_timeout(), Some(asked));
    link.timed_out(asked);
    assert_eq!(sent(&mut link), "api global_getvar core_uuid\n\n");
    let heard = asked + Duration::from_secs(1);
    link.received(&Sent::ApiResponse("core-1").to_bytes(), heard);
    assert_eq!((outcomes(&mut link), link.next_timeout()), (vec![], Some(heard + timing.ping_after)));

    let asked = heard + timing.ping_after;
    link.timed_out(asked);
    let ticket = status(&mut link, Duration::from_secs(600), asked);
    let dead = asked + timing.silent;
    assert_eq!(link.next_timeout(), Some(dead));
    link.timed_out(dead - Duration::from_millis(1));
    assert_eq!(outcomes(&mut link), []);
    link.timed_out(dead);
    let reason = Reason::Silent(timing.ping_after + timing.silent);
    assert_eq!(
        outcomes(&mut link),
        [Outcome::Answer(ticket, Err(CallError::Disconnected)), Outcome::Down(reason)]
    );
    assert_eq!((link.next_timeout(), link.is_down()), (None, true));
}

#[test]
fn answers_that_nobody_asked_for_end_the_link() {
    let now = Instant::now();
    for sent in [Sent::CommandReply("+OK"), Sent::ApiResponse("+OK"), Sent::AuthRequest] {
        let mut link = up(now);
        link.received(&sent.to_bytes(), now);
        assert_eq!(outcomes(&mut link), down(Reason::OutOfStep));
    }
    let mut link = up(now);
    let ticket = status(&mut link, PATIENCE, now);
    link.received(&Sent::CommandReply("+OK").to_bytes(), now);
    let answer = Outcome::Answer(ticket, Err(CallError::Disconnected));
    assert_eq!(outcomes(&mut link), [answer, Outcome::Down(Reason::OutOfStep)]);
}

#[test]
fn an_event_that_cannot_be_read_does_not_end_the_link() {
    let now = Instant::now();
    let mut link = up(now);
    link.received(b"Content-Length: 7\nContent-Type: text/event-json\n\n{\"a\":1}", now);
    assert!(matches!(&outcomes(&mut link)[..], [Outcome::BadEvent(_)]));
    let event = Event::new([("Event-Name", "HEARTBEAT")], None);
    link.received(&Sent::EventJson(&event).to_bytes(), now);
    assert_eq!(outcomes(&mut link), [Outcome::Event(event)]);
}

#[test]
fn it_ends_when_freeswitch_says_so_and_waits_when_it_lingers() {
    let now = Instant::now();
    let mut link = up(now);
    let lingers = "Content-Type: text/disconnect-notice\nContent-Disposition: linger\nLinger-Time: 5\nContent-Length: 0\n\n";
    link.received(lingers.as_bytes(), now);
    assert!(!link.is_down());
    link.received(&Sent::Disconnect.to_bytes(), now);
    let found = outcomes(&mut link);
    assert!(
        matches!(&found[..], [Outcome::Down(Reason::Notice(text))] if text.starts_with("Disconnected, goodbye."))
    );
}

#[test]
fn closing_waits_for_answers_that_are_due() {
    let now = Instant::now();
    let mut link = up(now);
    let ticket = status(&mut link, PATIENCE, now);
    link.close(now);
    assert_eq!(sent(&mut link), "api status\n\nexit\n\n");
    assert_eq!(link.send(&Command::Api(Api::status()), PATIENCE, now), Err(CallError::NotUp));
    link.received(&Sent::ApiResponse("fine").to_bytes(), now);
    link.received(
        &[Sent::CommandReply("+OK bye"), Sent::Disconnect].map(|sent| sent.to_bytes()).concat(),
        now,
    );
    let found = outcomes(&mut link);
    assert!(
        matches!(&found[..], [Outcome::Answer(found, Ok(_)), Outcome::Down(Reason::Closed)] if *found == ticket)
    );

    let mut link = up(now);
    link.close(now);
    let late = link.next_timeout().expect("a time");
    link.timed_out(late);
    assert_eq!(outcomes(&mut link), down(Reason::Closed));
}

#[test]
fn what_waits_is_bounded() {
    let now = Instant::now();
    let mut link = up(now);
    let taken =
        (0..30_000).take_while(|_| link.send(&Command::Api(Api::status()), PATIENCE, now).is_ok()).count();
    assert_eq!(taken, 20_000);
    assert_eq!(link.send(&Command::Api(Api::status()), PATIENCE, now), Err(CallError::TooMany));
    link.received(&Sent::ApiResponse("fine").to_bytes(), now);
    assert!(link.send(&Command::Api(Api::status()), PATIENCE, now).is_ok());
}
