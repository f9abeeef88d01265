//! What must hold of any messages in any order. The fuzz target calls this, and so does a test, by path.
//!
//! | file | what it has |
//! |---|---|
//! | `steps.rs` | what bytes say: who sends what, and when |
//! | `site.rs` | the router, and what an address is to it |
//! | `sent.rs` | what must hold of each message that leaves |
//! | `memory.rs` | how much memory it took |

pub mod memory;

mod sent;
mod site;
mod steps;

use std::net::SocketAddr;
use std::time::Duration;

use proxy::health::Condition;
use proxy::pins::Pins;
use proxy::route::{Hop, Input, Scratch, Transport, Verdict};
use proxy::table::Table;

use site::{BEGIN, MAX_PINS, Site};
use steps::{Event, Step};

/// After so long nothing is left of any INVITE: Timer C, 64*T1 for its CANCEL, 64*T1 for our answer, and some more.
const ALL_OVER: Duration = Duration::from_secs(600);
/// What a history may have in use at once, besides some times what it is long.
const MEMORY: usize = 1 << 20;

/// Plays a history.
pub fn history(bytes: &[u8]) {
    let site = site::site();
    site.mark(None, Condition::Healthy);
    let (settings, steps) = steps::read(bytes);
    memory::begin();
    let mut play = Play {
        site,
        table: 0,
        pins: site::pins(settings),
        // Each message makes so many at most, whoever sends it.
        most: 2 * site::attempts(settings) + 3,
        scratch: Scratch::new(),
        passed: Duration::ZERO,
        callers: Vec::new(),
        from_outside_alone: true,
        last: None,
        request: Vec::new(),
    };
    steps.for_each(|step| play.step(&step));
    play.pass(ALL_OVER);
    assert!(play.pins.is_empty(), "{:?}", play.pins.view(MAX_PINS));
    drop(play);
    let most = memory::most();
    assert!(most < MEMORY + 64 * bytes.len(), "{most} bytes of memory in use");
}

struct Play {
    site: &'static Site,
    /// Which list is in force.
    table: usize,
    pins: Pins,
    most: usize,
    scratch: Scratch,
    passed: Duration,
    /// Who has sent an INVITE.
    callers: Vec<SocketAddr>,
    /// Whether everything so far came from outside.
    from_outside_alone: bool,
    /// Who was sent something last.
    last: Option<Hop>,
    /// The request that was sent last.
    request: Vec<u8>,
}

impl Play {
    fn table(&self) -> &'static Table {
        &self.site.tables[self.table]
    }

    fn step(&mut self, step: &Step<'_>) {
        self.pass(step.pause);
        let last = self.last.map(|hop| hop.address);
        match (step.event, last) {
            (Event::Comes(listener, transport, local), _) => {
                let bytes = steps::with_parts(step.message, &self.request);
                let input = Input {
                    bytes: &bytes,
                    source: step.source(last),
                    local: local.then_some([10, 10, 1, 163].into()),
                    listener,
                    transport,
                    connection: (transport != Transport::Udp).then_some(7),
                    now: BEGIN + self.passed,
                };
                self.comes(&input);
            }
            (Event::CameBack, Some(last)) => {
                let request = std::mem::take(&mut self.request);
                self.pins.came_back(last, &request, (&self.site.router, self.table()));
                self.request = request;
                self.posted(self.most);
            }
            (Event::Down, Some(last)) => {
                self.site.mark(Some(last), Condition::Down);
                let _ = self.pins.target_is_down(last, (&self.site.router, self.table()), (0, MAX_PINS));
                self.posted(MAX_PINS * self.most);
            }
            (Event::Up, _) => self.site.mark(None, Condition::Healthy),
            (Event::OtherList, _) => self.table = 1 - self.table,
            (Event::CameBack | Event::Down, None) => {}
        }
    }

    fn comes(&mut self, input: &Input<'_>) {
        let inside = site::lives_inside(input.source.ip()) || self.table().was_target(input.source);
        self.from_outside_alone &= !inside;
        let mut out = Vec::new();
        let verdict =
            self.site.router.route_pinned(input, self.table(), &mut self.pins, &mut self.scratch, &mut out);
        if input.bytes.trim_ascii_start().starts_with(b"INVITE") {
            self.callers.push(input.source);
        }
        match verdict {
            Verdict::Forward { hop, .. } => {
                let new_call = out.starts_with(b"INVITE ") && site::begins_call(&out);
                sent::forwarded(input, inside, new_call, &out);
                let (token, pinned) = (self.scratch.notes.token, !self.pins.is_empty());
                sent::goes_where_it_may(input, inside, token, pinned, &hop);
                self.sent(&hop, &out);
            }
            Verdict::Reply { hop, code } => sent::replied(input, code, &hop, &out),
            Verdict::Answer(_) | Verdict::Drop(..) | Verdict::Wait => {
                assert!(out.is_empty(), "nothing is sent, and so written")
            }
        }
        self.posted(self.most);
        self.pins.signals().for_each(drop);
        assert!(self.pins.len() <= MAX_PINS);
    }

    /// Lets time pass, in steps that get longer.
    fn pass(&mut self, time: Duration) {
        let until = self.passed + time;
        let mut step = Duration::from_millis(16);
        while self.passed < until && !self.pins.is_empty() {
            self.passed = (self.passed + step).min(until);
            step = (step * 5 / 4).min(Duration::from_secs(10));
            self.pins.set_time(self.passed);
            while self.pins.expire(&self.site.router, self.table(), MAX_PINS) {}
            self.posted(2 * MAX_PINS * self.most);
        }
        self.passed = until;
        self.pins.set_time(until);
    }

    /// Looks at what the pins have sent.
    fn posted(&mut self, most: usize) {
        let mut last = None;
        let outbox = self.pins.outbox();
        assert!(outbox.iter().count() <= most, "{} messages at once", outbox.iter().count());
        for posted in outbox.iter() {
            sent::posted(&self.callers, self.from_outside_alone, &posted.hop, posted.bytes);
            last = (posted.code().is_none()).then(|| (posted.hop, posted.bytes.to_vec())).or(last);
        }
        outbox.clear();
        if let Some((hop, bytes)) = last {
            self.sent(&hop, &bytes);
        }
    }

    fn sent(&mut self, hop: &Hop, bytes: &[u8]) {
        if !bytes.starts_with(b"SIP/") {
            self.last = Some(*hop);
            self.request = bytes.to_vec();
        }
    }
}
