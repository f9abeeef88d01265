//! ECS: one service and its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// One service and its tasks, as a test lets them be.
#[derive(Debug, Default)]
pub struct Ecs {
    /// How many tasks the service wants.
    pub desired: i64,
    /// The task definition that it rolls out.
    pub revision: String,
    /// Accounts of tasks are as old as that: so many changes of the task.
    pub lag: usize,
    /// It knows of no task, although there are some.
    pub is_empty: bool,
    /// It answers everything with an error.
    pub is_failing: bool,
    /// The names of the requests so far.
    pub requests: Vec<String>,
    tasks: BTreeMap<String, Vec<Status>>,
    protected: BTreeSet<String>,
}

/// What there is to say of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Grows with each change.
    pub version: i64,
    /// `lastStatus`.
    pub last: &'static str,
    /// `desiredStatus`.
    pub desired: &'static str,
    /// The container's `healthStatus`.
    pub health: &'static str,
    /// Its address.
    pub address: IpAddr,
    /// Its task definition.
    pub revision: String,
}

/// The service's cluster and name.
const CLUSTER: &str = "arn:aws:ecs:eu-central-1:123456789012:cluster/main";
const SERVICE: &str = "switch";

impl Ecs {
    /// A task of the present revision runs, and is healthy.
    pub fn run(&mut self, id: &str, address: IpAddr) {
        let revision = self.revision.clone();
        let (last, desired, health) = ("RUNNING", "RUNNING", "HEALTHY");
        self.tasks.insert(arn(id), vec![Status { version: 1, last, desired, health, address, revision }]);
    }

    /// Something changes in a task.
    pub fn change(&mut self, id: &str, change: impl FnOnce(&mut Status)) {
        if let Some(history) = self.tasks.get_mut(&arn(id))
            && let Some(mut now) = history.last().cloned()
        {
            now.version += 1;
            change(&mut now);
            history.push(now);
        }
    }

    /// ECS forgets a task, as it does some time after its end.
    pub fn forget(&mut self, id: &str) {
        self.tasks.remove(&arn(id));
    }

    /// A task asks for protection, or gives it back.
    pub fn protect(&mut self, id: &str, protected: bool) {
        if protected {
            self.protected.insert(arn(id))
        } else {
            self.protected.remove(&arn(id))
        };
    }

    /// Whether it is protected.
    pub fn is_protected(&self, id: &str) -> bool {
        self.protected.contains(&arn(id))
    }

    /// What the service's scheduler does: tasks of older revisions are to stop, or, where there are none, those that are one too
    /// many; but none that is protected, and none without which too few would be healthy. Returns their ids.
    pub fn schedule(&mut self) -> Vec<String> {
        let now = |history: &Vec<Status>| history.last().filter(|now| now.desired == "RUNNING").cloned();
        let is_well = |status: &Status| status.last == "RUNNING" && status.health == "HEALTHY";
        let running: Vec<_> =
            self.tasks.iter().filter_map(|(arn, history)| Some((arn.clone(), now(history)?))).collect();
        let well = running.iter().filter(|(_, status)| is_well(status)).count();
        let too_many = well.saturating_sub(usize::try_from(self.desired).unwrap_or_default());
        let rolls_out = running.iter().any(|(_, status)| status.revision != self.revision);
        let mut may: Vec<_> = running.into_iter().filter(|(arn, _)| !self.protected.contains(arn)).collect();
        if rolls_out {
            may.retain(|(_, status)| status.revision != self.revision);
        }
        let ids = may.into_iter().filter_map(|(arn, _)| arn.rsplit('/').next().map(str::to_owned));
        let ids: Vec<_> = ids.take(too_many).collect();
        ids.iter().for_each(|id| self.change(id, |task| task.desired = "STOPPED"));
        ids
    }

    /// The event that tells of a task's present state.
    pub fn event(&self, id: &str) -> Value {
        let arn = arn(id);
        let now = self.tasks.get(&arn).and_then(|history| history.last());
        json!({
            "version": "0", "source": "aws.ecs", "detail-type": "ECS Task State Change", "resources": [arn],
            "detail": {
                "clusterArn": CLUSTER, "group": format!("service:{SERVICE}"), "taskArn": arn,
                "lastStatus": now.map(|now| now.last), "desiredStatus": now.map(|now| now.desired),
                "version": now.map(|now| now.version),
            }
        })
    }

