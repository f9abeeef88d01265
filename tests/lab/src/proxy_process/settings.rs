//! What a test wants its proxy to be told, and the TOML and JSON that tell it.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

/// The settings of a proxy that is started for a test.
///
/// The default is one listener on a free port of 127.0.0.1, calls accepted from all of 127.0.0.0/24, targets expected in
/// 127.0.1.0/24 but none listed yet.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// The SIP listeners; the first is the one that `ProxyProcess::sip_address` names.
    pub listeners: Vec<Listener>,
    /// Where calls may go.
    pub targets: TargetList,
    /// How often the proxy looks at its target list, and at that of sources.
    pub poll: Duration,
    /// Networks in which targets live, now or formerly, as CIDRs.
    pub networks: Vec<String>,
    /// Who may start calls.
    pub access: Access,
    /// Header names, with `*` at the end for many, that are removed from what comes from outside.
    pub strip: Vec<String>,
    /// Headers that are added toward targets: name and value, such as `{source_ip}`.
    pub add: Vec<(String, String)>,
    /// How long calls may go on after SIGTERM.
    pub drain: Duration,
    /// Threads that carry SIP; 0 for one per core.
    pub workers: usize,
    /// The lines of `[health]`. By default targets are not probed: what the tests' targets get, they count.
    pub health: String,
    /// Where `/readyz` and `/metrics` are served; port 0 for a free one.
    pub admin: SocketAddr,
    /// Further lines of `[admin]`.
    pub admin_lines: String,
    /// The tracing filter of the proxy's log.
    pub log: String,
    /// Further keys above all sections, as they stand in the file.
    pub keys: String,
    /// Further sections, as they stand in the file.
    pub further: String,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
}

/// One address at which the proxy receives SIP.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name in the settings.
    pub name: String,
    /// Where it receives; port 0 for a free one.
    pub bind: SocketAddr,
    /// What callers see, if that is not `bind`: `host:port`.
    pub advertise: Option<String>,
    /// What targets see, if that is not `bind`: `host:port`.
    pub internal: Option<String>,
    /// Which of a target's ports its calls go to.
    pub port_name: String,
    /// Lines that nothing above has, as TOML.
    pub further: String,
}

/// How the proxy learns its targets.
#[derive(Clone, Debug)]
pub enum TargetList {
    /// In its settings.
    Inline(Vec<Target>),
    /// In a file beside them, which `ProxyProcess::set_targets` replaces.
    File(Vec<Target>),
    /// In a file that is not there.
    Missing,
    /// Somewhere else: lines of `[targets]`, as TOML.
    Elsewhere(String),
}

/// Something that answers calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name, unique in the list.
    pub id: String,
    /// Its address.
    pub address: IpAddr,
    /// Its ports by name: `sip`, `alternative`.
    pub ports: Vec<(String, u16)>,
    /// `active` or `draining`.
    pub state: String,
}

/// Who may start calls, and what the others are told.
#[derive(Clone, Debug)]
pub struct Access {
    /// CIDRs, or the URL of a list of them alone.
    pub sources: Vec<String>,
    /// `403` or `drop`.
    pub refused: String,
    /// Further lines of `[access]`.
    pub further: String,
}

impl Default for ProxySettings {
    fn default() -> Self {
        let add = [
            ("X-Src-Ip", "{source_ip}"),
            ("X-Somleng-Caller-Identity", "{from_user}"),
            ("X-Somleng-Callee-Identity", "{to_user}"),
        ];
        Self {
            listeners: vec![Listener::new("main", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))],
            targets: TargetList::File(Vec::new()),
            poll: Duration::from_millis(100),
            networks: vec!["127.0.1.0/24".to_owned()],
            access: Access {
                sources: vec!["127.0.0.0/24".to_owned()],
                refused: "403".to_owned(),
                further: String::new(),
            },
            strip: vec!["X-Somleng-*".to_owned(), "X-Src-Ip".to_owned()],
            add: add.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            drain: Duration::from_secs(1),
            workers: 1,
            health: "enabled = false".to_owned(),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_lines: String::new(),
            log: "info".to_owned(),
            keys: String::new(),
            further: String::new(),
            environment: Vec::new(),
        }
    }
}

impl Listener {
    /// A listener which is known by the address that it binds, for calls to the targets' port `sip`.
    pub fn new(name: &str, bind: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            bind,
            advertise: None,
            internal: None,
            port_name: "sip".to_owned(),
            further: String::new(),
        }
    }

    /// The same for calls to another of the targets' ports.
    #[must_use]
    pub fn to_port(mut self, port_name: &str) -> Self {
        self.port_name = port_name.to_owned();
        self
    }

    /// The same with one more line of TOML.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.further.push_str(line);
        self.further.push('\n');
        self
    }
}

