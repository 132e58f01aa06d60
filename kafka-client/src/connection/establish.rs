//! From an address to a connection that can carry requests.

use std::rc::Rc;
use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::driver::{Shared, drive};
use super::{Connection, unsupported};
use crate::ClientError;
use crate::backoff::random_fraction;
use crate::calls::{ApiVersions, Call, Offered};
use crate::config::Address;
use crate::security::{self, Security};

/// What every connection of a client has in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) client_id: StrBytes,
    pub(crate) security: Security,
    pub(crate) setup_timeout: Duration,
    pub(crate) max_frame_bytes: usize,
    /// Requests under way at most.
    pub(crate) max_requests: usize,
}

/// Connects to a broker, encrypts where that is asked for, agrees on versions and authenticates, all within the setup timeout.
///
/// # Errors
/// [`ClientError::Disconnected`] if the broker cannot be reached in time (the log says why), [`ClientError::Authentication`], otherwise as
/// [`establish`].
pub(crate) async fn connect(address: &Address, settings: &Settings) -> Result<Connection, ClientError> {
    let deadline = Instant::now() + settings.setup_timeout;
    let stream = match timeout_at(deadline, TcpStream::connect((address.host.as_str(), address.port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::warn!(broker = %address, %error, "cannot connect");
            return Err(ClientError::Disconnected);
        }
        Err(_elapsed) => {
            tracing::warn!(broker = %address, timeout = ?settings.setup_timeout, "cannot connect in time");
            return Err(ClientError::Disconnected);
        }
    };
    // Requests are small and somebody waits for each; failing to say so only costs time.
    let _ = stream.set_nodelay(true);
    let connected = match settings.security.tls() {
        None => establish(stream, address.clone(), settings, deadline).await,
        Some(tls) => match tls.connect(stream, address, deadline).await {
            Ok(stream) => establish(stream, address.clone(), settings, deadline).await,
            Err(error) => Err(error),
        },
    };
    if let Err(ClientError::Authentication(reason)) = &connected {
        tracing::error!(broker = %address, "authentication failed: {reason}");
    }
    connected
}

/// Turns a stream of bytes into a connection: the one place where transport ends and the protocol begins. Encryption wraps the
/// stream before it comes here.
///
/// # Errors
/// [`ClientError::Disconnected`], [`ClientError::Malformed`] if the peer is no Kafka broker, [`ClientError::UnsupportedVersion`],
/// [`ClientError::Authentication`].
pub(crate) async fn establish<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    address: Address,
    settings: &Settings,
    deadline: Instant,
) -> Result<Connection, ClientError> {
    let shared = Rc::new(Shared::new());
    let (outgoing, receiver) = mpsc::channel(settings.max_requests + 1);
    spawn_local(drive(stream, receiver, Rc::clone(&shared), address.clone(), settings.max_frame_bytes));
    let mut connection = Connection {
        address,
        client_id: settings.client_id.clone(),
        max_frame_bytes: settings.max_frame_bytes,
        outgoing,
        shared,
        // Until the broker has said which versions it knows, only this question can be asked.
        offered: Offered { requests: vec![(ApiVersions::KEY as i16, ApiVersions::VERSIONS)], features: Vec::new() },
        retire_at: None,
    };
    match connection.call(&ApiVersions, deadline).await {
        Ok(Ok(offered)) => connection.offered = offered,
        Ok(Err(_refusal)) => return Err(unsupported::<ApiVersions>(&connection.address)),
        Err(ClientError::Timeout) => return Err(ClientError::Disconnected),
        Err(error) => return Err(error),
    }
    if let Some(credentials) = settings.security.sasl() {
        let lifetime = match security::authenticate(&connection, credentials, deadline).await {
            Err(ClientError::Timeout) => return Err(ClientError::Disconnected),
            lifetime => lifetime?,
        };
        connection.retire_at = lifetime.and_then(|lifetime| Instant::now().checked_add(usable(lifetime)));
    }
    Ok(connection)
}

/// How much of a session is used: the rest is for requests under way, and connections are not to end all at once.
fn usable(lifetime: Duration) -> Duration {
    // More is as good as for ever, and cannot be counted.
    lifetime.min(Duration::from_secs(u32::MAX.into())).mul_f64(0.85 + 0.1 * random_fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_retires_when_most_of_its_session_is_over() {
        for _ in 0..100 {
            let usable = usable(Duration::from_secs(100)).as_secs_f64();
            assert!((85.0..=95.0).contains(&usable), "{usable}");
        }
        assert!(usable(Duration::MAX) > Duration::from_secs(1 << 31));
    }
}
