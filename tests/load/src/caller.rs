//! The caller's side: starts each call when it is due, and carries it on as answers come.

use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use proxy::socket::{BATCH, Poll, Received, UdpSocket};
use sip::{Index, Limits, Message, Method};

use crate::{
    answering::Shared,
    calls::Calls,
    datagrams::Datagrams,
    dialog,
    message::{Run, Script, number},
    plan::{GIVE_UP, Plan, RECEIVE_BUFFER},
    system::{Usage, usage},
    timeline::{Sample, Sampler},
};

/// The longest wait, after which calls that take too long are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// The shortest wait for the next call to be due: at high rates, a few calls start together.
const TICK: Duration = Duration::from_micros(250);

/// How often progress is told, in microseconds.
const SECOND: u64 = 1_000_000;

/// About how many samples a run's plots have.
const SAMPLES: u64 = 150;

/// The least time between samples, in microseconds.
const LEAST_SAMPLE: u64 = 100_000;

/// One of the addresses that calls come from.
struct Source {
    own: SocketAddr,
    script: Script,
    out: Datagrams,
}

/// How things stood at a moment: for what happened between two of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    /// When, in microseconds from the first call's due time.
    pub at: u64,
    /// Messages that came to either side.
    pub messages: u64,
    /// Calls that were completed.
    pub completed: u64,
    /// What the measured processes had used.
    pub usage: Usage,
    /// What this process had used.
    pub own: Usage,
}

/// What the caller's side saw.
pub struct Called {
    /// What became of the calls.
    pub calls: Calls,
    /// How it went over time.
    pub samples: Vec<Sample>,
    /// The end of warming up.
    pub warm: Mark,
    /// The end.
    pub end: Mark,
}

/// The caller's side.
pub struct Caller<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    run: Run,
    sources: Vec<Source>,
    calls: Calls,
    index: Index,
    /// Responses that came, of those that a proxy hands on.
    responses: u64,
    samples: Vec<Sample>,
    plots: Sampler,
    progress: Sampler,
    warm: Option<Mark>,
    begin: Instant,
}

/// Binds the caller's sockets.
///
/// # Errors
///
/// An address that is taken or not this machine's.
pub fn bind(plan: &Plan) -> Result<Vec<UdpSocket>> {
    let bind = |own: &SocketAddr| {
        UdpSocket::bind(*own, false, RECEIVE_BUFFER).with_context(|| format!("cannot call from {own}"))
    };
    plan.callers()?.iter().map(bind).collect()
}

impl<'a> Caller<'a> {
    /// Prepared for a run.
    ///
    /// # Errors
    ///
    /// A plan with too many sources.
    pub fn new(run: Run, plan: &'a Plan, shared: &'a Shared) -> Result<Self> {
        let source =
            |own: SocketAddr| Source { own, script: Script::new(&run, own, plan), out: Datagrams::default() };
        let all = (plan.warm + plan.time).as_micros() as u64;
        Ok(Caller {
            plan,
            shared,
            sources: plan.callers()?.into_iter().map(source).collect(),
            calls: Calls::new(plan.calls(), plan.warm_calls(), GIVE_UP + plan.ring),
            index: Index::new(),
            responses: 0,
            samples: Vec::new(),
            plots: Sampler::new((all / SAMPLES).max(LEAST_SAMPLE)),
            progress: Sampler::new(SECOND),
            warm: None,
            begin: Instant::now(),
            run,
        })
    }

    /// Calls until all calls are over; lost ones are over after a while, so that it ends whatever happens.
    ///
    /// # Errors
    ///
    /// The system's, when receiving.
    pub fn call(mut self, sockets: &[UdpSocket], mut progress: impl FnMut(&Sample)) -> Result<Called> {
        let (mut poll, mut batch) = (Poll::new(sockets), Received::new());
        self.begin = Instant::now();
        while !self.calls.over() {
            self.start_due();
            self.send(sockets);
            poll.wait(self.pause())?;
            for (source, socket) in poll.ready() {
                socket.receive_now(&mut batch)?;
                let now = self.now();
                batch.iter().for_each(|(bytes, _)| self.take(source, bytes, now));
            }
            self.send(sockets);
            self.look(&mut progress);
        }
        let end = self.mark();
        let warm = self.warm.unwrap_or(end);
        Ok(Called { calls: self.calls, samples: self.samples, warm, end })
    }

