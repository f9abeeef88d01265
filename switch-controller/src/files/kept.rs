//! What is known of a file that is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Part;

/// A file, and by what its server knows it. Stored beside it, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// `ETag`
    pub etag: Option<String>,
    /// `Last-Modified`
    pub last_modified: Option<String>,
}

impl Kept {
    fn note(directory: &Path, key: &str) -> PathBuf {
        directory.join(format!("{key}.json"))
    }

    /// What is known, if the file is there.
    pub(super) async fn load(directory: &Path, key: &str) -> Option<Self> {
        let text = tokio::fs::read(Self::note(directory, key)).await.ok()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        tokio::fs::metadata(&kept.path).await.is_ok().then_some(kept)
    }

    pub(super) async fn store(&self, directory: &Path, key: &str) -> std::io::Result<()> {
        let (note, text) = (Self::note(directory, key), serde_json::to_vec(self)?);
        let part = Part::of(&note);
        tokio::fs::write(part.path(), text).await?;
        part.put().await
    }

    /// How long ago it was written or used.
    pub(super) fn age(&self) -> Duration {
        let modified = std::fs::metadata(&self.path).and_then(|metadata| metadata.modified());
        modified.ok().and_then(|time| time.elapsed().ok()).unwrap_or(Duration::MAX)
    }
}

/// The ending of a file's name, by which FreeSWITCH knows how to play it: by what its server calls it, or by the URL's
/// ending where the server says nothing of use.
pub(super) fn kind(content_type: Option<&str>, path: &str) -> Result<&'static str, String> {
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "audio/wav" | "audio/wave" | "audio/x-wav" | "audio/vnd.wave" => return Ok("wav"),
        "audio/mpeg" | "audio/mp3" | "audio/mpeg3" | "audio/x-mp3" => return Ok("mp3"),
        "audio/aiff" | "audio/x-aiff" | "audio/aifc" | "audio/x-aifc" => return Ok("aiff"),
        "audio/x-gsm" | "audio/gsm" | "audio/x-gsm0610" => return Ok("gsm"),
        "audio/ulaw" | "audio/basic" => return Ok("au"),
        "audio/ogg" | "audio/flac" => {}
        // What a server says that knows nothing of sounds.
        "" | "application/octet-stream" | "binary/octet-stream" | "text/plain" => {}
        _ if essence.starts_with("audio/") => {}
        _ => return Err(format!("expected a sound (audio/wav, audio/mpeg, ...), found {essence:?}")),
    }
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let known = ["wav", "mp3", "aiff", "gsm", "au", "ogg", "flac"];
    known.into_iter().find(|kind| *kind == ending).ok_or_else(|| {
        format!("expected a Content-Type or an ending that says which sound it is, found {content_type:?} and {path:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_knows_better_than_the_url() {
        assert_eq!(kind(Some("audio/mpeg"), "/a.wav"), Ok("mp3"));
        assert_eq!(kind(Some("AUDIO/X-WAV; rate=8000"), "/a"), Ok("wav"));
        assert_eq!(kind(Some("application/octet-stream"), "/dir.d/a.MP3"), Ok("mp3"));
        assert_eq!(kind(None, "/a.wav"), Ok("wav"));
        assert!(kind(Some("text/html"), "/a.wav").is_err());
        assert!(kind(None, "/a.exe").is_err() && kind(None, "/a").is_err());
    }
}
