//! What the snapshot is to be: from what ECS says, what it was, and the time.
//!
//! Level-triggered: nothing here knows of events. Whatever happened, and in whatever order it was told, the same state of
//! the service leads to the same list.
//!
//! This module must not contain: sockets, clocks, randomness.

mod leave;

use std::collections::{BTreeMap, BTreeSet};

use fleet::{Snapshot, State, Target};

use crate::facts::{Service, Stage, Task};
use crate::memory::{Memory, Note};

/// What an operator decides once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Every target's ports by name.
    pub ports: BTreeMap<String, u16>,
    /// Every target's group.
    pub group: String,
    /// Every target's weight.
    pub weight: u32,
    /// For how long a doubtful account of ECS must hold before it is believed, in seconds.
    pub settle: i64,
    /// For how long it is remembered that a task has stopped, in seconds.
    pub remember: i64,
}

impl Default for Rules {
    fn default() -> Self {
        let ports = [("sip", 5060), ("alternative", 5080), ("control", 8081)];
        Rules {
            ports: ports.map(|(name, port)| (name.to_owned(), port)).into(),
            group: "default".to_owned(),
            weight: 100,
            settle: 10,
            remember: 24 * 3600,
        }
    }
}

/// Why a target drains, or stays.
mod reason {
    pub(super) const STOPPING: &str = "ECS stops its task";
    pub(super) const UNHEALTHY: &str = "its FreeSWITCH is not healthy";
    pub(super) const UNSEEN: &str = "ECS does not know its task";
    pub(super) const SURPLUS: &str = "more tasks run than the service wants";
    pub(super) const OLD: &str = "its revision is replaced by another, which is healthy";
    pub(super) const DOUBT: &str = "kept until a second look: by the first nobody would take calls";
}

/// What is thought of one task.
enum Verdict {
    /// It can take calls.
    Able,
    /// It keeps its calls, for this reason.
    Drains(&'static str),
    /// It has none.
    Absent,
}

/// The snapshot that is to follow `old`, or `None` if that one still holds. `seen` are the tasks of the service and
/// those that `old` names, in any order; `now` is Unix time in seconds, and written as `written_at` (RFC 3339).
pub fn plan(
    rules: &Rules,
    service: &Service,
    seen: &[Task],
    old: Option<&Snapshot>,
    (now, written_at): (i64, &str),
) -> Option<Snapshot> {
    let first = Snapshot::default();
    let before = old.unwrap_or(&first);
    let mut pass = Pass::new(rules, before, seen, now);
    pass.judge();
    leave::choose(service, &mut pass.drafts);
    pass.drain_for_operators();
    pass.doubt(service);
    let next = pass.end();
    let is_other =
        next.targets != before.targets || next.other != before.other || next.drained != before.drained;
    (old.is_none() || is_other).then(|| next.next(written_at))
}

/// A target that is to be in the list, and what its place there depends on.
struct Draft {
    target: Target,
    note: Note,
    /// Whether an operator drains it.
    held: bool,
    protected: Option<bool>,
    sessions: Option<u64>,
    started_at: Option<i64>,
    /// Whether it was active, and whether what speaks against that is certain.
    was_active: bool,
    certain: bool,
}

struct Pass<'p> {
    rules: &'p Rules,
    before: &'p Snapshot,
    /// The latest account of each task, by id.
    tasks: BTreeMap<&'p str, &'p Task>,
    memory: Memory,
    now: i64,
    drafts: Vec<Draft>,
    /// Targets that are no tasks.
    others: Vec<Target>,
    /// Of whom ECS knows nothing any more.
    unseen: Vec<Draft>,
}

impl<'p> Pass<'p> {
    fn new(rules: &'p Rules, before: &'p Snapshot, seen: &'p [Task], now: i64) -> Self {
        let mut tasks: BTreeMap<&str, &Task> = BTreeMap::new();
        for task in seen {
            let known = tasks.entry(task.id()).or_insert(task);
            // Of one version, the account that is further on.
            if (task.version, task.stage, !task.wanted) > (known.version, known.stage, !known.wanted) {
                *known = task;
            }
        }
        let mut memory = Memory::of(before);
        let ended = tasks.values().filter(|task| !task.wanted || task.stage > Stage::Running);
        memory.remember(ended.map(|task| task.id()), now, rules.remember);
        let (drafts, others, unseen) = (Vec::new(), Vec::new(), Vec::new());
        Pass { rules, before, tasks, memory, now, drafts, others, unseen }
    }

    fn judge(&mut self) {
        let mut new: BTreeSet<&str> = self.tasks.keys().copied().collect();
        for target in &self.before.targets {
            new.remove(target.id.as_str());
            match Note::of(target) {
                None => self.others.push(target.clone()),
                Some(note) => self.judge_known(target, note),
            }
        }
        for id in new {
            // Somebody else's target of that name is left alone.
            let Some(task) = self.tasks.get(id) else { continue };
            if let (Verdict::Able, Some(address)) = (self.verdict(task), task.address) {
                let target = Target::new(id, address, self.rules.ports.clone());
                let target = self.draft(target, Note::default(), task, false);
                self.drafts.push(target);
            }
        }
    }

