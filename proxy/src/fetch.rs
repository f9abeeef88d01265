//! Lists at a URL, of a web server or in an object store, asked for every now and then. What has not changed is not sent
//! again (ETag, RFC 9110 13.1.2); what is not good changes nothing.

mod web;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};
pub(crate) use web::Web;

use store::{Options, Read, Store, Version};

use crate::config::{FetchSettings, ListUrl};
use crate::metrics::Fetches;

/// A list at a URL.
pub struct WatchedUrl {
    list: ListUrl,
    settings: FetchSettings,
    poll: Duration,
    /// The most bytes that are taken.
    most: usize,
    metrics: Fetches,
    /// Made when it is needed first: a file of roots that cannot be read may be there later.
    origin: Option<Origin>,
    /// How far it has come.
    stage: Stage,
    /// The last content that was looked at: its hash, and whether it was good.
    last: Option<([u8; 32], bool)>,
    /// Why the last attempt failed, if it did.
    error: Option<String>,
    /// Names the content in force, for the server; and the one that is being looked at.
    tag: Option<Tag>,
    candidate: Option<Tag>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was done yet.
    New,
    /// The copy of an earlier process is being looked at.
    Copy,
    /// The server has been asked.
    Asked,
}

impl WatchedUrl {
    /// Asked for now, and then so often.
    pub fn new(
        list: ListUrl,
        poll: Duration,
        most: usize,
        settings: FetchSettings,
        metrics: Fetches,
    ) -> Self {
        WatchedUrl {
            list,
            settings,
            poll,
            most,
            metrics,
            origin: None,
            stage: Stage::New,
            last: None,
            error: None,
            tag: None,
            candidate: None,
        }
    }

    /// Where it is.
    pub fn name(&self) -> String {
        self.list.shown()
    }

