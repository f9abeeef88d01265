//! The settings that compose file and manifests make are right: the programs themselves say so.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::repository::{read, root};
use lab::child::binary;

/// Variables of `.env`, as somebody would have filled example.env.
const FILLED: [(&str, &str); 5] = [
    ("HOST_IP", "192.0.2.10"),
    ("CARRIERS", "[\"198.51.100.0/24\"]"),
    ("PROXY_SECRET", "0123456789abcdef0123456789abcdef"),
    ("API_PASSWORD", "a password"),
    ("GRAFANA_PASSWORD", "a password"),
];

/// The variables of one service of the compose file: those under `environment:`.
fn environment(compose: &str, service: &str) -> Result<BTreeMap<String, String>> {
    let (_, service) = compose
        .split_once(&format!(
            "
  {service}:
"
        ))
        .with_context(|| format!("no service {service}"))?;
    let lines = service.lines().take_while(|line| line.starts_with("    "));
    let lines = lines.skip_while(|line| *line != "    environment:").skip(1);
    let mut variables = BTreeMap::new();
    let mut last = String::new();
    for line in lines.take_while(|line| line.starts_with("      ")) {
        if let Some(more) = line.strip_prefix("        ") {
            // The next line of one that began with `>-`.
            let value: &mut String = variables.get_mut(&last).context("a variable")?;
            *value = format!("{value} {}", more.trim()).trim().to_owned();
        } else if let Some((name, value)) = line.trim().split_once(':').filter(|_| !line.contains("# ")) {
            last = name.to_owned();
            let value = value.trim().trim_start_matches(">-").trim_matches(['\'', '"']);
            variables.insert(last.clone(), value.to_owned());
        }
    }
    variables.values_mut().for_each(|value| *value = filled(value));
    Ok(variables)
}

