//! A platform out of one file, which is read again when it changes.

mod file;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use esl::Name;
use twiml::Method;
use uuid::Uuid;

use super::dial::{Routing, host_of, sip_uri};
use super::{Begun, Claim, Incoming, NotTaken, Platform, Soon};
use crate::call::action::Report;
use crate::call::facts::{Application, Direction, Facts};
use crate::call::input::{Problem, Route};
use crate::limits::Limit;

pub use file::{Account, Number, RoutesFile, Trunk};

/// The most bytes of a routes file or a document beside it.
const MOST_BYTES: u64 = 4 << 20;

/// The routes file, and where recordings are.
pub struct Routes {
    path: PathBuf,
    inner: RwLock<Arc<RoutesFile>>,
    profile: Name,
    recordings_url: String,
}

impl Routes {
    /// Reads the file for the first time. The error says what is wrong and where.
    pub fn load(path: &Path, profile: Name, recordings_url: String) -> Result<Self, String> {
        let inner = RwLock::new(Arc::new(read(path)?));
        Ok(Routes { path: path.to_owned(), inner, profile, recordings_url })
    }

    /// Without a file: no number is known.
    pub fn empty(profile: Name, recordings_url: String) -> Self {
        let none = RoutesFile { account: Account::default(), number: Vec::new(), trunk: Vec::new() };
        let inner = RwLock::new(Arc::new(none));
        Routes { path: PathBuf::new(), inner, profile, recordings_url }
    }

    /// What is in force.
    pub fn file(&self) -> Arc<RoutesFile> {
        Arc::clone(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the file every now and then, for ever. One that is wrong changes nothing.
    pub async fn watch(self: Arc<Self>, poll: Duration) {
        let mut seen = self.stamp();
        loop {
            tokio::time::sleep(poll).await;
            let stamp = self.stamp();
            if stamp == seen {
                continue;
            }
            seen = stamp;
            match read(&self.path) {
                Ok(file) => {
                    tracing::info!(file = %self.path.display(), numbers = file.number.len(), "routes: read again");
                    *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(file);
                }
                Err(error) => tracing::warn!(error, "routes: those before stay in force"),
            }
        }
    }

    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    fn claimed(&self, incoming: &Incoming) -> Result<Claim, NotTaken> {
        let file = self.file();
        let Some(number) = file.number(&incoming.to) else {
            return Err(NotTaken::NoSuchNumber(format!("no [[number]] fits {}", incoming.to)));
        };
        let application = match (&number.url, &number.twiml) {
            (Some(url), _) => {
                let method = if number.method.as_deref() == Some("GET") { Method::Get } else { Method::Post };
                Application::Url { url: url.clone(), method }
            }
            (None, Some(path)) => Application::Twiml(read_text(path).map_err(NotTaken::Unavailable)?),
            (None, None) => return Err(NotTaken::NoSuchNumber("neither url nor twiml".to_owned())),
        };
        let facts = Facts {
            channel: incoming.channel.clone(),
            call_sid: sid("CA"),
            account_sid: file.account.sid.clone(),
            auth_token: file.account.auth_token.clone(),
            direction: Direction::Inbound,
            api_version: "2010-04-01".to_owned(),
            from: incoming.from.clone(),
            to: incoming.to.clone(),
            default_voice: file.account.voice.clone(),
            fallback: number.fallback(),
        };
        Ok(Claim { facts, application, answer_headers: Vec::new(), variables: Vec::new() })
    }

    /// What may leave by this host: the least that any of its trunks says.
    pub fn limit(&self, host: &str) -> Limit {
        let file = self.file();
        let trunks =
            file.trunk.iter().map(toml::Spanned::get_ref).filter(|trunk| host_of(&trunk.host) == host);
        let least = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        trunks.fold(Limit::default(), |limit, trunk| Limit {
            calls: least(limit.calls, trunk.calls),
            per_second: least(limit.per_second, trunk.calls_per_second),
        })
    }

    /// Hosts by which so many calls at once may leave, each once.
    pub fn most_calls(&self) -> Vec<(String, u32)> {
        let file = self.file();
        let hosts: BTreeSet<_> = file.trunk.iter().map(|trunk| host_of(&trunk.get_ref().host)).collect();
        hosts
            .into_iter()
            .filter_map(|host| {
                let calls = self.limit(&host).calls?;
                Some((host, calls))
            })
            .collect()
    }

    /// How a number or a SIP URI is reached, and whom the callee sees.
    pub fn route(&self, facts: &Facts, destination: &str, caller_id: Option<&str>) -> Result<Route, String> {
        let destination = destination.trim();
        // What a platform has for a caller: of a call that came in its caller, else who was called.
        let from = caller_id.unwrap_or(match facts.direction {
            Direction::Inbound => &facts.from,
            Direction::OutboundApi | Direction::OutboundDial => &facts.to,
        });
        let file = self.file();
        let (routing, caller_id) = match sip_uri(destination) {
            Some(address) => {
                let address = Some(address.to_owned());
                (Routing { address, ..Routing::default() }, from.to_owned())
            }
            None => {
                let trunk =
                    file.trunk(destination).ok_or_else(|| format!("no [[trunk]] reaches {destination}"))?;
                let routing = trunk.routing(destination);
                let seen = trunk.caller_id.clone().unwrap_or_else(|| routing.caller_id(from));
                (routing, seen)
            }
        };
        let dial_string = routing.dial_string(&self.profile)?.to_string();
        let (headers, variables) = (Vec::new(), Vec::new());
        Ok(Route { call_sid: sid("CA"), dial_string, caller_id, headers, variables, barred: None })
    }
}

/// A new name: two letters and 32 hexadecimal digits.
pub fn sid(kind: &str) -> String {
    format!("{kind}{}", Uuid::new_v4().simple())
}

fn read(path: &Path) -> Result<RoutesFile, String> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    RoutesFile::parse(&read_text(path)?, directory).map_err(|what| format!("{}: {what}", path.display()))
}

fn read_text(path: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(fault)?.len();
    if length > MOST_BYTES {
        return Err(format!("{}: expected {MOST_BYTES} bytes at most, found {length}", path.display()));
    }
    std::fs::read_to_string(path).map_err(fault)
}

impl Platform for Routes {
    fn claim<'a>(&'a self, incoming: &'a Incoming) -> Soon<'a, Result<Claim, NotTaken>> {
        Box::pin(async { self.claimed(incoming) })
    }

