//! Root certificates: whom a certificate must lead to.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Why a file is of no use: it cannot be read, or is not what it has to be.
#[derive(Debug, thiserror::Error)]
#[error("{path}: expected {expected}: {error}", path = path.display())]
pub struct FileError {
    /// Which file.
    pub path: PathBuf,
    /// What it should have held.
    pub expected: &'static str,
    /// What is wrong with it.
    pub error: String,
}

impl FileError {
    /// What is wrong with which file.
    pub fn new(path: &Path, expected: &'static str, error: impl ToString) -> Self {
        FileError { path: path.to_owned(), expected, error: error.to_string() }
    }
}

/// The roots in a file, or the system's. Reads the disk.
///
/// # Errors
///
/// The file cannot be read, or one of its certificates is of no use.
pub fn trusted(ca: Option<&Path>) -> Result<RootCertStore, FileError> {
    let Some(path) = ca else { return Ok(system()) };
    let pem = fs::read(path).map_err(|error| FileError::new(path, "root certificates", error))?;
    roots(&pem, path)
}

/// The roots in the content of a file, whose path stands in errors.
///
/// # Errors
///
/// There is none, or one that is of no use.
pub fn roots(pem: &[u8], path: &Path) -> Result<RootCertStore, FileError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, path)? {
        store.add(certificate).map_err(|error| FileError::new(path, "root certificates in PEM", error))?;
    }
    Ok(store)
}

/// The certificates in the content of a file, whose path stands in errors.
///
/// # Errors
///
/// There is none, or it is not PEM.
pub fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(FileError::new(path, "certificates in PEM", "found none")),
        Err(error) => Err(FileError::new(path, "certificates in PEM", error)),
    }
}

/// The system's. Without any, no server is trusted.
pub fn system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Some of a system's roots are of kinds that nobody uses any more.
    let (taken, _) = store.add_parsable_certificates(found.certs);
    if taken == 0 {
        let error = found.errors.first().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(
            error,
            "the system has no root certificates: no server is trusted (a file of others can be set as `ca`)"
        );
    }
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_roots_or_is_refused_by_name() {
        let own = rcgen::generate_simple_self_signed(vec!["ca.test".to_owned()]).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), own.cert.pem()).unwrap();
        assert_eq!(trusted(Some(file.path())).unwrap().len(), 1);
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            fs::write(file.path(), text).unwrap();
            let error = trusted(Some(file.path())).unwrap_err().to_string();
            assert!(error.starts_with(&file.path().display().to_string()), "{error}");
        }
        let error = trusted(Some(Path::new("/nowhere/ca.pem"))).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/ca.pem: expected root certificates: "), "{error}");
    }
}
