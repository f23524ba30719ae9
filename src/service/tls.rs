//! TLS: the certificate, and how a newer one takes its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::{Error, Result};

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that lead to its root, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// Roots of the certificates that clients have to show; `None`: they show none.
    pub client_roots: Option<PathBuf>,
}

/// What the next handshake uses.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    seen: Mutex<Vec<Option<SystemTime>>>,
}

impl Tls {
    /// # Errors
    ///
    /// [`Error::Io`] where a file cannot be read, [`Error::Input`] where certificate and key are none, or do not belong together.
    pub(crate) fn open(files: TlsFiles) -> Result<Tls> {
        let seen = Mutex::new(stamps(&files));
        Ok(Tls { config: ArcSwap::from_pointee(config(&files)?), files, seen })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }

    /// Takes the files again where one of them changed. Whether they could be used; `None` where none changed.
    pub(crate) fn refresh(&self) -> Option<bool> {
        let now = stamps(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return None;
        }
        *seen = now;
        let config = config(&self.files).ok();
        let is_taken = config.is_some();
        config.into_iter().for_each(|config| self.config.store(Arc::new(config)));
        Some(is_taken)
    }
}

fn stamps(files: &TlsFiles) -> Vec<Option<SystemTime>> {
    let all = [Some(&files.certificate), Some(&files.key), files.client_roots.as_ref()];
    all.into_iter().flatten().map(|path| fs::metadata(path).ok()?.modified().ok()).collect()
}

fn config(files: &TlsFiles) -> Result<ServerConfig> {
    let wrong = |error: rustls::Error| {
        Error::Input(format!(
            "{} and {} cannot be used for TLS: {error}",
            files.certificate.display(),
            files.key.display()
        ))
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().map_err(wrong)?;
    let builder = match &files.client_roots {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unreadable(path, error))?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, error))?;
    let mut config = builder.with_single_cert(certificates(&files.certificate)?, key).map_err(wrong)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let all = read.map_err(|error| unreadable(path, error))?;
    if all.is_empty() { Err(unreadable(path, "it holds no certificate")) } else { Ok(all) }
}

fn roots(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unreadable(path, error))?;
    }
    Ok(roots)
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Input(format!("{} cannot be used for TLS: {error}", path.display()))
}
