use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ClientError;
use crate::connection::Connection;

/// One broker as the sender sees it.
#[derive(Default)]
pub(super) struct Node {
    pub(super) connection: Option<Rc<Connection>>,
    pub(super) is_connecting: bool,
    /// Requests without an answer.
    pub(super) in_flight: usize,
    /// Until when the broker wants to be left alone.
    pub(super) throttled_until: Option<Instant>,
    /// Why connecting is no use, until it is told.
    pub(super) refused: Option<ClientError>,
}

impl Node {
    /// Takes note of whether the connection can still be used.
    pub(super) fn look(&mut self, now: Instant, max_idle: Duration) {
        let usable = |connection: &Connection| {
            if connection.is_retiring() {
                // Requests over two connections could pass each other: the next one waits until this one is quiet.
                return self.in_flight > 0;
            }
            connection.is_open() && (connection.is_busy() || connection.last_used() + max_idle > now)
        };
        if self.connection.as_ref().is_some_and(|connection| !usable(connection)) {
            self.connection = None;
        }
        if self.throttled_until.is_some_and(|until| until <= now) {
            self.throttled_until = None;
        }
    }

    /// The connection to send on, if one more request may go out.
    pub(super) fn free(&self, max_in_flight: usize) -> Option<&Rc<Connection>> {
        let free = self.in_flight < max_in_flight && self.throttled_until.is_none();
        self.connection.as_ref().filter(|connection| free && !connection.is_retiring())
    }
}
