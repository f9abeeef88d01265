//! A call's task: tells the call what happens, and does what it wants.

mod legs;
mod owed;
mod recordings;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use esl::{Api, CallError, Command, Execute, Name, Refused, Reply, Uuid, Word};
use futures_util::future::join_all;

use super::{commands, refer};
use crate::call::Call;
use crate::call::action::{Action, Severity, Sound};
use crate::call::facts::{Application, Direction, Facts};
use crate::call::input::{Ask, HangUp, Input, LegId, LegInput};
use crate::call::resume;
use crate::calls::{Happened, Message, Queue, View};
use crate::fetch::Cookies;
use crate::kept::{Document, Entry, unix};
use crate::live::Live;
use crate::platform::Unmade;
use crate::tell::Teller;
use legs::Rung;
use owed::Owed;
use recordings::Kept;

/// A sound that was told to end before it began goes on: it is told again.
const STOP_AGAIN: Duration = Duration::from_millis(300);

struct Driver {
    live: Arc<Live>,
    channel: Uuid,
    facts: Arc<Facts>,
    call: Call,
    queue: Arc<Queue>,
    view: Arc<View>,
    cookies: Arc<Cookies>,
    /// Whether the channel is gone.
    gone: bool,
    finished: bool,
    answered: bool,
    /// What is played, and when it is told again to stop.
    playing: Option<Ask>,
    stop_again: Option<Instant>,
    recordings: HashMap<Ask, Kept>,
    legs: HashMap<LegId, Rung>,
    /// Legs that are still to be called.
    owed: Arc<Owed>,
    bridged: Option<LegId>,
    /// Where the call was when it was kept last.
    kept_at: Option<resume::Place>,
    /// Legs that execute something of their own, each with the queue of that.
    briefed: HashMap<LegId, Arc<Queue>>,
    /// The conference that is heard, by its name for FreeSWITCH.
    room: Option<String>,
    /// The REFER that was not answered for good.
    refer: Option<Ask>,
    teller: Option<Teller>,
    /// The end of a leg that was bridged, told when the caller's channel is back; or then.
    held: Option<(LegId, HangUp, Instant)>,
}

/// Drives a call to its end; or a leg to where it has executed its own application: whether it has, and its channel goes on.
pub(super) async fn drive(
    live: Arc<Live>,
    channel: Uuid,
    facts: Arc<Facts>,
    call: Call,
    queue: Arc<Queue>,
    view: Arc<View>,
) -> bool {
    let answered = call.answered_at().is_some();
    let owed = Arc::new(Owed::new(&live, &facts));
    let mut driver = Driver {
        live,
        channel,
        facts,
        call,
        queue,
        view,
        cookies: Arc::default(),
        gone: false,
        finished: false,
        answered,
        playing: None,
        stop_again: None,
        recordings: HashMap::new(),
        legs: HashMap::new(),
        owed,
        bridged: None,
        kept_at: None,
        briefed: HashMap::new(),
        room: None,
        refer: None,
        teller: None,
        held: None,
    };
    driver.answered |= driver.facts.direction == Direction::OutboundDial;
    driver.run().await;
    let channel = driver.channel.to_string();
    driver.live.with_rooms(|rooms| rooms.leave(&channel));
    // Nobody tells them any more.
    for queue in driver.briefed.values() {
        let end = HangUp { cause: "ORIGINATOR_CANCEL".to_owned(), sip_status: None };
        queue.push(Message::Channel(Happened::HungUp(end)));
    }
    // What is still there when a call wants to be forgotten was lost sight of.
    for leg in driver.legs.values() {
        driver.live.kill(&leg.channel, "NORMAL_CLEARING").await;
    }
    let released = driver.call.is_released();
    if !driver.gone && !released {
        driver.live.kill(&driver.channel, "NORMAL_CLEARING").await;
    }
    released && !driver.gone
}

impl Driver {
    async fn run(&mut self) {
        loop {
            while let Some(action) = self.call.next_action() {
                self.act(action).await;
            }
            if self.finished {
                self.owed.give_up();
                return self.forget();
            }
            self.keep();
            let queue = Arc::clone(&self.queue);
            let due = self.due();
            tokio::select! {
                message = queue.next() => self.message(message).await,
                () = tokio::time::sleep_until(due.into()) => self.timeout().await,
            }
        }
    }

