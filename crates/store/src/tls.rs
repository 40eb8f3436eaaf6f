//! TLS to a server: who is believed to be it.

use std::path::Path;
use std::sync::Arc;

use ::postgres::config::{SslMode, SslNegotiation};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::pg_url::{PgUrl, Trust};

/// How connections to a server are encrypted.
#[derive(Clone)]
pub(crate) struct Tls(MakeRustlsConnect);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// What the URL asks for; none if it wants no encryption. An error says why not.
    pub(crate) fn new(url: &PgUrl) -> Result<Option<Self>, String> {
        if url.config.get_ssl_mode() == SslMode::Disable {
            return Ok(None);
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new(&url.trust, provider.clone())?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        if url.config.get_ssl_negotiation() == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(Some(Self(MakeRustlsConnect::new(config))))
    }

    pub(crate) fn connector(&self) -> MakeRustlsConnect {
        self.0.clone()
    }
}

/// Looks at a server's certificate. That the server has the key to it is always proven.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Without them anybody is believed.
    roots: Option<RootCertStore>,
    /// A server may sign its certificate itself: then just that one is believed.
    own: Vec<CertificateDer<'static>>,
    named: bool,
}

impl Verifier {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let verifier = |roots, own, named| Self { provider, roots, own, named };
        let (file, named) = match trust {
            Trust::Anybody => return Ok(verifier(None, Vec::new(), false)),
            Trust::Named(None) => return Ok(verifier(Some(system()?), Vec::new(), true)),
            Trust::Named(Some(file)) => (file, true),
            Trust::Signed(file) => (file, false),
        };
        let own = read(file)?;
        let mut roots = RootCertStore::empty();
        for certificate in &own {
            roots
                .add(certificate.clone())
                .map_err(|error| format!("sslrootcert {}: {error}", file.display()))?;
        }
        Ok(verifier(Some(roots), own, named))
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("cannot read sslrootcert {}: {why}", file.display());
    // The system's own words where it has some.
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(wrong(&"it holds no certificate in PEM form")),
        Err(error) => Err(wrong(&error)),
    }
}

fn system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!(
            "this system knows no certificate authorities{why}: install ca-certificates, or say sslrootcert=FILE"
        ));
    }
    Ok(roots)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !self.own.contains(end_entity) {
            let known = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, known)?;
        }
        if self.named {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a connection could not be encrypted, if it was that.
pub(crate) fn trouble(error: &::postgres::Error) -> Option<&rustls::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref()) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What was wrong with a server's certificate, and what to do about it.
pub(crate) fn explain(error: &rustls::Error, trust: &Trust) -> String {
    let rustls::Error::InvalidCertificate(why) = error else { return error.to_string() };
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("{why}; name the host as its certificate does, or let sslmode=verify-ca ignore the name")
        }
        CertificateError::UnknownIssuer => unknown(trust),
        CertificateError::Other(why) => match why.to_string() {
            // One that signs itself and is not in the file.
            why if why.contains("CaUsedAsEndEntity") => unknown(trust),
            why if why.contains("UnsupportedCertVersion") => {
                "the server's certificate is of no use: it has to be of X.509 version 3".to_owned()
            }
            why => format!("the server's certificate is of no use: {why}"),
        },
        why => format!("the server's certificate is of no use: {why}"),
    }
}

fn unknown(trust: &Trust) -> String {
    let whom = match trust {
        Trust::Signed(file) | Trust::Named(Some(file)) => format!("in {}", file.display()),
        Trust::Named(None) | Trust::Anybody => "that this system knows".to_owned(),
    };
    format!(
        "no authority {whom} has signed the server's certificate; name the file with the right one as \
         sslrootcert=FILE"
    )
}
