//! What settings mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use esl::{Name, Password};
use settings::log::LogSettings;
use settings::{Secret, wrong};
use twiml::Document;
use url::Url;

use super::{
    ApiSettings, FleetSettings, LimitSettings, PlatformSettings, RoutesSettings, Settings, SharedSettings,
    SoundSettings, SpeechEngine, SpeechSettings, SwitchSettings, WebhookSettings,
};
use crate::call::rules::Rules;
use crate::membership::Membership;

/// What the controller runs with.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct Config {
    pub drain: Duration,
    pub freeswitch: SwitchConfig,
    pub routes: RoutesSettings,
    /// None: the routes file answers.
    pub platform: Option<PlatformConfig>,
    pub webhook: WebhookSettings,
    pub sounds: SoundSettings,
    pub speech: SpeechSettings,
    /// Where FreeSWITCH writes recordings.
    pub recordings: PathBuf,
    /// Where calls are kept, for the process that comes after this one; `None`: nowhere.
    pub calls: Option<PathBuf>,
    /// What stands before `/<sid>.wav` in their URLs, without a slash at its end.
    pub recordings_url: String,
    pub api: ApiSettings,
    pub shared: SharedSettings,
    /// Where it stands whether this FreeSWITCH drains.
    pub membership: Option<Membership>,
    pub limits: LimitSettings,
    /// What calls may do, from several sections.
    pub rules: Rules,
    pub log: LogSettings,
}

/// `[freeswitch]`, checked.
#[derive(Debug, Clone)]
pub struct SwitchConfig {
    /// `host:port`
    pub address: String,
    /// Of the event socket.
    pub password: Password,
    /// The sofia profile for calls that name none.
    pub profile: Name,
    /// How long a command may take.
    pub answer_within: Duration,
    /// When a link on which nothing comes is given up.
    pub silent: Duration,
}

/// `[platform]`, checked.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "switch-controller.example.toml documents each key")]
pub struct PlatformConfig {
    pub url: String,
    pub user: String,
    pub password: Secret,
    pub region: String,
    pub timeout: Duration,
    pub retry_for: Duration,
    pub heartbeat: Duration,
    pub leg_events: bool,
    /// The bucket that recordings are put into, as a URL; and what stands before a file's name there for the platform.
    pub bucket: Option<(String, String)>,
    /// What callers get while the platform is away.
    pub fallback: Option<String>,
    /// The function that knows where registered clients are.
    pub gateway_function: Option<String>,
    pub ca: Option<PathBuf>,
}

type Checked<T> = Result<T, settings::Error>;

impl Config {
    pub(super) fn check(settings: Settings) -> Checked<Config> {
        let Settings { drain, freeswitch, routes, platform, webhook, sounds, .. } = settings;
        let Settings { speech, recordings, calls, api, shared, fleet, limits, log, .. } = settings;
        let freeswitch = switch(freeswitch)?;
        let platform = somleng(platform)?;
        webhook_limits(&webhook)?;
        sound_limits(&sounds, &speech)?;
        absolute("sounds.directory", &sounds.directory)?;
        absolute("recordings.directory", &recordings.directory)?;
        absolute("calls.directory", &calls.directory)?;
        if api.password.is_none() && !api.bind.ip().is_loopback() {
            return wrong(
                "api.password",
                format!(
                    "expected one, since api.bind is {}, where others can reach it: found none",
                    api.bind
                ),
            );
        }
        between("shared.interval", shared.interval, Duration::from_millis(100), Duration::from_secs(300))?;
        let recordings_url = match recordings.url {
            Some(url) => http_url("recordings.url", &url)?,
            None => format!("http://{}/recordings", api.bind),
        };
        let rules = Rules {
            duration: limits.call_duration,
            documents: webhook.documents,
            ringing: limits.ringing,
            // A little more than the parts take by themselves, which have the better words for it.
            fetch: webhook.timeout + Duration::from_secs(2),
            sound: sounds.timeout.max(speech.timeout) + Duration::from_secs(2),
            switch: freeswitch.answer_within,
            ..Rules::DEFAULT
        };
        let recordings = recordings.directory;
        Ok(Config {
            drain,
            freeswitch,
            routes,
            platform,
            webhook,
            sounds,
            speech,
            recordings,
            recordings_url,
            calls: calls.keep.then_some(calls.directory),
            api,
            shared,
            membership: membership(fleet)?,
            limits,
            rules,
            log,
        })
    }
}

