//! Settings, all from the environment: every name stands here once. `docs/fleet.md` says what they mean.

use std::collections::BTreeMap;

use crate::plan::Rules;

/// What an operator has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The cluster: its name or ARN.
    pub cluster: String,
    /// The switches' service: its name.
    pub service: String,
    /// Where the list is written.
    pub snapshot_url: String,
    /// The container whose health counts; without one, running is enough.
    pub container: Option<String>,
    /// What holds for every target.
    pub rules: Rules,
    /// How many calls a task is good for.
    pub sessions_per_task: u32,
    /// The most tasks that are asked for.
    pub max_tasks: u32,
    /// The port on which tasks are asked how many calls they have, where the scaler reaches them.
    pub load_port: Option<u16>,
    /// Who is told the capacity.
    pub platform: Option<Platform>,
    /// CloudWatch's namespace of the metrics; `None`: they are not written.
    pub namespace: Option<String>,
    /// A level, or a filter as tracing has it.
    pub log: String,
    /// Another server in AWS's place.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
}

/// The Somleng API.
#[derive(Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its root.
    pub url: String,
    /// Who asks.
    pub user: String,
    /// And its password.
    pub password: Password,
    /// What this region is called there.
    pub region: String,
}

/// A password, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// Itself.
    Known(String),
    /// In Secrets Manager, by this ARN: it is in no setting of the function then, and in no state of Terraform's.
    Secret(String),
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} as {}, region {}", self.url, self.user, self.region)
    }
}

/// A variable that is missing or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: {what}")]
pub struct SettingsError {
    /// Its name.
    pub name: &'static str,
    /// What was expected, and what came.
    pub what: String,
}

impl Settings {
    /// Reads them; `variable` tells the value of a variable. An empty one counts as not set.
    ///
    /// # Errors
    ///
    /// One is missing or makes no sense.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let or = |name, default: &str| get(name).unwrap_or_else(|| default.to_owned());
        let need = |name, example: &str| {
            get(name)
                .ok_or_else(|| SettingsError { name, what: format!("expected {example}, found nothing") })
        };
        let number = |name, default: u32, least: u32| match get(name).map(|text| (text.parse::<u32>(), text))
        {
            None => Ok(default),
            Some((Ok(number), _)) if number >= least => Ok(number),
            Some((_, text)) => {
                Err(SettingsError { name, what: format!("expected a number from {least}, found {text:?}") })
            }
        };
        let health = or("SWITCHYARD_ECS_HEALTH", "container");
        let container = match health.as_str() {
            "container" => Some(or("SWITCHYARD_ECS_CONTAINER", "freeswitch")),
            "running" => None,
            other => {
                let what = format!("expected \"container\" or \"running\", found {other:?}");
                return Err(SettingsError { name: "SWITCHYARD_ECS_HEALTH", what });
            }
        };
        let region = need("AWS_REGION", "a region, such as \"ap-southeast-1\"")?;
        let password = match (get("SWITCHYARD_PLATFORM_PASSWORD_ARN"), get("SWITCHYARD_PLATFORM_PASSWORD")) {
            (None, password) => Password::Known(password.unwrap_or_default()),
            (Some(arn), None) if arn.starts_with("arn:") => Password::Secret(arn),
            (Some(_), password) => {
                let found = if password.is_some() { "both" } else { "something else" };
                let what = format!(
                    "expected the ARN of a secret, and no SWITCHYARD_PLATFORM_PASSWORD, found {found}"
                );
                return Err(SettingsError { name: "SWITCHYARD_PLATFORM_PASSWORD_ARN", what });
            }
        };
        let user = or("SWITCHYARD_PLATFORM_USER", "services");
        let here = or("SWITCHYARD_PLATFORM_REGION", &region);
        let platform =
            get("SWITCHYARD_PLATFORM_URL").map(|url| Platform { url, user, password, region: here });
        let ports = ports(&or("SWITCHYARD_TARGET_PORTS", "sip=5060,alternative=5080,control=8081"))?;
        let load_port = match or("SWITCHYARD_ASK_TASKS", "no").as_str() {
            "no" => None,
            "yes" => Some(ports.get("control").copied().ok_or_else(|| SettingsError {
                name: "SWITCHYARD_ASK_TASKS",
                what: "expected a port named control in SWITCHYARD_TARGET_PORTS, found none".to_owned(),
            })?),
            other => {
                let what = format!("expected \"yes\" or \"no\", found {other:?}");
                return Err(SettingsError { name: "SWITCHYARD_ASK_TASKS", what });
            }
        };
        Ok(Settings {
            cluster: need("SWITCHYARD_ECS_CLUSTER", "the name of a cluster")?,
            service: need("SWITCHYARD_ECS_SERVICE", "the name of a service")?,
            snapshot_url: need("SWITCHYARD_SNAPSHOT_URL", "s3://bucket/key")?,
            container,
            rules: Rules {
                ports,
                group: or("SWITCHYARD_TARGET_GROUP", "default"),
                weight: number("SWITCHYARD_TARGET_WEIGHT", 100, 0)?,
                ..Rules::default()
            },
            sessions_per_task: number("SWITCHYARD_SESSIONS_PER_TASK", 100, 1)?,
            max_tasks: number("SWITCHYARD_MAX_TASKS", 100, 1)?,
            load_port,
            platform,
            namespace: Some(or("SWITCHYARD_METRICS_NAMESPACE", "Switchyard")),
            log: or("SWITCHYARD_LOG", "info"),
            endpoint: get("AWS_ENDPOINT_URL"),
            region,
        })
    }
}

