//! How a call comes by its documents.

use twiml::{Method, Severity as Gravity, Url};

use super::action::{Action, Severity};
use super::input::{Answer, Ask, Problem};
use super::{Asked, Call, Phase};
use crate::verbs::{Step, Target};
use crate::webhook::{Request, shown};

/// Twilio's names for what went wrong, which the fallback is told.
const NOT_FETCHED: &str = "11200";
const NOT_READ: &str = "12100";

/// How many problems of one document are logged.
const PROBLEMS: usize = 10;

impl Call {
    /// Goes on where a verb says.
    pub(super) fn go_to(&mut self, target: Target) -> Step {
        if self.desk.gone && !target.owed {
            self.wind_up();
            return Step::Stay;
        }
        let url = match (&target.url, &self.desk.base) {
            (Some(url), _) => self.desk.resolve(url),
            (None, Some(base)) => Ok(base.clone()),
            // TwiML that came from nowhere cannot be asked for again.
            (None, None) => return self.hang_up("the document has no URL to be asked again"),
        };
        match url {
            Ok(url) => self.go(&url, target.method, target.extras, target.owed),
            Err(Problem(problem)) => self.fail(problem),
        }
    }

    /// Asks for a document, as soon as the pace allows.
    pub(super) fn go(
        &mut self,
        url: &Url,
        method: Method,
        mut extras: Vec<(&'static str, String)>,
        owed: bool,
    ) -> Step {
        if !self.count_document() {
            return Step::Stay;
        }
        extras.extend(self.desk.parent.clone().map(|parent| ("ParentCallSid", parent)));
        let request = Request::about(&self.desk.facts, self.desk.status(), url, method, extras);
        let until = self.pace.next(self.desk.now, &self.desk.rules);
        let early = until > self.desk.now;
        self.phase = Phase::Pacing { until, request, owed };
        if early {
            self.desk.log(Severity::Customer, "documents are asked for too fast: the next one waits");
        } else {
            self.fetch();
        }
        Step::Stay
    }

    /// Counts another document, and whether the call may have it. It ends if not.
    pub(super) fn count_document(&mut self) -> bool {
        let limit = self.desk.rules.documents;
        let within = self.script.count_document() <= limit;
        if !within {
            self.fail(format!("more than {limit} documents in a call"));
        }
        within
    }

    /// Asks for the document whose time has come.
    pub(super) fn fetch(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Finished) {
            Phase::Pacing { request, .. } => {
                let ask = self.desk.ask();
                let asked = Asked { url: request.url.clone(), target: request.target() };
                self.script.close();
                self.desk.act(Action::Fetch { ask, request });
                self.phase = Phase::Fetching { ask, until: self.desk.after(self.desk.rules.fetch), asked };
            }
            phase => self.phase = phase,
        }
    }

    pub(super) fn fetched(&mut self, ask: Ask, result: Result<Answer, Problem>) {
        let asked = match &self.phase {
            Phase::Fetching { ask: ours, asked, .. } if *ours == ask => asked,
            _ => return,
        };
        let answer = match result {
            _ if self.desk.gone => return self.wind_up(),
            Ok(answer) => answer,
            Err(problem) => return self.not_fetched(&problem.0),
        };
        // Parameters that we put behind a URL are no part of it when it is asked again (H11).
        let url = if answer.url == asked.target { &asked.url } else { &answer.url };
        let base = Url::parse(url).or_else(|_| Url::parse(&asked.url));
        let name = url.clone();
        if let Ok(base) = base {
            self.desk.base = Some(base);
        }
        let step = self.load(&answer.body, &name);
        self.step(step);
    }

    pub(super) fn not_fetched(&mut self, problem: &str) {
        let Phase::Fetching { asked, .. } = &self.phase else { return };
        let url = asked.url.clone();
        if self.desk.gone {
            self.desk.log(Severity::Customer, format!("{}: {problem}", shown(&url)));
            return self.wind_up();
        }
        let step = self.fall_back(NOT_FETCHED, url, problem);
        self.step(step);
    }

    /// Turns to the call's fallback; ends the call if it has none, or if it is the fallback itself that is of no use.
    fn fall_back(&mut self, code: &str, url: String, problem: &str) -> Step {
        let fallback = self.desk.facts.fallback.clone().filter(|_| !self.falling_back);
        let fallback = fallback.and_then(|(url, method)| Some((Url::parse(&url).ok()?, method)));
        let Some((fallback, method)) = fallback else {
            return self.fail(format!("{}: {problem}", shown(&url)));
        };
        let text = format!("{}: {problem}: the call turns to its fallback", shown(&url));
        self.desk.log(Severity::Customer, text);
        self.falling_back = true;
        let extras = vec![("ErrorCode", code.to_owned()), ("ErrorUrl", url)];
        self.go(&fallback, method, extras, false)
    }

    /// Goes on with a document. `name` is for the log.
    pub(super) fn load(&mut self, bytes: &[u8], name: &str) -> Step {
        if let Err(error) = self.script.load(bytes) {
            return self.fall_back(NOT_READ, name.to_owned(), &error.to_string());
        }
        self.falling_back = false;
        let name = shown(name);
        let problems = self.script.problems();
        for problem in problems.iter().take(PROBLEMS) {
            let severity = match problem.severity {
                Gravity::Error => Severity::Customer,
                Gravity::Warning => Severity::Detail,
            };
            self.desk.log(severity, format!("{name}: {problem}"));
        }
        if let Some(more) = problems.len().checked_sub(PROBLEMS).filter(|more| *more > 0) {
            self.desk.log(Severity::Customer, format!("{name}: {more} more problems"));
        }
        Step::Next
    }
}