fn switch(settings: SwitchSettings) -> Checked<SwitchConfig> {
    let SwitchSettings { address, password, password_file, profile, answer_within, silent } = settings;
    if address.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
        return wrong("freeswitch.address", format!("expected HOST:PORT, found {address:?}"));
    }
    let text = secret("freeswitch", password, password_file.as_deref())?;
    let Ok(password) = Password::new(text.reveal()) else {
        return wrong("freeswitch.password", "expected one line without control characters");
    };
    let Ok(profile) = Name::new(profile.clone()) else {
        return wrong(
            "freeswitch.profile",
            format!("expected the name of a sofia profile, such as \"nat_gateway\", found {profile:?}"),
        );
    };
    between("freeswitch.answer_within", answer_within, Duration::from_millis(100), Duration::from_secs(60))?;
    between("freeswitch.silent", silent, Duration::from_secs(1), Duration::from_secs(300))?;
    Ok(SwitchConfig { address, password, profile, answer_within, silent })
}

/// A password, given here or in a file of its own.
fn secret(section: &str, given: Option<Secret>, file: Option<&Path>) -> Checked<Secret> {
    let key = format!("{section}.password");
    match (given, file) {
        (Some(password), None) => Ok(password),
        (None, Some(file)) => match std::fs::read_to_string(file) {
            Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => wrong(&format!("{key}_file"), format!("{}: {error}", file.display())),
        },
        (Some(_), Some(_)) => wrong(&key, format!("expected it or {key}_file, found both")),
        (None, None) => wrong(&key, format!("expected it or {key}_file, found neither")),
    }
}

fn somleng(settings: PlatformSettings) -> Checked<Option<PlatformConfig>> {
    let Some(url) = &settings.url else { return Ok(None) };
    let url = http_url("platform.url", url)?;
    let password = secret("platform", settings.password, settings.password_file.as_deref())?;
    between("platform.timeout", settings.timeout, Duration::from_millis(100), Duration::from_secs(20))?;
    between("platform.heartbeat", settings.heartbeat, Duration::from_secs(1), Duration::from_secs(600))?;
    if settings.region.is_empty() {
        return wrong("platform.region", "expected a region's alias, such as \"hydrogen\", found nothing");
    }
    let fallback = match &settings.fallback {
        None => None,
        Some(path) => match std::fs::read_to_string(path) {
            Err(error) => return wrong("platform.fallback", format!("{}: {error}", path.display())),
            Ok(text) => match Document::parse(text.as_bytes()) {
                Ok(_) => Some(text),
                Err(error) => return wrong("platform.fallback", format!("{}: {error}", path.display())),
            },
        },
    };
    if settings.gateway_function.is_some() && !cfg!(feature = "lambda") {
        return wrong(
            "platform.gateway_function",
            "expected a controller that was built with the feature lambda",
        );
    }
    let bucket = bucket(settings.bucket, settings.bucket_url)?;
    Ok(Some(PlatformConfig {
        url,
        user: settings.user,
        password,
        region: settings.region,
        timeout: settings.timeout,
        retry_for: settings.retry_for,
        heartbeat: settings.heartbeat,
        leg_events: settings.leg_events,
        bucket,
        fallback,
        gateway_function: settings.gateway_function,
        ca: settings.ca,
    }))
}

