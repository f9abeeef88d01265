//! HTTP for `object_store`: hyper with the TLS that all programs here have, instead of a second stack of its own.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper::Response;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};

/// Makes the client.
#[derive(Debug, Clone)]
pub(crate) struct Connector(Service);

#[derive(Debug, Clone)]
struct Service {
    client: Client<Https, HttpRequestBody>,
    timeout: Duration,
}

type Https = https::HttpsConnector<Tcp>;

impl Connector {
    /// With these roots, or the system's.
    pub(crate) fn new(ca: Option<&Path>, timeout: Duration) -> Result<Self, String> {
        let roots = https::trusted(ca).map_err(|error| error.to_string())?;
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout));
        let connector = https::connector(roots, tcp).map_err(|error| error.to_string())?;
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Connector(Service { client, timeout }))
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
        let answer = tokio::time::timeout(self.timeout, self.client.request(request)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => {
                return Err(HttpError::new(HttpErrorKind::Connect, error));
            }
            Ok(Err(error)) => return Err(HttpError::new(HttpErrorKind::Request, error)),
            Err(late) => return Err(HttpError::new(HttpErrorKind::Timeout, late)),
        };
        let (parts, body) = answer.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
        Ok(Response::from_parts(parts, HttpResponseBody::new(body)))
    }
}
