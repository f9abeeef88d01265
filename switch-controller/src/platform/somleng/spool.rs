//! Recordings on their way to the platform: uploaded to the bucket, and only then told. What is still to be done is on disk,
//! beside each recording, and is gone on with after a restart. It is tried for as long as it takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::{Method, StatusCode};
use objects::Objects;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};

use super::backoff::{self, random};
use super::client::{Client, Fault};
use super::wire::{Recording, RecordingDone};
use crate::metrics::PlatformMetrics;

/// So many recordings are uploaded at once.
const AT_ONCE: usize = 4;

/// How the name of a note ends. One that the platform refused ends otherwise, and is left to the operator.
const NOTE: &str = "to-do";
const REFUSED: &str = "refused";

/// For metrics.
const PATCH: &str = "/recordings/:sid";

/// What is still to be done for a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The recording.
    pub sid: String,
    /// Its call, for the log.
    pub call_sid: String,
    /// Its name in the bucket, without its ending: ours, new for each.
    pub external_id: String,
}

/// The recordings that wait.
pub(super) struct Spool {
    directory: PathBuf,
    client: Arc<Client>,
    /// None: the platform fetches it where the controller serves it.
    bucket: Option<Objects>,
    /// What stands before the file's name for the platform, without a slash at its end.
    raw_url: String,
    metrics: PlatformMetrics,
    turns: Semaphore,
}

impl Spool {
    pub(super) fn new(
        directory: PathBuf,
        client: Arc<Client>,
        bucket: Option<Objects>,
        raw_url: String,
        metrics: PlatformMetrics,
    ) -> Self {
        Spool { directory, client, bucket, raw_url, metrics, turns: Semaphore::new(AT_ONCE) }
    }

    /// Takes a recording over: when this returns, it is on disk that it is to be done. The platform's URL comes by the
    /// channel, when it has one.
    pub(super) async fn keep(self: &Arc<Self>, note: Note) -> Result<oneshot::Receiver<String>, String> {
        let path = self.note(&note.sid);
        let text = serde_json::to_vec(&note).map_err(|error| error.to_string())?;
        let written = path.clone();
        let write = tokio::task::spawn_blocking(move || store::replace(&written, &text)).await;
        let fault = |what: String| format!("{}: {what}", path.display());
        write.map_err(|error| fault(error.to_string()))?.map_err(|error| fault(error.to_string()))?;
        let (done, url) = oneshot::channel();
        self.begin(note, done);
        Ok(url)
    }

    /// Goes on with what an earlier process left undone. How many there are.
    pub(super) fn resume(self: &Arc<Self>) -> std::io::Result<usize> {
        let mut resumed = 0;
        for entry in std::fs::read_dir(&self.directory)?.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != NOTE) {
                continue;
            }
            let read = std::fs::read(&path).map_err(|error| error.to_string());
            match read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string())) {
                Ok(note) => {
                    resumed += 1;
                    self.begin(note, oneshot::channel().0);
                }
                Err(error) => tracing::warn!(file = %path.display(), error, "a note cannot be read"),
            }
        }
        Ok(resumed)
    }

    fn note(&self, sid: &str) -> PathBuf {
        self.directory.join(format!("{sid}.{NOTE}"))
    }

    /// It waits from now on: a task with one that waits must not go.
    fn begin(self: &Arc<Self>, note: Note, done: oneshot::Sender<String>) {
        self.metrics.recordings_waiting.inc();
        tokio::spawn(Arc::clone(self).bring(note, done));
    }

    async fn bring(self: Arc<Self>, note: Note, done: oneshot::Sender<String>) {
        let (sid, call) = (note.sid.as_str(), note.call_sid.as_str());
        let file = self.directory.join(format!("{sid}.wav"));
        let mut uploaded = self.bucket.is_none();
        for failures in 1.. {
            let tried = {
                let _turn = self.turns.acquire().await;
                self.try_once(&note, &file, &mut uploaded).await
            };
            match tried {
                Ok(url) => {
                    self.metrics.count(PATCH, "ok");
                    tracing::debug!(call, sid, "the platform has a recording");
                    // Nobody waits any more, if it took long.
                    let _ = done.send(url);
                    self.forget(&note, &file).await;
                    break;
                }
                Err(Fault::Refused { status, message }) => {
                    self.metrics.count(PATCH, "failed");
                    tracing::error!(call, sid, %status, message, "a recording cannot be brought to the platform: it stays here");
                    let note = self.note(sid);
                    let _ = tokio::fs::rename(&note, note.with_extension(REFUSED)).await;
                    break;
                }
                Err(fault) => {
                    self.metrics.count(PATCH, "again");
                    tracing::warn!(call, sid, %fault, failures, "a recording is brought to the platform later");
                    tokio::time::sleep(backoff::wait(failures, random())).await;
                }
            }
        }
        self.metrics.recordings_waiting.dec();
    }

    async fn try_once(&self, note: &Note, file: &Path, uploaded: &mut bool) -> Result<String, Fault> {
        if tokio::fs::metadata(file).await.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            let message = format!("{} is not there any more", file.display());
            return Err(Fault::Refused { status: StatusCode::GONE, message });
        }
        let key = match &self.bucket {
            Some(bucket) => {
                let key = format!("{}.wav", note.external_id);
                if !*uploaded {
                    let put = bucket.put_file(&key, file).await;
                    put.map_err(|error| Fault::NotDone(format!("platform.bucket: {error}")))?;
                    *uploaded = true;
                }
                key
            }
            None => format!("{}.wav", note.sid),
        };
        let raw_recording_url = format!("{}/{key}", self.raw_url);
        let done = RecordingDone { raw_recording_url: &raw_recording_url, external_id: &note.external_id };
        let path = format!("/recordings/{}", note.sid);
        let recording: Recording = self.client.ask(Method::PATCH, &path, &done).await?;
        recording.url.ok_or_else(|| Fault::Unsure(format!("{path}: expected a url, found none")))
    }

    /// What is in the bucket needs not be here.
    async fn forget(&self, note: &Note, file: &Path) {
        let _ = tokio::fs::remove_file(self.note(&note.sid)).await;
        if self.bucket.is_some() {
            let _ = tokio::fs::remove_file(file).await;
        }
    }
}