    fn now(&self) -> u64 {
        self.begin.elapsed().as_micros() as u64
    }

    /// Starts the calls that are due, at most one batch of them so that answers are not kept waiting.
    fn start_due(&mut self) {
        for _ in 0..BATCH {
            let now = self.now();
            let Some((call, due)) = self.next().filter(|(_, due)| *due <= now) else { return };
            if self.warm.is_none() && call >= self.plan.warm_calls() {
                self.warm = Some(self.mark());
            }
            let place = call % self.sources.len().max(1);
            if let Some(source) = self.sources.get_mut(place) {
                source.out.add(self.plan.against, |out| {
                    source.script.invite.write(&number(call), out);
                    Some(())
                });
            }
            let late = self.calls.started(call, due, now);
            self.plots.started(late);
            self.progress.started(late);
        }
    }

    fn next(&self) -> Option<(usize, u64)> {
        self.calls.next().map(|call| (call, self.plan.due(call)))
    }

    /// How long nothing has to be done unless an answer comes.
    fn pause(&self) -> Duration {
        let Some((_, due)) = self.next() else { return LOOK };
        match due.saturating_sub(self.now()) {
            0 => Duration::ZERO,
            rest => Duration::from_micros(rest).clamp(TICK, LOOK),
        }
    }

    fn send(&mut self, sockets: &[UdpSocket]) {
        self.sources.iter_mut().zip(sockets).for_each(|(source, socket)| source.out.send(socket));
    }

    fn take(&mut self, source: usize, bytes: &[u8], now: u64) {
        let mut index = std::mem::take(&mut self.index);
        if let Ok(message) = Message::parse(bytes, &mut index, &Limits::default()) {
            self.take_response(source, &message, now);
        }
        self.index = index;
    }

    /// `None`: it was not for this run, or changed nothing.
    fn take_response(&mut self, source: usize, response: &Message<'_>, now: u64) -> Option<()> {
        let code = response.status()?.code;
        let call = self.run.call(response.call_id().ok()?)?;
        // A 100 is the proxy's own.
        self.responses += u64::from(code > 100);
        if code < 200 {
            return None;
        }
        let method = response.cseq().ok()?.method;
        match (method, code) {
            (Method::Invite, 200..300) => {
                let time = self.calls.answered(call, now)?;
                self.plots.answered(time);
                self.progress.answered(time);
                self.hang_up(source, call, response)
            }
            (Method::Invite, _) => {
                self.calls.refused(call);
                self.acknowledge(source, call, response)
            }
            (_, 200..300) => self.calls.completed(call).then_some(()),
            _ => self.calls.refused(call).then_some(()),
        }
    }

    /// ACK and BYE, one behind the other.
    fn hang_up(&mut self, source: usize, call: usize, answer: &Message<'_>) -> Option<()> {
        let Source { own, script, out } = self.sources.get_mut(source)?;
        for later in [&script.ack, &script.bye] {
            out.add(self.plan.against, |out| dialog::write_later(later, &number(call), answer, *own, out))?;
        }
        Some(())
    }

    fn acknowledge(&mut self, source: usize, call: usize, refusal: &Message<'_>) -> Option<()> {
        let Source { script, out, .. } = self.sources.get_mut(source)?;
        let uri = &script.uri;
        out.add(self.plan.against, |out| {
            dialog::write_refused(&script.refused, &number(call), uri, refusal, out)
        })
    }

    fn look(&mut self, progress: &mut impl FnMut(&Sample)) {
        let now = self.now();
        self.calls.expire(now);
        self.samples.extend(self.plots.sample(now, self.calls.counts));
        if let Some(sample) = self.progress.sample(now, self.calls.counts) {
            progress(&sample);
        }
    }

    fn mark(&self) -> Mark {
        Mark {
            usage: usage(&self.plan.pids),
            own: usage(&[std::process::id()]),
            messages: self.responses + self.shared.requests.load(Ordering::Relaxed),
            completed: self.calls.counts.completed,
            at: self.now(),
        }
    }
}
