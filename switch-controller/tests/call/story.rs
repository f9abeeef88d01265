//! A call with a fake switch, a fake web server and a fake platform around it, and a clock of their own.
//!
//! What the call wants done is done at once, and written down as a line each. Sounds last a second.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use controller::call::Call;
use controller::call::action::{Action, Report, Severity, Sound, Whom};
use controller::call::facts::{Application, Direction, Facts};
use controller::call::input::{Answer, Ask, HangUp, Input, LegId, LegInput, Problem, RoomInput, Route};
use controller::call::rules::Rules;
use settings::Secret;
use twiml::{Key, Method};

/// Where the call's first document is.
pub const VOICE: &str = "https://example.com/twiml";

/// How long every sound is.
const SOUND: Duration = Duration::from_secs(1);

pub struct Story {
    pub call: Call,
    pub now: Duration,
    pages: HashMap<String, Result<String, String>>,
    /// What is told to the call, and when.
    told: VecDeque<(Duration, Input)>,
    lines: Vec<String>,
    pub logs: Vec<(Severity, String)>,
    playing: Option<Ask>,
    /// The last entry into a conference.
    room: Option<Ask>,
    referred: Option<Ask>,
    recording: Option<(Ask, Duration)>,
    pub finished: bool,
    /// What the switch is asked for and never does.
    pub deaf: bool,
    /// Why the platform finds no routes.
    pub no_routes: Option<String>,
    /// Why the platform keeps no recordings.
    pub not_kept: Option<String>,
    /// What FreeSWITCH says of a file that was played.
    pub response: String,
    /// The last request.
    pub request: Option<controller::webhook::Request>,
}

pub fn facts(direction: Direction) -> Facts {
    Facts {
        channel: "channel".into(),
        call_sid: "CA1".into(),
        account_sid: "AC1".into(),
        auth_token: Secret::new("token"),
        direction,
        api_version: "2010-04-01".into(),
        from: "1000".into(),
        to: "85512456869".into(),
        default_voice: "Basic.Kal".into(),
        fallback: None,
    }
}

pub fn end(cause: &str) -> HangUp {
    HangUp { cause: cause.into(), sip_status: None }
}

/// An inbound call whose first document is this, with all that it does up to the answer.
pub fn call(document: &str) -> Story {
    let mut story = Story::new(Direction::Inbound, url(VOICE), Rules::DEFAULT);
    story.page(VOICE, document);
    story
}

/// The same, begun, with a `<Response>` around these verbs, and without what every call does at its beginning.
pub fn verbs(verbs: &str) -> Story {
    let mut story = call(&format!("<Response>{verbs}</Response>"));
    story.run();
    for line in ["POST https://example.com/twiml ringing", "answer", "report answered"] {
        assert_eq!(story.lines.remove(0), line);
    }
    story
}

pub fn url(url: &str) -> Application {
    Application::Url { url: url.into(), method: Method::Post }
}

impl Story {
    pub fn new(direction: Direction, application: Application, rules: Rules) -> Self {
        let now = Duration::from_secs(1000);
        Story::of(Call::new(facts(direction), application, rules, now), now)
    }

    /// A call that is there already.
    pub fn of(call: Call, now: Duration) -> Self {
        Story {
            call,
            now,
            pages: HashMap::new(),
            told: VecDeque::new(),
            lines: Vec::new(),
            logs: Vec::new(),
            playing: None,
            room: None,
            referred: None,
            recording: None,
            finished: false,
            deaf: false,
            no_routes: None,
            not_kept: None,
            response: "FILE PLAYED".into(),
            request: None,
        }
    }

    /// The web server has this document.
    pub fn page(&mut self, url: &str, document: &str) {
        self.pages.insert(url.into(), Ok(document.into()));
    }

    /// The web server fails here.
    pub fn broken_page(&mut self, url: &str, why: &str) {
        self.pages.insert(url.into(), Err(why.into()));
    }