    /// A target that is in the list.
    fn judge_known(&mut self, target: &Target, note: Note) {
        let was_active = target.state == State::Active;
        let Some(task) = self.tasks.get(target.id.as_str()).copied() else {
            self.unseen.push(Draft {
                target: drains(target.clone(), reason::UNSEEN),
                note: Note { unseen_since: note.unseen_since.or(Some(self.now)), leaves: false, ..note },
                held: false,
                protected: None,
                sessions: None,
                started_at: None,
                was_active,
                certain: self.memory.ended.contains_key(&target.id),
            });
            return;
        };
        if task.version < note.version && task.stage != Stage::Stopped {
            // A late account. What was thought of the task by a later one holds, but for who was chosen to leave.
            let mut draft = self.draft(target.clone(), note.clone(), task, was_active);
            let in_doubt = target.reason.as_deref() == Some(reason::DOUBT);
            draft.certain = !in_doubt;
            draft.target = match target.clone() {
                target if in_doubt => drains(target, reason::UNHEALTHY),
                target if note.leaves => active(target),
                target => target,
            };
            draft.note = note;
            self.drafts.push(draft);
            return;
        }
        let mut draft = self.draft(target.clone(), note, task, was_active);
        match self.verdict(task) {
            Verdict::Able => draft.target = active(draft.target),
            Verdict::Drains(why) => {
                draft.target = drains(draft.target, why);
                draft.certain = why != reason::UNHEALTHY;
                draft.note.leaves = false;
            }
            Verdict::Absent => return,
        }
        self.drafts.push(draft);
    }

    /// With what the rules and this account say of it.
    fn draft(&self, target: Target, note: Note, task: &Task, was_active: bool) -> Draft {
        let target = Target {
            address: task.address.unwrap_or(target.address),
            ports: self.rules.ports.clone(),
            weight: self.rules.weight,
            group: self.rules.group.clone(),
            ..target
        };
        let note = Note {
            arn: task.arn.clone(),
            version: task.version,
            revision: task.revision.clone(),
            unseen_since: None,
            leaves: note.leaves,
        };
        let held = self.before.drained.contains_key(&target.id);
        let Task { protected, sessions, started_at, .. } = *task;
        Draft { target, note, held, protected, sessions, started_at, was_active, certain: false }
    }

    fn verdict(&self, task: &Task) -> Verdict {
        match task.stage {
            Stage::Stopped => Verdict::Absent,
            Stage::Stopping => Verdict::Drains(reason::STOPPING),
            _ if !task.wanted || self.memory.ended.contains_key(task.id()) => {
                Verdict::Drains(reason::STOPPING)
            }
            Stage::Running if task.healthy => Verdict::Able,
            // One that comes again was further on before: that is late.
            Stage::Running | Stage::Coming => Verdict::Drains(reason::UNHEALTHY),
        }
    }

    fn drain_for_operators(&mut self) {
        for draft in self.drafts.iter_mut().filter(|draft| draft.held) {
            // Who drains for another reason goes on when the operator gives it back.
            if let Some(drain) = self.before.drained.get(&draft.target.id)
                && draft.target.state == State::Active
            {
                draft.target.hold(drain);
                draft.certain = true;
            }
        }
    }

    /// An account by which nobody takes calls any more, although the service wants tasks, is believed at the second look: ECS
    /// is late at times, and health checks fail together. Tasks that are known to stop drain at once all the same.
    fn doubt(&mut self, service: &Service) {
        let settle = self.rules.settle;
        let is_active = |target: &Target| target.state == State::Active;
        let nobody = !self.drafts.iter().map(|draft| &draft.target).chain(&self.others).any(is_active);
        let may_err = |draft: &&mut Draft| draft.was_active && !draft.certain && !draft.held;
        let in_doubt = nobody
            && service.desired > 0
            && self.drafts.iter_mut().chain(&mut self.unseen).any(|draft| may_err(&draft));
        let since = self.memory.doubt_since.filter(|_| in_doubt);
        self.memory.doubt_since = None;
        let unseen = std::mem::take(&mut self.unseen);
        if !in_doubt {
            let settled =
                |note: &Note| note.unseen_since.is_some_and(|since| self.now.saturating_sub(since) >= settle);
            self.drafts.extend(unseen.into_iter().filter(|draft| !settled(&draft.note)));
        } else if since.is_none_or(|since| self.now.saturating_sub(since) < settle) {
            self.memory.doubt_since = since.or(Some(self.now));
            self.drafts.extend(unseen);
            for draft in self.drafts.iter_mut().filter(may_err) {
                draft.target.state = State::Active;
                draft.target.reason = Some(reason::DOUBT.to_owned());
                draft.note.unseen_since = None;
            }
        }
    }

    fn end(self) -> Snapshot {
        let noted = |Draft { mut target, note, .. }: Draft| {
            note.put(&mut target);
            target
        };
        let mut targets = self.others;
        targets.extend(self.drafts.into_iter().map(noted));
        targets.sort_by(|a, b| a.id.cmp(&b.id));
        let mut next = Snapshot { targets, ..self.before.clone() };
        let present: BTreeSet<&str> = next.targets.iter().map(|target| target.id.as_str()).collect();
        next.drained.retain(|id, _| present.contains(id.as_str()));
        self.memory.put(&mut next);
        next
    }
}

fn active(target: Target) -> Target {
    Target { state: State::Active, reason: None, held: false, ..target }
}

fn drains(target: Target, why: &str) -> Target {
    Target { state: State::Draining, reason: Some(why.to_owned()), held: false, ..target }
}
