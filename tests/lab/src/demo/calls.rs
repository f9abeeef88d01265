//! The demo's calls, and what each of them must come to.

use std::net::SocketAddr;
use std::time::Duration;

use super::Planned;
use crate::media::Source;
use crate::phone::{CallPlan, Step};
use crate::signalling::Side;

/// What a call must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is answered.
    Answered {
        /// Who ends it.
        hung_up_by: Side,
        /// The digits that both ends hear.
        digits: &'static str,
    },
    /// It is refused with this code.
    Refused(u16),
    /// The caller gives up while it rings.
    Cancelled,
}

/// So many calls through a proxy: at first one of each kind, then mostly ordinary ones.
#[must_use]
pub fn planned(proxy: SocketAddr, number: usize) -> Vec<Planned<Expected>> {
    (0..number).map(|at| kind(proxy, at)).collect()
}

fn kind(proxy: SocketAddr, at: usize) -> Planned<Expected> {
    let talk = |millis| vec![Step::Wait(Duration::from_millis(millis)), Step::HangUp];
    match at {
        0 => {
            let script = [vec![Step::Press("12#".to_owned())], talk(1500)].concat();
            call(proxy, "echo", "echo, and the digits 12#", answered(Side::Caller, "12#")).with(script)
        }
        1 | 11 => call(proxy, "busy", "refused", Expected::Refused(486)),
        2 | 12 => {
            let mut planned = call(proxy, "ring", "cancelled while it rings", Expected::Cancelled);
            planned.plan.cancel_after = Some(Duration::from_millis(600));
            planned
        }
        3 | 13 => {
            call(proxy, "hangup", "hung up by the machine", answered(Side::Callee, "")).with(Vec::new())
        }
        4 | 14 => {
            let script = vec![Step::Request("UPDATE".to_owned()), Step::Request("INVITE".to_owned())];
            let script = [script, talk(800)].concat();
            call(proxy, "echo", "UPDATE and re-INVITE", answered(Side::Caller, "")).with(script)
        }
        _ => {
            let user = format!("8551200{at:04}");
            call(proxy, &user, "an ordinary call", answered(Side::Caller, "")).with(talk(1000))
        }
    }
}

fn call(proxy: SocketAddr, user: &str, title: &str, expected: Expected) -> Planned<Expected> {
    let plan = CallPlan { source: Source::Tone(440), ..CallPlan::new(proxy, user) };
    Planned { title: title.to_owned(), plan, expected }
}

fn answered(hung_up_by: Side, digits: &'static str) -> Expected {
    Expected::Answered { hung_up_by, digits }
}

impl Planned<Expected> {
    fn with(mut self, script: Vec<Step>) -> Self {
        self.plan.script = script;
        self
    }
}
