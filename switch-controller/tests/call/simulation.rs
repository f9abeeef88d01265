//! Calls to which anything happens, in any order, at any time: what a call asks for is done, done otherwise, done late
//! or never, and things are told that nobody asked for.

use std::path::PathBuf;
use std::time::Duration;

use controller::call::Call;
use controller::call::action::{Action, Report};
use controller::call::facts::{Application, Direction};
use controller::call::input::{Answer, Ask, HangUp, Input, LegId, LegInput, Problem, RoomInput, Route};
use controller::call::rules::{Rules, Unsupported};
use proptest::collection::vec;
use proptest::prelude::*;
use twiml::{Key, Method};

use crate::story::facts;

/// How many actions may come of one input. Documents here have at most five verbs; ten legs can be ended at once.
const AT_ONCE: usize = 60;

/// How often a call may want to be told the time before it is over, when nothing else happens.
const TURNS: usize = 30_000;

#[derive(Debug, Clone)]
enum Event {
    /// Time goes by, up to when the call wants to be told.
    Wait(u64),
    /// What the call asked for (which of it), is done well, badly, or is forgotten.
    Done(usize, u8),
    /// Somebody tells something.
    Told(Box<Input>),
}

fn verb() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => prop::sample::select(vec![
            "<Say>a</Say>",
            "<Say loop='3'>a</Say>",
            "<Say/>",
            "<Play loop='2'>a</Play>",
            "<Play digits='12'/>",
            "<Pause/>",
            "<Pause length='0'/>",
            "<Gather numDigits='2'><Say>a</Say><Play>b</Play><Pause/></Gather>",
            "<Gather bargeIn='false' timeout='2' action='/g' method='GET'><Play>b</Play></Gather>",
            "<Gather timeout='0' actionOnEmptyResult='true'/>",
            "<Record/>",
            "<Record playBeep='false' maxLength='20' action='/r'/>",
            "<Redirect>/x</Redirect>",
            "<Dial>1</Dial>",
            "<Dial action='/d'><Number>1</Number><Number>2</Number><Number>3</Number></Dial>",
            "<Dial action='/d' sequential='true' hangupOnStar='true' timeLimit='30'><Number>1</Number><Sip>sip:a@b</Sip></Dial>",
            "<Dial action='/d' answerOnBridge='true' record='record-from-ringing-dual'><Number url='/w'>1</Number><Number sendDigits='1' statusCallback='/s' statusCallbackEvent='initiated ringing answered completed'>2</Number></Dial>",
            "<Dial record='true' timeout='5'><Number>1</Number><Number url='/w'>2</Number></Dial>",
            "<Dial action='/d'><Conference>r</Conference></Dial>",
            "<Dial hangupOnStar='true' timeLimit='60'><Conference waitUrl='/w' muted='true' beep='false'>r</Conference></Dial>",
            "<Dial><Conference waitUrl='' endConferenceOnExit='true'>r</Conference></Dial>",
            "<Refer action='/d'><Sip>sip:a@b</Sip></Refer>",
        ]),
        1 => prop::sample::select(vec!["<Hangup/>", "<Reject/>", "<Reject reason='busy'/>", "<Foobar/>", "<Redirect/>", "<Connect/>"]),
    ]
    .prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => vec(verb(), 0..5).prop_map(|verbs| format!("<Response>{}</Response>", verbs.concat())),
        1 => Just("Foobar".to_owned()),
    ]
}

fn application() -> impl Strategy<Value = Application> {
    let url = prop::sample::select(vec!["https://example.com/v", "https://example.com/v?a=b#c", "nonsense"]);
    let method = prop::sample::select(vec![Method::Get, Method::Post]);
    prop_oneof![
        (url, method).prop_map(|(url, method)| Application::Url { url: url.to_owned(), method }),
        document().prop_map(Application::Twiml),
    ]
}

