//! HTTP for `object_store`: hyper, with the TLS that all programs here have.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper::Response;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes clients, which share their connections.
#[derive(Debug, Clone)]
pub struct Connector(Service);

#[derive(Debug, Clone)]
struct Service {
    client: Client<HttpsConnector<Tcp>, HttpRequestBody>,
    timeout: Duration,
}

impl Connector {
    /// With these roots, or the system's. A request may take so long until its answer begins.
    ///
    /// # Errors
    ///
    /// The file of roots is of no use.
    pub fn new(ca: Option<&Path>, timeout: Duration) -> Result<Self, String> {
        let roots = https::trusted(ca).map_err(|error| error.to_string())?;
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout.min(CONNECT)));
        let connector = https::connector(roots, tcp).map_err(|error| error.to_string())?;
        Ok(Connector(Service { client: Client::builder(TokioExecutor::new()).build(connector), timeout }))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = tokio::time::timeout(self.timeout, self.client.request(request)).await;
        let response = response.map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?;
        let response = response.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
            HttpError::new(kind, error)
        })?;
        let (parts, body) = response.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
        Ok(Response::from_parts(parts, HttpResponseBody::new(body)))
    }
}