    /// Its content, or why that cannot be had, as soon as it is something else than before. What was kept of an earlier
    /// process comes first. [`WatchedUrl::accept`] or [`WatchedUrl::refuse`] is told of each content.
    pub async fn changed(&mut self) -> Result<Vec<u8>, String> {
        if let Some(copy) = self.copy().await {
            return Ok(copy);
        }
        loop {
            self.wait().await;
            let fetched = self.fetch().await;
            let error = fetched.as_ref().err().cloned();
            let failed_before = std::mem::replace(&mut self.error, error.clone());
            match fetched {
                Ok(content) => {
                    if failed_before.is_some() {
                        tracing::info!(url = self.name(), "the list can be fetched again");
                    }
                    if let Some(content) = content.filter(|content| self.is_news(content)) {
                        return Ok(content);
                    }
                }
                Err(error) => {
                    self.metrics.failed.inc();
                    if failed_before.as_ref() != Some(&error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// The content is good, and in force. It is kept on disk, too.
    pub async fn accept(&mut self, content: &[u8]) {
        if let Some((_, good)) = &mut self.last {
            *good = true;
        }
        if self.stage == Stage::Copy {
            return;
        }
        self.tag = self.candidate.take();
        self.metrics.changed.inc();
        self.metrics.confirm();
        if let Some(path) = &self.list.cache
            && let Err(error) = keep(path, content).await
        {
            tracing::warn!(file = %path.display(), %error, "the last good copy of the list cannot be kept");
        }
    }

    /// The content is not good. It is asked for again, whole: the server would say that it has not changed.
    pub fn refuse(&mut self) {
        if self.stage != Stage::Copy {
            self.tag = None;
            self.metrics.refused.inc();
        }
    }

    /// Once: what an earlier process has kept. Calls need not wait for the server, nor for one that is away.
    async fn copy(&mut self) -> Option<Vec<u8>> {
        if self.stage != Stage::New {
            return None;
        }
        self.stage = Stage::Copy;
        let path = self.list.cache.as_ref()?;
        match tokio::fs::read(path).await {
            Ok(copy) => {
                tracing::info!(file = %path.display(), "the last good copy of the list is looked at first");
                self.last = Some((Sha256::digest(&copy).into(), false));
                Some(copy)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "the last good copy of the list cannot be read");
                None
            }
        }
    }

    /// Not before the first time; then an interval, give or take the jitter: a fleet does not ask in step.
    async fn wait(&mut self) {
        if self.stage != Stage::Asked {
            self.stage = Stage::Asked;
            return;
        }
        let fraction = (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64;
        let share = 1.0 + self.settings.jitter * (2.0 * fraction - 1.0);
        tokio::time::sleep(self.poll.mul_f64(share.max(0.0))).await;
    }

    /// Whether a content is another than the last. Servers without ETag send it each time.
    fn is_news(&mut self, content: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(content).into();
        match self.last {
            Some((last, true)) if last == hash => {
                self.tag = self.candidate.take();
                self.metrics.same.inc();
                self.metrics.confirm();
                false
            }
            Some((last, false)) if last == hash => {
                self.refuse();
                false
            }
            _ => {
                self.last = Some((hash, false));
                true
            }
        }
    }

    /// Asks once. `None`: it is what it was.
    async fn fetch(&mut self) -> Result<Option<Vec<u8>>, String> {
        let limit = self.settings.timeout;
        let outcome = tokio::time::timeout(limit, self.ask()).await;
        outcome.unwrap_or_else(|_| Err(format!("expected an answer within {limit:?}, found none")))
    }

    async fn ask(&mut self) -> Result<Option<Vec<u8>>, String> {
        let known = self.tag.as_ref();
        let answer = match &self.origin {
            Some(origin) => origin.ask(known).await?,
            None => {
                self.origin.insert(Origin::open(&self.list, &self.settings, self.most)?).ask(known).await?
            }
        };
        Ok(match answer {
            None => {
                self.metrics.same.inc();
                self.metrics.confirm();
                None
            }
            Some((content, tag)) => {
                self.candidate = tag;
                Some(content)
            }
        })
    }
}

/// Who is asked.
enum Origin {
    Web(Box<Web>, Uri),
    Store(Box<Store>),
}

/// Names a content, for who was asked.
enum Tag {
    Etag(HeaderValue),
    Version(Version),
}

impl Origin {
    fn open(list: &ListUrl, settings: &FetchSettings, most: usize) -> Result<Self, String> {
        if list.is_object() {
            let options =
                Options { timeout: settings.timeout, ca: settings.ca.clone(), most, ..Options::default() };
            let store = Store::open(&list.url.to_string(), options).map_err(|error| error.to_string())?;
            return Ok(Origin::Store(Box::new(store)));
        }
        let web = Web::open(&list.url, settings, most)?;
        Ok(Origin::Web(Box::new(web), list.url.clone()))
    }

    /// Asks once. `None`: it is what it was.
    async fn ask(&self, known: Option<&Tag>) -> Result<Option<(Vec<u8>, Option<Tag>)>, String> {
        match self {
            Origin::Web(web, url) => {
                let known = known.and_then(|tag| if let Tag::Etag(etag) = tag { Some(etag) } else { None });
                let answer = web.ask(url, known).await?;
                Ok(answer.map(|(content, etag)| (content, etag.map(Tag::Etag))))
            }
            Origin::Store(store) => {
                let known = known.and_then(|tag| if let Tag::Version(tag) = tag { Some(tag) } else { None });
                match store.read(known).await.map_err(|error| error.to_string())? {
                    Read::Same => Ok(None),
                    Read::Content(content, version) => Ok(Some((content, Some(Tag::Version(version))))),
                    Read::Absent => Err("expected a list, found that nobody has written one yet".to_owned()),
                }
            }
        }
    }
}

async fn keep(path: &Path, content: &[u8]) -> io::Result<()> {
    let (path, content) = (path.to_owned(), content.to_owned());
    tokio::task::spawn_blocking(move || store::replace(&path, &content)).await.map_err(io::Error::other)?
}
