//! TLS: certificates, looked at every now and then, and handshakes. Files that are refused change nothing.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use https::{FileError, certificates, roots};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::config::{Config, TlsConfig, TlsListener};
use crate::live::Live;

/// For each listener, the certificates in force; `None` where it has no port for TLS.
#[derive(Debug)]
pub struct Tls {
    listeners: Vec<Option<ArcSwap<Identity>>>,
}

/// A listener's certificates, as server and as client.
#[derive(Debug)]
struct Identity {
    /// What it was made of.
    files: Files,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// The files' contents. These are compared: a file's time does not tell of two changes within its resolution.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    /// `None`: the system's, which are read when something else has changed.
    ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Files {
    /// Shows nothing: a key is among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

/// Why certificates are refused.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it has to be.
    #[error(transparent)]
    File(#[from] FileError),
    /// The files do not go together: a key of another certificate, for instance.
    #[error("{path}: {error}", path = path.display())]
    Unfit {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

impl Tls {
    /// Reads every listener's certificates.
    pub fn load(config: &Config) -> Result<Self, TlsError> {
        let load = |listener: &TlsListener| -> Result<_, TlsError> {
            let files = Files::read(listener, &config.tls)?;
            Ok(ArcSwap::from_pointee(Identity::new(files, listener, &config.tls)?))
        };
        let listeners = config.listeners.iter().map(|listener| listener.tls.as_ref().map(load).transpose());
        Ok(Tls { listeners: listeners.collect::<Result<_, _>>()? })
    }

    fn identity(&self, listener: usize) -> io::Result<Arc<Identity>> {
        let identity = self.listeners.get(listener).and_then(Option::as_ref);
        identity.map(ArcSwap::load_full).ok_or_else(|| io::Error::other("the listener has no TLS"))
    }

    /// The handshake on a connection that came.
    pub(super) async fn accept(
        &self,
        listener: usize,
        stream: TcpStream,
    ) -> io::Result<server::TlsStream<TcpStream>> {
        let identity = self.identity(listener)?;
        TlsAcceptor::from(Arc::clone(&identity.server)).accept(stream).await
    }

    /// The handshake on a connection that we made. The server's certificate has to be for that name.
    pub(super) async fn connect(
        &self,
        listener: usize,
        stream: TcpStream,
        name: io::Result<ServerName<'static>>,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let identity = self.identity(listener)?;
        TlsConnector::from(Arc::clone(&identity.client)).connect(name?, stream).await
    }
}

/// Takes changed certificates into use. Connections that are open keep theirs.
pub async fn watch_certificates(live: Arc<Live>) {
    let mut refused: Vec<Option<String>> = vec![None; live.config.listeners.len()];
    let mut ticks = tokio::time::interval(live.config.tls.poll);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let shared = Arc::clone(&live);
        let looked = tokio::task::spawn_blocking(move || {
            let all = 0..shared.config.listeners.len();
            all.map(|listener| shared.streams.tls.renew(listener, &shared.config)).collect::<Vec<_>>()
        });
        for ((listener, outcome), before) in
            live.config.listeners.iter().zip(looked.await.unwrap_or_default()).zip(&mut refused)
        {
            let name = &listener.name;
            match outcome {
                Ok(false) => *before = None,
                Ok(true) => {
                    *before = None;
                    tracing::info!(listener = name, "certificates taken");
                }
                Err(error) => {
                    let error = error.to_string();
                    if before.as_ref() != Some(&error) {
                        live.metrics.certificate_errors.inc();
                        tracing::warn!(
                            listener = name,
                            error,
                            "certificates refused, those before stay in force"
                        );
                        *before = Some(error);
                    }
                }
            }
        }
    }
}

impl Tls {
    /// Looks at a listener's files; says whether others are in force now.
    fn renew(&self, listener: usize, config: &Config) -> Result<bool, TlsError> {
        let current = self.listeners.get(listener).and_then(Option::as_ref);
        let settings = config.listeners.get(listener).and_then(|listener| listener.tls.as_ref());
        let (Some(current), Some(settings)) = (current, settings) else { return Ok(false) };
        let files = Files::read(settings, &config.tls)?;
        if files == current.load().files {
            return Ok(false);
        }
        current.store(Arc::new(Identity::new(files, settings, &config.tls)?));
        Ok(true)
    }
}

impl Files {
    fn read(listener: &TlsListener, config: &TlsConfig) -> Result<Self, TlsError> {
        let file =
            |path: &PathBuf, expected| fs::read(path).map_err(|error| FileError::new(path, expected, error));
        let roots =
            |path: &Option<PathBuf>| path.as_ref().map(|path| file(path, "root certificates")).transpose();
        Ok(Files {
            certificate: file(&listener.certificate, "a certificate")?,
            key: file(&listener.key, "a private key")?,
            client_ca: roots(&listener.client_ca)?,
            ca: roots(&config.ca)?,
        })
    }
}

impl Identity {
    fn new(files: Files, listener: &TlsListener, config: &TlsConfig) -> Result<Self, TlsError> {
        let path = &listener.certificate;
        let chain = certificates(&files.certificate, path)?;
        let key = PrivateKeyDer::from_pem_slice(&files.key)
            .map_err(|error| FileError::new(&listener.key, "a private key in PEM", error))?;
        let unfit = |error| TlsError::Unfit { path: path.clone(), error };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?;
        let server = match (&files.client_ca, &listener.client_ca) {
            (Some(pem), Some(path)) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots(pem, path)?),
                    Arc::clone(&provider),
                );
                let verifier = verifier
                    .build()
                    .map_err(|error| FileError::new(path, "root certificates in PEM", error))?;
                server.with_client_cert_verifier(verifier)
            }
            _ => server.with_no_client_auth(),
        };
        let server = server.with_single_cert(chain.clone(), key.clone_key()).map_err(unfit)?;
        let trusted = match (&files.ca, &config.ca) {
            (Some(pem), Some(path)) => roots(pem, path)?,
            _ => https::system(),
        };
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_root_certificates(trusted)
            .with_client_auth_cert(chain, key)
            .map_err(unfit)?;
        Ok(Identity { files, server: Arc::new(server), client: Arc::new(client) })
    }
}
