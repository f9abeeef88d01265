//! A snapshot in a file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Read, StoreError, Version};

#[derive(Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    most: usize,
}

impl FileStore {
    pub(crate) fn new(path: PathBuf, most: usize) -> Self {
        FileStore { path, most }
    }

    pub(crate) async fn read(&self, known: Option<&Version>) -> Result<Read, StoreError> {
        let (path, most) = (self.path.clone(), self.most);
        let content = off_the_runtime(move || content(&path, most)).await?;
        Ok(match content {
            None => Read::Absent,
            Some(content) => match version(&content) {
                version if known == Some(&version) => Read::Same,
                version => Read::Content(content, version),
            },
        })
    }

    pub(crate) async fn write(&self, new: Vec<u8>, over: Option<&Version>) -> Result<Version, StoreError> {
        let (path, most, over) = (self.path.clone(), self.most, over.cloned());
        off_the_runtime(move || {
            // Not the file itself, which is replaced: whoever waited for it would hold the lock of one that is gone.
            let lock = File::create(beside(&path, ".lock"))?;
            lock.lock()?;
            let found = content(&path, most)?.map(|content| version(&content));
            if found != over {
                return Err(StoreError::Conflict);
            }
            replace(&path, &new)?;
            Ok(version(&new))
        })
        .await
    }
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::File(io::Error::other(error)))?
}

fn content(path: &Path, most: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let found = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if usize::try_from(found).map_or(true, |found| found > most) {
        return Err(StoreError::TooLong { most, found });
    }
    Ok(Some(fs::read(path)?))
}

fn version(content: &[u8]) -> Version {
    let etag = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Version { etag: Some(etag), version: None }
}

/// Writes a file in one step: whoever reads finds one content or the other, also after the process has ended or the machine
/// has failed meanwhile. Blocking.
///
/// # Errors
///
/// It, or `path.new` beside it, cannot be written.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = beside(path, ".new");
    let mut new = File::create(&draft)?;
    new.write_all(content)?;
    new.sync_all()?;
    fs::rename(&draft, path)?;
    // The new name is the directory's, and lasts when that does.
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
