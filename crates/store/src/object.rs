//! A snapshot in an object store, by the crate `object_store`.

use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectStore, PutMode, PutOptions, RetryConfig,
    UpdateVersion,
};
use objects::Connector;

use crate::{Options, Read, StoreError, Version};

#[derive(Debug)]
pub(crate) struct RemoteObject {
    store: Box<dyn ObjectStore>,
    path: Path,
    options: Options,
}

impl RemoteObject {
    pub(crate) fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let wrong = |why: String| StoreError::Url { url: url.to_owned(), why };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme".to_owned()))?;
        let (place, key) = rest.split_once('/').unwrap_or((rest, ""));
        if place.is_empty() || key.is_empty() || key.ends_with('/') {
            return Err(wrong("it names no object".to_owned()));
        }
        let connector = Connector::new(options.ca.as_deref(), options.timeout).map_err(wrong)?;
        // A proxy asks again soon by itself, and a Lambda is asked again.
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.,
        };
        let retry = RetryConfig { max_retries: 2, retry_timeout: options.timeout, backoff };
        let client = || ClientOptions::new().with_allow_http(true);
        let store: Result<Box<dyn ObjectStore>, Error> = match scheme {
            "s3" => amazon(&options)
                .with_bucket_name(place)
                .with_client_options(client())
                .with_http_connector(connector)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            #[cfg(feature = "gcp")]
            "gs" => object_store::gcp::GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(place)
                .with_client_options(client())
                .with_http_connector(connector)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            #[cfg(feature = "azure")]
            "az" => object_store::azure::MicrosoftAzureBuilder::from_env()
                .with_container_name(place)
                .with_client_options(client())
                .with_http_connector(connector)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            "http" | "https" => HttpBuilder::new()
                .with_url(format!("{scheme}://{place}"))
                .with_client_options(client())
                .with_http_connector(connector)
                .with_retry(retry)
                .build()
                .map(|store| Box::new(store) as _),
            _ => return Err(wrong(format!("{scheme:?} is no kind of store that is built in"))),
        };
        let store = store.map_err(|error| wrong(https::with_causes(&error)))?;
        let path = Path::parse(key).map_err(|error| wrong(error.to_string()))?;
        Ok(RemoteObject { store, path, options })
    }

    pub(crate) async fn read(&self, known: Option<&Version>) -> Result<Read, StoreError> {
        let if_none_match = known.and_then(|known| known.etag.clone());
        let get = GetOptions { if_none_match, ..GetOptions::default() };
        self.in_time(async {
            let found = match self.store.get_opts(&self.path, get).await {
                Ok(found) => found,
                Err(Error::NotModified { .. }) => return Ok(Read::Same),
                Err(Error::NotFound { .. }) => return Ok(Read::Absent),
                Err(error) => return Err(remote(&error)),
            };
            let most = self.options.most;
            let too_long = |found: u64| Err(StoreError::TooLong { most, found });
            if usize::try_from(found.meta.size).map_or(true, |size| size > most) {
                return too_long(found.meta.size);
            }
            let version = Version { etag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let (mut content, mut stream) = (Vec::new(), found.into_stream());
            while let Some(piece) = stream.try_next().await.map_err(|error| remote(&error))? {
                content.extend_from_slice(&piece);
                if content.len() > most {
                    return too_long(content.len() as u64);
                }
            }
            Ok(Read::Content(content, version))
        })
        .await
    }

    pub(crate) async fn write(&self, new: Vec<u8>, over: Option<&Version>) -> Result<Version, StoreError> {
        let mode = match over.cloned() {
            Some(Version { etag, version }) => PutMode::Update(UpdateVersion { e_tag: etag, version }),
            None => PutMode::Create,
        };
        self.in_time(async {
            match self.store.put_opts(&self.path, new.into(), PutOptions::from(mode)).await {
                Ok(put) => Ok(Version { etag: put.e_tag, version: put.version }),
                Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => Err(StoreError::Conflict),
                Err(error) => Err(remote(&error)),
            }
        })
        .await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        // With room for what is tried again.
        let most = self.options.timeout * 2;
        tokio::time::timeout(most, work).await.unwrap_or(Err(StoreError::Timeout(most)))
    }
}

fn amazon(options: &Options) -> AmazonS3Builder {
    let known = options.variables.iter().filter_map(|(name, value)| {
        Some((name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>().ok()?, value))
    });
    known.fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value))
}

fn remote(error: &Error) -> StoreError {
    StoreError::Remote(https::with_causes(error))
}