    /// Nothing is to be kept any more, once the platform knows all: else the next process would have to tell it.
    fn forget(&self) {
        let (live, facts) = (Arc::clone(&self.live), Arc::clone(&self.facts));
        tokio::spawn(async move {
            live.platform.told(&facts).await;
            live.kept.forget(&facts.channel);
        });
    }

    /// Keeps where the call is, if it is somewhere else than before.
    fn keep(&mut self) {
        if self.facts.direction == Direction::OutboundDial {
            // What a leg hears ends with its Dial.
            return;
        }
        let Some(place) = self.call.place().filter(|place| self.kept_at != Some(*place)) else { return };
        let Some((text, url)) = self.call.document() else { return };
        self.kept_at = Some(place);
        let document = Document { text: text.to_owned(), url: url.map(str::to_owned), place };
        self.live.kept.keep(self.entry(None, Some(document)));
    }

    /// The API wants another application: it is begun with, if this process does not live to fetch it.
    fn keep_instead(&mut self, application: &Application) {
        if self.facts.direction == Direction::OutboundDial || self.call.is_ending() {
            return;
        }
        self.kept_at = None;
        self.live.kept.keep(self.entry(Some(application.clone()), None));
    }

    fn entry(&self, application: Option<Application>, document: Option<Document>) -> Entry {
        Entry {
            facts: (*self.facts).clone(),
            application,
            document,
            began: self.view.began,
            answered: self.call.answered_at().map(|at| {
                let ago = self.live.now().saturating_sub(at);
                unix().saturating_sub(ago).as_millis() as u64
            }),
            trunk: self.view.trunk.clone(),
        }
    }

    fn due(&self) -> Instant {
        let call = self.call.poll_timeout().map(|at| self.live.began + at);
        let held = self.held.as_ref().map(|(_, _, until)| *until);
        let dues = [call, held, self.stop_again].into_iter().flatten();
        dues.min().unwrap_or_else(|| Instant::now() + Duration::from_secs(60))
    }

    async fn timeout(&mut self) {
        let now = Instant::now();
        if self.held.as_ref().is_some_and(|(_, _, until)| *until <= now) {
            self.release();
        }
        if self.stop_again.is_some_and(|at| at <= now) {
            self.stop_again = self.playing.is_some().then(|| now + STOP_AGAIN);
            if self.playing.is_some() {
                self.stop_playing().await;
            }
        }
        self.call.timeout(self.live.now());
    }

    fn input(&mut self, input: Input) {
        self.call.input(input, self.live.now());
    }

    async fn message(&mut self, message: Message) {
        match message {
            Message::Input(Input::Lost) => self.lost(),
            Message::Input(Input::Update(application)) => {
                self.keep_instead(&application);
                self.input(Input::Update(application));
            }
            Message::Input(input) => self.input(input),
            Message::Channel(what) => self.happened(what),
            Message::Leg(leg, what) => self.leg_happened(leg, what),
            Message::Recording(ask, named) => self.record(ask, named).await,
            Message::Briefed(leg, connect) => {
                self.briefed.remove(&leg);
                if connect {
                    self.input(Input::Leg(leg, LegInput::Briefed));
                }
            }
        }
    }

    fn lost(&mut self) {
        match (&self.room, self.playing) {
            (Some(room), Some(ask)) => self.look_for_room(room.clone(), ask),
            _ => (self.playing, self.stop_again) = (None, None),
        }
        for queue in self.briefed.values() {
            queue.push(Message::Input(Input::Lost));
        }
        self.release();
        self.input(Input::Lost);
    }

    fn happened(&mut self, what: Happened) {
        match what {
            Happened::Parked => {
                self.release();
                // Without early media a call that was made is parked when it is answered, and only then.
                if self.facts.direction == Direction::OutboundApi {
                    self.set_answered();
                }
            }
            Happened::Answered if self.facts.direction == Direction::Inbound => self.set_answered(),
            Happened::Answered => {}
            Happened::Ringing => self.input(Input::Ringing),
            Happened::Digit(key) => self.input(Input::Digit(key)),
            Happened::Played(ask, response) => {
                if self.playing == Some(ask) {
                    (self.playing, self.stop_again, self.room) = (None, None, None);
                }
                self.input(Input::Played { ask, response });
            }
            Happened::RecordStopped { path, length, cause } => self.record_stopped(&path, length, cause),
            Happened::Bridged(other) => {
                let leg = self.legs.iter().find(|(_, rung)| rung.channel.as_str() == other);
                if let Some(leg) = leg.map(|(leg, _)| *leg) {
                    self.bridged = Some(leg);
                    self.input(Input::Leg(leg, LegInput::Bridged));
                }
            }
            Happened::Referred(answer, notified) => {
                if let Some(ask) = self.refer.take() {
                    self.input(Input::Referred { ask, answer, notified });
                }
            }
            Happened::HungUp(end) => {
                if !std::mem::replace(&mut self.gone, true) {
                    self.release();
                    if self.facts.direction == Direction::OutboundApi
                        && !self.live.calls.was_seen(self.channel.as_str())
                    {
                        let Facts { call_sid, channel, .. } = &*self.facts;
                        self.live.platform.unmade(&self.facts, &Unmade { call_sid, channel, end: &end });
                    }
                    self.input(Input::HungUp(end));
                }
            }
        }
    }