    fn routes<'a>(
        &'a self,
        facts: &'a Facts,
        destinations: &'a [String],
        caller_id: Option<&'a str>,
    ) -> Soon<'a, Result<Vec<Route>, Problem>> {
        let routes = destinations.iter().map(|destination| self.route(facts, destination, caller_id));
        let routes = routes.collect::<Result<_, _>>().map_err(Problem);
        Box::pin(async { routes })
    }

    fn begin_recording<'a>(
        &'a self,
        _: &'a Facts,
        _: Option<(String, Method)>,
    ) -> Soon<'a, Result<Begun, Problem>> {
        Box::pin(async { Ok(Begun { sid: sid("RE"), url: None }) })
    }

    fn keep_recording<'a>(
        &'a self,
        _: &'a Facts,
        begun: &'a Begun,
        file: &'a Path,
    ) -> Soon<'a, Result<String, Problem>> {
        Box::pin(async move {
            match tokio::fs::metadata(file).await {
                Ok(_) => Ok(format!("{}/{}.wav", self.recordings_url, begun.sid)),
                Err(error) => Err(Problem(format!("{}: {error}", file.display()))),
            }
        })
    }

    fn report(&self, facts: &Facts, report: Report) {
        tracing::info!(call = facts.call_sid, ?report, "call");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_file_is_in_force_and_a_wrong_one_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("routes.toml");
        let number = |called: &str| format!("[[number]]\nmatch = \"{called}\"\nurl = \"http://x\"\n");
        std::fs::write(&path, number("1")).expect("written");
        let profile = Name::new("p").expect("a name");
        let routes = Arc::new(Routes::load(&path, profile, String::new()).expect("right"));
        let watching = tokio::spawn(Arc::clone(&routes).watch(Duration::from_millis(5)));
        std::fs::write(&path, "[[number]]\nmatch = \"222\"\n").expect("written");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(routes.file().number("1").is_some(), "a wrong file changes nothing");
        std::fs::write(&path, number("3333")).expect("written");
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while routes.file().number("3333").is_none() {
            assert!(std::time::Instant::now() < until, "the new file is not in force");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        watching.abort();
    }
}
