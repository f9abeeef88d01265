//! Documents of web servers.

use http_body_util::{BodyExt, Empty, Limited};
use https::with_causes;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, ETAG, HeaderValue, IF_NONE_MATCH, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;

use crate::config::FetchSettings;

#[derive(Clone)]
pub(crate) struct Web {
    /// The most bytes that are taken.
    most: usize,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Web {
    /// Nothing is asked yet.
    pub(super) fn open(url: &Uri, settings: &FetchSettings, most: usize) -> Result<Self, String> {
        let roots = match url.scheme() == Some(&Scheme::HTTPS) {
            true => https::trusted(settings.ca.as_deref()).map_err(|error| error.to_string())?,
            false => RootCertStore::empty(),
        };
        Web::trusting(roots, most)
    }

    /// For http alone: no server's certificate is trusted.
    pub(crate) fn plain(most: usize) -> Result<Self, String> {
        Web::trusting(RootCertStore::empty(), most)
    }

    fn trusting(roots: RootCertStore, most: usize) -> Result<Self, String> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let connector = https::connector(roots, http).map_err(|error| error.to_string())?;
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Web { most, client })
    }

    /// What is there now.
    pub(crate) async fn get(&self, url: &Uri) -> Result<Vec<u8>, String> {
        let content = self.ask(url, None).await?;
        content.map(|(content, _)| content).ok_or_else(|| "expected an answer of 200, found 304".to_owned())
    }

    /// Asks once. `None`: it is what it was under this ETag.
    pub(super) async fn ask(
        &self,
        url: &Uri,
        known: Option<&HeaderValue>,
    ) -> Result<Option<(Vec<u8>, Option<HeaderValue>)>, String> {
        let mut request = Request::get(url.clone())
            .header(USER_AGENT, concat!("switchyard/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*");
        if let Some(etag) = known {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| with_causes(&error))?;
        match answer.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(None),
            StatusCode::OK => {
                let etag = answer.headers().get(ETAG).cloned();
                Ok(Some((self.take(answer).await?, etag)))
            }
            status => Err(format!("expected an answer of 200, found {status}")),
        }
    }

    async fn take(&self, answer: Response<Incoming>) -> Result<Vec<u8>, String> {
        let too_long = |found: &str| format!("expected up to {} bytes, found {found}", self.most);
        let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if let Some(length) =
            length.filter(|length| length.parse().is_ok_and(|length: usize| length > self.most))
        {
            return Err(too_long(length));
        }
        match Limited::new(answer.into_body(), self.most).collect().await {
            Ok(body) => Ok(body.to_bytes().into()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_long("more")),
            Err(error) => Err(with_causes(&*error)),
        }
    }
}
