//! Where a snapshot is kept: read with a version, written only over the version that was read (compare and set).
//!
//! | URL | what | writes |
//! |---|---|---|
//! | `file:///path` | a file | over the content that was read, under a lock; replaced by rename |
//! | `s3://bucket/key` | Amazon S3, and what speaks like it | If-Match, If-None-Match |
//! | `gs://bucket/key` (feature `gcp`), `az://container/key` (feature `azure`) | likewise | likewise |
//! | `http://...`, `https://...` | a web server | none: it is read alone |
//!
//! Credentials come from the environment as everywhere: `AWS_ACCESS_KEY_ID` and its like, the role of an ECS task or of
//! a machine; `AWS_REGION`; `AWS_ENDPOINT_URL` for a server of one's own.
//!
//! - [`Store`]: reads and writes
//! - [`Store::change`]: a snapshot read, changed and written, whoever else writes
//! - `file.rs`, `object.rs`: the two kinds of places
#![forbid(unsafe_code)]

mod error;
mod file;
mod list;
mod object;

use std::path::PathBuf;
use std::time::Duration;

pub use error::StoreError;
use file::FileStore;
pub use file::replace;
pub use list::{Changed, ListError};
use object::RemoteObject;

/// How a store is spoken to.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a request may take, whole.
    pub timeout: Duration,
    /// Roots that servers' certificates have to lead to (PEM); the system's if none is named.
    pub ca: Option<PathBuf>,
    /// The most bytes that are read.
    pub most: usize,
    /// Where S3 is and who asks: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and their like; others are passed
    /// over.
    pub variables: Vec<(String, String)>,
}

/// With the environment of this process.
impl Default for Options {
    fn default() -> Self {
        let variables = std::env::vars_os();
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Options {
            timeout: Duration::from_secs(5),
            ca: None,
            most: fleet::MAX_BYTES,
            variables: variables.filter(|(name, _)| name.starts_with("AWS_")).collect(),
        }
    }
}

/// A place where one snapshot is kept.
#[derive(Debug)]
pub struct Store {
    place: Place,
    url: String,
}

#[derive(Debug)]
enum Place {
    File(FileStore),
    Object(RemoteObject),
}

/// Names a content, for the store: an ETag, or a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    etag: Option<String>,
    /// Stores that keep several versions of an object name each.
    version: Option<String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// What was read before.
    Same,
    /// This.
    Content(Vec<u8>, Version),
    /// Nothing is there.
    Absent,
}

impl Store {
    /// The store at a URL. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// It is no URL of a store, or the environment says too little about it.
    pub fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let place = match url.strip_prefix("file://") {
            Some(path) if path.starts_with('/') => {
                Place::File(FileStore::new(PathBuf::from(path), options.most))
            }
            _ => Place::Object(RemoteObject::open(url, options)?),
        };
        Ok(Store { place, url: url.to_owned() })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Reads, unless it is what it was at that version.
    ///
    /// # Errors
    ///
    /// The store does not answer, or with more than may be read.
    pub async fn read(&self, known: Option<&Version>) -> Result<Read, StoreError> {
        match &self.place {
            Place::File(file) => file.read(known).await,
            Place::Object(object) => object.read(known).await,
        }
    }

    /// Writes over that version; without one, only if nothing is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if somebody else has written since: read again. Otherwise it is not known whether it was
    /// written.
    pub async fn write(&self, content: Vec<u8>, over: Option<&Version>) -> Result<Version, StoreError> {
        match &self.place {
            Place::File(file) => file.write(content, over).await,
            Place::Object(object) => object.write(content, over).await,
        }
    }
}
