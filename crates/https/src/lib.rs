//! What programs need to ask servers over HTTPS: whom to trust, and what went wrong.
//!
//! - [`connector`]: connections to servers at http and https URLs, for a hyper client
//! - [`trusted`]: roots of an operator's choosing, or the system's
//! - [`with_causes`]: an error down to its cause

mod roots;

use std::error::Error;
use std::sync::Arc;

use hyper_rustls::HttpsConnectorBuilder;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};

pub use hyper_rustls::HttpsConnector;
pub use roots::{FileError, certificates, roots, system, trusted};

/// Connects to http and https URLs through `http`. Servers' certificates must lead to one of the roots.
///
/// # Errors
///
/// TLS cannot be had.
pub fn connector<C>(roots: RootCertStore, http: C) -> Result<HttpsConnector<C>, rustls::Error> {
    let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http))
}

/// What is wrong, down to the cause: "client error (Connect)" alone helps nobody. What was said already is not repeated.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Fault(&'static str, #[source] Option<Box<Fault>>);

    #[test]
    fn causes_are_told_once() {
        let fault = |what, cause: Option<Fault>| Fault(what, cause.map(Box::new));
        let all =
            fault("connect", Some(fault("refused: 111", Some(fault("111", Some(fault("cable", None)))))));
        assert_eq!(with_causes(&all), "connect: refused: 111: cable");
    }
}