fn hang_up() -> impl Strategy<Value = HangUp> {
    let causes = prop::sample::select(vec!["NORMAL_CLEARING", "USER_BUSY", "NO_ANSWER", "LOSE_RACE", ""]);
    let status = prop::sample::select(vec![None, Some(486), Some(603)]);
    (causes, status).prop_map(|(cause, sip_status)| HangUp { cause: cause.to_owned(), sip_status })
}

/// Anything, with names that may be right.
fn input() -> impl Strategy<Value = Input> {
    let ask = || (0..30_u32).prop_map(Ask);
    let problem = || Problem("no".to_owned());
    let leg = prop_oneof![
        Just(LegInput::Ringing),
        Just(LegInput::Answered),
        Just(LegInput::Briefed),
        Just(LegInput::Bridged),
        hang_up().prop_map(LegInput::HungUp),
    ];
    prop_oneof![
        10 => prop::sample::select("0123456789*#".chars().collect::<Vec<_>>()).prop_map(|key| Input::Digit(Key::new(key).unwrap())),
        6 => ((0..8_u32).prop_map(LegId), leg).prop_map(|(id, input)| Input::Leg(id, input)),
        2 => Just(Input::Answered),
        1 => Just(Input::Ringing),
        2 => Just(Input::Lost),
        2 => application().prop_map(Input::Update),
        2 => hang_up().prop_map(Input::HungUp),
        1 => Just(Input::End),
        2 => ask().prop_map(|ask| Input::Played { ask, response: "FILE PLAYED".to_owned() }),
        1 => ask().prop_map(|ask| Input::Recorded { ask, length: Duration::from_secs(1), cause: None }),
        1 => ask().prop_map(move |ask| Input::Kept { ask, result: Err(problem()) }),
        1 => ask().prop_map(move |ask| Input::Fetched { ask, result: Err(problem()) }),
        1 => ask().prop_map(move |ask| Input::Routed { ask, result: Ok(Vec::new()) }),
        2 => (ask(), room()).prop_map(|(ask, what)| Input::Room(ask, what)),
        1 => ask().prop_map(|ask| Input::Referred { ask, answer: Some(202), notified: None }),
        1 => ask().prop_map(move |ask| Input::Sound { ask, result: Err(problem()) }),
    ]
}

fn room() -> impl Strategy<Value = RoomInput> {
    prop::sample::select(vec![
        RoomInput::Wait,
        RoomInput::Join("CF1".to_owned()),
        RoomInput::Full,
        RoomInput::Over,
    ])
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..8_000_u64).prop_map(Event::Wait),
        1 => (0..100_000_u64).prop_map(Event::Wait),
        8 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Event::Done(which, how)),
        2 => input().prop_map(|input| Event::Told(Box::new(input))),
    ]
}

struct World {
    call: Call,
    now: Duration,
    documents: Vec<String>,
    fetched: usize,
    /// What the call asked for and was not done yet.
    open: Vec<Action>,
    /// Legs that were called and neither ended nor told to be gone.
    legs: Vec<LegId>,
    bridges: Vec<LegId>,
    /// The sound that is on, and when it was told to end.
    sound: Option<(Ask, Option<Duration>)>,
    /// Whether it is in a conference.
    inside: bool,
    completed: usize,
    finished: bool,
}

