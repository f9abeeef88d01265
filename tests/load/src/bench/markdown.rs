//! The result as a section of a Markdown file; what stands around it stays.

use std::{fs, io, path::Path};

use super::{Options, WARM, figures::Figures, table, targets, targets::Verdict};
use crate::system;

/// The section of the proxy's benchmark.
const NAME: &str = "bench";

/// A file of which the section is the first one.
const NEW: &str = "# Performance\n\n";

/// The section.
pub fn section(options: &Options, figures: &Figures, verdicts: &[Verdict], load_before: &str) -> String {
    let words = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let build = if cfg!(debug_assertions) { " A debug build: the figures mean nothing." } else { "" };
    format!(
        "Measured on {}: {}; {}; load average before it {load_before}.{build}\n\n    load {words}\n\n\
         Six messages per call. Medians of {} runs of {} s after {} s of warming up, least and most in brackets; ratios\n\
         are taken within a run. CPU time is the process's own and its system calls', its children included. The load\n\
         runs on the same cores.\n\n{}\n{}",
        system::today(),
        system::machine(),
        system::buffers(),
        options.runs,
        options.time.as_secs_f64(),
        WARM.as_secs(),
        table::markdown(&targets::rows(verdicts)),
        table::markdown(&table::rows(figures)),
    )
}

/// Puts the section into a file: in the place of the one before, else at its end.
pub fn write(file: &Path, section: &str) -> io::Result<()> {
    write_as(NAME, file, section)
}

/// The same for a section of this name.
pub fn write_as(name: &str, file: &Path, section: &str) -> io::Result<()> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => NEW.to_owned(),
        other => other?,
    };
    fs::write(file, put(name, &text, section))
}

fn put(name: &str, text: &str, section: &str) -> String {
    let (begin, end) = markers(name);
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.unwrap_or((text, ""));
    format!("{before}{begin}\n{section}\n{end}{after}")
}

/// What stands before a section, and behind it.
fn markers(name: &str) -> (String, String) {
    let begin = format!("<!-- {name}: what follows is written by the benchmark -->\n");
    (begin, format!("<!-- {name}: end -->\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_around_the_section_stays() {
        let (begin, end) = markers(NAME);
        let once = put(NAME, "before\n", "one");
        assert_eq!(put(NAME, &once, "one"), once);
        let text = put(NAME, &format!("{once}after\n"), "two");
        assert_eq!(text, format!("before\n{begin}\ntwo\n{end}after\n"));
        // Another benchmark's section is its own.
        let both = put("controller-bench", &text, "three");
        assert!(both.starts_with(&text) && both.contains("three"));
        assert!(put(NAME, &both, "four").contains("three"));
    }

    #[test]
    fn a_missing_file_is_made_and_a_marker_without_end_is_left_alone() {
        let (begin, end) = markers(NAME);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("performance.md");
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{NEW}{begin}\ntwo\n{end}"));
        assert!(put(NAME, &begin, "x").starts_with(&format!("{begin}{begin}")));
    }
}
