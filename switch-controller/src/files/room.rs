//! How much is kept in the directory of sounds: what was used longest ago goes first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// What was used so lately may be played just now, or be about to.
const IN_USE: Duration = Duration::from_secs(120);

/// What is measured again after so many bytes were added: a share of the room, one in this many.
const SHARES: u64 = 16;

/// The directory, and how many bytes may be in it.
#[derive(Debug)]
pub struct Room {
    directory: PathBuf,
    most: u64,
    /// Bytes that came since it was measured.
    added: AtomicU64,
    /// What is in use alone is too much.
    full: AtomicBool,
}

impl Room {
    /// Makes the directory if it is not there, and clears what an earlier process left unfinished.
    pub fn new(directory: PathBuf, most: u64) -> std::io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        for entry in std::fs::read_dir(&directory)?.flatten() {
            let is_part = |name: &str| name.rsplit_once('.').is_some_and(|(_, end)| end.starts_with("part-"));
            if entry.file_name().to_str().is_some_and(is_part) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(Room { directory, most, added: AtomicU64::new(most), full: AtomicBool::new(false) })
    }

    /// Whether a file is there, which is used now: it goes later than others.
    pub async fn used(&self, path: &Path) -> bool {
        let path = path.to_owned();
        let touched = move || {
            let file = std::fs::File::open(path)?;
            // Another user's is used all the same.
            let _ = file.set_modified(SystemTime::now());
            Ok(())
        };
        let found: Result<std::io::Result<()>, _> = tokio::task::spawn_blocking(touched).await;
        found.is_ok_and(|found| found.is_ok())
    }

    /// A file was added: others go, if there is too much.
    pub async fn make(&self, path: &Path) {
        let length = tokio::fs::metadata(path).await.map_or(0, |metadata| metadata.len());
        let added = self.added.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        if added < self.most / SHARES {
            return;
        }
        self.clear().await;
    }

    /// Whether there is room for another file. What is in use is not removed for it.
    pub async fn check(&self) -> Result<(), String> {
        if self.full.load(Ordering::Relaxed) && !self.clear().await {
            return Err(format!("expected room for another file, found {} bytes in use", self.most));
        }
        Ok(())
    }

    /// Whether what is left fits.
    async fn clear(&self) -> bool {
        self.added.store(0, Ordering::Relaxed);
        let (directory, most) = (self.directory.clone(), self.most);
        let cleared = tokio::task::spawn_blocking(move || clear(&directory, most, SystemTime::now())).await;
        let fits = cleared.is_ok_and(|left| left <= self.most);
        self.full.store(!fits, Ordering::Relaxed);
        fits
    }
}

/// Removes the oldest files until the rest fits, and those that are in use never. How many bytes are left.
fn clear(directory: &Path, most: u64, now: SystemTime) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    let mut whole: u64 = files.iter().map(|(_, length, _)| length).sum();
    files.sort();
    for (used, length, path) in files {
        let is_in_use = now.duration_since(used).is_ok_and(|age| age < IN_USE);
        if whole <= most || is_in_use {
            return whole;
        }
        if std::fs::remove_file(&path).is_ok() {
            whole -= length;
            let _ = std::fs::remove_file(path.with_extension("json"));
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_until_the_rest_fits_and_what_is_in_use_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let now = SystemTime::now();
        for (name, age) in [("old", 3000), ("older", 4000), ("young", 1000), ("playing", 10)] {
            let path = directory.path().join(format!("{name}.wav"));
            std::fs::write(&path, [0; 100]).expect("written");
            let file = std::fs::File::options().write(true).open(&path).expect("opened");
            file.set_modified(now - Duration::from_secs(age)).expect("a time");
        }
        let left = || {
            let entries = std::fs::read_dir(directory.path()).expect("a directory").flatten();
            let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(clear(directory.path(), 250, now), 200);
        assert_eq!(left(), ["playing.wav", "young.wav"]);
        assert_eq!(clear(directory.path(), 50, now), 100, "it is played");
        assert_eq!(left(), ["playing.wav"]);
    }
}
