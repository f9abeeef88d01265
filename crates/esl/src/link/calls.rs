//! Calls that wait for their answers: in turn for replies, by Job-UUID for jobs, by deadline for giving up.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use crate::command::Command;
use crate::frame::Kind;
use crate::link::Ticket;

/// So many replies may be due at once.
const MOST: usize = 20_000;

/// Whose turn a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Auth,
    Core,
    Filter,
    /// The subscription, which ends the log-in.
    Events,
    Ping,
    Exit,
    Call(Ticket),
    Job(Ticket),
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    last: u64,
    /// Replies that are due, in order. One whose call was given up is due all the same.
    turns: VecDeque<(Turn, Kind)>,
    open: HashMap<Ticket, Open>,
    /// The same by deadline.
    deadlines: BTreeSet<(Instant, Ticket)>,
    /// The jobs among them, by Job-UUID.
    jobs: HashMap<Box<str>, Ticket>,
}

#[derive(Debug)]
struct Open {
    deadline: Instant,
    job: Option<Box<str>>,
}

impl Calls {
    pub(crate) fn is_full(&self) -> bool {
        self.turns.len() >= MOST || self.open.len() >= MOST
    }

    /// For a command of the link's own.
    pub(crate) fn expect(&mut self, turn: Turn) {
        let api = matches!(turn, Turn::Core | Turn::Ping);
        self.turns.push_back((turn, if api { Kind::ApiResponse } else { Kind::CommandReply }));
    }

    /// For a command of the user's.
    pub(crate) fn open(&mut self, command: &Command, deadline: Instant) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        let mut job = None;
        let turn = match command {
            Command::Api(_) => (Turn::Call(ticket), Kind::ApiResponse),
            Command::BgApi { job: uuid, .. } => {
                let uuid: Box<str> = uuid.as_str().into();
                // A UUID that is used twice belongs to the later job; the earlier one runs into its deadline.
                self.jobs.insert(uuid.clone(), ticket);
                job = Some(uuid);
                (Turn::Job(ticket), Kind::CommandReply)
            }
            _ => (Turn::Call(ticket), Kind::CommandReply),
        };
        self.turns.push_back(turn);
        self.open.insert(ticket, Open { deadline, job });
        self.deadlines.insert((deadline, ticket));
        ticket
    }

    pub(crate) fn next_turn(&mut self) -> Option<(Turn, Kind)> {
        self.turns.pop_front()
    }

    /// Forgets a call; says whether it was open.
    pub(crate) fn close(&mut self, ticket: Ticket) -> bool {
        let Some(open) = self.open.remove(&ticket) else { return false };
        self.deadlines.remove(&(open.deadline, ticket));
        if let Some(job) = open.job.filter(|job| self.jobs.get(job) == Some(&ticket)) {
            self.jobs.remove(&job);
        }
        true
    }

    pub(crate) fn close_job(&mut self, job: &str) -> Option<Ticket> {
        let ticket = *self.jobs.get(job)?;
        self.close(ticket).then_some(ticket)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Closes one call that is overdue.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Ticket> {
        let (_, ticket) = *self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        self.close(ticket);
        Some(ticket)
    }

    /// All that are open, oldest first.
    pub(crate) fn into_tickets(self) -> impl Iterator<Item = Ticket> {
        let mut tickets: Vec<Ticket> = self.open.into_keys().collect();
        tickets.sort_unstable();
        tickets.into_iter()
    }
}
