use std::collections::BTreeMap;

use super::*;
use crate::platform::routes::RoutesFile;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "switch-controller.toml", std::iter::empty()).map_err(|error| error.to_string())
}

#[test]
fn the_example_shows_every_default() {
    let example = include_str!("../../switch-controller.example.toml");
    let shown: Settings =
        settings::read(example, "example", std::iter::empty()).expect("the example can be read");
    let mut defaults = Settings::default();
    // What it has to set, and what it only shows.
    defaults.freeswitch.password_file = shown.freeswitch.password_file.clone();
    defaults.routes.file = shown.routes.file.clone();
    assert_eq!(format!("{shown:?}"), format!("{defaults:?}"));
}

#[test]
fn a_password_is_enough() {
    let config = parse("[freeswitch]\npassword = \"p\"").expect("right settings");
    assert_eq!(config.freeswitch.address, "127.0.0.1:8021");
    assert_eq!(config.recordings_url, "http://127.0.0.1:8081/recordings");
    assert_eq!(config.rules.documents, 10_000);
}

#[test]
fn the_environment_is_over_the_file() {
    let environment = [("SWITCHYARD_FREESWITCH__ADDRESS".to_owned(), "10.0.0.1:8021".to_owned())];
    let config = Config::parse("[freeswitch]\npassword = \"p\"", "x", environment.into_iter())
        .expect("right settings");
    assert_eq!(config.freeswitch.address, "10.0.0.1:8021");
}

#[test]
fn what_is_wrong_is_named() {
    let with_password = |text: &str| parse(&format!("{text}\n[freeswitch]\npassword = \"p\""));
    let errors = [
        (parse(""), "freeswitch.password: expected it or freeswitch.password_file, found neither"),
        (parse("drian = \"1s\""), "unknown field `drian`"),
        (with_password("[webhook]\nbody_bytes = 0"), "webhook.body_bytes: expected 1 to 16777216, found 0"),
        (with_password("[api]\nbind = \"0.0.0.0:8081\""), "api.password: expected one"),
        (with_password("[sounds]\ndirectory = \"sounds\""), "sounds.directory: expected an absolute path"),
        (with_password("[recordings]\nurl = \"ftp://x\""), "recordings.url: expected an http or https URL"),
        (
            with_password("[platform]\nurl = \"https://p\""),
            "platform.password: expected it or platform.password_file",
        ),
        (
            with_password("[platform]\nurl = \"https://p\"\npassword = \"x\"\nbucket = \"s3://b\""),
            "platform.bucket_url: expected one",
        ),
        (
            with_password("[platform]\nurl = \"https://p\"\npassword = \"x\"\nfallback = \"/none.xml\""),
            "platform.fallback: /none.xml",
        ),
        #[cfg(not(feature = "polly"))]
        (
            with_password("[speech]\nengine = \"polly\""),
            "speech.engine: expected a controller that was built",
        ),
        (with_password("[speech]\nspeak = \"a b\""), "speech.speak: expected a name"),
    ];
    for (found, expected) in errors {
        let found = found.expect_err(expected);
        assert!(found.contains(expected), "{found} is not {expected}");
    }
}

/// The files hold what terraform/modules/switch gives to the controller's container, and which routes file
/// terraform/modules/region makes up; the modules' tests see to it.
#[test]
fn what_terraform_sets_is_right() {
    let config = terraform(include_str!("../../../terraform/modules/switch/tests/controller.json"));
    assert!(config.drain < Duration::from_secs(120), "Fargate ends it after 120 s");
    assert_eq!(config.recordings_url, "http://10.0.16.21:8081/recordings");
    assert!(config.platform.is_none() && config.routes.file.is_some());
    let config = terraform(include_str!("../../../terraform/modules/switch/tests/controller-platform.json"));
    let platform = config.platform.expect("a platform");
    assert!(platform.bucket.is_some() && config.routes.file.is_none());
    let routes = include_str!("../../../terraform/modules/region/tests/routes.toml");
    let routes = RoutesFile::parse(routes, Path::new("/")).expect("a right file");
    assert!(routes.number("1294").is_some(), "whoever calls is answered");
}

/// With what else a task has: secrets, and what prepare.sh writes.
fn terraform(environment: &str) -> Config {
    let mut variables: BTreeMap<String, String> =
        serde_json::from_str(environment).expect("an object of strings");
    assert!(variables.remove("SWITCHYARD_CONFIG").is_some(), "what prepare.sh writes");
    let password = tempfile::NamedTempFile::new().expect("a file");
    let path = password.path().display().to_string();
    assert!(variables.insert("SWITCHYARD_FREESWITCH__PASSWORD_FILE".to_owned(), path).is_some());
    for secret in ["SWITCHYARD_API__PASSWORD", "SWITCHYARD_PLATFORM__PASSWORD"] {
        variables.insert(secret.to_owned(), "p".to_owned());
    }
    let written =
        "[api]\nhost = \"10.0.16.21:8081\"\n[recordings]\nurl = \"http://10.0.16.21:8081/recordings\"\n";
    Config::parse(written, "terraform", variables.into_iter()).expect("right settings")
}
