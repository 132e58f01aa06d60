use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::bootstrap::Bootstrap;
use crate::backoff::{Attempts, Backoff};
use crate::calls::Call;
use crate::config::{Address, ClientConfig};
use crate::connection::{self, Connection};
use crate::{ClientError, GroupError};

const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const NOT_COORDINATOR: i16 = 16;

/// Which of the two connections to a coordinator carries a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    /// Joining and synchronizing, which may be kept waiting and then keep everything behind them waiting.
    Rebalance,
    /// Everything else.
    Prompt,
}

/// The way to one group's coordinator: where it is, the connections to it, and when to try again after failures.
pub(super) struct Coordinator {
    pub(super) group_id: String,
    /// From the last join; how much longer than other requests a synchronization may take.
    pub(super) rebalance_timeout: Cell<Duration>,
    bootstrap: Rc<Bootstrap>,
    reconnect: Backoff,
    retry: Backoff,
    max_idle: Duration,
    /// None until found, and again after a failure. Locked while it is being looked for, so that one request looks for all.
    location: Mutex<Option<Address>>,
    /// Forget the location before its next use.
    location_doubtful: Cell<bool>,
    /// One slot for each lane, locked while connecting.
    connections: [Mutex<Option<Rc<Connection>>>; 2],
    attempts: Attempts,
}

impl Coordinator {
    pub(super) fn new(group_id: String, bootstrap: Rc<Bootstrap>, config: &ClientConfig) -> Self {
        Self {
            group_id,
            rebalance_timeout: Cell::new(Duration::ZERO),
            bootstrap,
            reconnect: Backoff { first: config.reconnect_backoff, longest: config.reconnect_backoff_max },
            retry: Backoff { first: config.retry_backoff, longest: config.retry_backoff_max },
            max_idle: config.connections_max_idle,
            location: Mutex::default(),
            location_doubtful: Cell::new(false),
            connections: [Mutex::default(), Mutex::default()],
            attempts: Attempts::new(),
        }
    }

    /// Sends a request once. [`GroupError::Disconnected`] is every failure that another attempt may cure; the next attempt
    /// then waits for the back-off by itself.
    pub(super) async fn attempt<C: Call>(
        &self,
        lane: Lane,
        call: &C,
        deadline: Instant,
    ) -> Result<C::Answer, GroupError> {
        let connection = match timeout_at(deadline, self.connection(lane)).await {
            Ok(connection) => connection?,
            Err(_elapsed) => return Err(GroupError::Timeout),
        };
        match connection.call(call, deadline).await {
            Ok(Ok(answer)) => {
                self.succeeded();
                Ok(answer)
            }
            Ok(Err(refusal)) => {
                match refusal.code {
                    COORDINATOR_LOAD_IN_PROGRESS => self.failed(self.retry, "the coordinator is loading"),
                    COORDINATOR_NOT_AVAILABLE | NOT_COORDINATOR => {
                        self.location_doubtful.set(true);
                        self.failed(self.retry, "the coordinator has moved");
                    }
                    _ => self.succeeded(),
                }
                Err(refusal.into())
            }
            // Nothing has been sent.
            Err(error @ (ClientError::InvalidRequest(_) | ClientError::UnsupportedVersion { .. })) => Err(error.into()),
            Err(error) => {
                self.location_doubtful.set(true);
                self.failed(self.reconnect, &format!("the connection to the coordinator broke: {error}"));
                Err(error.into())
            }
        }
    }

    async fn connection(&self, lane: Lane) -> Result<Rc<Connection>, GroupError> {
        self.back_off().await;
        let address = self.locate().await?;
        let mut slot = self.connections[lane as usize].lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| self.is_usable(connection, &address)) {
            return Ok(Rc::clone(connection));
        }
        *slot = None;
        // Those who waited for the lock meanwhile must not each try at once.
        self.back_off().await;
        match connection::connect(&address, &self.bootstrap.settings).await {
            Ok(connection) => {
                tracing::debug!(group = self.group_id, broker = %address, ?lane, "connected to the coordinator");
                Ok(Rc::clone(slot.insert(Rc::new(connection))))
            }
            Err(error) => {
                self.location_doubtful.set(true);
                self.failed(self.reconnect, &format!("cannot connect to the coordinator: {error}"));
                Err(error.into())
            }
        }
    }

    fn is_usable(&self, connection: &Connection, address: &Address) -> bool {
        let rested = !connection.is_busy() && connection.last_used().elapsed() > self.max_idle;
        connection.is_open() && connection.address == *address && !rested
    }

    async fn locate(&self) -> Result<Address, GroupError> {
        let mut location = self.location.lock().await;
        if self.location_doubtful.take() {
            *location = None;
        }
        if let Some(address) = location.as_ref() {
            return Ok(address.clone());
        }
        self.back_off().await;
        match self.bootstrap.find_coordinator(&self.group_id).await {
            Ok(address) => {
                tracing::debug!(group = self.group_id, broker = %address, "found the coordinator");
                Ok(location.insert(address).clone())
            }
            Err(error) => {
                self.failed(self.reconnect, &format!("the coordinator could not be found: {error}"));
                Err(error)
            }
        }
    }

    async fn back_off(&self) {
        self.attempts.wait().await;
    }

    fn failed(&self, backoff: Backoff, what: &str) {
        let Some(delay) = self.attempts.failed(backoff) else { return };
        match self.attempts.failures() {
            1 => tracing::warn!(group = self.group_id, "{what}; trying again from {delay:?} on"),
            failures => tracing::debug!(group = self.group_id, failures, "{what}; trying again from {delay:?} on"),
        }
    }

    fn succeeded(&self) {
        let failures = self.attempts.succeeded();
        if failures > 0 {
            tracing::info!(group = self.group_id, failures, "the coordinator answers again");
        }
    }
}
