//! What came of the demo: each call against what was expected, and which machine got what.

use std::fmt::Write;

use super::{Expected, Planned};
use crate::machine::{CallRecord, MachineReport};
use crate::media::AudioReport;
use crate::phone::CallReport;
use crate::signalling::Side;

/// The least RMS at which a tone of the telephone or a machine (about 5600) counts as heard.
const HEARD: f64 = 1000.0;

/// A call that has been placed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Counts from 1.
    pub number: usize,
    /// What it was to be.
    pub planned: Planned<Expected>,
    /// What the telephone saw.
    pub report: CallReport,
}

impl Outcome {
    /// The call in one line.
    #[must_use]
    pub fn line(&self, machine: Option<usize>) -> String {
        let report = &self.report;
        let mark = if self.faults_of_report().is_empty() { "ok   " } else { "WRONG" };
        let machine = machine.map_or("no machine".to_owned(), |number| format!("machine {number}"));
        let status = report.status.map_or("no answer".to_owned(), |status| status.to_string());
        let mut line =
            format!("  {mark} {:>3}  {:<26} {machine:<11} {status}", self.number, self.planned.title);
        if let Some(time) = report.set_up {
            let _ = write!(line, " after {} ms", time.as_millis());
        }
        if let Some(side) = report.hung_up_by {
            let _ = write!(line, ", ended by the {side}");
        }
        if report.audio.received > 0 {
            let _ = write!(line, ", heard {} packets of RMS {:.0}", report.audio.received, report.audio.rms);
        }
        if !report.audio.digits.is_empty() {
            let _ = write!(line, ", digits {}", report.audio.digits);
        }
        line
    }

    /// What the telephone saw that it should not have seen.
    fn faults_of_report(&self) -> Vec<String> {
        let report = &self.report;
        let mut faults: Vec<String> = report.failure.iter().cloned().collect();
        let (status, hung_up_by) = match self.planned.expected {
            Expected::Answered { hung_up_by, .. } => (200, Some(hung_up_by)),
            Expected::Refused(code) => (code, None),
            Expected::Cancelled => (487, Some(Side::Caller)),
        };
        if (report.status, report.hung_up_by) != (Some(status), hung_up_by) {
            faults.push(format!(
                "expected {status} and an end by {hung_up_by:?}, found {:?} and {:?}",
                report.status, report.hung_up_by
            ));
        }
        if let Expected::Answered { hung_up_by, digits } = self.planned.expected {
            if hung_up_by == Side::Caller && report.bye_status != Some(200) {
                faults.push(format!("expected 200 to the BYE, found {:?}", report.bye_status));
            }
            faults.extend(faults_of_audio("telephone", &report.audio, digits));
        }
        faults
    }

    /// What the machine that got the INVITE saw that it should not have seen, or did not see.
    fn faults_of_record(&self, record: &CallRecord) -> Vec<String> {
        let mut faults: Vec<String> = record.failure.iter().cloned().collect();
        let mut needed = vec!["INVITE", "ACK"];
        match self.planned.expected {
            Expected::Answered { hung_up_by, digits } => {
                if hung_up_by == Side::Caller {
                    needed.push("BYE");
                } else if record.bye_status != Some(200) {
                    faults.push(format!("expected 200 to the machine's BYE, found {:?}", record.bye_status));
                }
                faults.extend(faults_of_audio("machine", &record.audio, digits));
            }
            Expected::Refused(_) => {}
            Expected::Cancelled => needed.push("CANCEL"),
        }
        let missing = needed.into_iter().filter(|method| !record.requests.iter().any(|got| got == method));
        faults
            .extend(missing.map(|method| format!("its {method} did not come to the machine of its INVITE")));
        if !record.acknowledged {
            faults.push("the final answer was not acknowledged".to_owned());
        }
        faults
    }
}

/// What one end, `who`, should have heard and did not.
fn faults_of_audio(who: &str, audio: &AudioReport, digits: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if audio.rms < HEARD {
        faults.push(format!("the {who} heard an RMS of only {:.0}", audio.rms));
    }
    if audio.digits != digits {
        faults.push(format!("the {who} heard the digits {:?}, not {digits:?}", audio.digits));
    }
    faults
}

