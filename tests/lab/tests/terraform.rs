//! terraform/modules/switch: what a task writes for itself before FreeSWITCH starts, and that FreeSWITCH takes it. No AWS and no
//! FreeSWITCH are needed: scripts stand in for both.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::real_switch::start_script;

/// What the task metadata endpoint says, shortened.
const METADATA: &str = r#"{"Cluster":"exchange","TaskARN":"arn:aws:ecs:eu-central-1:123456789012:task/exchange/1","Family":"exchange-switch",
"Containers":[{"Name":"prepare","Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.16.21"],"IPv4SubnetCIDRBlock":"10.0.16.0/20"}]}],
"AvailabilityZone":"eu-central-1b","LaunchType":"FARGATE"}"#;

/// A directory that stands for a task's volumes, with a `wget` and a `freeswitch`.
struct Task(PathBuf);

impl Task {
    fn new(test: &str, metadata: &str) -> Self {
        let path = std::env::temp_dir().join(format!("switchyard-task-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for directory in ["run", "state", "cache", "temp", "bin"] {
            fs::create_dir_all(path.join(directory)).unwrap();
        }
        fs::write(path.join("metadata.json"), metadata).unwrap();
        let answer = format!("#!/bin/sh\ncat '{}'\n", path.join("metadata.json").display());
        for (name, script) in [("wget", answer.as_str()), ("freeswitch", "#!/bin/sh\nenv\n")] {
            fs::write(path.join("bin").join(name), script).unwrap();
            fs::set_permissions(path.join("bin").join(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self(path)
    }

    /// The environment of one of the module's containers, with this directory for its volumes.
    fn environment(&self, container: &str) -> BTreeMap<String, String> {
        let text = fs::read_to_string(module().join(format!("tests/{container}.json"))).unwrap();
        let mut variables: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        let volumes = [("RUN", "run"), ("STATE", "state"), ("CACHE", "cache"), ("TEMP", "temp")];
        for (name, directory) in volumes.iter().filter(|_| container == "prepare") {
            variables.insert((*name).to_owned(), self.0.join(directory).display().to_string());
        }
        variables
    }

    fn shell(&self, script: &str, variables: &BTreeMap<String, String>) -> Output {
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap());
        Command::new("sh")
            .args(["-c", script])
            .env_clear()
            .env("PATH", path)
            .envs(variables)
            .output()
            .unwrap()
    }

    fn prepare(&self, further: &[(&str, &str)]) -> Output {
        let mut variables = self.environment("prepare");
        // Only root may give files away.
        let own = fs::metadata(&self.0).unwrap();
        variables.insert("OWNER".to_owned(), format!("{}:{}", own.uid(), own.gid()));
        variables.insert("ECS_CONTAINER_METADATA_URI_V4".to_owned(), "http://169.254.170.2/v4/1".to_owned());
        variables.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.shell(&fs::read_to_string(module().join("prepare.sh")).unwrap(), &variables)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join("run").join(file)).unwrap()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/modules/switch")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn a_task_learns_which_addresses_carriers_see_of_its_zone() {
    let task = Task::new("addresses", METADATA);
    let output = task.prepare(&[]);
    assert!(output.status.success(), "{}", said(&output));
    // Of the zone that METADATA names, by terraform/modules/switch/tests/prepare.json.
    let expected = "export FREESWITCH_IP=10.0.16.21\nexport FREESWITCH_NAT_GATEWAY_IP=203.0.113.2\n\
                    export FREESWITCH_NAT_INSTANCE_IP=203.0.113.4\n";
    assert_eq!(task.read("freeswitch.env"), expected);
    let controller = "[api]\nhost = \"10.0.16.21:8081\"\n[fleet]\nid = \"1\"\n[recordings]\nurl = \"http://10.0.16.21:8081/recordings\"\n";
    assert_eq!(task.read("controller.toml"), controller);
}

#[test]
fn without_nat_instances_all_calls_leave_by_the_nat_gateway() {
    let task = Task::new("gateway", METADATA);
    let output = task.prepare(&[("NAT_INSTANCES", "")]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(task.read("freeswitch.env").contains("FREESWITCH_NAT_INSTANCE_IP=203.0.113.2\n"));
}

#[test]
fn freeswitch_takes_what_the_task_and_the_module_say() {
    let task = Task::new("freeswitch", METADATA);
    assert!(task.prepare(&[]).status.success());
    let mut variables = task.environment("freeswitch");
    variables
        .insert("FREESWITCH_DIRECTORY".to_owned(), task.0.join("state/freeswitch").display().to_string());
    let script = format!(". {}/run/freeswitch.env && exec {}", task.0.display(), start_script().display());
    let output = task.shell(&script, &variables);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    variables.insert("FREESWITCH_NAT_GATEWAY_IP".to_owned(), "203.0.113.2".to_owned());
    for (name, value) in &variables {
        assert!(said.lines().any(|line| line == format!("{name}={value}")), "{name}: {said}");
    }
}

#[test]
fn every_variable_of_freeswitch_is_one_that_its_configuration_reads() {
    let known = fs::read_to_string(start_script().with_file_name("conf/vars.xml")).unwrap()
        + &fs::read_to_string(start_script()).unwrap();
    for name in Task::new("known", METADATA).environment("freeswitch").keys() {
        assert!(known.contains(name.as_str()), "{name}");
    }
}

#[test]
fn the_routes_file_is_written_as_it_is_for_its_owner_alone() {
    let task = Task::new("routes", METADATA);
    let routes = "[account]\nauth_token = \"$HOME `id` \\\\ %s\"\n";
    let output = task.prepare(&[("ROUTES", routes)]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(task.read("routes.toml").trim_end(), routes.trim_end());
    let mode = fs::metadata(task.0.join("run/routes.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
    assert!(!said(&output).contains("auth_token"));
}

#[test]
fn a_task_that_does_not_know_where_it_is_does_not_start() {
    let errors = [
        ("{}", "AvailabilityZone"),
        (r#"{"AvailabilityZone":"eu-central-1b"}"#, "IPv4 address"),
        (&METADATA.replace("TaskARN", "Task"), "TaskARN"),
        (&METADATA.replace("eu-central-1b", "us-east-1a"), "NAT gateway of us-east-1a"),
    ];
    for (metadata, expected) in errors {
        let task = Task::new("nowhere", metadata);
        let output = task.prepare(&[]);
        assert!(!output.status.success() && said(&output).contains(expected), "{}", said(&output));
    }
}

#[test]
fn every_rule_that_lets_something_in_is_looked_at_for_the_event_sockets_port() {
    let tests = fs::read_to_string(module().join("tests/switch.tftest.hcl")).unwrap();
    let test = tests.split("\nrun ").find(|run| run.contains("nobody_reaches_the_event_socket")).unwrap();
    let mut rules = 0;
    for entry in fs::read_dir(module()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "tf") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("ingress {"), "{}: a rule inside a group", path.display());
        for rest in text.split("resource \"aws_vpc_security_group_ingress_rule\" \"").skip(1) {
            let name = rest.split('"').next().unwrap();
            let looked_at = format!("aws_vpc_security_group_ingress_rule.{name}");
            let whole = |found: &str| !found.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            assert!(test.split(&looked_at).skip(1).any(whole), "{looked_at}");
            rules += 1;
        }
    }
    assert!(rules >= 6, "{rules}");
}
