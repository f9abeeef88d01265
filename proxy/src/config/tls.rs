//! TLS: what a listener says of its own, and what holds for all.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use settings::wrong;

use super::{ConfigError, TlsListenerSettings, TlsSettings};
use crate::route::ours::Authority;

/// A listener's port for TLS.
#[derive(Debug, Clone)]
pub struct TlsListener {
    /// Where it listens.
    pub bind: SocketAddr,
    /// What callers see of it.
    pub advertise: Authority,
    /// What targets see of it.
    pub internal: Authority,
    /// The file with our certificate and those that lead to a root (PEM). We show it to servers that ask for one, too.
    pub certificate: PathBuf,
    /// The file with its key (PEM).
    pub key: PathBuf,
    /// The file with the roots (PEM) to one of which a caller's certificate has to lead; `None` asks for none.
    pub client_ca: Option<PathBuf>,
}

/// TLS connections that we make, and what holds for all.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// The file with the roots that servers have to lead to (PEM); `None`: the system's.
    pub ca: Option<PathBuf>,
    /// What the certificate of the server at an address has to be for, where that is not the address.
    pub names: BTreeMap<IpAddr, ServerName<'static>>,
    /// How often certificates are looked at.
    pub poll: Duration,
}

impl TlsListener {
    /// `advertise` and `internal` are the listener's own, whose hosts count unless TLS has others.
    pub(super) fn check(
        settings: &TlsListenerSettings,
        listener: &str,
        advertise: &Authority,
        internal: &Authority,
    ) -> Result<Self, ConfigError> {
        let port = settings.bind.port();
        let authority = |key: &str, text: &Option<String>, other: &Authority| match text {
            Some(text) => Authority::parse_with(text, 5061)
                .or_else(|what| wrong(&format!("listener {listener:?}, tls.{key}"), what)),
            None => Ok(other.with_port(port)),
        };
        Ok(TlsListener {
            bind: settings.bind,
            advertise: authority("advertise", &settings.advertise, advertise)?,
            internal: authority("internal", &settings.internal, internal)?,
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
            client_ca: settings.client_ca.clone(),
        })
    }
}

impl TlsConfig {
    pub(super) fn check(settings: TlsSettings) -> Result<Self, ConfigError> {
        let entry = |(address, name): (String, String)| match (address.parse(), name.clone().try_into()) {
            (Ok(ip), Ok(name)) => Ok((ip, name)),
            _ => wrong(
                "tls.names",
                format!("expected an address and a host name, found {address:?} and {name:?}"),
            ),
        };
        Ok(TlsConfig {
            ca: settings.ca,
            names: settings.names.into_iter().map(entry).collect::<Result<_, _>>()?,
            poll: settings.poll.max(Duration::from_millis(50)),
        })
    }
}
