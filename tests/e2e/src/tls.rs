//! Certificates made for a test, and connections that use them.

use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use crate::wire::{self, Stream};

/// One that vouches for others.
pub struct Issuer {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, both in PEM.
pub struct Issued {
    certificate: String,
    key: String,
}

impl Issuer {
    /// A new one, trusted by nobody yet.
    ///
    /// # Errors
    ///
    /// No randomness.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// A certificate for host names and addresses.
    ///
    /// # Errors
    ///
    /// One is no name.
    pub fn issue(&self, names: &[&str]) -> Result<Issued> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Its own certificate, as a file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, path: PathBuf) -> Result<PathBuf> {
        fs::write(&path, self.issuer.pem())?;
        Ok(path)
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        Ok(roots)
    }
}

impl Issued {
    /// Puts `certificate.pem` and `key.pem` there.
    ///
    /// # Errors
    ///
    /// They cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::write(directory.join("certificate.pem"), &self.certificate)?;
        Ok(fs::write(directory.join("key.pem"), &self.key)?)
    }

    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes())?;
        Ok((vec![certificate], PrivateKeyDer::from_pem_slice(self.key.as_bytes())?))
    }
}

/// Connects to `peer`, whose certificate has to be for its address and from `trusted`. `own` is shown to it if it asks.
///
/// # Errors
///
/// Nobody listens there, or the handshake fails.
pub fn connect(peer: SocketAddr, trusted: &Issuer, own: Option<&Issued>) -> Result<Stream> {
    connect_behind(peer, trusted, own, b"")
}

/// The same behind bytes that a load balancer would send first.
///
/// # Errors
///
/// As above.
pub fn connect_behind(
    peer: SocketAddr,
    trusted: &Issuer,
    own: Option<&Issued>,
    first: &[u8],
) -> Result<Stream> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted.roots()?);
    let config = match own.map(Issued::read).transpose()? {
        Some((certificate, key)) => config.with_client_auth_cert(certificate, key)?,
        None => config.with_no_client_auth(),
    };
    let mut socket = wire::open(peer)?;
    std::io::Write::write_all(&mut socket, first)?;
    socket.set_read_timeout(Some(wire::ANSWER_WITHIN))?;
    let local = socket.local_addr()?;
    let connection = ClientConnection::new(Arc::new(config), ServerName::from(peer.ip()))?;
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).context("the handshake")?;
    }
    Ok(Stream::new(Box::new(stream), "TLS", local))
}

/// One that waits for TLS connections.
pub struct Server {
    listener: TcpListener,
    config: Arc<ServerConfig>,
}

impl Server {
    /// On a free port of `ip`, showing this certificate.
    ///
    /// # Errors
    ///
    /// `ip` is not this machine's.
    pub fn bind(ip: IpAddr, own: &Issued) -> Result<Self> {
        let (certificate, key) = own.read()?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificate, key)?;
        Ok(Self { listener: TcpListener::bind((ip, 0))?, config: Arc::new(config) })
    }

    /// Where it is.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn local(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// The next connection that comes.
    ///
    /// # Errors
    ///
    /// None comes, or its handshake fails.
    pub fn accept(&self) -> Result<Stream> {
        let socket = wire::accept(&self.listener)?;
        let local = socket.local_addr()?;
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&self.config))?, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).context("the handshake")?;
        }
        Ok(Stream::new(Box::new(stream), "TLS", local))
    }
}
