use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::scram::{self, Challenge, Hash, SaltedPassword};
use super::{Settings, jaas};
use crate::ClientError;
use crate::calls::{SaslAuthenticate, SaslHandshake};
use crate::connection::Connection;
use crate::error::is_retriable;

/// How the client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Sends the password. Only TLS hides it.
    Plain,
    /// Shows that it knows the password, and has the broker show the same.
    Scram(Hash),
}

impl Mechanism {
    fn parse(name: &str) -> Option<Self> {
        [Self::Plain, Self::Scram(Hash::Sha256), Self::Scram(Hash::Sha512)]
            .into_iter()
            .find(|mechanism| mechanism.name() == name.trim())
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Hash::Sha512) => "SCRAM-SHA-512",
        }
    }

    fn login_module(self) -> &'static str {
        match self {
            Self::Plain => "PlainLoginModule",
            Self::Scram(_) => "ScramLoginModule",
        }
    }
}

/// Who the client is, and how it shows that.
pub(crate) struct Credentials {
    pub(crate) mechanism: Mechanism,
    pub(crate) username: String,
    password: String,
    /// The last one made: brokers keep one salt for a user, and each connection would cost milliseconds.
    salted: Mutex<Option<Salted>>,
}

struct Salted {
    salt: Vec<u8>,
    iterations: u32,
    password: SaltedPassword,
}

impl Credentials {
    /// None, with the problems noted, where the settings are wrong.
    pub(super) fn from_settings(settings: &mut Settings<'_>) -> Option<Self> {
        for key in ["sasl.login.callback.handler.class", "sasl.client.callback.handler.class"] {
            if settings.get(key).is_some() {
                settings.problem(key, "Java classes cannot be used here; give sasl.username and sasl.password");
            }
        }
        let mechanism = mechanism(settings);
        let user = match settings.get("sasl.jaas.config") {
            Some(text) => from_jaas(text, mechanism, settings),
            None => from_names(settings),
        };
        let (mechanism, (username, password)) = (mechanism?, user?);
        Some(Self { mechanism, username, password, salted: Mutex::default() })
    }

    /// The answer to a challenge. The work is done beside the thread that serves the connections.
    async fn salted(self: &Arc<Self>, hash: Hash, challenge: &Challenge) -> Option<SaltedPassword> {
        let (salt, iterations) = (challenge.salt.clone(), challenge.iterations);
        if let Some(known) = &*self.salted.lock().unwrap_or_else(PoisonError::into_inner)
            && known.salt == salt
            && known.iterations == iterations.get()
        {
            return Some(known.password.clone());
        }
        let credentials = Arc::clone(self);
        let made = spawn_blocking(move || {
            let password = SaltedPassword::new(hash, &credentials.password, &salt, iterations);
            let salted = Salted { salt, iterations: iterations.get(), password: password.clone() };
            *credentials.salted.lock().unwrap_or_else(PoisonError::into_inner) = Some(salted);
            password
        });
        made.await.ok()
    }
}

fn mechanism(settings: &mut Settings<'_>) -> Option<Mechanism> {
    let known = "PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are possible";
    let (key, name) = settings.one_of(&["sasl.mechanism", "sasl.mechanisms"]).unwrap_or(("sasl.mechanism", ""));
    let mechanism = Mechanism::parse(name);
    if mechanism.is_none() {
        match name.trim() {
            // Kafka's default.
            "" => settings.problem(key, format_args!("not given, which means GSSAPI; here {known}")),
            "GSSAPI" => settings.problem(key, format_args!("Kerberos needs librdkafka; here {known}")),
            other => settings.problem(key, format_args!("{other:?} is not supported; {known}")),
        }
    }
    mechanism
}

fn from_names(settings: &mut Settings<'_>) -> Option<(String, String)> {
    let mut value = |key| {
        let value = settings.get(key).filter(|value| !value.is_empty());
        if value.is_none() {
            settings.problem(key, "not given; it or sasl.jaas.config is needed");
        }
        value.map(str::to_owned)
    };
    let (username, password) = (value("sasl.username"), value("sasl.password"));
    usable(username?, password?, "sasl.username", settings)
}

