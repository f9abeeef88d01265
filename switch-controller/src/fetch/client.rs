//! Connections: names -> addresses, TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;

use super::reach::Reach;

pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// So many names are looked up at once: customers' names may have servers that never answer.
static LOOKUPS: Semaphore = Semaphore::const_new(64);

/// The addresses of a name, or the one that it is; an error is the system's.
pub(super) type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// A resolver, without addresses that may not be reached.
#[derive(Clone)]
pub(crate) struct Resolver {
    reach: Arc<dyn Reach>,
    look_up: fn(String) -> Addresses,
}

impl Resolver {
    /// The system's.
    pub(super) fn new(reach: Arc<dyn Reach>) -> Self {
        Resolver { reach, look_up }
    }

    /// One that finds something else.
    #[cfg(test)]
    pub(super) fn with(reach: Arc<dyn Reach>, look_up: fn(String) -> Addresses) -> Self {
        Resolver { reach, look_up }
    }

    /// The addresses of a host, of which each may be reached; the error says which may not.
    pub(super) async fn all(&self, host: &str) -> Result<(), String> {
        let addresses = (self.look_up)(host.to_owned()).await.map_err(|error| format!("{host}: {error}"))?;
        match addresses.iter().find(|address| !self.reach.permits(address.ip())) {
            Some(address) => Err(format!("{host}: {} may not be reached", address.ip())),
            None => Ok(()),
        }
    }
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (reach, looked_up) = (Arc::clone(&self.reach), (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = looked_up.await?.into_iter();
            let permitted: Vec<_> = found.filter(|address| reach.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(io::Error::other(format!("{name} has no address that may be reached")));
            }
            Ok(permitted.into_iter())
        })
    }
}

fn look_up(host: String) -> Addresses {
    Box::pin(async move {
        // Each waits in a thread of those that files need, too.
        let _turn = LOOKUPS.acquire().await;
        Ok(tokio::net::lookup_host((host, 0)).await?.collect())
    })
}

/// A client that reaches what `reach` lets it.
pub(crate) fn client(ca: Option<&Path>, reach: Arc<dyn Reach>) -> Result<HttpClient, String> {
    client_with(ca, Resolver::new(reach))
}

pub(super) fn client_with(ca: Option<&Path>, resolver: Resolver) -> Result<HttpClient, String> {
    let mut http = HttpConnector::new_with_resolver(resolver);
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_secs(10)));
    let roots = https::trusted(ca).map_err(|error| error.to_string())?;
    let https = https::connector(roots, http).map_err(|error| error.to_string())?;
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(super::IDLE)
        .pool_max_idle_per_host(8)
        .build(https))
}