    fn set_answered(&mut self) {
        if !std::mem::replace(&mut self.answered, true) {
            self.view.set_answered();
            self.input(Input::Answered);
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Answer => self.answer().await,
            Action::Refuse(refusal) => self.live.kill(&self.channel, commands::refusal(refusal)).await,
            Action::HangUp => self.live.kill(&self.channel, "NORMAL_CLEARING").await,
            Action::Play { ask, sound } => {
                self.live.metrics.played.inc();
                self.playing = Some(ask);
                self.stop_again = None;
                self.room = match &sound {
                    Sound::Room(seat) => Some(seat.room.clone()),
                    _ => None,
                };
                if let Err(response) = self.commands(commands::play(&self.channel, ask, &sound)).await {
                    self.playing = None;
                    self.input(Input::Played { ask, response });
                }
            }
            Action::StopPlaying => {
                if self.playing.is_some() {
                    self.stop_again = Some(Instant::now() + STOP_AGAIN);
                    self.stop_playing().await;
                }
            }
            Action::Record { ask, whom, callback, most, silence } => {
                self.name_recording(ask, callback, Kept { begun: None, whom, most, silence, stopped: false });
            }
            Action::StopRecording(ask) => self.stop_recording(ask).await,
            Action::KeepRecording(ask) => self.keep_recording(ask),
            Action::DropRecording(ask) => self.drop_recording(ask),
            Action::Ring { leg, route, timeout } => self.ring(leg, &route, timeout),
            Action::EndLeg { leg, reason } => self.end_leg(leg, reason),
            Action::CallNoMore => self.owed.give_up(),
            Action::Bridge(leg) => self.bridge(leg).await,
            Action::Ring180 => self.ring_180().await,
            Action::Brief { leg, from, to, call_sid, application } => {
                self.brief(leg, from, to, call_sid, application);
            }
            Action::EnterRoom { ask, guest } => {
                let facts = Arc::clone(&self.facts);
                self.live.with_rooms(|rooms| rooms.enter(&facts, ask, guest));
            }
            Action::LeaveRoom => {
                let facts = Arc::clone(&self.facts);
                self.live.with_rooms(|rooms| rooms.leave(&facts.channel));
            }
            Action::Refer { ask, to } => self.refer(ask, &to).await,
            Action::Tell(request) => {
                let (live, token) = (&self.live, &self.facts.auth_token);
                let teller = self.teller.get_or_insert_with(|| Teller::new(Arc::clone(live), token.clone()));
                teller.tell(request);
            }
            Action::Log(severity, text) => self.log(severity, &text),
            Action::Finish => self.finished = true,
            Action::Fetch { ask, request } => {
                let (live, facts) = (Arc::clone(&self.live), Arc::clone(&self.facts));
                let cookies = Arc::clone(&self.cookies);
                self.later(async move {
                    let result = live.fetcher.document(&request, &facts.auth_token, &cookies).await;
                    live.metrics.fetched(result.is_ok());
                    Input::Fetched { ask, result }
                });
            }
            Action::GetSound { ask, url } => {
                let live = Arc::clone(&self.live);
                self.later(async move {
                    let result = live.files.get(&url).await;
                    live.metrics.sound(result.is_ok());
                    Input::Sound { ask, result }
                });
            }
            Action::Synthesise { ask, speech } => {
                let live = Arc::clone(&self.live);
                self.later(async move {
                    let result = live.speech.speak(&speech).await;
                    live.metrics.spoken(result.is_ok());
                    Input::Sound { ask, result }
                });
            }
            Action::FindRoutes { ask, destinations, caller_id } => {
                let (live, facts, owed) =
                    (Arc::clone(&self.live), Arc::clone(&self.facts), Arc::clone(&self.owed));
                self.later(async move {
                    let mut result = live.platform.routes(&facts, &destinations, caller_id.as_deref()).await;
                    owed.add(result.as_deref().unwrap_or_default());
                    let routes = result.iter_mut().flatten().zip(&destinations);
                    join_all(routes.map(|(route, to)| legs::bar(&live, route, to))).await;
                    Input::Routed { ask, result }
                });
            }
            Action::Report(report) => self.live.platform.report(&self.facts, report),
        }
    }

