//! What a store cannot do.

/// What a store cannot do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No URL of a store.
    #[error("expected file:///path, s3://bucket/key, http://... or https://..., found {url:?}: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else has written since it was read.
    #[error("somebody else has written it since it was read")]
    Conflict,
    /// More than may be read.
    #[error("expected up to {most} bytes, found {found}")]
    TooLong {
        /// The most that is read.
        most: usize,
        /// How many there are, as far as it was looked.
        found: u64,
    },
    /// Nobody is asked for longer than that.
    #[error("expected an answer within {0:?}, found none")]
    Timeout(std::time::Duration),
    /// The file.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The server, or the way to it.
    #[error("{0}")]
    Remote(String),
}
