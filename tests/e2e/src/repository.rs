//! The repository as text: what its docs, dashboards, manifests and programs say, to hold them against each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Its top.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One of its files.
///
/// # Errors
///
/// It is not there.
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = root().join(path);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// A file's path from the top, and its text.
pub type File = (String, String);

/// All text files in these directories, and those of these that are files, whose names end so. What is not there has none.
///
/// # Errors
///
/// A directory cannot be read.
pub fn files(places: &[&str], endings: &[&str]) -> Result<Vec<File>> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    while let Some(path) = waiting.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // What was built, and what tools keep.
            if name != "target" && name != ".terraform" && name != "node_modules" {
                for entry in fs::read_dir(&path)? {
                    waiting.push(entry?.path());
                }
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let shown = path.strip_prefix(root())?.display().to_string();
            found.push((shown, fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// The names in `text` that begin with `prefix` and go on with letters, digits and underscores. A prefix alone is none, nor
/// is one that stands for many: what ends with an underscore.
#[must_use]
pub fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = text.match_indices(prefix).map(|(at, _)| text.split_at(at));
    let whole = begins.filter(|(before, _)| !before.ends_with(belongs));
    let name = |(_, rest): (&str, &str)| rest.chars().take_while(|c| belongs(*c)).collect::<String>();
    whole.map(name).filter(|name| name != prefix && !name.ends_with('_')).collect()
}

/// What stands between backticks on one line.
#[must_use]
pub fn quoted(text: &str) -> BTreeSet<String> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The keys of a commented settings file, those in comments too, as `section.key` or `key`.
#[must_use]
pub fn keys(example: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in example.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        let name = |text: &str| {
            text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c))
        };
        if let Some(head) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let head = head.trim_start_matches('[');
            if name(head) && !head.is_empty() {
                section = format!("{head}.");
                keys.insert(head.to_owned());
            }
        } else if let Some((key, _)) = line.split_once(" = ")
            && name(key)
        {
            keys.insert(format!("{section}{key}"));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_ones() {
        let text = "a{x=\"1\"} my_calls_total calls_ calls_total{a} calls_up)";
        let found: Vec<_> = names(text, "calls_").into_iter().collect();
        assert_eq!(found, ["calls_total", "calls_up"]);
    }

    #[test]
    fn keys_have_their_sections() {
        let text = "drain = \"1s\"\n# handover = \"x\"\n# A comment = no key.\n[[listener]]\nbind = 1\n# [listener.tls]\n# key = 2\n";
        let found: Vec<_> = keys(text).into_iter().collect();
        let expected = ["drain", "handover", "listener", "listener.bind", "listener.tls", "listener.tls.key"];
        assert_eq!(found, expected);
    }

    #[test]
    fn quoted_is_what_stands_between_backticks() {
        let found: Vec<_> = quoted("`a.b` and `c`\nd `e`").into_iter().collect();
        assert_eq!(found, ["a.b", "c", "e"]);
    }
}
