//! What the Lambda is woken with.

use serde::Deserialize;
use serde_json::Value;

/// What is to be done. A pass always follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A pass, for this reason.
    Pass(&'static str),
    /// Nothing: it is about another service.
    NotOurs,
    /// What somebody asks for by hand.
    Action(Action),
}

/// What somebody asks for by hand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Action {
    /// A pass.
    Reconcile {},
    /// A target gets no new calls.
    Drain {
        /// Its id.
        target: String,
        /// Why, for people.
        note: Option<String>,
    },
    /// It gets calls again.
    Activate {
        /// Its id.
        target: String,
    },
    /// There is to be room for so many calls.
    Prescale {
        /// How many.
        sessions: u32,
    },
}

/// An event that is none of those.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an ECS Task State Change, a Scheduled Event, {{\"action\": \"reconcile\"}}, {{\"action\": \"drain\" or \
     \"activate\", \"target\": ID}} or {{\"action\": \"prescale\", \"sessions\": N}}, found {found}"
)]
pub struct EventError {
    /// What came, and what is wrong with it.
    pub found: String,
}

/// Reads an event, for the service of this cluster.
///
/// # Errors
///
/// It is none that is known.
pub fn read(event: &Value, cluster: &str, service: &str) -> Result<Request, EventError> {
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if event.get("action").is_some() {
        let action = Action::deserialize(event);
        return action
            .map(Request::Action)
            .map_err(|error| EventError { found: format!("{error} in {event}") });
    }
    match (text(event, "source").as_str(), text(event, "detail-type").as_str()) {
        ("aws.events", "Scheduled Event") => Ok(Request::Pass("schedule")),
        ("aws.ecs", "ECS Task State Change") => {
            let detail = event.get("detail").unwrap_or(&Value::Null);
            let is_ours = name(&text(detail, "clusterArn")) == name(cluster)
                && text(detail, "group") == format!("service:{}", name(service));
            Ok(if is_ours { Request::Pass("task state change") } else { Request::NotOurs })
        }
        (source, kind) => {
            let shown: String = event.to_string().chars().take(300).collect();
            Err(EventError { found: format!("source {source:?}, detail-type {kind:?}: {shown}") })
        }
    }
}

/// The last part of an ARN, or a name as it is.
fn name(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(event: &str) -> Result<Request, String> {
        let event = serde_json::from_str(event).unwrap();
        read(&event, "arn:aws:ecs:eu-central-1:1:cluster/main", "switch").map_err(|error| error.to_string())
    }

    #[test]
    fn events_of_our_service_wake_and_those_of_others_do_not() {
        let ours = include_str!("../tests/events/task-running.json");
        assert_eq!(of(ours), Ok(Request::Pass("task state change")));
        assert_eq!(of(&ours.replace("service:switch", "service:web")), Ok(Request::NotOurs));
        assert_eq!(of(&ours.replace("cluster/main", "cluster/other")), Ok(Request::NotOurs));
        assert_eq!(of(include_str!("../tests/events/scheduled.json")), Ok(Request::Pass("schedule")));
    }

    #[test]
    fn actions_are_read_as_a_whole_or_not() {
        let action = |text: &str| of(text);
        assert_eq!(action(r#"{"action": "reconcile"}"#), Ok(Request::Action(Action::Reconcile {})));
        let drain = Action::Drain { target: "a".to_owned(), note: None };
        assert_eq!(action(r#"{"action": "drain", "target": "a"}"#), Ok(Request::Action(drain)));
        let prescale = Action::Prescale { sessions: 1200 };
        assert_eq!(action(r#"{"action": "prescale", "sessions": 1200}"#), Ok(Request::Action(prescale)));
        for bad in [
            r#"{"action": "explode"}"#,
            r#"{"action": 7}"#,
            r#"{"action": "drain"}"#,
            r#"{"action": "drain", "target": "a", "force": true}"#,
            r#"{"action": "prescale", "sessions": -1}"#,
            r#"{"source": "aws.ec2", "detail-type": "x"}"#,
            r#"{"source": 7}"#,
            "{}",
            "[]",
            "null",
            "\"reconcile\"",
        ] {
            let error = of(bad).unwrap_err();
            assert!(error.starts_with("expected an ECS Task State Change"), "{error}");
        }
    }
}