    /// Something happens to the call now.
    pub fn tell(&mut self, input: Input) {
        self.call.input(input, self.now);
        self.run();
    }

    pub fn leg(&mut self, leg: u32, input: LegInput) {
        self.tell(Input::Leg(LegId(leg), input));
    }

    pub fn leg_ends(&mut self, leg: u32, cause: &str) {
        self.leg(leg, LegInput::HungUp(end(cause)));
    }

    /// Something happens in the conference that was entered last.
    pub fn room(&mut self, what: RoomInput) {
        let ask = self.room_asked();
        self.tell(Input::Room(ask, what));
    }

    /// The last entry into a conference.
    pub fn room_asked(&mut self) -> Ask {
        self.run();
        self.room.expect("a conference was entered")
    }

    /// What is played ends by itself.
    pub fn sound_ends(&mut self, response: &str) {
        let ask = self.playing.take().expect("something is played");
        self.tell(Input::Played { ask, response: response.into() });
    }

    /// What came of the last REFER.
    pub fn referred(&mut self, answer: Option<u16>, notified: Option<u16>) {
        let ask = self.referred.expect("a REFER was sent");
        self.tell(Input::Referred { ask, answer, notified });
    }

    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.tell(Input::Digit(Key::new(key).unwrap()));
        }
    }

    /// The caller hangs up. A recording ends with the channel.
    pub fn caller_hangs_up(&mut self) {
        self.tell(Input::HungUp(end("NORMAL_CLEARING")));
        self.recording_ends("hangup");
    }

    /// The recording that goes on ends by itself.
    pub fn recording_ends(&mut self, cause: &str) {
        if let Some((ask, since)) = self.recording.take() {
            let length = self.now - since;
            self.tell(Input::Recorded { ask, length, cause: Some(cause.into()) });
        }
    }

    /// Time goes by.
    pub fn wait(&mut self, seconds: f64) {
        self.run();
        let until = self.now + Duration::from_secs_f64(seconds);
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < 100_000, "the call does not come to rest");
            let told = self.told.front().map(|(at, _)| *at);
            let at = [told, self.call.poll_timeout()].into_iter().flatten().min();
            let Some(at) = at.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            match self.told.front() {
                Some((when, _)) if *when <= self.now => {
                    let (_, input) = self.told.pop_front().unwrap();
                    if let Input::Played { ask, .. } = &input {
                        if self.playing != Some(*ask) {
                            continue;
                        }
                        self.playing = None;
                    }
                    self.call.input(input, self.now);
                }
                _ => self.call.timeout(self.now),
            }
            self.run();
        }
        self.now = until;
    }

    /// What was done since the last time this was asked.
    pub fn did(&mut self) -> Vec<String> {
        self.run();
        std::mem::take(&mut self.lines)
    }

    /// What the customer was told.
    pub fn customer_was_told(&self, text: &str) -> bool {
        self.logs.iter().any(|(severity, line)| *severity == Severity::Customer && line.contains(text))
    }

    /// Does what the call wants.
    pub fn run(&mut self) {
        while let Some(action) = self.call.next_action() {
            assert!(!self.finished, "{action:?} after the end");
            if let Action::Log(severity, text) = action {
                self.logs.push((severity, text));
                continue;
            }
            if let Some(line) = describe(&action) {
                self.lines.push(line);
            }
            if let Some(input) = self.act(action) {
                self.call.input(input, self.now);
            }
        }
    }

    fn act(&mut self, action: Action) -> Option<Input> {
        Some(match action {
            Action::Fetch { ask, request } => {
                let target = request.target();
                let page = self.pages.get(&target).or_else(|| self.pages.get(&request.url));
                let page = page.cloned().unwrap_or_else(|| Err("404 Not Found".into()));
                self.request = Some(request);
                let answer = |body: String| Answer { url: target, body: body.into_bytes() };
                Input::Fetched { ask, result: page.map(answer).map_err(Problem) }
            }
            Action::GetSound { ask, url } if url.contains("missing") => {
                Input::Sound { ask, result: Err(Problem("404 Not Found".into())) }
            }
            Action::GetSound { ask, url } => Input::Sound { ask, result: Ok(PathBuf::from(url)) },
            Action::Synthesise { ask, speech } if speech.text.contains("unspeakable") => {
                Input::Sound { ask, result: Err(Problem("no voice".into())) }
            }
            Action::Synthesise { ask, speech } => {
                let path =
                    format!("{}/{}/{}", speech.voice, speech.language, speech.ssml.unwrap_or(speech.text));
                Input::Sound { ask, result: Ok(PathBuf::from(path)) }
            }
            Action::FindRoutes { ask, destinations, .. } => {
                let route = |(place, to): (usize, String)| Route {
                    call_sid: format!("CA-leg-{}", place + 1),
                    dial_string: to,
                    caller_id: "855".into(),
                    headers: Vec::new(),
                    variables: Vec::new(),
                    barred: None,
                };
                let routes = destinations.into_iter().enumerate().map(route).collect();
                let result = self.no_routes.clone().map_or(Ok(routes), |why| Err(Problem(why)));
                Input::Routed { ask, result }
            }
            Action::KeepRecording(ask) => {
                let result = self.not_kept.clone();
                let result = result.map_or(Ok("https://rec.example.com/RE1".into()), |why| Err(Problem(why)));
                Input::Kept { ask, result }
            }
            Action::Finish => {
                self.finished = true;
                return None;
            }
            _ if self.deaf => return None,
            Action::Answer => Input::Answered,
            Action::Refuse(_) | Action::HangUp => {
                self.recording_ends("hangup");
                Input::HungUp(end("NORMAL_CLEARING"))
            }
            Action::Play { ask, sound } => {
                assert_eq!(self.playing, None, "two sounds at once");
                self.playing = Some(ask);
                if !matches!(sound, Sound::Ringback(_) | Sound::Waiting | Sound::Room(_)) {
                    let played = Input::Played { ask, response: self.response.clone() };
                    self.told.push_back((self.now + SOUND, played));
                }
                return None;
            }
            Action::StopPlaying => {
                let ask = self.playing.take()?;
                Input::Played { ask, response: "FILE PLAYED".into() }
            }
            Action::Record { ask, .. } => {
                self.recording = Some((ask, self.now));
                return None;
            }
            Action::StopRecording(_) => {
                let (ask, since) = self.recording.take()?;
                Input::Recorded { ask, length: self.now - since, cause: None }
            }
            Action::EndLeg { leg, .. } => Input::Leg(leg, LegInput::HungUp(end("LOSE_RACE"))),
            Action::Bridge(leg) => {
                assert_eq!(self.playing, None, "a sound while a leg is connected");
                Input::Leg(leg, LegInput::Bridged)
            }
            Action::EnterRoom { ask, .. } => {
                self.room = Some(ask);
                return None;
            }
            Action::Refer { ask, .. } => {
                self.referred = Some(ask);
                return None;
            }
            Action::Ring { .. }
            | Action::Ring180
            | Action::CallNoMore
            | Action::Brief { .. }
            | Action::DropRecording(_)
            | Action::LeaveRoom
            | Action::Tell(_)
            | Action::Report(_)
            | Action::Log(..) => return None,
        })
    }
}