impl World {
    fn take(&mut self) {
        let mut number = 0;
        while let Some(action) = self.call.next_action() {
            assert!(!self.finished, "{action:?} after the end");
            number += 1;
            assert!(number <= AT_ONCE, "too many actions at once: {action:?}");
            match &action {
                Action::Ring { leg, .. } => self.legs.push(*leg),
                Action::EndLeg { leg, .. } => self.legs.retain(|other| other != leg),
                Action::Play { ask, .. } => {
                    self.assert_quiet();
                    self.sound = Some((*ask, None));
                }
                Action::StopPlaying => {
                    let (_, stopped) = self.sound.as_mut().expect("nothing to be stopped");
                    assert!(stopped.replace(self.now).is_none(), "stopped twice");
                }
                Action::Bridge(leg) => {
                    self.assert_quiet();
                    assert!(!self.bridges.contains(leg), "a leg is connected once");
                    self.bridges.push(*leg);
                }
                Action::EnterRoom { .. } => {
                    assert!(!self.inside, "in two conferences");
                    self.inside = true;
                }
                Action::LeaveRoom => self.inside = false,
                Action::Report(Report::Completed { .. }) => self.completed += 1,
                Action::Finish => self.finished = true,
                _ => {}
            }
            if !matches!(action, Action::Log(..) | Action::Report(_) | Action::StopPlaying | Action::Finish) {
                self.open.push(action);
            }
        }
        if self.finished {
            assert_eq!((self.completed, self.legs.len(), self.inside), (1, 0, false));
            assert_eq!(self.call.poll_timeout(), None);
        } else {
            assert!(self.call.poll_timeout().is_some(), "the call waits for nothing");
        }
    }

    /// One sound at a time: the last one is over, or had its time to end.
    fn assert_quiet(&self) {
        if let Some((ask, stopped)) = self.sound {
            let since = stopped.map(|stopped| self.now - stopped);
            assert!(since >= Some(Rules::DEFAULT.switch), "{ask:?} is on: {since:?}");
        }
    }

