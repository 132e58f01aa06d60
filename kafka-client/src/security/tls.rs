use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore, SupportedProtocolVersion, version,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Settings;
use super::pem::{self, HOW_TO_CONVERT, Source};
use super::verifier::AnyHostName;
use crate::ClientError;
use crate::config::Address;

/// Encrypts connections. By rustls with ring: it builds in seconds without cmake, and has what SCRAM needs too.
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

/// Settings that would make a connection stricter or different in ways that this client does not know. To ignore them would be a lie.
const NOT_SUPPORTED: [&str; 6] = [
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.sigalgs.list",
    "ssl.crl.location",
    "ssl.engine.factory.class",
    "ssl.engine.location",
];

impl Tls {
    /// None, with the problems noted, where the settings are wrong.
    pub(super) fn from_settings(settings: &mut Settings<'_>) -> Option<Self> {
        for key in NOT_SUPPORTED {
            if settings.get(key).is_some_and(|value| !value.is_empty()) {
                settings.problem(key, "not supported by this client; remove it");
            }
        }
        if settings.get("enable.ssl.certificate.verification").is_some_and(|value| value.trim() == "false") {
            let how = "certificates are always verified; name the broker's authority by ssl.truststore.location";
            settings.problem("enable.ssl.certificate.verification", how);
        }
        for key in ["ssl.truststore.type", "ssl.keystore.type"] {
            if let Some(given) = settings.get(key).filter(|given| !given.trim().eq_ignore_ascii_case("PEM")) {
                settings.problem(key, format_args!("{given}: {HOW_TO_CONVERT}; then set {key}=PEM"));
            }
        }
        let versions = versions(settings);
        let any_host_name = any_host_name(settings);
        // After a complaint about the types those about the files say nothing new.
        if !settings.problems.is_empty() {
            return None;
        }
        let roots = roots(settings);
        let identity = identity(settings);
        let (roots, identity) = (roots?, identity?);
        match client_config(&versions, any_host_name, roots, identity) {
            Ok(config) => Some(Self { config: Arc::new(config) }),
            Err(error) => {
                settings
                    .problem("ssl.keystore", format_args!("the client's certificate and key do not serve: {error}"));
                None
            }
        }
    }

    /// Agrees on encryption and checks the broker's certificate.
    ///
    /// # Errors
    /// [`ClientError::Authentication`] where one side does not trust the other, [`ClientError::Disconnected`] where the connection breaks or
    /// it takes too long (the log says why).
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
        address: &Address,
        deadline: Instant,
    ) -> Result<TlsStream<TcpStream>, ClientError> {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| {
            ClientError::Authentication(format!(
                "{address}: {:?} is no host name that a certificate can have",
                address.host
            ))
        })?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        match timeout_at(deadline, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(failure(&error, address).unwrap_or_else(|| {
                tracing::warn!(broker = %address, %error, "the connection broke while agreeing on encryption; is the port for TLS (security.protocol)?");
                ClientError::Disconnected
            })),
            Err(_elapsed) => {
                tracing::warn!(broker = %address, "no agreement on encryption in time; does the broker speak TLS on this port?");
                Err(ClientError::Disconnected)
            }
        }
    }
}

type Identity = Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>;

fn client_config(
    versions: &[&'static SupportedProtocolVersion],
    any_host_name: bool,
    roots: RootCertStore,
    identity: Identity,
) -> Result<ClientConfig, Error> {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
    let builder = if any_host_name {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyHostName { roots, provider }))
    } else {
        builder.with_root_certificates(roots)
    };
    match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

fn versions(settings: &mut Settings<'_>) -> Vec<&'static SupportedProtocolVersion> {
    let key = "ssl.enabled.protocols";
    let given = settings.get(key).unwrap_or("TLSv1.2,TLSv1.3");
    let mut versions = Vec::new();
    for name in given.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "TLSv1.2" => versions.push(&version::TLS12),
            "TLSv1.3" => versions.push(&version::TLS13),
            _ => settings.problem(key, format_args!("{name:?} is neither TLSv1.2 nor TLSv1.3")),
        }
    }
    if versions.is_empty() {
        settings.problem(key, "names no version");
    }
    versions
}

