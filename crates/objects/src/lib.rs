//! Objects by a URL: in an S3 bucket (`s3://bucket/prefix`, credentials and region from the environment as AWS's own tools
//! take them), in a directory (`file:///path`), or in this process's memory.

mod connector;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::io::AsyncWriteExt;
use url::Url;

pub use connector::Connector;

/// How long one request may take: a part of a file, at most.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Files that are larger are sent in parts of this size.
const PART: usize = 8 << 20;

/// Objects under a URL.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// Why something cannot be done with objects.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No URL of a store.
    #[error("expected file:///path or s3://bucket/prefix, found {url:?}: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store says so.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// A file of this machine.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        error: std::io::Error,
    },
}

/// What came of making an object that must not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It was not there.
    New,
    /// It was, and this is in it.
    There(Vec<u8>),
}

impl Objects {
    /// Objects in memory, for this process alone.
    pub fn memory() -> Self {
        Objects { store: Arc::new(InMemory::new()), prefix: Path::default() }
    }

    /// Objects under this URL. A directory is made if it is not there. `ca` is a file of trusted roots, instead of the
    /// system's.
    ///
    /// # Errors
    ///
    /// It is no URL of a store; S3's region or credentials make no sense; the directory cannot be made.
    pub fn open(url: &str, ca: Option<&FilePath>) -> Result<Self, Error> {
        let variables = std::env::vars_os();
        Self::open_with(
            url,
            ca,
            variables.filter_map(|(a, b)| Some((a.into_string().ok()?, b.into_string().ok()?))),
        )
    }

    /// The same, with other variables than those of this process: `AWS_REGION`, `AWS_ACCESS_KEY_ID` and their like. What else
    /// is there is passed over.
    ///
    /// # Errors
    ///
    /// As of [`Objects::open`].
    pub fn open_with(
        url: &str,
        ca: Option<&FilePath>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let fault = |why: String| Error::Url { url: url.to_owned(), why };
        let parsed = Url::parse(url).map_err(|error| fault(error.to_string()))?;
        match parsed.scheme() {
            "file" => {
                let path = parsed.to_file_path().map_err(|()| fault("no absolute path".to_owned()))?;
                std::fs::create_dir_all(&path)
                    .map_err(|error| Error::File { path: path.display().to_string(), error })?;
                let store = LocalFileSystem::new_with_prefix(&path)?;
                Ok(Objects { store: Arc::new(store), prefix: Path::default() })
            }
            "s3" => {
                let bucket = parsed.host_str().ok_or_else(|| fault("no bucket".to_owned()))?;
                let known =
                    variables.filter(|(name, _)| name.starts_with("AWS_")).filter_map(|(name, value)| {
                        Some((name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>().ok()?, value))
                    });
                let builder =
                    AmazonS3Builder::new().with_client_options(ClientOptions::new().with_allow_http(true));
                let builder = known.fold(builder, |builder, (key, value)| builder.with_config(key, value));
                let store = builder
                    .with_bucket_name(bucket)
                    .with_http_connector(Connector::new(ca, TIMEOUT).map_err(fault)?)
                    .with_retry(retry())
                    .build()?;
                let prefix = Path::parse(parsed.path().trim_matches('/'));
                let prefix = prefix.map_err(|error| fault(error.to_string()))?;
                Ok(Objects { store: Arc::new(store), prefix })
            }
            scheme => Err(fault(format!("{scheme} is neither"))),
        }
    }

    fn path(&self, key: &str) -> Path {
        self.prefix.parts().chain(Path::from(key).parts()).collect()
    }

    /// Puts an object there, in the place of the one before.
    ///
    /// # Errors
    ///
    /// The store does not take it.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.store.put(&self.path(key), PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// Puts a file there, in the place of what was before. It is never in memory as a whole.
    ///
    /// # Errors
    ///
    /// The store does not take it, or the file cannot be read.
    pub async fn put_file(&self, key: &str, file: &FilePath) -> Result<(), Error> {
        let fault = |error| Error::File { path: file.display().to_string(), error };
        let mut from = tokio::fs::File::open(file).await.map_err(fault)?;
        let mut to = BufWriter::with_capacity(Arc::clone(&self.store), self.path(key), PART);
        let copied = tokio::io::copy(&mut from, &mut to).await;
        match copied {
            Ok(_) => to.shutdown().await.map_err(fault),
            Err(error) => {
                // Parts that belong to nothing cost money.
                let _ = to.abort().await;
                Err(fault(error))
            }
        }
    }

    /// What is in an object, if there is one.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.store.get(&self.path(key)).await {
            Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an object, if there is none of that name: of any number who try at the same time, one succeeds.
    ///
    /// # Errors
    ///
    /// The store does not answer, or what is there cannot be read.
    pub async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Created, Error> {
        let path = self.path(key);
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&path, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(Created::New),
            Err(object_store::Error::AlreadyExists { .. }) => {
                Ok(Created::There(self.get(key).await?.unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an object. One that is not there is removed already.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The objects in a folder: the last part of their names, and when each was written, by the store's clock.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, SystemTime)>, Error> {
        let found: Vec<_> = self.store.list(Some(&self.path(folder))).try_collect().await?;
        let named = found
            .into_iter()
            .filter_map(|object| Some((object.location.filename()?.to_owned(), object.last_modified.into())));
        Ok(named.collect())
    }
}

/// Whoever asks has a patience of its own.
fn retry() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(1),
        base: 2.,
    };
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), backoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of_many_one_creates(objects: Objects) {
        let tries = (0..20).map(|number: u8| {
            let objects = objects.clone();
            tokio::spawn(async move { (number, objects.create("calls/CA1", vec![number]).await) })
        });
        let mut all = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            let (number, created) = one.await.unwrap();
            all.push((number, created.unwrap()));
        }
        let new: Vec<_> = all.iter().filter(|(_, created)| *created == Created::New).collect();
        assert_eq!(new.len(), 1, "{all:?}");
        let winner = vec![new[0].0];
        let others = all.iter().filter(|(_, created)| *created != Created::New);
        others.for_each(|(_, created)| assert_eq!(*created, Created::There(winner.clone())));
        objects.delete("calls/CA1").await.unwrap();
        objects.delete("calls/CA1").await.unwrap();
        assert_eq!(objects.create("calls/CA1", vec![1]).await.unwrap(), Created::New);
        let names: Vec<_> = objects.list("calls").await.unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CA1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_one_creates_in_memory() {
        of_many_one_creates(Objects::memory()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_one_creates_in_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("file://{}/not/there/yet", directory.path().display());
        of_many_one_creates(Objects::open(&url, None).unwrap()).await;
    }

    #[tokio::test]
    async fn a_file_is_put_whole() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        std::fs::write(&file, &bytes).unwrap();
        let objects = Objects::open(&format!("file://{}/bucket", directory.path().display()), None).unwrap();
        objects.put_file("a.wav", &file).await.unwrap();
        assert!(std::fs::read(directory.path().join("bucket/a.wav")).unwrap() == bytes);
        assert!(objects.put_file("b.wav", &directory.path().join("none")).await.is_err());
    }

    #[test]
    fn what_is_no_store_is_refused_with_its_name() {
        for url in ["", "bucket", "ftp://x/", "file://host/x"] {
            let error = Objects::open(url, None).expect_err(url).to_string();
            assert!(error.contains("expected file:///path or s3://bucket/prefix"), "{error}");
        }
    }
}
