//! S3: objects with ETags, read and written on conditions.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use anyhow::{Result, bail};
use axum::body::Bytes;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// Objects by path: `/bucket/key`.
#[derive(Debug, Default)]
pub struct S3 {
    objects: BTreeMap<String, (Vec<u8>, String)>,
    /// It answers everything with 503.
    pub is_away: bool,
    /// Requests so far.
    pub requests: usize,
    /// Writes that were refused, since somebody else had written.
    pub conflicts: usize,
    hasher: RandomState,
    writes: u64,
}

impl S3 {
    /// What stands at a path.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.objects.get(path).map(|(content, _)| content.as_slice())
    }

    /// Puts something there, whatever there was.
    pub fn put(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.writes += 1;
        let etag = format!("\"{:016x}\"", self.hasher.hash_one(self.writes));
        self.objects.insert(path.to_owned(), (content.into(), etag));
    }

    pub(super) fn answer(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response> {
        self.requests += 1;
        if self.is_away {
            return Ok(error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"));
        }
        let condition = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let etag = self.objects.get(path).map(|(_, etag)| etag.clone());
        match *method {
            Method::GET => Ok(match self.objects.get(path) {
                None => error(StatusCode::NOT_FOUND, "NoSuchKey"),
                Some((_, etag)) if condition(IF_NONE_MATCH) == Some(etag) => {
                    (StatusCode::NOT_MODIFIED, [(ETAG, etag.clone())]).into_response()
                }
                Some((content, etag)) => {
                    let modified = "Sun, 22 Nov 2026 07:00:00 GMT".to_owned();
                    ([(ETAG, etag.clone()), (LAST_MODIFIED, modified)], content.clone()).into_response()
                }
            }),
            Method::PUT => {
                let is_new = condition(IF_NONE_MATCH) != Some("*") || etag.is_none();
                let matches = condition(IF_MATCH).is_none_or(|expected| etag.as_deref() == Some(expected));
                if !is_new || !matches {
                    self.conflicts += 1;
                    return Ok(error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"));
                }
                self.put(path, body.to_vec());
                let etag = self.objects.get(path).map(|(_, etag)| etag.clone()).unwrap_or_default();
                Ok((StatusCode::OK, [(ETAG, etag)]).into_response())
            }
            _ => bail!("{method} is not known here"),
        }
    }
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}