/// Everything that was not as it must be, in words; `wrong` counts requests that came to the telephone for no call.
#[must_use]
pub fn faults(outcomes: &[Outcome], machines: &[MachineReport], wrong: u64) -> Vec<String> {
    let mut faults = Vec::new();
    for outcome in outcomes {
        let records: Vec<_> = machines.iter().filter_map(|m| m.call(&outcome.report.call_id)).collect();
        let mut found = outcome.faults_of_report();
        match records.as_slice() {
            [record] => found.extend(outcome.faults_of_record(record)),
            others => found.push(format!("expected its INVITE at one machine, found it at {}", others.len())),
        }
        let (number, title) = (outcome.number, &outcome.planned.title);
        faults.extend(found.into_iter().map(|fault| format!("call {number} ({title}): {fault}")));
    }
    for (at, machine) in machines.iter().enumerate() {
        for stranger in &machine.strangers {
            let (method, call) = (&stranger.method, &stranger.call_id);
            faults.push(format!("machine {}: a {method} of call {call}, which is not its own", at + 1));
        }
        if machine.malformed + machine.merged > 0 {
            let (malformed, merged) = (machine.malformed, machine.merged);
            faults
                .push(format!("machine {}: {malformed} datagrams not SIP, {merged} INVITEs merged", at + 1));
        }
    }
    if wrong > 0 {
        faults.push(format!("{wrong} requests came to the telephone that belong to no call"));
    }
    faults
}

/// Which machine got how many calls, and what of them.
#[must_use]
pub fn table(machines: &[MachineReport]) -> String {
    let mut table = String::from(
        "Which machine got what\n  machine  calls  answered  refused  cancelled  requests  repeated\n",
    );
    for (at, machine) in machines.iter().enumerate() {
        let with = |status: fn(u16) -> bool| {
            machine.calls.iter().filter(|call| call.status.is_some_and(status)).count()
        };
        let (answered, cancelled) = (with(|status| status == 200), with(|status| status == 487));
        let refused = with(|status| status >= 300 && status != 487);
        let requests: usize = machine.calls.iter().map(|call| call.requests.len()).sum();
        let repeated: u32 = machine.calls.iter().map(|call| call.repeated).sum();
        let _ = writeln!(
            table,
            "  {:>7}  {:>5}  {answered:>8}  {refused:>7}  {cancelled:>9}  {requests:>8}  {repeated:>8}",
            at + 1,
            machine.taken
        );
    }
    let wrong: u64 = machines.iter().map(|machine| machine.wrong).sum();
    let _ = write!(table, "  requests at a wrong machine: {wrong}");
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::planned;
    use crate::machine::Stranger;

    fn refused(status: u16) -> Outcome {
        let planned = planned("127.0.0.1:5060".parse().unwrap(), 2).remove(1);
        let report = CallReport { call_id: "x".to_owned(), status: Some(status), ..CallReport::default() };
        Outcome { number: 2, planned, report }
    }

    #[test]
    fn a_call_that_no_machine_got_or_that_ended_otherwise_is_a_fault() {
        let found = faults(&[refused(503)], &[MachineReport::default()], 0);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("call 2 (refused): expected 486"), "{found:?}");
        assert!(found[1].ends_with("at one machine, found it at 0"), "{found:?}");
        assert!(refused(503).line(None).contains("WRONG"));
        assert!(refused(486).line(Some(1)).contains("ok"));
    }

    #[test]
    fn a_request_at_a_wrong_machine_is_a_fault_and_in_the_table() {
        let source = "127.0.0.1:5060".parse().unwrap();
        let stranger = Stranger { method: "BYE".to_owned(), call_id: "y".to_owned(), source };
        let machine = MachineReport { wrong: 1, strangers: vec![stranger], ..MachineReport::default() };
        assert_eq!(
            faults(&[], std::slice::from_ref(&machine), 0),
            ["machine 1: a BYE of call y, which is not its own"]
        );
        assert!(table(&[machine]).ends_with("requests at a wrong machine: 1"));
        assert_eq!(faults(&[], &[], 2).len(), 1);
    }
}