impl Target {
    /// An active target with the port `sip`.
    pub fn new(id: &str, sip: SocketAddr) -> Self {
        let ports = vec![("sip".to_owned(), sip.port())];
        Self { id: id.to_owned(), address: sip.ip(), ports, state: "active".to_owned() }
    }

    /// The same with one more port.
    #[must_use]
    pub fn with_port(mut self, name: &str, port: u16) -> Self {
        self.ports.push((name.to_owned(), port));
        self
    }

    /// The same, taking no new calls.
    #[must_use]
    pub fn draining(mut self) -> Self {
        self.state = "draining".to_owned();
        self
    }
}

impl ProxySettings {
    /// The settings file. `targets` is the path of the list for `TargetList::File`.
    pub(super) fn to_toml(&self, targets: &Path) -> String {
        let mut toml = format!(
            "workers = {}\ndrain = \"{}ms\"\nsecrets = [\"k1:000102030405060708090a0b0c0d0e0f\"]\n{}\n",
            self.workers,
            self.drain.as_millis(),
            self.keys
        );
        self.listeners.iter().for_each(|listener| listener.write_toml(&mut toml));
        let list = match &self.targets {
            TargetList::File(_) | TargetList::Missing => {
                format!("url = {}", quoted(&format!("file://{}", targets.display())))
            }
            TargetList::Elsewhere(lines) => lines.clone(),
            TargetList::Inline(list) => {
                format!("list = {}", array(list.iter().map(|target| target.to_table(" = "))))
            }
        };
        // Writing to a String cannot fail.
        let _ = write!(
            toml,
            "[targets]\n{list}\npoll = \"{}ms\"\nnetworks = {}\n\
             [access]\nsources = {}\nrefused = {}\npoll = \"{}ms\"\n{}\n\
             [headers]\nstrip = {}\nadd = {{ {} }}\n\
             [health]\n{}\n\
             [admin]\nbind = {}\n{}\n\
             [log]\nlevel = {}\nformat = \"text\"\n{}\n",
            self.poll.as_millis(),
            strings(&self.networks),
            match self.access.sources.as_slice() {
                [url] if url.contains("://") => quoted(url),
                list => strings(list),
            },
            quoted(&self.access.refused),
            self.poll.as_millis(),
            self.access.further,
            strings(&self.strip),
            self.add
                .iter()
                .map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)))
                .collect::<Vec<_>>()
                .join(", "),
            self.health,
            quoted(&self.admin.to_string()),
            self.admin_lines,
            quoted(&self.log),
            self.further,
        );
        toml
    }
}

impl Listener {
    fn write_toml(&self, toml: &mut String) {
        let mut line = |key: &str, value: &str| {
            toml.push_str(key);
            toml.push_str(" = ");
            toml.push_str(&quoted(value));
            toml.push('\n');
        };
        line("[[listener]]\nname", &self.name);
        line("bind", &self.bind.to_string());
        line("port_name", &self.port_name);
        if let Some(advertise) = &self.advertise {
            line("advertise", advertise);
        }
        if let Some(internal) = &self.internal {
            line("internal", internal);
        }
        toml.push_str(&self.further);
    }
}

impl Target {
    /// TOML's and JSON's tables differ in what stands between key and value only, if the keys are quoted.
    fn to_table(&self, is: &str) -> String {
        let ports = self.ports.iter().map(|(name, port)| format!("{}{is}{port}", quoted(name)));
        format!(
            "{{\"id\"{is}{}, \"address\"{is}{}, \"ports\"{is}{{{}}}, \"state\"{is}{}}}",
            quoted(&self.id),
            quoted(&self.address.to_string()),
            ports.collect::<Vec<_>>().join(", "),
            quoted(&self.state),
        )
    }
}

/// The target list as a file.
pub(super) fn targets_to_json(targets: &[Target]) -> String {
    format!("{{\"targets\": {}}}\n", array(targets.iter().map(|target| target.to_table(": "))))
}

fn strings(values: &[String]) -> String {
    array(values.iter().map(|value| quoted(value)))
}

fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

/// A string for TOML and for JSON. Tests have no control characters in their settings.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_json_in_a_file_and_toml_in_settings() {
        let target =
            Target::new("a", SocketAddr::from(([127, 0, 1, 1], 5060))).with_port("alternative", 5080);
        assert_eq!(
            targets_to_json(std::slice::from_ref(&target)),
            "{\"targets\": [{\"id\": \"a\", \"address\": \"127.0.1.1\", \"ports\": {\"sip\": 5060, \
             \"alternative\": 5080}, \"state\": \"active\"}]}\n"
        );
        let settings =
            ProxySettings { targets: TargetList::Inline(vec![target]), ..ProxySettings::default() };
        let toml = settings.to_toml(Path::new("/nowhere"));
        assert!(
            toml.contains(
                "list = [{\"id\" = \"a\", \"address\" = \"127.0.1.1\", \"ports\" = {\"sip\" = 5060"
            )
        );
    }
}
