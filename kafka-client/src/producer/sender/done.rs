//! What the sender's tasks on the side come to.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::partition::Outcome;
use super::super::verdict::is_elsewhere;
use super::Sender;
use crate::ClientError;
use crate::calls::{Produced, ProducerIdentity};
use crate::connection::Connection;

/// What a task on the side has come to.
pub(super) enum Done {
    Connected { node: i32, connected: Result<Connection, ClientError> },
    Produced { node: i32, connection: Rc<Connection>, sent: Vec<(usize, u64)>, answer: Result<Produced, ClientError> },
    Identified(Result<ProducerIdentity, ClientError>),
    Joined,
    Commanded,
}

impl Sender {
    pub(super) fn done(&mut self, done: Option<Done>) {
        match done {
            Some(Done::Connected { node, connected }) => {
                let place = self.nodes.entry(node).or_default();
                place.is_connecting = false;
                match connected {
                    Ok(connection) => place.connection = Some(Rc::new(connection)),
                    Err(error @ (ClientError::Authentication(_) | ClientError::UnsupportedVersion { .. })) => {
                        place.refused = Some(error);
                    }
                    Err(_) => self.cluster.doubt(),
                }
            }
            Some(Done::Produced { node, connection, sent, answer }) => self.produced(node, &connection, &sent, answer),
            Some(Done::Identified(identity)) => self.identified(identity),
            Some(Done::Joined) => self.is_joining = false,
            // A task that was cancelled or panicked has nothing to say; its state is found again by the next step.
            Some(Done::Commanded) | None => {}
        }
    }

    fn produced(
        &mut self,
        node: i32,
        connection: &Rc<Connection>,
        sent: &[(usize, u64)],
        answer: Result<Produced, ClientError>,
    ) {
        let now = Instant::now();
        let place = self.nodes.entry(node).or_default();
        place.in_flight = place.in_flight.saturating_sub(1);
        let mut queue = self.shared.queue();
        match answer {
            Ok(answer) => {
                if let Ok(millis @ 1..) = u64::try_from(answer.throttle_millis) {
                    place.throttled_until = Some(now + Duration::from_millis(millis));
                }
                let mut elsewhere = false;
                for (&(slot, ticket), partition) in sent.iter().zip(answer.partitions) {
                    elsewhere |= is_elsewhere(partition.code);
                    queue.answered(slot, ticket, Outcome::Answered(partition), now.into_std());
                }
                if elsewhere {
                    self.cluster.doubt();
                }
            }
            Err(error) => {
                // The connection is closed, or will not carry anything else either.
                if place.connection.as_ref().is_some_and(|known| Rc::ptr_eq(known, connection)) {
                    place.connection = None;
                }
                self.cluster.doubt();
                for &(slot, ticket) in sent {
                    let outcome = match &error {
                        ClientError::Disconnected | ClientError::Timeout | ClientError::Malformed(_) => {
                            Outcome::Lost(error.clone())
                        }
                        _ => Outcome::Impossible(error.clone()),
                    };
                    queue.answered(slot, ticket, outcome, now.into_std());
                }
            }
        }
    }

    fn identified(&mut self, identity: Result<ProducerIdentity, ClientError>) {
        self.is_identifying = false;
        let mut queue = self.shared.queue();
        queue.wants_identity = false;
        match identity {
            Ok(identity) => queue.identity = Some(identity),
            Err(error) => {
                for slot in queue.active() {
                    queue.fail_waiting(slot, &error);
                }
            }
        }
    }
}
