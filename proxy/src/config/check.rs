//! Settings that make sense: from [`Settings`] to [`Config`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fleet::Snapshot;

use super::capture::CaptureConfig;
use super::dns::DnsConfig;
use super::load::choice;
use super::tls::{TlsConfig, TlsListener};
use settings::{Secret, wrong};

use super::{
    AdminSettings, ConfigError, DispatchSettings, FetchSettings, HealthConfig, ListUrl, ListenerSettings,
    LogSettings, Refused, Settings, Sources, TargetSettings, TcpSettings, UdpSettings,
};
use crate::dns::FleetSource;
use crate::guard::Limits;
use crate::keys::Keys;
use crate::load::Rules;
use crate::networks::Networks;
use crate::pins::Dispatch;
use crate::route::headers::HeaderRules;
use crate::route::ours::Authority;
use crate::table::Choice;

/// Settings that are known to be right.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads that carry datagrams, for each listener.
    pub workers: usize,
    /// How long the proxy stays after SIGTERM.
    pub drain: Duration,
    /// Where a new proxy takes the sockets over from the one that runs.
    pub handover: Option<PathBuf>,
    /// Made from the secrets.
    pub keys: Keys,
    /// Whether there were secrets; without, this proxy agrees with no other.
    pub has_secrets: bool,
    /// How long a dialog token is good, in hours.
    pub token_hours: u32,
    /// At least one.
    pub listeners: Vec<ListenerConfig>,
    /// Where the target list is.
    pub targets: Source,
    /// What stands in for it while it has not been had once, in this order.
    pub stand_ins: Vec<Source>,
    /// How often it is looked at.
    pub poll: Duration,
    /// Where targets live.
    pub networks: Networks,
    /// How many targets an INVITE may go to, and when to the next.
    pub dispatch: Dispatch,
    /// Which target a new call goes to.
    pub choice: Choice,
    /// How targets are asked how full they are.
    pub load: Rules,
    /// Who may start calls.
    pub access: Sources,
    /// How often their file is looked at.
    pub access_poll: Duration,
    /// How lists at URLs are fetched.
    pub fetch: FetchSettings,
    /// What the others get.
    pub refused: Refused,
    /// How many new calls are let in.
    pub limits: Limits,
    /// What is taken out of and put into messages.
    pub headers: HeaderRules,
    /// Sockets.
    pub udp: UdpSettings,
    /// Connections.
    pub tcp: TcpSettings,
    /// Probes of targets.
    pub health: HealthConfig,
    /// TLS, beside what listeners say of theirs.
    pub tls: TlsConfig,
    /// The admin port.
    pub admin: AdminSettings,
    /// How names are looked up.
    pub dns: DnsConfig,
    /// Whom messages are mirrored for.
    pub capture: Option<CaptureConfig>,
    /// All settings as they are in force, for people to look at: without secrets.
    pub shown: serde_json::Value,
    /// The log.
    pub log: LogSettings,
}

/// An address that carriers and targets send to.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Its name in logs and metrics.
    pub name: String,
    /// Where it listens, UDP and TCP.
    pub bind: SocketAddr,
    /// What callers see of it.
    pub advertise: Authority,
    /// What targets see of it.
    pub internal: Authority,
    /// Which of a target's ports its calls go to.
    pub port_name: String,
    /// Load balancers whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Networks,
    /// TLS, on a port of its own.
    pub tls: Option<TlsListener>,
}

/// Where the target list comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// From the settings themselves.
    Inline(Snapshot),
    /// From a file that is watched.
    File(PathBuf),
    /// From a URL that is asked for.
    Url(ListUrl),
    /// From DNS.
    Dns(FleetSource),
}