    /// A task's agent: `PUT .../task-protection/v1/state`.
    pub(super) fn agent(&mut self, path: &str, body: &[u8]) -> Response {
        let enabled = super::json(body).ok().and_then(|body| body.get("ProtectionEnabled")?.as_bool());
        match (path.strip_suffix("/task-protection/v1/state"), enabled) {
            (Some(id), Some(enabled)) => {
                self.protect(id, enabled);
                axum::Json(json!({"protection": {"ProtectionEnabled": enabled, "TaskArn": arn(id)}}))
                    .into_response()
            }
            _ => StatusCode::BAD_REQUEST.into_response(),
        }
    }

    pub(super) fn answer(&mut self, operation: &str, body: &[u8]) -> Response {
        let name = operation.rsplit('.').next().unwrap_or_default().to_owned();
        self.requests.push(name.clone());
        let request = super::json(body).unwrap_or_default();
        if self.is_failing {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "ServerException", "on demand");
        }
        let answer = match name.as_str() {
            "DescribeServices" => self.service(),
            "ListTasks" => self.list(&request),
            "DescribeTasks" => self.describe(&request),
            "GetTaskProtection" => self.protection(&request),
            "UpdateService" => {
                self.desired = request.get("desiredCount").and_then(Value::as_i64).unwrap_or(self.desired);
                json!({})
            }
            _ => return error(StatusCode::BAD_REQUEST, "UnknownOperationException", &name),
        };
        ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
    }

    fn service(&self) -> Value {
        let deployment = json!({"status": "PRIMARY", "taskDefinition": self.revision});
        json!({"services": [{"serviceName": SERVICE, "status": "ACTIVE", "desiredCount": self.desired,
            "taskDefinition": self.revision, "deployments": [deployment]}]})
    }

    fn list(&self, request: &Value) -> Value {
        let wanted = request.get("desiredStatus").and_then(Value::as_str).unwrap_or("RUNNING");
        let listed = self.tasks.iter().filter(|(_, history)| {
            !self.is_empty && self.seen(history).is_some_and(|status| status.desired == wanted)
        });
        json!({"taskArns": listed.map(|(arn, _)| arn).collect::<Vec<_>>()})
    }

    fn describe(&self, request: &Value) -> Value {
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for arn in named(request) {
            match self.tasks.get(&arn).and_then(|history| self.seen(history)) {
                Some(status) if !self.is_empty => tasks.push(described(&arn, status)),
                _ => failures.push(json!({"arn": arn, "reason": "MISSING"})),
            }
        }
        // In an order of its own.
        tasks.reverse();
        json!({"tasks": tasks, "failures": failures})
    }

    fn protection(&self, request: &Value) -> Value {
        let one = |arn: String| json!({"protectionEnabled": self.protected.contains(&arn), "taskArn": arn});
        json!({"protectedTasks": named(request).map(one).collect::<Vec<_>>(), "failures": []})
    }

    /// What is said of a task: what it was some changes ago.
    fn seen<'h>(&self, history: &'h [Status]) -> Option<&'h Status> {
        history.iter().rev().nth(self.lag.min(history.len().saturating_sub(1)))
    }
}

fn described(arn: &str, status: &Status) -> Value {
    let address = json!({"name": "privateIPv4Address", "value": status.address});
    json!({
        "taskArn": arn, "clusterArn": CLUSTER, "group": format!("service:{SERVICE}"),
        "taskDefinitionArn": status.revision, "lastStatus": status.last, "desiredStatus": status.desired,
        "version": status.version, "startedAt": 1_795_333_200.5,
        "attachments": [{"id": "1", "type": "eni", "status": "ATTACHED", "details": [address]}],
        "containers": [{"name": "logs", "healthStatus": "UNKNOWN"},
            {"name": "freeswitch", "lastStatus": status.last, "healthStatus": status.health}],
    })
}

fn named(request: &Value) -> impl Iterator<Item = String> {
    let tasks = request.get("tasks").and_then(Value::as_array).into_iter().flatten();
    tasks.filter_map(Value::as_str).map(str::to_owned)
}

fn arn(id: &str) -> String {
    format!("arn:aws:ecs:eu-central-1:123456789012:task/main/{id}")
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({"__type": kind, "message": message}).to_string();
    (status, [("content-type", "application/x-amz-json-1.1")], body).into_response()
}