fn ports(text: &str) -> Result<BTreeMap<String, u16>, SettingsError> {
    let port = |entry: &str| {
        let (name, port) = entry.split_once('=')?;
        let port = port.trim().parse().ok().filter(|port| *port > 0)?;
        Some((name.trim().to_owned(), port)).filter(|(name, _)| !name.is_empty())
    };
    let wrong = || SettingsError {
        name: "SWITCHYARD_TARGET_PORTS",
        what: format!("expected names and ports such as \"sip=5060,control=8081\", found {text:?}"),
    };
    text.split(',').map(port).collect::<Option<_>>().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Settings, String> {
        let least = [
            ("AWS_REGION", "eu-central-1"),
            ("SWITCHYARD_ECS_CLUSTER", "c"),
            ("SWITCHYARD_ECS_SERVICE", "s"),
            ("SWITCHYARD_SNAPSHOT_URL", "s3://b/k"),
        ];
        let all: BTreeMap<&str, &str> = least.iter().chain(more).copied().collect();
        Settings::read(|name| all.get(name).map(|value| (*value).to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.container.as_deref(), Some("freeswitch"));
        assert_eq!(settings.load_port, None);
        assert_eq!(read(&[("SWITCHYARD_ASK_TASKS", "yes")]).unwrap().load_port, Some(8081));
        assert_eq!(settings.rules, Rules::default());
        assert_eq!((settings.sessions_per_task, settings.platform), (100, None));
        let settings =
            read(&[("SWITCHYARD_PLATFORM_URL", "https://api"), ("SWITCHYARD_ECS_HEALTH", "running")]);
        let settings = settings.unwrap();
        assert_eq!(settings.platform.unwrap().region, "eu-central-1");
        assert_eq!(settings.container, None);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (name, value, expected) in [
            ("SWITCHYARD_ECS_CLUSTER", "", "expected the name of a cluster, found nothing"),
            ("SWITCHYARD_TARGET_PORTS", "sip", "expected names and ports"),
            ("SWITCHYARD_TARGET_PORTS", "sip=0", "expected names and ports"),
            ("SWITCHYARD_SESSIONS_PER_TASK", "0", "expected a number from 1, found \"0\""),
            ("SWITCHYARD_ASK_TASKS", "maybe", "expected \"yes\" or \"no\", found \"maybe\""),
            (
                "SWITCHYARD_PLATFORM_PASSWORD_ARN",
                "hidden",
                "expected the ARN of a secret, and no SWITCHYARD_PLATFORM_PASSWORD, found something else",
            ),
            ("SWITCHYARD_ECS_HEALTH", "yes", "expected \"container\" or \"running\", found \"yes\""),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("environment variable {name}: {expected}")), "{error}");
        }
    }

    #[test]
    fn a_password_and_where_it_is_are_one_too_many() {
        let arn =
            ("SWITCHYARD_PLATFORM_PASSWORD_ARN", "arn:aws:secretsmanager:eu-central-1:1:secret:platform");
        let url = ("SWITCHYARD_PLATFORM_URL", "https://api");
        let error = read(&[url, arn, ("SWITCHYARD_PLATFORM_PASSWORD", "hidden")]).unwrap_err();
        assert!(error.ends_with("found both"), "{error}");
        let platform = read(&[url, arn]).unwrap().platform.unwrap();
        assert!(platform.password == Password::Secret(arn.1.to_owned()));
    }

    /// The files hold what terraform/modules/scaler gives to the function; that module's tests see to it.
    #[test]
    fn what_terraform_sets_is_read() {
        let settings = terraform(include_str!("../../terraform/modules/scaler/tests/environment.json"));
        assert_eq!((settings.service.as_str(), settings.platform), ("exchange-switch", None));
        let settings =
            terraform(include_str!("../../terraform/modules/scaler/tests/environment-platform.json"));
        let platform = settings.platform.unwrap();
        assert!(matches!(platform.password, Password::Secret(_)));
        assert_eq!((platform.user.as_str(), platform.region.as_str()), ("services", "hydrogen"));
    }

    fn terraform(file: &str) -> Settings {
        let variables: BTreeMap<String, String> = serde_json::from_str(file).unwrap();
        let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let settings = Settings::read(|name| {
            asked.borrow_mut().insert(name.to_owned());
            // Lambda's own.
            variables.get(name).cloned().or_else(|| (name == "AWS_REGION").then(|| "eu-central-1".to_owned()))
        });
        for name in variables.keys() {
            assert!(asked.borrow().contains(name), "{name} is no setting");
        }
        settings.unwrap()
    }

    #[test]
    fn passwords_are_not_shown() {
        let more = [("SWITCHYARD_PLATFORM_URL", "https://api"), ("SWITCHYARD_PLATFORM_PASSWORD", "hidden")];
        assert!(!format!("{:?}", read(&more).unwrap()).contains("hidden"));
    }
}
