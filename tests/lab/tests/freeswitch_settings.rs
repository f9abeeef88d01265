//! `infrastructure/freeswitch`: what start.sh lets through to FreeSWITCH, and that all settings are everywhere. No
//! FreeSWITCH is needed: a script stands in for it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lab::real_switch::{start_script, try_start_script};

/// Wrong use of a command (sysexits.h).
const USAGE: i32 = 64;

/// What start.sh itself makes of others, without FREESWITCH_.
const FOLLOWS: [&str; 3] = ["CDR", "G729", "LOG_JSON"];

/// A directory with a FreeSWITCH that prints what it was given.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("switchyard-settings-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        let binary = path.join("freeswitch");
        fs::write(&binary, "#!/bin/sh\nenv\necho \"arguments: $*\"\n").unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn start(&self, variables: &[(&str, &str)]) -> (i32, String) {
        try_start_script(&self.0.join("freeswitch"), &self.0.join("state"), variables).unwrap()
    }

    fn password(&self) -> String {
        fs::read_to_string(self.0.join("state/run/esl-password")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Names in `text` that begin with `prefix`, go on as variables do, and end before something else.
fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    text.split(prefix).skip(1).map(name).filter(|name: &String| !name.is_empty()).collect()
}

fn configuration() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut directories = vec![start_script().with_file_name("conf")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn values_that_freeswitch_would_misread_are_refused() {
    let wrong = [
        ("FREESWITCH_IP", "localhost"),
        ("FREESWITCH_IP", "127.0.0.256"),
        ("FREESWITCH_IP", "127.0.0.1\"/><x y=\""),
        ("FREESWITCH_IP", "127.0.0.1\n127.0.0.1"),
        ("FREESWITCH_SIP_ALLOW", "10.0.0.0"),
        ("FREESWITCH_SIP_ALLOW", "10.0.0.0/33"),
        ("FREESWITCH_SIP_ALLOW", "10.0.0.0/8, 192.168.0.0/16"),
        ("FREESWITCH_NAT_GATEWAY_IP", "auto-nat"),
        ("FREESWITCH_ESL_PORT", "0"),
        ("FREESWITCH_ESL_PORT", "65536"),
        ("FREESWITCH_INTERNAL_PORT", "5061 "),
        ("FREESWITCH_MAX_SESSIONS", "many"),
        ("FREESWITCH_RTP_TIMEOUT", "0"),
        ("FREESWITCH_RTP_TIMEOUT", "-1"),
        ("FREESWITCH_CODECS", "PCMU PCMA"),
        ("FREESWITCH_LOG_LEVEL", "loud"),
        ("FREESWITCH_LOG_FORMAT", "xml"),
        ("FREESWITCH_INBAND_DTMF", "always"),
        ("FREESWITCH_CDR_RETRIES", "0"),
        ("FREESWITCH_RTP_FIRST_PORT", "40000"),
        ("FREESWITCH_ESL_PASSWORD", "two\nlines"),
        ("FREESWITCH_CDR_URL", "https://${host}/"),
    ];
    let place = Place::new("refused");
    for (name, value) in wrong {
        let (code, said) = place.start(&[(name, value)]);
        assert_eq!(code, USAGE, "{name}={value}: {said}");
        assert!(said.contains(name) && !said.contains("arguments:"), "{said}");
    }
}

#[test]
fn values_that_are_right_reach_freeswitch_as_they_are() {
    let right = [
        ("FREESWITCH_IP", "auto"),
        ("FREESWITCH_SIP_ALLOW", "10.0.0.0/16,203.0.113.7/32,0.0.0.0/0"),
        ("FREESWITCH_NAT_GATEWAY_IP", "198.51.100.255"),
        ("FREESWITCH_ESL_PORT", "65535"),
        ("FREESWITCH_RTP_FIRST_PORT", "1024"),
        ("FREESWITCH_MAX_SESSIONS", "5000"),
        ("FREESWITCH_CODECS", "PCMA,G722"),
    ];
    let place = Place::new("right");
    let (code, said) = place.start(&right);
    assert_eq!(code, 0, "{said}");
    for (name, value) in right {
        assert!(said.lines().any(|line| line == format!("{name}={value}")), "{name}: {said}");
    }
    assert!(said.contains(&format!(
        "-conf {}",
        start_script().with_file_name("conf").canonicalize().unwrap().display()
    )));
}

#[test]
fn a_variable_that_is_set_to_nothing_leaves_the_default() {
    let place = Place::new("nothing");
    let (code, said) =
        place.start(&[("FREESWITCH_IP", ""), ("FREESWITCH_CDR_URL", ""), ("FREESWITCH_ESL_PASSWORD", "")]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("FREESWITCH_IP=") && !said.contains("FREESWITCH_CDR_URL="), "{said}");
    assert!(said.contains("FREESWITCH_CDR=off"), "{said}");
    assert_eq!(place.password().trim_end().len(), 48);
}

#[test]
fn a_password_is_made_up_once_and_only_its_user_can_read_it() {
    let mut seen = BTreeSet::new();
    for number in 0..3 {
        let place = Place::new(&format!("password-{number}"));
        let (_, said) = place.start(&[]);
        let password = place.password();
        assert!(password.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()), "{password}");
        assert_eq!(password.trim_end().len(), 48);
        assert!(said.contains(&format!("FREESWITCH_ESL_PASSWORD={password}")), "{said}");
        let (_, said) = place.start(&[]);
        assert!(said.contains(&format!("FREESWITCH_ESL_PASSWORD={password}")), "{said}");
        for path in ["state", "state/log", "state/run", "state/run/esl-password"] {
            let mode = fs::metadata(place.0.join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{path}: {mode:o}");
        }
        seen.insert(password);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_password_file_of_no_use_is_replaced_or_refused() {
    let place = Place::new("useless");
    place.start(&[]);
    fs::write(place.0.join("state/run/esl-password"), "").unwrap();
    let (code, said) = place.start(&[]);
    assert_eq!((code, place.password().trim_end().len()), (0, 48), "{said}");
    fs::write(place.0.join("state/run/esl-password"), "two\nlines\n").unwrap();
    let (code, said) = place.start(&[]);
    assert_eq!(code, USAGE, "{said}");
    assert!(said.contains("FREESWITCH_ESL_PASSWORD") && !said.contains("arguments:"), "{said}");
}

#[test]
fn texts_are_escaped_for_xml_and_the_password_file_holds_the_password_itself() {
    let place = Place::new("texts");
    let (_, said) = place.start(&[
        ("FREESWITCH_ESL_PASSWORD", "a\"b<c>&d"),
        ("FREESWITCH_CDR_URL", "https://example.com/?a=1&b=2"),
    ]);
    assert!(said.contains("FREESWITCH_ESL_PASSWORD=a&quot;b&lt;c&gt;&amp;d\n"), "{said}");
    assert!(said.contains("FREESWITCH_CDR_URL=https://example.com/?a=1&amp;b=2\n"), "{said}");
    assert!(said.contains("FREESWITCH_CDR=on\n"), "{said}");
    assert_eq!(place.password(), "a\"b<c>&d\n");
}

#[test]
fn what_follows_from_a_setting_is_not_for_the_environment_to_say() {
    let place = Place::new("follows");
    let given = [("FREESWITCH_G729", "on"), ("FREESWITCH_LOG_JSON", "x\"/>"), ("FREESWITCH_CDR", "../on")];
    let (_, said) = place.start(&given);
    for line in ["FREESWITCH_G729=off", "FREESWITCH_LOG_JSON=false", "FREESWITCH_CDR=off"] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
    let (_, said) = place.start(&[("FREESWITCH_CODECS", "PCMA,G729"), ("FREESWITCH_LOG_FORMAT", "json")]);
    for line in ["FREESWITCH_G729=on", "FREESWITCH_LOG_JSON=true"] {
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
}

#[test]
fn each_value_in_the_configuration_is_one_of_vars_xml() {
    let vars = read(start_script().with_file_name("conf/vars.xml"));
    let set = names(&vars, "-set\" data=\"")
        .into_iter()
        .chain(names(&vars, "\"set\" data=\""))
        .collect::<BTreeSet<_>>();
    // FreeSWITCH's own.
    let own = ["hostname", "log_dir"].map(str::to_owned);
    let mut used = BTreeSet::new();
    for (path, text) in configuration() {
        for name in names(&text, "$${") {
            assert!(set.contains(&name) || own.contains(&name), "{name} in {}", path.display());
            used.insert(name);
        }
    }
    assert!(used.len() > 15, "{used:?}");
}

#[test]
fn each_setting_is_checked_by_start_sh_and_explained_in_the_docs() {
    let vars = read(start_script().with_file_name("conf/vars.xml"));
    let docs = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/freeswitch.md"));
    let settings = names(&vars, "=$FREESWITCH_");
    assert!(settings.len() > 20, "{settings:?}");
    let place = Place::new("checked");
    for setting in settings.iter().filter(|setting| !FOLLOWS.contains(&setting.as_str())) {
        let name = format!("FREESWITCH_{setting}");
        assert!(docs.contains(&format!("`{name}`")), "docs/freeswitch.md does not explain {name}");
        let (code, said) = place.start(&[(&name, "never\nright")]);
        assert_eq!(code, USAGE, "{name}: {said}");
    }
}

#[test]
fn no_file_of_the_configuration_has_a_password_in_it() {
    let files = configuration();
    assert!(files.len() > 12, "{}", files.len());
    for (path, text) in files {
        assert!(!text.contains("ClueCon"), "{}", path.display());
        for line in
            text.lines().filter(|line| line.contains("name=\"password\"") || line.contains("name=\"cred\""))
        {
            assert!(line.contains("value=\"$${"), "{}: {line}", path.display());
        }
    }
}