/// A line about an action; none about those that others are the consequence of.
fn describe(action: &Action) -> Option<String> {
    Some(match action {
        Action::Answer => "answer".into(),
        Action::Refuse(refusal) => format!("refuse {refusal:?}"),
        Action::HangUp => "hang up".into(),
        Action::DropRecording(_) => "drop the recording".into(),
        Action::CallNoMore => "call nobody else".into(),
        Action::Play { sound: Sound::File(path), .. } => format!("play {}", path.display()),
        Action::Play { sound: Sound::Beep, .. } => "play a beep".into(),
        Action::Play { sound: Sound::Keys(keys), .. } => format!("play keys {keys}"),
        Action::Play { sound: Sound::Ringback("%(1000,4000,425)"), .. } => "play ringing".into(),
        Action::Play { sound: Sound::Ringback(tones), .. } => format!("play {tones}"),
        Action::Play { sound: Sound::Waiting, .. } => "play waiting".into(),
        Action::Play { sound: Sound::Room(seat), .. } => {
            let told = [
                (seat.muted, " muted"),
                (seat.beeps_on_enter, " beep-in"),
                (seat.beeps_on_exit, " beep-out"),
            ];
            let told: String = told.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
            format!("play conference {}{told}", seat.room)
        }
        Action::StopPlaying => "stop playing".into(),
        Action::Record { whom, callback, most, .. } if *whom != Whom::Caller => {
            let callback = callback.as_ref().map(|(url, method)| format!(" {} {url}", method.as_str()));
            format!("record {whom:?} {}s{}", most.as_secs(), callback.unwrap_or_default())
        }
        Action::Record { callback, most, silence, .. } => {
            let (most, silence) = (most.as_secs(), silence.as_secs());
            let callback = callback.as_ref().map(|(url, method)| format!(" {} {url}", method.as_str()));
            format!("record {most}s silence {silence}s{}", callback.unwrap_or_default())
        }
        Action::StopRecording(_) => "stop recording".into(),
        Action::KeepRecording(_) => "keep recording".into(),
        Action::Ring { leg, route, timeout } => {
            format!("ring {} {} for {}s", leg.0, route.dial_string, timeout.as_secs())
        }
        Action::EndLeg { leg, reason } => format!("end {} {reason:?}", leg.0),
        Action::Bridge(leg) => format!("bridge {}", leg.0),
        Action::Ring180 => "ring 180".into(),
        Action::Brief { leg, from, to, call_sid, application } => {
            let what = match application {
                Application::Url { url, method } => format!("{} {url}", method.as_str()),
                Application::Twiml(text) => text.clone(),
            };
            format!("brief {} {call_sid} {from} {to} {what}", leg.0)
        }
        Action::EnterRoom { guest, .. } => {
            format!("enter {} starts={} ends={} most={}", guest.room, guest.starts, guest.ends, guest.most)
        }
        Action::LeaveRoom => "leave".into(),
        Action::Refer { to, .. } => format!("refer {to}"),
        Action::Tell(request) => {
            let of = |name: &str| request.parameters.iter().find(|(known, _)| known == name);
            let of = |name| of(name).map_or("-", |(_, value)| value.as_str());
            let words = [request.method.as_str(), &request.url, of("CallSid"), of("CallStatus")].join(" ");
            format!("tell {words} {} {}", of("SequenceNumber"), of("CallDuration"))
        }
        Action::Fetch { request, .. } => {
            let mut parameters = request.parameters.iter().skip_while(|(name, _)| name != "CallStatus");
            let status = &parameters.next().unwrap().1;
            let extras: String = parameters.map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{} {} {status}{extras}", request.method.as_str(), request.url)
        }
        Action::FindRoutes { destinations, caller_id, .. } => {
            let from = caller_id.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
            format!("find {}{from}", destinations.join(" "))
        }
        Action::Report(Report::Ringing) => "report ringing".into(),
        Action::Report(Report::Answered) => "report answered".into(),
        Action::Report(Report::Completed { end, .. }) => format!("report completed {}", end.cause),
        Action::Report(Report::Speech { voice, characters }) => format!("report {characters} {voice}"),
        Action::Finish => "finish".into(),
        Action::GetSound { .. } | Action::Synthesise { .. } | Action::Log(..) => return None,
    })
}

/// What every call does when it is ended by itself.
pub const HANGS_UP: [&str; 3] = ["hang up", "report completed NORMAL_CLEARING", "finish"];

/// These lines, and then those of a call that ends.
pub fn and_hangs_up<const N: usize>(lines: [&'static str; N]) -> Vec<&'static str> {
    lines.into_iter().chain(HANGS_UP).collect()
}