/// `${A}`, `${A:-default}`, `${A:?what is missing}`, as compose reads them.
fn filled(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    // A default may be one of these itself.
    let mut open = 1;
    let end = rest.char_indices().find(|(at, c)| {
        open += usize::from(rest.split_at(*at).1.starts_with("${"));
        open -= usize::from(*c == '}');
        open == 0
    });
    let (inner, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
    let (name, default) = inner.split_once(':').unwrap_or((inner, ""));
    let given = FILLED.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let value = given.unwrap_or_else(|| filled(default.trim_start_matches(['-', '?'])));
    format!("{before}{value}{}", filled(after.trim_start_matches('}')))
}

/// Runs a program's `--check` on a file and these variables.
fn check(program: &str, variable: &str, file: PathBuf, variables: &BTreeMap<String, String>) -> Result<()> {
    let mut command = Command::new(binary(program, variable)?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWITCHYARD_"))
    {
        command.env_remove(name);
    }
    let output = command.arg("--config").arg(&file).arg("--check").envs(variables).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} --config {}: {said}", file.display());
    Ok(())
}

fn check_proxy(file: &str, variables: &BTreeMap<String, String>) -> Result<()> {
    check("proxy", "SWITCHYARD_PROXY", root().join(file), variables)
}

/// The controller's, with a password file and routes that lie elsewhere in the container.
fn check_controller(directory: &str, routes: &str, variables: &BTreeMap<String, String>) -> Result<()> {
    let kept = tempfile::tempdir()?;
    let password = kept.path().join("esl-password");
    fs::write(&password, "0123456789abcdef\n")?;
    let mut variables = variables.clone();
    for (name, path) in [
        ("SWITCHYARD_FREESWITCH__PASSWORD_FILE", password),
        ("SWITCHYARD_ROUTES__FILE", root().join(directory).join(routes)),
    ] {
        variables.insert(name.to_owned(), path.display().to_string());
    }
    let file = root().join(directory).join("switch-controller.toml");
    check("switch-controller", "SWITCHYARD_SWITCH_CONTROLLER", file, &variables)
}

#[test]
fn the_compose_file_makes_settings_that_the_programs_take() -> Result<()> {
    let compose = read("infrastructure/compose/compose.yaml")?;
    let proxy = environment(&compose, "proxy")?;
    let listeners = proxy.get("SWITCHYARD_LISTENER").context("listeners")?;
    ensure!(listeners.contains("advertise = \"192.0.2.10:5060\""), "{listeners}");
    check_proxy("infrastructure/compose/proxy.toml", &proxy)?;
    let controller = environment(&compose, "switch-controller")?;
    ensure!(controller.len() > 3, "{controller:?}");
    check_controller("infrastructure/compose", "routes.example.toml", &controller)
}

#[test]
fn the_manifests_make_settings_that_the_programs_take() -> Result<()> {
    // From the Secret, and from the pod.
    let secrets = "[\"k1:0123456789abcdef0123456789abcdef\"]";
    check_proxy(
        "infrastructure/kubernetes/proxy.toml",
        &BTreeMap::from([("SWITCHYARD_SECRETS".to_owned(), secrets.to_owned())]),
    )?;
    let given = [
        ("SWITCHYARD_API__PASSWORD", "a password"),
        ("SWITCHYARD_API__HOST", "10.1.2.3:8081"),
        ("SWITCHYARD_RECORDINGS__URL", "http://10.1.2.3:8081/recordings"),
    ];
    let switch = read("infrastructure/kubernetes/switch.yaml")?;
    for (name, _) in given {
        ensure!(switch.contains(&format!("name: {name}")), "switch.yaml does not set {name}");
    }
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    check_controller("infrastructure/kubernetes", "routes.toml", &BTreeMap::from(given))
}

#[test]
fn every_deployment_takes_the_same_header_fields_from_callers_and_says_who_calls() -> Result<()> {
    let of_file = |path: &str| -> Result<toml::Table> {
        let settings: toml::Table = read(path)?.parse()?;
        settings
            .get("headers")
            .and_then(|headers| headers.as_table().cloned())
            .with_context(|| path.to_owned())
    };
    let aws = read("terraform/modules/proxy/tests/environment.json")?;
    let aws: BTreeMap<String, String> = serde_json::from_str(&aws)?;
    let variable = |name: &str| aws.get(name).with_context(|| format!("Terraform sets no {name}"));
    let (strip, add) = (variable("SWITCHYARD_HEADERS__STRIP")?, variable("SWITCHYARD_HEADERS__ADD")?);
    let aws: toml::Table = format!("strip = {strip}\nadd = {add}").parse()?;
    // Controllers believe what stands there.
    ensure!(strip.contains("X-Somleng-*") && add.contains("X-Src-Ip"), "{aws:?}");
    for path in ["infrastructure/compose/proxy.toml", "infrastructure/kubernetes/proxy.toml"] {
        let headers = of_file(path)?;
        ensure!(headers == aws, "{path}: {headers:?}; Terraform: {aws:?}");
    }
    Ok(())
}

#[test]
fn manifests_of_several_controllers_say_what_these_share() -> Result<()> {
    let switch = read("infrastructure/kubernetes/switch.yaml")?;
    let least = switch.lines().find_map(|line| line.trim().strip_prefix("minReplicas: "));
    ensure!(least.context("minReplicas")?.parse::<u32>()? > 1);
    let controller: toml::Table = read("infrastructure/kubernetes/switch-controller.toml")?.parse()?;
    let url = controller.get("shared").and_then(|shared| shared.get("url"));
    ensure!(url.is_some(), "a call that is asked of two pods would be made twice");
    Ok(())
}

#[test]
fn settings_without_what_they_need_are_refused() -> Result<()> {
    // Or else the tests above would prove nothing.
    let compose = read("infrastructure/compose/compose.yaml")?;
    let mut proxy = environment(&compose, "proxy")?;
    proxy.remove("SWITCHYARD_ACCESS__SOURCES");
    ensure!(check_proxy("infrastructure/compose/proxy.toml", &proxy).is_err());
    let none = BTreeMap::new();
    ensure!(check_controller("infrastructure/kubernetes", "routes.toml", &none).is_err());
    Ok(())
}

#[test]
fn freeswitch_takes_the_compose_files_settings() -> Result<()> {
    let place = tempfile::tempdir()?;
    let variables = environment(&read("infrastructure/compose/compose.yaml")?, "freeswitch")?;
    ensure!(variables.len() > 6, "{variables:?}");
    let given: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (code, said) =
        lab::real_switch::try_start_script("/bin/true".as_ref(), &place.path().join("state"), &given)?;
    ensure!(code == 0, "{said}");
    Ok(())
}

#[test]
fn variables_are_filled_in_as_compose_does() {
    assert_eq!(filled("${HOST_IP:?the address}:5060"), "192.0.2.10:5060");
    assert_eq!(filled("a ${PUBLIC_IP:-${HOST_IP}}:1 ${NONE:-b}"), "a 192.0.2.10:1 b");
}
