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
use crate::calls::{ApiVersions, Call, Offered};
use crate::config::Address;

/// What every connection of a client has in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) client_id: StrBytes,
    pub(crate) setup_timeout: Duration,
    pub(crate) max_frame_bytes: usize,
    /// Requests under way at most.
    pub(crate) max_requests: usize,
}

/// Connects to a broker and agrees on versions, within the setup timeout.
///
/// # Errors
/// [`ClientError::Disconnected`] if the broker cannot be reached in time (the log says why), otherwise as [`establish`].
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
    establish(stream, address.clone(), settings, deadline).await
}

/// Turns a stream of bytes into a connection: the one place where transport ends and the protocol begins. Encryption wraps the
/// stream before it comes here; authentication belongs between agreeing on versions and returning.
///
/// # Errors
/// [`ClientError::Disconnected`], [`ClientError::Malformed`] if the peer is no Kafka broker, [`ClientError::UnsupportedVersion`].
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
    };
    match connection.call(&ApiVersions, deadline).await {
        Ok(Ok(offered)) => connection.offered = offered,
        Ok(Err(_refusal)) => return Err(unsupported::<ApiVersions>(&connection.address)),
        Err(ClientError::Timeout) => return Err(ClientError::Disconnected),
        Err(error) => return Err(error),
    }
    Ok(connection)
}
