//! What ECS says, as far as it matters here.

use std::net::IpAddr;

/// The service whose tasks are the targets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// How many tasks it wants.
    pub desired: u32,
    /// The task definition that it rolls out (its ARN); `None` if ECS does not say.
    pub revision: Option<String>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN. The last part of it is the target's id.
    pub arn: String,
    /// Grows with every change of the task; 0 where ECS does not say.
    pub version: i64,
    /// The ARN of its task definition.
    pub revision: String,
    /// How far it has come.
    pub stage: Stage,
    /// Whether ECS wants it to run.
    pub wanted: bool,
    /// Whether FreeSWITCH is healthy.
    pub healthy: bool,
    /// Its private address.
    pub address: Option<IpAddr>,
    /// When it began to run, Unix time in seconds.
    pub started_at: Option<i64>,
    /// Whether it is protected from scale-in: it has calls. `None` if ECS does not say.
    pub protected: Option<bool>,
    /// How many calls it has, by its own account. `None` if it was not asked, or does not say.
    pub sessions: Option<u64>,
}

/// How far a task has come (ECS's `lastStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// PROVISIONING, PENDING, ACTIVATING: its containers do not all run yet.
    Coming,
    /// RUNNING.
    Running,
    /// DEACTIVATING, STOPPING: its containers are told to end, and may run on for the stop timeout.
    Stopping,
    /// DEPROVISIONING, STOPPED, DELETED: they have ended.
    Stopped,
}

impl Stage {
    /// By ECS's name for it. One that is not known is no reason for calls, and none against them.
    pub fn of(last_status: &str) -> Self {
        match last_status {
            "RUNNING" => Stage::Running,
            "DEACTIVATING" | "STOPPING" => Stage::Stopping,
            "DEPROVISIONING" | "STOPPED" | "DELETED" => Stage::Stopped,
            _ => Stage::Coming,
        }
    }
}

impl Task {
    /// The target's id: the last part of the ARN, unique within a cluster.
    pub fn id(&self) -> &str {
        self.arn.rsplit_once('/').map_or(self.arn.as_str(), |(_, id)| id)
    }
}
