//! Each numbered case of docs/compatibility.md is named by a test, or stands in its table of those that have none, with the
//! reason.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the cases are about, and how many there are of each.
const CASES: [(&str, u32); 17] = [
    ("L", 11),
    ("H", 16),
    ("D", 9),
    ("S", 18),
    ("P", 6),
    ("G", 22),
    ("R", 14),
    ("DI", 23),
    ("N", 14),
    ("RD", 6),
    ("RJ", 5),
    ("HU", 1),
    ("C", 15),
    ("E", 7),
    ("W", 9),
    ("O", 4),
    ("PC", 5),
];

/// Where tests of them may be.
const SOURCES: [&str; 3] = ["switch-controller", "crates/twiml", "tests/e2e/tests"];

/// The heading of the table of cases that no test names.
const UNTESTED: &str = "## Cases without a test";

type Case = (String, u32);

fn all() -> BTreeSet<Case> {
    let of = |letters: &'static str, most| (1..=most).map(move |number| (letters.to_owned(), number));
    CASES.into_iter().flat_map(|(letters, most)| of(letters, most)).collect()
}

/// A word that is a case: `DI20`, or `di20` in the name of a test.
fn case(word: &str) -> Option<Case> {
    let digits = word.find(|char: char| char.is_ascii_digit())?;
    let (letters, number) = word.split_at_checked(digits)?;
    let case = (letters.to_ascii_uppercase(), number.parse().ok()?);
    all().contains(&case).then_some(case)
}

/// The cases of a list whose ranges are written `from to last`, as far as it is one.
fn listed<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut is_range = false;
    for word in words {
        match (case(word), cases.last().cloned()) {
            (None, Some(_)) if word == "to" => is_range = true,
            (None, _) => break,
            (Some((letters, last)), Some((_, first))) if is_range => {
                cases.extend((first + 1..=last).map(|number| (letters.clone(), number)));
                is_range = false;
            }
            (Some(case), _) => cases.push(case),
        }
    }
    cases
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust sources below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of sources");
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path),
                false => vec![path],
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The names of a source's tests.
fn tests(source: &str) -> Vec<String> {
    let mut is_test = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("//")) {
            names.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

/// The cases that tests name, and by which.
fn tested() -> BTreeMap<Case, Vec<String>> {
    let mut tested = BTreeMap::<_, Vec<_>>::new();
    let files = SOURCES.iter().flat_map(|directory| sources(&root().join(directory)));
    for name in files.flat_map(|path| tests(&fs::read_to_string(path).unwrap())) {
        for case in listed(name.split('_')) {
            tested.entry(case).or_default().push(name.clone());
        }
    }
    tested
}

/// The cells of the rows that begin with cases: the cases, the rest.
fn rows(text: &str) -> Vec<(Vec<Case>, Vec<String>)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.filter_map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().to_owned());
        let cases = listed(cells.next()?.split([' ', ',']).filter(|word| !word.is_empty()));
        (!cases.is_empty()).then(|| (cases, cells.collect()))
    })
    .collect()
}

#[test]
fn each_case_is_named_by_a_test_or_says_why_not() {
    let text = fs::read_to_string(root().join("docs/compatibility.md")).unwrap();
    let (_, untested) = text.split_once(UNTESTED).expect(UNTESTED);
    let untested = untested.split("\n## ").next().unwrap().split("\n# ").next().unwrap();
    let mut excused = BTreeSet::new();
    for (cases, cells) in rows(untested) {
        let reason = cells.last().map(String::as_str).unwrap_or_default();
        assert!(reason.len() > 10, "expected a reason behind {cases:?}, found {reason:?}");
        excused.extend(cases);
    }
    let tested = tested();
    let missing: Vec<_> =
        all().into_iter().filter(|case| !tested.contains_key(case) && !excused.contains(case)).collect();
    assert!(missing.is_empty(), "neither tests nor {UNTESTED:?} name these: {missing:?}");
    let both: Vec<_> = excused.iter().filter_map(|case| Some((case, tested.get(case)?))).collect();
    assert!(both.is_empty(), "{UNTESTED:?} names cases that have tests: {both:?}");
}

#[test]
fn names_of_tests_and_lists_are_read() {
    let cases = |text: &str| {
        let cases = listed(text.split('_')).into_iter();
        cases.map(|(letters, number)| format!("{letters}{number}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(cases("s2_to_s4_di20_a_voice_l1"), "S2 S3 S4 DI20");
    assert_eq!(cases("g729_is_spoken"), "");
    assert_eq!(cases("to_s2"), "");
    let source =
        "#[test]\nfn l1_a() {}\nfn l2_b() {}\n    #[tokio::test(flavor = \"x\")]\n    async fn l3_c()";
    assert_eq!(tests(source), ["l1_a", "l3_c"]);
    let table = "| case | what |\n|---|---|\n| C1 to C3, PC1 | reason |\n| no case | x |";
    let (cases, cells) = rows(table).remove(0);
    assert_eq!((cases.len(), cells.as_slice()), (4, ["reason".to_owned()].as_slice()));
}