    fn tell(&mut self, input: Input) {
        if let Input::Played { ask, .. } = &input {
            self.sound = self.sound.filter(|(on, _)| on != ask);
        }
        if let Input::Leg(leg, LegInput::HungUp(_)) = &input {
            self.legs.retain(|other| other != leg);
        }
        // One who does not come in, or whose conference is over, is not in it.
        if matches!(input, Input::Room(_, RoomInput::Full)) {
            self.inside = false;
        }
        self.call.input(input, self.now);
        self.take();
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Wait(milliseconds) => {
                let until = self.now + Duration::from_millis(milliseconds);
                for _ in 0..200 {
                    let Some(at) = self.call.poll_timeout().filter(|at| *at <= until) else { break };
                    self.now = self.now.max(at);
                    self.call.timeout(self.now);
                    self.take();
                }
                self.now = until;
            }
            Event::Done(which, how) if !self.open.is_empty() => {
                let action = self.open.remove(which % self.open.len());
                for input in self.outcomes(action, how) {
                    self.tell(input);
                }
            }
            Event::Done(..) => {}
            Event::Told(input) => self.tell(*input),
        }
    }

    /// What comes of an action: mostly what should.
    fn outcomes(&mut self, action: Action, how: u8) -> Vec<Input> {
        let bad = how > 220;
        let result = |good: &str| if bad { Err(Problem("no".to_owned())) } else { Ok(good.to_owned()) };
        let gone = || HangUp { cause: "NORMAL_CLEARING".to_owned(), sip_status: None };
        match action {
            _ if how > 245 => vec![],
            Action::Answer => vec![Input::Answered],
            Action::Refuse(_) | Action::HangUp => vec![Input::HungUp(gone())],
            Action::Play { ask, .. } => {
                let response = if bad { "FILE NOT FOUND" } else { "FILE PLAYED" };
                vec![Input::Played { ask, response: response.to_owned() }]
            }
            Action::Record { ask, .. } | Action::StopRecording(ask) => {
                let length = Duration::from_secs(u64::from(how % 3));
                vec![Input::Recorded { ask, length, cause: None }]
            }
            Action::KeepRecording(ask) => vec![Input::Kept { ask, result: result("https://r/1") }],
            Action::Ring { leg, .. } if bad => vec![Input::Leg(leg, LegInput::HungUp(gone()))],
            Action::Ring { leg, .. } if how.is_multiple_of(2) => vec![Input::Leg(leg, LegInput::Ringing)],
            Action::Ring { leg, .. } => {
                vec![Input::Leg(leg, LegInput::Ringing), Input::Leg(leg, LegInput::Answered)]
            }
            Action::EndLeg { leg, .. } => vec![Input::Leg(leg, LegInput::HungUp(gone()))],
            Action::Bridge(leg) if bad => vec![Input::Leg(leg, LegInput::HungUp(gone()))],
            Action::Bridge(leg) => vec![Input::Leg(leg, LegInput::Bridged)],
            Action::Fetch { ask, request } => {
                self.fetched += 1;
                let body = self.documents[self.fetched % self.documents.len()].clone().into_bytes();
                let answer = |_| Answer { url: request.target(), body };
                vec![Input::Fetched { ask, result: result("").map(answer) }]
            }
            Action::GetSound { ask, .. } | Action::Synthesise { ask, .. } => {
                vec![Input::Sound { ask, result: result("/a").map(PathBuf::from) }]
            }
            Action::FindRoutes { ask, destinations, .. } => {
                let route = |to: &String| Route {
                    call_sid: format!("CA{to}"),
                    dial_string: to.clone(),
                    caller_id: String::new(),
                    headers: vec![],
                    variables: Vec::new(),
                    barred: None,
                };
                let routes = destinations.iter().map(route).collect();
                vec![Input::Routed { ask, result: result("").map(|_| routes) }]
            }
            Action::Brief { leg, .. } if bad => vec![Input::Leg(leg, LegInput::HungUp(gone()))],
            Action::Brief { leg, .. } => vec![Input::Leg(leg, LegInput::Briefed)],
            Action::EnterRoom { ask, .. } if bad => vec![Input::Room(ask, RoomInput::Full)],
            Action::EnterRoom { ask, .. } if how.is_multiple_of(2) => {
                vec![Input::Room(ask, RoomInput::Wait), Input::Room(ask, RoomInput::Join("CF1".to_owned()))]
            }
            Action::EnterRoom { ask, .. } => vec![Input::Room(ask, RoomInput::Join("CF1".to_owned()))],
            Action::Refer { ask, .. } => {
                let notified = if bad { Some(486) } else { Some(200) };
                vec![Input::Referred { ask, answer: Some(202), notified }]
            }
            Action::Ring180 | Action::LeaveRoom | Action::Tell(_) | Action::DropRecording(_) => vec![],
            Action::StopPlaying
            | Action::CallNoMore
            | Action::Report(_)
            | Action::Log(..)
            | Action::Finish => vec![],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A call never panics, always waits for something, is completed once and finished at last with all legs ended.
    #[test]
    fn whatever_happens_a_call_comes_to_its_end(
        outbound in any::<bool>(),
        skip in any::<bool>(),
        application in application(),
        documents in vec(document(), 1..4),
        events in vec(event(), 0..150),
    ) {
        let direction = if outbound { Direction::OutboundApi } else { Direction::Inbound };
        let unsupported = if skip { Unsupported::Skip } else { Unsupported::End };
        let duration = Duration::from_secs(1800);
        let rules = Rules { unsupported, duration, documents: 30, verbs: 100, burst: 3, ..Rules::DEFAULT };
        let mut world = World {
            call: Call::new(facts(direction), application, rules, Duration::ZERO),
            now: Duration::ZERO,
            documents,
            fetched: 0,
            open: Vec::new(),
            legs: Vec::new(),
            bridges: Vec::new(),
            sound: None,
            inside: false,
            completed: 0,
            finished: false,
        };
        world.take();
        for event in events {
            world.happens(event);
        }
        // From here on nobody does anything any more.
        let mut turns = 0;
        while let Some(at) = world.call.poll_timeout() {
            turns += 1;
            prop_assert!(turns < TURNS, "the call does not end");
            world.now = world.now.max(at);
            world.call.timeout(world.now);
            world.take();
        }
        prop_assert!(world.finished);
        prop_assert_eq!(world.completed, 1);
        // Everything that it waits for has its time, a day's Pause among them; the whole call has half an hour.
        prop_assert!(world.now <= Duration::from_secs(1800 + 150 * 100 + 200), "{:?}", world.now);
    }
}
