//! What came of a call to the line, held against what must come of it.

use std::fmt::Write;
use std::time::Duration;

use super::calls::{Expected, KEYS, SILENCE};
use crate::application::Registrations;
use crate::demo::Planned;
use crate::media::RATE;
use crate::media::sound::share_of;
use crate::phone::CallReport;
use crate::signalling::Side;

/// How soon after the keys the menu must be silent: it would go on for ten seconds.
const INTERRUPTED_WITHIN: Duration = Duration::from_secs(4);

/// Samples of a piece of a recording that is looked at by itself: 100 ms.
const PIECE: usize = 800;

/// Pieces in which the caller's voice must be found, of 20 that were spoken.
const SPOKEN: usize = 12;

/// A call that was placed, and all that is known of it.
#[derive(Debug)]
pub struct Outcome {
    /// Counts from 1.
    pub number: usize,
    /// What it was to be.
    pub planned: Planned<Expected>,
    /// What the telephone saw.
    pub report: CallReport,
    /// The switches that saw its messages, counted from 1; `None` where none can be watched.
    pub switches: Option<Vec<usize>>,
    /// The samples of its recording, or why there are none; `None` where the application knows of none.
    pub recording: Option<Result<Vec<i16>, String>>,
}

impl Outcome {
    /// The call in one line.
    #[must_use]
    pub fn line(&self, registrations: &Registrations) -> String {
        let report = &self.report;
        let mark = if self.faults(registrations).is_empty() { "ok   " } else { "WRONG" };
        let status = report.status.map_or("no answer".to_owned(), |status| status.to_string());
        let at = match self.switches.as_deref() {
            Some([]) => "no switch".to_owned(),
            Some(several) => {
                let several: Vec<_> = several.iter().map(usize::to_string).collect();
                format!("switch {}", several.join(" and "))
            }
            None => "FreeSWITCH".to_owned(),
        };
        let mut line = format!("  {mark} {:>3}  {:<26} {at:<10} {status}", self.number, self.planned.title);
        if let Some(side) = report.hung_up_by {
            let _ = write!(line, ", ended by the {side} after {:.1} s", report.duration.as_secs_f64());
        }
        if let Expected::Registered { voice, .. } = self.planned.expected {
            if let Some(silent) = self.silent_after_keys() {
                let _ = write!(line, ", menu silent {} ms after the keys", silent.as_millis());
            }
            if let Some(Ok(samples)) = &self.recording {
                let seconds = samples.len() as f64 / RATE;
                let pieces = pieces_with(samples, voice);
                let _ = write!(
                    line,
                    ", recorded {seconds:.1} s, {:.1} s of them {voice} Hz",
                    pieces as f64 / 10.0
                );
            }
        }
        line
    }

    /// How long the menu went on after the keys were pressed.
    fn silent_after_keys(&self) -> Option<Duration> {
        let (pressed, silent) = (self.report.steps.get(KEYS)?, self.report.steps.get(KEYS + 1)?);
        Some(silent.saturating_sub(*pressed).saturating_sub(SILENCE))
    }

    /// All that is not as it must be, in words.
    #[must_use]
    pub fn faults(&self, registrations: &Registrations) -> Vec<String> {
        let mut faults = self.faults_of_report();
        faults.extend(self.faults_of_registration(registrations));
        if let Some(switches) = self.switches.as_ref().filter(|switches| switches.len() != 1) {
            faults.push(format!("expected its messages at one switch, found them at {}", switches.len()));
        }
        faults
            .into_iter()
            .map(|fault| format!("call {} ({}): {fault}", self.number, self.planned.title))
            .collect()
    }

    fn faults_of_report(&self) -> Vec<String> {
        let report = &self.report;
        let mut faults: Vec<String> = report.failure.iter().cloned().collect();
        let expected = match self.planned.expected {
            Expected::Registered { .. } | Expected::NoKeys => (Some(200), Some(Side::Callee)),
            Expected::HungUpByCaller => (Some(200), Some(Side::Caller)),
            Expected::NoSuchNumber => (Some(404), None),
        };
        if (report.status, report.hung_up_by) != expected {
            let found = (report.status, report.hung_up_by);
            faults.push(format!("expected status and end {expected:?}, found {found:?}"));
        }
        let (done, all) = (report.steps.len(), self.planned.plan.script.len());
        if let Some(step) = self.planned.plan.script.get(done) {
            faults.push(format!("it ended in step {} of {all}, {step:?}", done + 1));
        }
        if matches!(self.planned.expected, Expected::Registered { .. })
            && let Some(silent) = self.silent_after_keys().filter(|silent| *silent > INTERRUPTED_WITHIN)
        {
            faults.push(format!("the menu went on for {silent:.1?} after the keys"));
        }
        faults
    }

