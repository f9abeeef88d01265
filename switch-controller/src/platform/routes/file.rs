//! The routes file: which number belongs to which application, and which trunk reaches which number.
//!
//! This file must not contain: I/O of any kind.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use settings::Secret;
use twiml::Method;
use url::Url;

use super::super::dial::Routing;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutesFile {
    /// Whose calls these are.
    #[serde(default)]
    pub account: Account,
    /// Numbers that are called.
    #[serde(default)]
    pub number: Vec<toml::Spanned<Number>>,
    /// Ways out.
    #[serde(default)]
    pub trunk: Vec<toml::Spanned<Trunk>>,
}

/// `[account]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Account {
    /// `AccountSid` to customers.
    pub sid: String,
    /// The key of signatures.
    pub auth_token: Secret,
    /// The voice where a Say names none.
    pub voice: String,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            sid: "AC00000000000000000000000000000000".to_owned(),
            auth_token: Secret::new(""),
            voice: "Basic.Kal".to_owned(),
        }
    }
}

/// `[[number]]`: what is executed for calls to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The number, or how it begins, with `*` at its end.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Where its document is.
    pub url: Option<String>,
    /// How that is asked: `GET` or `POST`, which is the default.
    pub method: Option<String>,
    /// A file with its document, instead of a URL.
    pub twiml: Option<PathBuf>,
    /// Where a call turns when a document cannot be had or read.
    pub fallback_url: Option<String>,
    /// How that is asked.
    pub fallback_method: Option<String>,
}

/// `[[trunk]]`: how numbers are reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// What the log calls it.
    pub name: String,
    /// The numbers that it reaches, as in `[[number]]`.
    #[serde(rename = "match", default = "every")]
    pub pattern: String,
    /// The carrier's host, with a port if it is not 5060.
    pub host: String,
    /// What stands before the number.
    pub prefix: Option<String>,
    /// Whether `+` stands before all of it.
    #[serde(default)]
    pub plus: bool,
    /// Whether numbers are written as within their country.
    #[serde(default)]
    pub national: bool,
    /// The sofia profile.
    pub profile: Option<String>,
    /// Whom callees see, whatever the customer says.
    pub caller_id: Option<String>,
    /// Calls that leave by its host at once, of all controllers together.
    pub calls: Option<u32>,
    /// And how many begin in a second.
    pub calls_per_second: Option<u32>,
}

fn every() -> String {
    "*".to_owned()
}

impl RoutesFile {
    /// Reads it. Errors say the line. Files of documents are beside it.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, String> {
        let mut file: RoutesFile = toml::from_str(text).map_err(|error| error.to_string())?;
        for number in &mut file.number {
            let line = line_of(text, number.span().start);
            let number = number.get_mut();
            number.check().map_err(|what| format!("line {line}: [[number]] {:?}: {what}", number.pattern))?;
            number.twiml = number.twiml.take().map(|path| directory.join(path));
        }
        for trunk in &file.trunk {
            let line = line_of(text, trunk.span().start);
            let trunk = trunk.get_ref();
            let fault = |what| format!("line {line}: [[trunk]] {:?}: {what}", trunk.name);
            pattern(&trunk.pattern).map_err(fault)?;
            // Whatever can be wrong with host, prefix and profile is wrong for any number.
            let profile = esl::Name::new("any").map_err(|error| fault(error.to_string()))?;
            trunk.routing("85512345678").dial_string(&profile).map_err(fault)?;
        }
        Ok(file)
    }

    /// What is executed for calls to a number: the longest pattern that fits.
    pub fn number(&self, called: &str) -> Option<&Number> {
        best(self.number.iter().map(toml::Spanned::get_ref), called, |number| &number.pattern)
    }

    /// How a number is reached: the longest pattern that fits.
    pub fn trunk(&self, called: &str) -> Option<&Trunk> {
        best(self.trunk.iter().map(toml::Spanned::get_ref), called, |trunk| &trunk.pattern)
    }
}

impl Number {
    fn check(&self) -> Result<(), String> {
        pattern(&self.pattern)?;
        match (&self.url, &self.twiml) {
            (Some(url), None) => match Url::parse(url) {
                Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => {}
                _ => return Err(format!("url: expected an http or https URL, found {url:?}")),
            },
            (None, Some(_)) if self.method.is_some() => {
                return Err("method: expected it with a url alone, found it with twiml".to_owned());
            }
            (None, Some(_)) => {}
            (Some(_), Some(_)) => return Err("expected url or twiml, found both".to_owned()),
            (None, None) => return Err("expected url or twiml, found neither".to_owned()),
        }
        if let Some(url) = &self.fallback_url
            && !Url::parse(url).is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https"))
        {
            return Err(format!("fallback_url: expected an http or https URL, found {url:?}"));
        }
        for (key, method) in [("method", &self.method), ("fallback_method", &self.fallback_method)] {
            match method.as_deref() {
                None | Some("GET" | "POST") => {}
                Some(method) => return Err(format!("{key}: expected \"GET\" or \"POST\", found {method:?}")),
            }
        }
        Ok(())
    }

