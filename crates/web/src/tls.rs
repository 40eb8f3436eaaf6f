//! HTTPS: the certificate and its key are read from files, and read again on a signal.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, bail};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// HTTPS as it is spoken now.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// With what these files hold, both in PEM form: the certificate before those that lead to its authority.
    pub fn read(certificate: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let current = RwLock::new(config(&certificate, &key)?);
        Ok(Self { certificate, key, current })
    }

    /// Reads the files again. If something is wrong with them, all stays as it was.
    pub fn reload(&self) -> anyhow::Result<()> {
        let config = config(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

fn config(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let (chain, secret) = (read_chain(certificate)?, read_key(key)?);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => anyhow::anyhow!(
                "the key in {} is not the one of the first certificate in {}",
                key.display(),
                certificate.display()
            ),
            rustls::Error::InvalidCertificate(why) => {
                anyhow::anyhow!("the first certificate in {} is of no use: {why}", certificate.display())
            }
            why => anyhow::anyhow!("the key in {} is of no use: {why}", key.display()),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn read_chain(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_slice_iter(&read(file)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.with_context(|| format!("cannot read {}", file.display()))?;
    if chain.is_empty() {
        bail!("{} holds no certificate in PEM form (BEGIN CERTIFICATE)", file.display());
    }
    Ok(chain)
}

fn read_key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let text = read(file)?;
    // Both forms of an encrypted key say so.
    if text.windows(9).any(|part| part == b"ENCRYPTED") {
        bail!(
            "the key in {} has a passphrase, which nobody could type here: store it without",
            file.display()
        );
    }
    match PrivateKeyDer::pem_slice_iter(&text).next() {
        Some(key) => key.with_context(|| format!("cannot read {}", file.display())),
        None => bail!("{} holds no private key in PEM form (BEGIN PRIVATE KEY)", file.display()),
    }
}