    fn faults_of_registration(&self, registrations: &Registrations) -> Vec<String> {
        let calls = registrations.of(&self.planned.plan.from);
        if self.planned.expected == Expected::NoSuchNumber {
            return calls.iter().map(|call| format!("the application got {:?}", call.asked)).collect();
        }
        let [call] = calls.as_slice() else {
            return vec![format!(
                "expected one call of its caller at the application, found {}",
                calls.len()
            )];
        };
        let mut faults = Vec::new();
        let (asked, province): (&[&str], _) = match self.planned.expected {
            Expected::Registered { province, .. } => (&["/voice", "/province", "/name"], Some(province)),
            _ => (&["/voice"], None),
        };
        if call.asked != asked {
            faults.push(format!("the application was asked for {:?}, not {asked:?}", call.asked));
        }
        if call.province != province {
            faults.push(format!("the application got {:?}, not {province:?}", call.province));
        }
        if let Expected::Registered { voice, .. } = self.planned.expected {
            match &self.recording {
                None => faults.push("the application got no recording".to_owned()),
                Some(Err(why)) => faults.push(format!("the recording: {why}")),
                Some(Ok(samples)) => {
                    let pieces = pieces_with(samples, voice);
                    if pieces < SPOKEN {
                        let ms = pieces * 100;
                        faults.push(format!(
                            "{ms} ms of the recording are the caller's voice, of 2000 ms spoken"
                        ));
                    }
                }
            }
        }
        faults
    }
}

/// In how many tenths of a second a tone is nearly all that is heard.
fn pieces_with(samples: &[i16], hertz: u16) -> usize {
    samples.chunks_exact(PIECE).filter(|piece| share_of(piece, hertz) > 0.8).count()
}

#[cfg(test)]
mod tests {
    use super::super::calls::planned;
    use super::*;
    use crate::application::Registration;
    use crate::media::Tone;

    fn tone(hertz: u16) -> Vec<i16> {
        let mut tone = Tone::new(hertz);
        (0..100).flat_map(|_| tone.frame()).collect()
    }

    /// The first call as it must go.
    fn right() -> (Outcome, Registrations) {
        let planned = planned("127.0.0.1:5060".parse().unwrap(), 1).remove(0);
        let steps = (0..13).map(Duration::from_secs).collect();
        let (status, hung_up_by) = (Some(200), Some(Side::Callee));
        let report = CallReport { status, hung_up_by, steps, ..CallReport::default() };
        let call = Registration {
            caller: planned.plan.from.clone(),
            province: Some("Phnom Penh"),
            asked: ["/voice", "/province", "/name"].map(str::to_owned).to_vec(),
            ..Registration::default()
        };
        let registrations = Registrations { calls: [("CA1".to_owned(), call)].into(), refused: 0 };
        let recording = Some(Ok(tone(600)));
        (Outcome { number: 1, planned, report, switches: Some(vec![1]), recording }, registrations)
    }

    fn faults_if(change: impl FnOnce(&mut Outcome, &mut Registration)) -> Vec<String> {
        let (mut outcome, mut registrations) = right();
        change(&mut outcome, registrations.calls.get_mut("CA1").unwrap());
        outcome.faults(&registrations)
    }

    #[test]
    fn a_call_as_it_must_be_has_no_fault() {
        assert_eq!(faults_if(|_, _| {}), Vec::<String>::new());
        let (outcome, registrations) = right();
        assert!(outcome.line(&registrations).starts_with("  ok "));
    }

    #[test]
    fn each_thing_that_is_wrong_is_a_fault() {
        let one = |faults: Vec<String>, part: &str| {
            assert!(faults.len() == 1 && faults[0].contains(part), "{faults:?} and {part}");
        };
        one(faults_if(|_, call| call.province = Some("Siem Reap")), "got Some(\"Siem Reap\")");
        one(faults_if(|_, call| drop(call.asked.pop())), "was asked for");
        one(faults_if(|_, call| call.caller.clear()), "found 0");
        one(faults_if(|outcome, _| outcome.recording = None), "no recording");
        one(faults_if(|outcome, _| outcome.recording = Some(Ok(tone(650)))), "0 ms of the recording");
        one(faults_if(|outcome, _| outcome.recording = Some(Ok(vec![0; 16_000]))), "0 ms of the recording");
        one(
            faults_if(|outcome, _| outcome.report.hung_up_by = Some(Side::Caller)),
            "expected status and end",
        );
        one(faults_if(|outcome, _| outcome.report.steps.truncate(12)), "it ended in step 13 of 13");
        one(faults_if(|outcome, _| outcome.report.steps[5] += Duration::from_secs(9)), "the menu went on");
        one(faults_if(|outcome, _| outcome.switches = Some(vec![1, 2])), "found them at 2");
    }
}
