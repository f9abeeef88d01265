//! ECS, asked.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self, DesiredStatus, HealthStatus};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::SdkConfig;

use crate::facts::{Service, Stage, Task};
use crate::settings::Settings;

/// As many tasks as one request may name.
const AT_ONCE: usize = 100;

/// The switches' service.
#[derive(Debug, Clone)]
pub struct Ecs {
    client: Client,
    cluster: String,
    service: String,
    container: Option<String>,
}

/// What ECS does not do.
#[derive(Debug, thiserror::Error)]
pub enum EcsError {
    /// A request failed.
    #[error("ECS, {0}: {1}")]
    Request(&'static str, String),
    /// There is no such service, or not any more.
    #[error("expected an active service {service:?} in the cluster {cluster:?}, found {found}")]
    NoService {
        /// Which service.
        service: String,
        /// In which cluster.
        cluster: String,
        /// What is there.
        found: String,
    },
}

fn failed(what: &'static str, error: &(impl std::error::Error + 'static)) -> EcsError {
    EcsError::Request(what, DisplayErrorContext(error).to_string())
}

impl Ecs {
    /// Nothing is asked yet.
    pub fn new(settings: &Settings, aws: &SdkConfig) -> Self {
        Ecs {
            client: Client::new(aws),
            cluster: settings.cluster.clone(),
            service: settings.service.clone(),
            container: settings.container.clone(),
        }
    }

    /// What the service wants.
    ///
    /// # Errors
    ///
    /// ECS does not answer, or there is no such service.
    pub async fn service(&self) -> Result<Service, EcsError> {
        let answer =
            self.client.describe_services().cluster(&self.cluster).services(&self.service).send().await;
        let answer = answer.map_err(|error| failed("DescribeServices", &error))?;
        let none = |found: String| EcsError::NoService {
            service: self.service.clone(),
            cluster: self.cluster.clone(),
            found,
        };
        let service = answer.services().first().ok_or_else(|| none("none".to_owned()))?;
        let status = service.status().unwrap_or_default();
        if status == "INACTIVE" {
            return Err(none(format!("one that is {status}")));
        }
        let primary = service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
        let revision = primary.and_then(types::Deployment::task_definition).or(service.task_definition());
        let desired = u32::try_from(service.desired_count()).unwrap_or_default();
        Ok(Service { desired, revision: revision.map(str::to_owned) })
    }

    /// The tasks of the service, and those of these ARNs, as far as ECS knows them.
    ///
    /// # Errors
    ///
    /// ECS does not answer.
    pub async fn tasks(&self, known: impl Iterator<Item = String>) -> Result<Vec<Task>, EcsError> {
        let mut arns: BTreeSet<String> = known.collect();
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let list = self.client.list_tasks().cluster(&self.cluster).service_name(&self.service);
            let mut pages = list.desired_status(status).into_paginator().items().send();
            while let Some(arn) = pages.next().await {
                arns.insert(arn.map_err(|error| failed("ListTasks", &error))?);
            }
        }
        let mut tasks = Vec::new();
        for some in arns.into_iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            let describe = self.client.describe_tasks().cluster(&self.cluster).set_tasks(Some(some.to_vec()));
            let answer = describe.send().await.map_err(|error| failed("DescribeTasks", &error))?;
            tasks.extend(answer.tasks().iter().filter_map(|task| self.task(task)));
        }
        Ok(tasks)
    }

    /// Notes which of them are protected, as far as ECS says. It is no more than a hint: errors leave it open.
    pub async fn look_at_protection(&self, tasks: &mut [Task]) {
        let arns: Vec<String> = tasks.iter().map(|task| task.arn.clone()).collect();
        for some in arns.chunks(AT_ONCE) {
            let ask = self.client.get_task_protection().cluster(&self.cluster).set_tasks(Some(some.to_vec()));
            match ask.send().await {
                Err(error) => tracing::warn!(error = %DisplayErrorContext(&error), "ECS, GetTaskProtection"),
                Ok(answer) => {
                    for known in answer.protected_tasks() {
                        let task = tasks.iter_mut().find(|task| known.task_arn() == Some(&task.arn));
                        task.into_iter().for_each(|task| task.protected = Some(known.protection_enabled()));
                    }
                }
            }
        }
    }

    /// Sets how many tasks the service wants.
    ///
    /// # Errors
    ///
    /// ECS does not answer, or refuses.
    pub async fn want(&self, tasks: u32) -> Result<(), EcsError> {
        let count = i32::try_from(tasks).unwrap_or(i32::MAX);
        let update = self.client.update_service().cluster(&self.cluster).service(&self.service);
        let answer = update.desired_count(count).send().await;
        answer.map(drop).map_err(|error| failed("UpdateService", &error))
    }

    fn task(&self, task: &types::Task) -> Option<Task> {
        let arn = task.task_arn()?.to_owned();
        let healthy = self.container.as_ref().is_none_or(|name| {
            let container =
                task.containers().iter().find(|container| container.name() == Some(name.as_str()));
            container.and_then(types::Container::health_status) == Some(&HealthStatus::Healthy)
        });
        let address = address(task);
        let stage = Stage::of(task.last_status().unwrap_or_default());
        if address.is_none() && stage == Stage::Running {
            tracing::warn!(
                task = arn,
                "no address of its own: awsvpc networking is expected; it gets no calls"
            );
        }
        Some(Task {
            version: task.version(),
            revision: task.task_definition_arn().unwrap_or_default().to_owned(),
            stage,
            wanted: task.desired_status().is_none_or(|status| status != "STOPPED"),
            healthy,
            address,
            started_at: task.started_at().map(aws_smithy_types::DateTime::secs),
            protected: None,
            sessions: None,
            arn,
        })
    }
}

/// Of the task's own network interface.
fn address(task: &types::Task) -> Option<IpAddr> {
    let interfaces = task.attachments().iter();
    let interfaces = interfaces
        .filter(|attachment| matches!(attachment.r#type(), Some("eni" | "ElasticNetworkInterface")));
    let details = interfaces.flat_map(types::Attachment::details);
    let attached = details.filter(|detail| detail.name() == Some("privateIPv4Address"));
    let of_containers = task.containers().iter().flat_map(types::Container::network_interfaces);
    let of_containers = of_containers.filter_map(types::NetworkInterface::private_ipv4_address);
    attached.filter_map(types::KeyValuePair::value).chain(of_containers).find_map(|text| text.parse().ok())
}
