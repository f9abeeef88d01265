//! What a SIPp process says about its calls.

use std::{collections::HashMap, fs, path::Path};

use crate::message::{Logged, Message, read_log};

/// How many lines of a log are shown when something failed: a few calls' worth.
const SHOWN_LINES: usize = 120;

/// A SIPp process that has ended well.
#[derive(Debug)]
pub struct Outcome {
    /// Its figures.
    pub statistics: Statistics,
    messages: Vec<Logged>,
}

impl Outcome {
    /// Reads what SIPp left in its directory.
    pub(crate) fn read(directory: &Path) -> Self {
        let statistics = Statistics::read(&text(directory, "statistics.csv"));
        Self { statistics, messages: read_log(&text(directory, "messages.log")) }
    }

    /// The messages that it received, in order. Empty unless the process was told to keep them.
    pub fn received(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|logged| !logged.sent).map(|logged| &logged.message)
    }

    /// The requests with this method that it received.
    pub fn requests(&self, method: &str) -> Vec<&Message> {
        self.received().filter(|message| message.is(method)).collect()
    }

    /// The responses with this status to this method that it received.
    pub fn responses(&self, status: u16, method: &str) -> Vec<&Message> {
        self.received()
            .filter(|message| message.status() == Some(status) && message.cseq_method() == method)
            .collect()
    }
}

/// The last line of SIPp's statistics file: figures by the names of its columns.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    columns: HashMap<String, u64>,
}

impl Statistics {
    /// Reads what `sipp -trace_stat` writes: a line of names, then a line of values from time to time.
    pub fn read(csv: &str) -> Self {
        let (Some(names), Some(values)) = (csv.lines().next(), csv.lines().last()) else {
            return Self::default();
        };
        let columns = names.split(';').zip(values.split(';'));
        Self {
            columns: columns
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
        }
    }

    /// Calls that went as the scenario says.
    pub fn successful(&self) -> u64 {
        self.figure("SuccessfulCall(C)")
    }

    /// Calls that did not.
    pub fn failed(&self) -> u64 {
        self.figure("FailedCall(C)")
    }

    /// Messages that it sent again because nothing came back in time.
    pub fn retransmissions(&self) -> u64 {
        self.figure("Retransmissions(C)")
    }

    /// Messages that belonged to no call: somebody else's.
    pub fn out_of_call(&self) -> u64 {
        self.figure("OutOfCallMsgs(C)")
    }

    /// Any figure by the name of its column; 0 if it is not there. `(C)` in a name is the total since the start.
    pub fn figure(&self, column: &str) -> u64 {
        self.columns.get(column).copied().unwrap_or_default()
    }
}

/// Why a SIPp process failed, as far as it left traces: for a person to read.
pub(crate) fn report(directory: &Path) -> String {
    let statistics = Statistics::read(&text(directory, "statistics.csv"));
    let mut figures: Vec<_> = statistics
        .columns
        .iter()
        .filter(|(name, value)| name.ends_with("(C)") && **value > 0)
        .map(|(name, value)| format!("{}={value}", name.trim_end_matches("(C)")))
        .collect();
    figures.sort();
    let mut report = format!("figures: {}\n", figures.join(" "));
    for file in ["errors.log", "messages.log", "screen.log"] {
        let text = text(directory, file);
        let lines: Vec<_> = text.lines().collect();
        let shown = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
        // SIPp draws its screen anew many times: it is worth showing only if there is nothing better.
        if !shown.is_empty() && (file != "screen.log" || report.lines().count() < 2) {
            report.push_str(&format!("---- {file}\n{}\n", shown.join("\n")));
        }
    }
    report
}

fn text(directory: &Path, file: &str) -> String {
    String::from_utf8_lossy(&fs::read(directory.join(file)).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_statistics_counts() {
        let csv = "StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);\n\
            2026\t12:00;1;1;0;\n2026\t12:00;4;5;2;\n";
        let statistics = Statistics::read(csv);
        assert_eq!((statistics.successful(), statistics.failed(), statistics.retransmissions()), (5, 2, 0));
    }

    #[test]
    fn no_statistics_are_zeros() {
        assert_eq!(Statistics::read("").successful(), 0);
    }
}
