//! Sounds of customers: fetched once, kept, and asked for again only to hear that nothing has changed.
//!
//! | file | what it holds |
//! |---|---|
//! | `kept.rs` | what is known of a file that is kept; which kind of sound it is |
//! | `part.rs` | a file that is being made |
//! | `room.rs` | how much is kept: what was used longest ago goes first |

mod kept;
mod part;
mod room;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, USER_AGENT};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex as Turn;

use crate::call::input::Problem;
use crate::config::SoundSettings;
use crate::fetch::{self, Fetcher, Hop};
use crate::webhook::shown;
use kept::Kept;

pub use part::Part;
pub use room::Room;

/// What was fetched so lately needs not be asked for again by those who waited meanwhile.
const JUST_NOW: Duration = Duration::from_secs(5);

/// Those who want a URL, by its key.
type Turns = Mutex<HashMap<String, Arc<Turn<()>>>>;

/// One who wants a URL; forgotten when dropped, also in the middle of waiting.
struct Waiting<'a> {
    turns: &'a Turns,
    key: String,
    turn: Arc<Turn<()>>,
}

impl<'a> Waiting<'a> {
    fn begin(turns: &'a Turns, key: String) -> Self {
        let mut known = turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = Arc::clone(known.entry(key.clone()).or_default());
        drop(known);
        Waiting { turns, key, turn }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut known = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and ours: nobody else waits.
        if Arc::strong_count(&self.turn) == 2 {
            known.remove(&self.key);
        }
    }
}

/// The files of `<Play>`.
pub struct Files {
    fetcher: Arc<Fetcher>,
    settings: SoundSettings,
    agent: String,
    room: Arc<Room>,
    /// Whoever wants the same URL waits for its turn, and then finds what was fetched.
    turns: Turns,
}

impl Files {
    /// Kept in the settings' directory, which is made if it is not there.
    pub fn new(fetcher: Arc<Fetcher>, settings: SoundSettings, agent: String, room: Arc<Room>) -> Self {
        Files { fetcher, settings, agent, room, turns: Mutex::default() }
    }

    /// A file for FreeSWITCH with what is at this URL.
    pub async fn get(&self, url: &str) -> Result<PathBuf, Problem> {
        let limit = self.settings.timeout;
        let got = tokio::time::timeout(limit, self.take_turn(url)).await;
        let got = got.unwrap_or_else(|_| Err(format!("expected the file within {limit:?}")));
        got.map_err(|what| Problem(format!("{}: {what}", shown(url))))
    }

    async fn take_turn(&self, url: &str) -> Result<PathBuf, String> {
        let waiting = Waiting::begin(&self.turns, key(url));
        let waited = waiting.turn.try_lock().is_err();
        let _turn = waiting.turn.lock().await;
        match Kept::load(&self.settings.directory, &waiting.key).await {
            // Somebody did it for us.
            Some(kept) if waited && kept.age() < JUST_NOW => Ok(kept.path),
            kept => self.fetch(url, &waiting.key, kept).await,
        }
    }

    async fn fetch(&self, url: &str, key: &str, kept: Option<Kept>) -> Result<PathBuf, String> {
        self.room.check().await?;
        let mut headers = vec![
            (USER_AGENT.to_string(), self.agent.clone()),
            ("accept".to_owned(), "audio/*, */*;q=0.5".to_owned()),
        ];
        if let Some(kept) = &kept {
            let known = [(IF_NONE_MATCH, &kept.etag), (IF_MODIFIED_SINCE, &kept.last_modified)];
            headers.extend(
                known.into_iter().filter_map(|(name, value)| Some((name.to_string(), value.clone()?))),
            );
        }
        let reply = self.fetcher.follow(Hop::get(fetch::parse(url)?), &headers, None).await?;
        let field = |name| {
            let value: Option<&hyper::header::HeaderValue> = reply.response.headers().get(name);
            value.and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        match (reply.response.status(), kept) {
            (StatusCode::NOT_MODIFIED, Some(kept)) => {
                self.room.used(&kept.path).await;
                Ok(kept.path)
            }
            (StatusCode::OK, _) => {
                let kind = kept::kind(field(CONTENT_TYPE).as_deref(), reply.url.path())?;
                let (etag, last_modified) = (field(ETAG), field(LAST_MODIFIED));
                let path = self.settings.directory.join(format!("{key}.{kind}"));
                self.write(reply.response.into_body(), &path).await?;
                let kept = Kept { path, etag, last_modified };
                kept.store(&self.settings.directory, key).await.map_err(|error| error.to_string())?;
                self.room.make(&kept.path).await;
                Ok(kept.path)
            }
            (status, _) => Err(format!("expected an answer of 200, found {status}")),
        }
    }

    async fn write(&self, mut body: hyper::body::Incoming, path: &Path) -> Result<(), String> {
        let fault = |error: std::io::Error| format!("{}: {error}", path.display());
        let part = Part::of(path);
        let mut file = tokio::fs::File::create(part.path()).await.map_err(fault)?;
        let mut length = 0;
        while let Some(piece) = fetch::next_piece(&mut body).await? {
            length += piece.len() as u64;
            if length > self.settings.file_bytes {
                return Err(format!("expected {} bytes at most, found more", self.settings.file_bytes));
            }
            file.write_all(&piece).await.map_err(fault)?;
        }
        file.flush().await.map_err(fault)?;
        part.put().await.map_err(fault)
    }
}

/// The name of what is kept of a URL.
fn key(url: &str) -> String {
    name(url.as_bytes())
}

/// A file name for any bytes: 32 hexadecimal digits.
pub fn name(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
