//! One connection to a broker: requests go out in order, answers come back in the same order.

mod driver;
mod establish;

pub(crate) use establish::{Settings, connect};

use std::rc::Rc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{StrBytes, encode_request_header_into_buffer};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::ClientError;
use crate::calls::{Call, Offered, Refusal, VersionRange};
use crate::config::Address;
use crate::wire::{Reader, WireError};
use driver::Shared;

/// An open connection that has agreed on versions. Dropping it closes the socket.
///
/// Requests are pipelined: any number may be under way. A request that is not answered in time closes the connection, since
/// nothing behind it can be answered either.
pub(crate) struct Connection {
    pub(crate) address: Address,
    client_id: StrBytes,
    max_frame_bytes: usize,
    outgoing: mpsc::Sender<Bytes>,
    shared: Rc<Shared>,
    offered: Offered,
    /// When the user's session is about to end; the connection must be replaced then.
    retire_at: Option<Instant>,
}

impl Connection {
    /// Whether requests can be sent. Answers to those under way may still come when not: the user's session may be about to end, which a broker
    /// looks at only when a request arrives.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.is_open() && self.retire_at.is_none_or(|retire_at| Instant::now() < retire_at)
    }

    /// Whether the user's session is about to end: what is under way is still answered, and nothing more should be sent.
    pub(crate) fn is_retiring(&self) -> bool {
        self.shared.is_open() && !self.is_open()
    }

    /// When something was last sent or received.
    pub(crate) fn last_used(&self) -> Instant {
        self.shared.last_used()
    }

    /// Whether requests are under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.shared.is_busy()
    }

    /// The level at which the cluster has a feature switched on; 0 where it is off or unknown.
    pub(crate) fn feature(&self, name: &str) -> i16 {
        self.offered.features.iter().find(|(feature, _)| feature == name).map_or(0, |(_, level)| *level)
    }

    /// Sends a request and waits for its answer until the deadline.
    ///
    /// # Errors
    /// The outer error is about the connection: [`ClientError::Disconnected`], [`ClientError::Timeout`] or
    /// [`ClientError::Malformed`] (all three close it), or about a request that cannot be sent. The inner one is the broker's.
    pub(crate) async fn call<C: Call>(
        &self,
        call: &C,
        deadline: Instant,
    ) -> Result<Result<C::Answer, Refusal>, ClientError> {
        let version = self.version::<C>()?;
        let correlation = self.shared.next_correlation();
        let frame = self.frame(call, version, correlation)?;
        let (sender, receiver) = oneshot::channel();
        self.shared.enqueue(correlation, sender)?;
        // The frame follows its place in the queue without anything in between, so both are in the same order.
        if self.outgoing.try_send(frame).is_err() {
            self.shared.close(ClientError::Disconnected);
        }
        let body = match timeout_at(deadline, receiver).await {
            Ok(Ok(body)) => body,
            Ok(Err(_closed)) => return Err(self.shared.reason()),
            Err(_elapsed) => {
                tracing::warn!(broker = %self.address, request = C::NAME, "no answer in time; closing the connection");
                self.shared.close(ClientError::Disconnected);
                return Err(ClientError::Timeout);
            }
        };
        decode(call, version, body).map_err(|error| {
            let problem = format!("{} answer of {}: {error}", C::NAME, self.address);
            tracing::warn!(broker = %self.address, "{problem}; closing the connection");
            self.shared.close(ClientError::Disconnected);
            ClientError::Malformed(problem)
        })
    }

    /// The version in which a request goes to this broker.
    pub(crate) fn version<C: Call>(&self) -> Result<i16, ClientError> {
        let offered = self.offered.requests.iter().find(|(key, _)| *key == C::KEY as i16);
        let version = offered.and_then(|(_, range)| C::VERSIONS.highest_common(*range));
        version.ok_or_else(|| unsupported::<C>(&self.address))
    }

    fn frame<C: Call>(&self, call: &C, version: i16, correlation: i32) -> Result<Bytes, ClientError> {
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default()
            .with_request_api_key(C::KEY as i16)
            .with_request_api_version(version)
            .with_correlation_id(correlation)
            .with_client_id(Some(self.client_id.clone()));
        encode_request_header_into_buffer(&mut frame, &header)
            .map_err(|error| ClientError::InvalidRequest(error.to_string()))?;
        call.encode(version, &mut frame)?;
        let length = frame.len() - 4;
        if length > self.max_frame_bytes {
            let limit = self.max_frame_bytes;
            return Err(ClientError::InvalidRequest(format!("a {} of {length} bytes; the limit is {limit}", C::NAME)));
        }
        // The limit is at most i32::MAX.
        frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
        Ok(frame.freeze())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The driver may be writing to a broker that does not read; it must not stay for that.
        self.shared.close(ClientError::Disconnected);
    }
}

fn unsupported<C: Call>(broker: &Address) -> ClientError {
    let VersionRange { min, max } = C::VERSIONS;
    ClientError::UnsupportedVersion { broker: broker.to_string(), api: C::NAME, min, max }
}

/// Reads what follows the correlation id.
fn decode<C: Call>(call: &C, version: i16, body: Bytes) -> Result<Result<C::Answer, Refusal>, WireError> {
    let mut reader = Reader::new(body);
    if C::FLEXIBLE {
        reader.tags()?;
    }
    call.decode(version, &mut reader)
}