    /// Something that takes its time, beside everything else.
    fn later(&self, what: impl Future<Output = Input> + Send + 'static) {
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            queue.push(Message::Input(what.await));
        });
    }

    /// Sends commands one after the other. The error is what a playback that failed would have said.
    async fn commands(&mut self, commands: Result<Vec<Command>, Refused>) -> Result<(), String> {
        let commands = commands.map_err(|error| {
            tracing::info!(call = self.facts.call_sid, %error, "FreeSWITCH cannot be told so");
            "PLAYBACK ERROR".to_owned()
        })?;
        for command in commands {
            let answer = self.live.command(command).await;
            self.check(answer).map_err(|_| "PLAYBACK ERROR".to_owned())?;
        }
        Ok(())
    }

    /// An error if FreeSWITCH refused. Where it did not answer, it is asked how things are when it is there again.
    fn check(&mut self, answer: Result<Reply, CallError>) -> Result<(), String> {
        match answer {
            Ok(reply) => reply.ok().map(drop).map_err(|error| {
                tracing::debug!(call = self.facts.call_sid, error, "FreeSWITCH refused a command");
                error.to_owned()
            }),
            Err(CallError::TimedOut | CallError::TooMany) => {
                self.queue.push(Message::Input(Input::Lost));
                Ok(())
            }
            Err(CallError::NotUp | CallError::Disconnected) => Ok(()),
        }
    }

    async fn answer(&mut self) {
        if self.answered {
            return self.input(Input::Answered);
        }
        let (Ok(function), Ok(channel)) = (Name::new("uuid_answer"), Word::new(self.channel.as_str())) else {
            return;
        };
        let answer = self.live.api(Api::call(&function, [&channel])).await;
        // A channel that is gone says so by itself.
        let _ = self.check(answer);
    }

    /// Tells that a conference is not heard any more, if it is not.
    fn look_for_room(&self, room: String, ask: Ask) {
        let (live, channel, queue) = (Arc::clone(&self.live), self.channel.clone(), Arc::clone(&self.queue));
        tokio::spawn(async move {
            let Ok(look) = commands::find_in_room(&channel, &room) else { return };
            if live.api(look).await.is_ok_and(|reply| reply.ok().is_err()) {
                queue.push(Message::Channel(Happened::Played(ask, "events were lost".to_owned())));
            }
        });
    }

    /// A conference is left by being put out of it.
    async fn stop_playing(&self) {
        let stop = match &self.room {
            Some(room) => match commands::leave_room(&self.channel, room) {
                Ok(api) => api,
                Err(_) => return,
            },
            None => Api::uuid_break(&self.channel, false),
        };
        let _ = self.live.api(stop).await;
    }

    async fn ring_180(&mut self) {
        let Ok(application) = Name::new("ring_ready") else { return };
        let ring = Command::Execute(Execute::new(self.channel.clone(), application, None));
        let answer = self.live.command(ring).await;
        let _ = self.check(answer);
    }

    async fn refer(&mut self, ask: Ask, to: &str) {
        let commands = match commands::refer(&self.channel, to) {
            Ok(commands) => commands,
            Err(error) => {
                tracing::info!(call = self.facts.call_sid, %error, "a REFER cannot be sent");
                return self.input(Input::Referred { ask, answer: None, notified: None });
            }
        };
        self.refer = Some(ask);
        refer::forget(&self.live, &self.channel).await;
        for command in commands {
            let answer = self.live.command(command).await;
            let _ = self.check(answer);
        }
        tokio::spawn(refer::watch(Arc::clone(&self.live), self.channel.clone(), Arc::clone(&self.queue)));
    }

    fn log(&self, severity: Severity, text: &str) {
        let call = self.facts.call_sid.as_str();
        match severity {
            Severity::Operator => tracing::warn!(call, "{text}"),
            Severity::Customer => tracing::info!(call, "{text}"),
            Severity::Detail => tracing::debug!(call, "{text}"),
        }
    }
}