fn from_jaas(text: &str, mechanism: Option<Mechanism>, settings: &mut Settings<'_>) -> Option<(String, String)> {
    let key = "sasl.jaas.config";
    for other in ["sasl.username", "sasl.password"] {
        if settings.get(other).is_some() {
            settings.problem(key, format_args!("{other} is given too; one of them must go"));
        }
    }
    let mut entry = match jaas::parse(text) {
        Ok(entry) => entry,
        Err(problem) => {
            settings.problem(key, problem);
            return None;
        }
    };
    if let Some(mechanism) = mechanism
        && entry.module != mechanism.login_module()
    {
        let expected = mechanism.login_module();
        settings
            .problem(key, format_args!("{} is not the login module of {}: {expected}", entry.module, mechanism.name()));
        return None;
    }
    if entry.options.get("tokenauth").is_some_and(|value| value == "true") {
        settings.problem(key, "delegation tokens (tokenauth) are not supported");
    }
    let (username, password) = (entry.options.remove("username"), entry.options.remove("password"));
    if username.is_none() || password.is_none() {
        settings.problem(key, "the options username and password are needed");
    }
    usable(username?, password?, key, settings)
}

fn usable(username: String, password: String, key: &str, settings: &mut Settings<'_>) -> Option<(String, String)> {
    // It separates the two on the wire.
    if username.contains('\0') || password.contains('\0') {
        settings.problem(key, "a name or a password has no NUL character");
        return None;
    }
    Some((username, password))
}

/// Shows a broker who the client is. Answers how long that holds; none: as long as the connection lives.
///
/// # Errors
/// [`ClientError::Authentication`] where one side does not accept the other; otherwise those of the connection.
pub(crate) async fn authenticate(
    connection: &Connection,
    credentials: &Arc<Credentials>,
    deadline: Instant,
) -> Result<Option<Duration>, ClientError> {
    let exchange = Exchange { connection, deadline };
    exchange.agree_on(credentials.mechanism).await?;
    match credentials.mechanism {
        Mechanism::Plain => {
            let message = format!("\0{}\0{}", credentials.username, credentials.password);
            let (_, lifetime) = exchange.send(message.into_bytes()).await?;
            Ok(lifetime)
        }
        Mechanism::Scram(hash) => exchange.scram(hash, credentials).await,
    }
}

struct Exchange<'a> {
    connection: &'a Connection,
    deadline: Instant,
}

impl Exchange<'_> {
    async fn agree_on(&self, mechanism: Mechanism) -> Result<(), ClientError> {
        let call = SaslHandshake { mechanism: mechanism.name() };
        let offered = self.connection.call(&call, self.deadline).await?;
        offered.map_err(|refusal| self.refused(refusal.code, &refusal.context))
    }

    async fn send(&self, message: Vec<u8>) -> Result<(Bytes, Option<Duration>), ClientError> {
        let call = SaslAuthenticate { message: message.into() };
        let answer = self.connection.call(&call, self.deadline).await?;
        let answer = answer.map_err(|refusal| self.refused(refusal.code, &refusal.context))?;
        Ok((answer.message, answer.lifetime))
    }

    async fn scram(&self, hash: Hash, credentials: &Arc<Credentials>) -> Result<Option<Duration>, ClientError> {
        let nonce = nonce().ok_or_else(|| self.failed("the system gives no random numbers"))?;
        let first = scram::first_bare(&credentials.username, &nonce);
        let (answer, _) = self.send(scram::first(&first)).await?;
        let challenge = scram::challenge(&answer, &nonce).map_err(|problem| self.failed(&problem))?;
        let salted = timeout_at(self.deadline, credentials.salted(hash, &challenge)).await;
        let password = salted.map_err(|_elapsed| ClientError::Timeout)?.ok_or(ClientError::Closed)?;
        let (last, expected) = scram::proof(hash, &first, &challenge, &password);
        let (answer, lifetime) = self.send(last).await?;
        expected.check(&answer).map_err(|problem| self.failed(&problem))?;
        Ok(lifetime)
    }

    fn refused(&self, code: i16, context: &str) -> ClientError {
        if is_retriable(code) {
            tracing::warn!(broker = %self.connection.address, code, "the broker cannot authenticate clients now");
            return ClientError::Disconnected;
        }
        self.failed(context)
    }

    fn failed(&self, problem: &str) -> ClientError {
        ClientError::Authentication(format!("broker {}: {problem}", self.connection.address))
    }
}

/// 24 characters that nobody can guess, none of them a comma.
fn nonce() -> Option<String> {
    let mut random = [0; 18];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(BASE64.encode(random))
}