impl Config {
    pub(super) fn check(settings: Settings) -> Result<Config, ConfigError> {
        let shown = serde_json::to_value(&settings)
            .map_err(|error| ConfigError::Value { key: "settings".to_owned(), what: error.to_string() })?;
        let has_secrets = !settings.secrets.is_empty();
        let value = |key: &str| {
            let key = key.to_owned();
            move |what: String| ConfigError::Value { key: key.clone(), what }
        };
        let keys = if has_secrets { Keys::from_secrets(&settings.secrets) } else { Keys::for_this_process() };
        let Some(sources) = &settings.access.sources else {
            return wrong(
                "access.sources",
                "expected the networks that may start calls, such as [\"203.0.113.0/24\"]",
            );
        };
        let listeners = listeners(&settings.listener)?;
        let load = settings.load.check()?;
        Ok(Config {
            workers: match settings.workers {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                1..=256 => settings.workers,
                many => return wrong("workers", format!("expected 0 (one per core) to 256, found {many}")),
            },
            drain: settings.drain,
            handover: settings.handover,
            keys: keys.map_err(value("secrets"))?,
            has_secrets,
            token_hours: token_hours(settings.tokens.lifetime)?,
            capture: settings.capture.check(&listeners)?,
            dns: settings.dns.check()?,
            targets: source(&settings.targets, &listeners)?,
            stand_ins: stand_ins(&settings.targets, &listeners)?,
            listeners,
            poll: settings.targets.poll.max(Duration::from_millis(50)),
            networks: Networks::parse(&settings.targets.networks).map_err(value("targets.networks"))?,
            dispatch: dispatch(&settings.dispatch)?,
            choice: choice(&settings.dispatch, &load)?,
            load,
            access: sources.check(settings.access.cache.as_ref()).map_err(value("access.sources"))?,
            access_poll: settings.access.poll.max(Duration::from_millis(50)),
            fetch: settings.fetch.check()?,
            limits: settings.limits.check().or_else(|(key, what)| wrong(key, what))?,
            refused: settings.access.refused,
            headers: HeaderRules::new(&settings.headers.strip, &settings.headers.add)
                .map_err(value("headers"))?,
            udp: settings.udp.check()?,
            tcp: settings.tcp.check()?,
            health: settings.health.check()?,
            admin: admin(settings.admin)?,
            shown,
            tls: TlsConfig::check(settings.tls)?,
            log: settings.log,
        })
    }
}

fn admin(settings: AdminSettings) -> Result<AdminSettings, ConfigError> {
    match settings.token.as_ref().map_or(Ok(()), Secret::check_token) {
        Ok(()) => Ok(settings),
        Err(what) => wrong("admin.token", what),
    }
}

/// Tokens know hours alone: begun ones count as whole.
fn token_hours(lifetime: Duration) -> Result<u32, ConfigError> {
    let hours = lifetime.as_secs().div_ceil(3600);
    match u32::try_from(hours) {
        Ok(hours @ 1..=8760) => Ok(hours),
        _ => wrong(
            "tokens.lifetime",
            format!("expected up to 8760 hours (a year) and more than none, found {hours}"),
        ),
    }
}

fn listeners(settings: &[ListenerSettings]) -> Result<Vec<ListenerConfig>, ConfigError> {
    if settings.is_empty() {
        return wrong("listener", "expected at least one [[listener]] with a name and an address to bind");
    }
    for (place, listener) in settings.iter().enumerate() {
        let others = settings.iter().take(place);
        if listener.name.is_empty() || others.clone().any(|other| other.name == listener.name) {
            return wrong("listener", format!("expected names that differ, found {:?} again", listener.name));
        }
        if others.clone().any(|other| other.bind == listener.bind) {
            return wrong("listener", format!("two listeners bind {}", listener.bind));
        }
        if let Some(bind) = listener.tls.as_ref().map(|tls| tls.bind) {
            let taken = settings.iter().any(|other| other.bind == bind)
                || others.clone().any(|other| other.tls.as_ref().is_some_and(|tls| tls.bind == bind));
            if taken {
                return wrong("listener", format!("two listeners bind {bind} (TCP)"));
            }
        }
    }
    settings.iter().map(listener).collect()
}

fn listener(settings: &ListenerSettings) -> Result<ListenerConfig, ConfigError> {
    let authority = |key: &str, text: &Option<String>| match text {
        Some(text) => {
            let what =
                |what| ConfigError::Value { key: format!("listener {:?}, {key}", settings.name), what };
            Authority::parse(text).map_err(what)
        }
        None if settings.bind.ip().is_unspecified() => wrong(
            &format!("listener {:?}, {key}", settings.name),
            format!("expected the address that others see, since {} binds all of them", settings.bind),
        ),
        None => Ok(Authority::from(settings.bind)),
    };
    let (advertise, internal) =
        (authority("advertise", &settings.advertise)?, authority("internal", &settings.internal)?);
    let tls = settings.tls.as_ref();
    let tls = tls.map(|tls| TlsListener::check(tls, &settings.name, &advertise, &internal));
    Ok(ListenerConfig {
        name: settings.name.clone(),
        bind: settings.bind,
        proxy_protocol: Networks::parse(&settings.proxy_protocol)
            .or_else(|what| wrong(&format!("listener {:?}, proxy_protocol", settings.name), what))?,
        tls: tls.transpose()?,
        advertise,
        internal,
        port_name: settings.port_name.clone(),
    })
}

