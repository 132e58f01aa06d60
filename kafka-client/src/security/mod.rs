//! How a client and its brokers know each other: TLS and SASL, by Kafka's settings.

mod jaas;
mod pem;
mod sasl;
mod scram;
mod tls;
mod verifier;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub(crate) use sasl::{Credentials, authenticate};
pub(crate) use tls::{Tls, failure};

/// Whether connections are encrypted and how the client authenticates, from Kafka's settings. Cheap to clone; shows no secrets.
///
/// | setting | meaning |
/// |---|---|
/// | `security.protocol` | `PLAINTEXT` (default), `SSL`, `SASL_PLAINTEXT`, `SASL_SSL` |
/// | `ssl.truststore.location`, `ssl.ca.location` | PEM file with the certificates of the authorities to trust |
/// | `ssl.truststore.certificates`, `ssl.ca.pem` | the same, in the setting itself |
/// | `ssl.keystore.location` | PEM file with the client's private key and certificate chain, for brokers that ask for one |
/// | `ssl.keystore.certificate.chain` and `ssl.keystore.key`, `ssl.certificate.pem` and `ssl.key.pem` | the same, in the settings themselves |
/// | `ssl.certificate.location` and `ssl.key.location` | the same, in two PEM files |
/// | `ssl.truststore.type`, `ssl.keystore.type` | `PEM`, which is also what is assumed |
/// | `ssl.endpoint.identification.algorithm` | `https` (default): the broker's certificate is for the host name connected to; empty or `none`: for any |
/// | `ssl.enabled.protocols` | a list of `TLSv1.2` and `TLSv1.3`; both are the default |
/// | `sasl.mechanism`, `sasl.mechanisms` | `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` |
/// | `sasl.username` and `sasl.password` | who the client is |
/// | `sasl.jaas.config` | the same, as a JVM client has it: options `username` and `password` of `PlainLoginModule` or `ScramLoginModule` |
///
/// Without authorities of its own a client trusts those of the system. Files are read once, here. Private keys must not be encrypted.
/// Java's own key stores (JKS, PKCS12), Kerberos and OAUTHBEARER are refused, with what to do instead.
///
/// A user's session with a limited lifetime (`connections.max.reauth.ms` of the broker) is renewed by replacing the connection before its
/// next use once 85 to 95 % of that time have passed, which needs no pause of what is under way.
#[derive(Clone)]
pub struct Security(Arc<Inner>);

struct Inner {
    protocol: Protocol,
    /// What was given of [`KEYS`](Security::KEYS). The rest is made from it.
    given: BTreeMap<&'static str, String>,
    tls: Option<Tls>,
    sasl: Option<Arc<Credentials>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(text.trim()))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

impl Security {
    /// Every setting that [`from_properties`](Self::from_properties) looks at.
    pub const KEYS: &[&str] = &[
        "security.protocol",
        "ssl.truststore.type",
        "ssl.truststore.location",
        "ssl.truststore.certificates",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.keystore.type",
        "ssl.keystore.location",
        "ssl.keystore.certificate.chain",
        "ssl.keystore.key",
        "ssl.certificate.location",
        "ssl.certificate.pem",
        "ssl.key.location",
        "ssl.key.pem",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
        "ssl.enabled.protocols",
        "ssl.cipher.suites",
        "ssl.curves.list",
        "ssl.sigalgs.list",
        "ssl.crl.location",
        "ssl.engine.factory.class",
        "ssl.engine.location",
        "enable.ssl.certificate.verification",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "sasl.jaas.config",
        "sasl.login.callback.handler.class",
        "sasl.client.callback.handler.class",
    ];

    /// Neither encryption nor authentication.
    pub fn plaintext() -> Self {
        Self(Arc::new(Inner { protocol: Protocol::Plaintext, given: BTreeMap::new(), tls: None, sasl: None }))
    }

    /// Looks up Kafka's settings by `get`, and reads the files they name. Settings that `security.protocol` has no use for are ignored.
    ///
    /// # Errors
    /// Everything that is wrong, each problem with its setting, without secrets.
    pub fn from_properties<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let given: BTreeMap<_, _> =
            Self::KEYS.iter().filter_map(|key| get(key).map(|value| (*key, value.to_owned()))).collect();
        let mut settings = Settings { given: &given, problems: Vec::new() };
        let name = settings.get("security.protocol").unwrap_or("PLAINTEXT");
        let Some(protocol) = Protocol::parse(name) else {
            return Err(format!("security.protocol: {name:?} is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"));
        };
        let (mut tls, mut sasl) = (None, None);
        if matches!(protocol, Protocol::Ssl | Protocol::SaslSsl) {
            tls = Tls::from_settings(&mut settings);
        }
        if matches!(protocol, Protocol::SaslPlaintext | Protocol::SaslSsl) {
            sasl = Credentials::from_settings(&mut settings).map(Arc::new);
        }
        let problems = settings.problems;
        if problems.is_empty() {
            Ok(Self(Arc::new(Inner { protocol, given, tls, sasl })))
        } else {
            Err(problems.join("; "))
        }
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.0.tls.as_ref()
    }

    pub(crate) fn sasl(&self) -> Option<&Arc<Credentials>> {
        self.0.sasl.as_ref()
    }
}

/// Two are equal that were made from equal settings.
impl PartialEq for Security {
    fn eq(&self, other: &Self) -> bool {
        self.0.given == other.0.given
    }
}

impl Eq for Security {}

impl Default for Security {
    fn default() -> Self {
        Self::plaintext()
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Security");
        shown.field("protocol", &self.0.protocol.name());
        if let Some(credentials) = self.sasl() {
            shown.field("mechanism", &credentials.mechanism.name()).field("username", &credentials.username);
        }
        shown.finish_non_exhaustive()
    }
}

/// What is given, and what is wrong with it.
struct Settings<'a> {
    given: &'a BTreeMap<&'static str, String>,
    problems: Vec<String>,
}

impl<'a> Settings<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.given.get(key).map(String::as_str)
    }

    /// The one of several settings for the same thing that is given.
    fn one_of(&mut self, keys: &[&'static str]) -> Option<(&'static str, &'a str)> {
        let mut found = keys.iter().filter_map(|key| self.get(key).map(|value| (*key, value)));
        let first = found.next();
        if let (Some((first, _)), Some((second, _))) = (first, found.next()) {
            self.problem(second, format_args!("{first} is given too; one of them must go"));
        }
        first
    }

    /// Notes a problem; must not show a secret.
    fn problem(&mut self, key: &str, problem: impl fmt::Display) {
        self.problems.push(format!("{key}: {problem}"));
    }
}

#[cfg(test)]
mod tests;