/// The bucket, and its files' URL for the platform.
fn bucket(bucket: Option<String>, url: Option<String>) -> Checked<Option<(String, String)>> {
    let Some(bucket) = bucket else { return Ok(None) };
    if Url::parse(&bucket).is_err() {
        let expected = "expected a URL such as \"s3://bucket/raw\"";
        return wrong("platform.bucket", format!("{expected}, found {bucket:?}"));
    }
    match url {
        Some(url) => Ok(Some((bucket, http_url("platform.bucket_url", &url)?))),
        None => wrong("platform.bucket_url", "expected one, since there is a platform.bucket: found none"),
    }
}

fn webhook_limits(webhook: &WebhookSettings) -> Checked<()> {
    between("webhook.timeout", webhook.timeout, Duration::from_millis(100), Duration::from_secs(120))?;
    if webhook.body_bytes == 0 || webhook.body_bytes > 16 << 20 {
        return wrong("webhook.body_bytes", format!("expected 1 to 16777216, found {}", webhook.body_bytes));
    }
    if webhook.redirects > 20 {
        return wrong("webhook.redirects", format!("expected 0 to 20, found {}", webhook.redirects));
    }
    let agent = &webhook.user_agent;
    if agent.is_empty() || !agent.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return wrong("webhook.user_agent", format!("expected printable ASCII, found {agent:?}"));
    }
    Ok(())
}

fn sound_limits(sounds: &SoundSettings, speech: &SpeechSettings) -> Checked<()> {
    between("sounds.timeout", sounds.timeout, Duration::from_millis(100), Duration::from_secs(300))?;
    between("speech.timeout", speech.timeout, Duration::from_millis(100), Duration::from_secs(300))?;
    if sounds.file_bytes == 0 || sounds.file_bytes > sounds.cache_bytes {
        let (file, cache) = (sounds.file_bytes, sounds.cache_bytes);
        return wrong(
            "sounds.file_bytes",
            format!("expected 1 to sounds.cache_bytes, which is {cache}, found {file}"),
        );
    }
    if speech.command.first().is_none_or(String::is_empty) {
        return wrong("speech.command", "expected a program and its arguments, found nothing");
    }
    if speech.engine == SpeechEngine::Polly && !cfg!(feature = "polly") {
        return wrong("speech.engine", "expected a controller that was built with the feature polly");
    }
    if speech.at_once == 0 {
        return wrong("speech.at_once", "expected at least 1, found 0");
    }
    for (key, name) in [("speech.speak", &speech.speak), ("speech.speak_voice", &speech.speak_voice)] {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        {
            return wrong(key, format!("expected a name of letters, digits and _ - ., found {name:?}"));
        }
    }
    Ok(())
}

/// FreeSWITCH is told these paths, and has a working directory of its own.
fn absolute(key: &str, path: &std::path::Path) -> Checked<()> {
    match path.is_absolute() {
        true => Ok(()),
        false => wrong(key, format!("expected an absolute path, found {:?}", path.display().to_string())),
    }
}

fn http_url(key: &str, text: &str) -> Checked<String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => wrong(key, format!("expected an http or https URL without a query, found {text:?}")),
    }
}

fn between(key: &str, found: Duration, least: Duration, most: Duration) -> Checked<()> {
    match (least..=most).contains(&found) {
        true => Ok(()),
        false => wrong(key, format!("expected {least:?} to {most:?}, found {found:?}")),
    }
}

fn membership(settings: FleetSettings) -> Checked<Option<Membership>> {
    let FleetSettings { url: Some(url), id, poll } = settings else { return Ok(None) };
    if let Err(error) = store::Store::open(&url, store::Options::default()) {
        return wrong("fleet.url", error.to_string());
    }
    between("fleet.poll", poll, Duration::from_millis(100), Duration::from_secs(300))?;
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Some(Membership { url, id, poll })),
        None => {
            wrong("fleet.id", "expected what this FreeSWITCH is called in the target list, found nothing")
        }
    }
}