fn dispatch(settings: &DispatchSettings) -> Result<Dispatch, ConfigError> {
    let DispatchSettings { attempts, no_reply, no_answer, max_pins, .. } = *settings;
    let least = Duration::from_millis(100);
    let most = Duration::from_secs(30);
    if !(1..=8).contains(&attempts) {
        return wrong("dispatch.attempts", format!("expected 1 (no failover) to 8, found {attempts}"));
    }
    if !(least..=most).contains(&no_reply) {
        return wrong("dispatch.no_reply", format!("expected \"100ms\" to \"30s\", found {no_reply:?}"));
    }
    if ![408, 500].contains(&no_answer) {
        return wrong("dispatch.no_answer", format!("expected 500 or 408, found {no_answer}"));
    }
    if !(1..=100_000_000).contains(&max_pins) {
        return wrong("dispatch.max_pins", format!("expected 1 to 100000000, found {max_pins}"));
    }
    Ok(Dispatch { attempts, no_reply, no_answer, max_pins })
}

fn source(settings: &TargetSettings, listeners: &[ListenerConfig]) -> Result<Source, ConfigError> {
    match (&settings.url, &settings.list) {
        (None, Some(list)) => inline(list),
        (Some(url), None) => at(url, "targets.url", settings, listeners),
        (Some(url), Some(_)) => match at(url, "targets.url", settings, listeners)? {
            Source::Url(url) => Ok(Source::Url(url)),
            _ => wrong("targets", "expected either url or list: list stands in for a server's list alone"),
        },
        (None, None) => wrong(
            "targets",
            "expected either url (a file with the target list) or list (the targets themselves)",
        ),
    }
}

/// What is taken where a server's list cannot be had at the start: DNS, then the settings.
fn stand_ins(settings: &TargetSettings, listeners: &[ListenerConfig]) -> Result<Vec<Source>, ConfigError> {
    let Some(url) = &settings.url else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    if let Some(fallback) = &settings.fallback {
        match (
            at(url, "targets.url", settings, listeners)?,
            at(fallback, "targets.fallback", settings, listeners)?,
        ) {
            (Source::Url(_), Source::Dns(source)) => all.push(Source::Dns(source)),
            _ => {
                let what =
                    "expected dns+srv://... or dns+a://..., beside a url of a server or an object store";
                return wrong("targets.fallback", what);
            }
        }
    }
    if let Some(list) = &settings.list {
        all.push(inline(list)?);
    }
    Ok(all)
}

fn inline(list: &[fleet::Target]) -> Result<Source, ConfigError> {
    match Snapshot::of(list.to_vec()) {
        Ok(snapshot) => Ok(Source::Inline(snapshot)),
        Err(error) => wrong("targets.list", error.to_string()),
    }
}

/// The source at a URL, which stands under this key.
fn at(
    url: &str,
    key: &str,
    settings: &TargetSettings,
    listeners: &[ListenerConfig],
) -> Result<Source, ConfigError> {
    if let Some(path) = url.strip_prefix("file://").filter(|path| path.starts_with('/')) {
        return Ok(Source::File(PathBuf::from(path)));
    }
    match (FleetSource::parse(url), ListUrl::parse(url, settings.cache.as_ref())) {
        (Some(Ok(_)), _) if listeners.iter().all(|listener| listener.port_name != "sip") => {
            wrong(key, "expected a listener whose port_name is \"sip\": DNS knows no other ports")
        }
        (Some(source), _) => source.map(Source::Dns).or_else(|what| wrong(key, what)),
        (None, Some(list)) => list.map(Source::Url).or_else(|what| wrong(key, what)),
        (None, None) => {
            let expected = "file:///path/to/targets.json, http://..., https://..., s3://bucket/key, \
                dns+srv://_sip._udp.NAME or dns+a://NAME:PORT";
            wrong(key, format!("expected {expected}, found {url:?}"))
        }
    }
}