fn any_host_name(settings: &mut Settings<'_>) -> bool {
    let key = "ssl.endpoint.identification.algorithm";
    match settings.get(key).unwrap_or("https").trim() {
        "" => true,
        given if given.eq_ignore_ascii_case("none") => true,
        given if given.eq_ignore_ascii_case("https") => false,
        given => {
            settings.problem(key, format_args!("{given:?} is neither https nor empty"));
            false
        }
    }
}

/// The authorities to trust.
fn roots(settings: &mut Settings<'_>) -> Option<RootCertStore> {
    let keys = ["ssl.truststore.location", "ssl.truststore.certificates", "ssl.ca.location", "ssl.ca.pem"];
    let source = match settings.one_of(&keys) {
        None => return system_roots(settings),
        // librdkafka's word for the system's.
        Some(("ssl.ca.location", "probe")) => return system_roots(settings),
        Some((key @ ("ssl.truststore.location" | "ssl.ca.location"), path)) => Source::File(key, path),
        Some((key, text)) => Source::Text(key, text),
    };
    let text = source.read(settings)?;
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(source, &text, settings)? {
        if let Err(error) = roots.add(certificate) {
            settings.problem(source.key(), format_args!("a certificate cannot be read: {error}"));
            return None;
        }
    }
    Some(roots)
}

fn system_roots(settings: &mut Settings<'_>) -> Option<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reason = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        let how = format_args!("not given, and the system has no authorities of its own{reason}");
        settings.problem("ssl.truststore.location", how);
        return None;
    }
    Some(roots)
}

/// The client's own certificate, if it has one; the outer none where the settings are wrong.
fn identity(settings: &mut Settings<'_>) -> Option<Identity> {
    let chains =
        ["ssl.keystore.location", "ssl.keystore.certificate.chain", "ssl.certificate.location", "ssl.certificate.pem"];
    let keys = ["ssl.keystore.location", "ssl.keystore.key", "ssl.key.location", "ssl.key.pem"];
    let source = |(key, value): (&'static str, _)| match key {
        "ssl.keystore.location" | "ssl.certificate.location" | "ssl.key.location" => Source::File(key, value),
        _ => Source::Text(key, value),
    };
    match (settings.one_of(&chains).map(source), settings.one_of(&keys).map(source)) {
        (None, None) => Some(None),
        (Some(chain), Some(key)) => {
            let chain = chain.read(settings).and_then(|text| pem::certificates(chain, &text, settings));
            let key = key.read(settings).and_then(|text| pem::private_key(key, &text, settings));
            Some(Some((chain?, key?)))
        }
        (Some(chain), None) => {
            settings
                .problem(chain.key(), "the private key is missing: ssl.keystore.key, ssl.key.location or ssl.key.pem");
            None
        }
        (None, Some(key)) => {
            let names = "ssl.keystore.certificate.chain, ssl.certificate.location or ssl.certificate.pem";
            settings.problem(key.key(), format_args!("the certificate is missing: {names}"));
            None
        }
    }
}

/// The error for the caller, if a stream broke for want of trust.
pub(crate) fn failure(error: &io::Error, address: &Address) -> Option<ClientError> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let reason = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no trusted authority has signed the broker's certificate; see ssl.truststore.location".to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            format!(
                "the broker's certificate is for another host name ({error}); see ssl.endpoint.identification.algorithm"
            )
        }
        Error::InvalidCertificate(_) => format!("the broker's certificate is not accepted: {error}"),
        Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied),
        ) => format!("the broker does not accept this client's certificate ({alert:?}); see ssl.keystore.location"),
        Error::InvalidMessage(_) => {
            format!("the broker does not speak TLS on this port ({error}); see security.protocol")
        }
        _ => format!("no agreement on encryption: {error}"),
    };
    Some(ClientError::Authentication(format!("{address}: {reason}")))
}