    /// Where a call turns when a document cannot be had or read, and how.
    pub fn fallback(&self) -> Option<(String, Method)> {
        let is_get = self.fallback_method.as_deref() == Some("GET");
        Some((self.fallback_url.clone()?, if is_get { Method::Get } else { Method::Post }))
    }
}

impl Trunk {
    /// How this number is reached.
    pub fn routing(&self, number: &str) -> Routing {
        Routing {
            destination: Some(number.to_owned()),
            dial_string_prefix: self.prefix.clone(),
            plus_prefix: self.plus,
            national_dialing: self.national,
            host: Some(self.host.clone()),
            sip_profile: self.profile.clone(),
            ..Routing::default()
        }
    }
}

/// A pattern is a number, or the beginning of one and a `*`.
fn pattern(text: &str) -> Result<(), String> {
    let plain = text.strip_suffix('*').unwrap_or(text);
    match text.is_empty() || plain.contains('*') || plain.contains(char::is_whitespace) {
        true => {
            Err(format!("match: expected a number, with * at its end if more may follow, found {text:?}"))
        }
        false => Ok(()),
    }
}

/// Numbers are compared without the `+` before them.
fn best<'a, T>(
    all: impl Iterator<Item = &'a T>,
    called: &str,
    pattern: impl Fn(&T) -> &str,
) -> Option<&'a T> {
    let called = called.trim_start_matches('+');
    let fit = all.filter_map(|one| {
        let pattern = pattern(one).trim_start_matches('+');
        match pattern.strip_suffix('*') {
            Some(beginning) => called.starts_with(beginning).then_some((beginning.len(), one)),
            None => (pattern == called).then_some((usize::MAX, one)),
        }
    });
    // The first of equals, as they stand in the file.
    fit.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, one)| one)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[account]
sid = "AC1"
auth_token = "secret"

[[number]]
match = "1294"
url = "https://example.com/voice"
method = "GET"

[[number]]
match = "855*"
twiml = "hello.xml"

[[number]]
match = "85512*"
url = "https://example.com/12"

[[trunk]]
name = "kh"
match = "+855*"
host = "10.0.0.1:5070"
national = true
profile = "uac_nat_instance"

[[trunk]]
name = "world"
host = "sip.example.com"
plus = true
"#;

    fn parse(text: &str) -> Result<RoutesFile, String> {
        RoutesFile::parse(text, Path::new("/etc/switchyard"))
    }

    #[test]
    fn the_longest_pattern_that_fits_wins() {
        let file = parse(FILE).expect("right");
        let pattern = |called| file.number(called).map(|number| number.pattern.as_str());
        assert_eq!(pattern("1294"), Some("1294"));
        assert_eq!(pattern("12945"), None);
        assert_eq!(pattern("+855715100860"), Some("855*"));
        assert_eq!(pattern("+85512345678"), Some("85512*"));
        assert_eq!(
            file.number("8557").and_then(|n| n.twiml.clone()),
            Some("/etc/switchyard/hello.xml".into())
        );
        let trunk = |called| file.trunk(called).map(|trunk| trunk.name.as_str());
        assert_eq!((trunk("85512345678"), trunk("442079460123")), (Some("kh"), Some("world")));
    }

    #[test]
    fn a_trunk_writes_numbers_its_way() {
        let file = parse(FILE).expect("right");
        let profile = esl::Name::new("nat_gateway").expect("a name");
        let dial = |called: &str| {
            let trunk = file.trunk(called).expect("a trunk");
            trunk.routing(called).dial_string(&profile).expect("right").to_string()
        };
        assert_eq!(dial("+85512345678"), "sofia/uac_nat_instance/012345678@10.0.0.1:5070");
        assert_eq!(dial("442079460123"), "sofia/nat_gateway/+442079460123@sip.example.com");
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let cases = [
            ("[[number]]\nmatch = \"1\"", "line 1: [[number]] \"1\": expected url or twiml, found neither"),
            (
                "\n\n[[number]]\nmatch = \"1*2\"\ntwiml = \"x\"",
                "line 3: [[number]] \"1*2\": match: expected a number",
            ),
            (
                "[[number]]\nmatch = \"1\"\nurl = \"x\"",
                "line 1: [[number]] \"1\": url: expected an http or https URL, found \"x\"",
            ),
            (
                "[[number]]\nmatch = \"1\"\nurl = \"http://x\"\nmethod = \"get\"",
                "method: expected \"GET\" or \"POST\", found \"get\"",
            ),
            ("[[trunk]]\nname = \"a\"\nhost = \"a b\"", "line 1: [[trunk]] \"a\": a SIP host cannot hold"),
            ("[[numbr]]\n", "unknown field `numbr`"),
        ];
        for (text, expected) in cases {
            let found = parse(text).expect_err(expected);
            assert!(found.contains(expected), "{found} is not {expected}");
        }
    }
}
