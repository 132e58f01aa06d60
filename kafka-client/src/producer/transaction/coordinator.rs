use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::super::ProducerError;
use super::super::settings::SOON;
use super::sort::{Ends, is_elsewhere, is_short};
use crate::ClientError;
use crate::calls::{
    AddOffsetsToTxn, AddPartitionsToTxn, Call, Coordinates, EndTxn, InitProducerId, ProducerIdentity, TxnOffsetCommit,
};
use crate::cluster::Cluster;
use crate::config::Address;
use crate::connection::Connection;
use crate::group::{CommittedOffset, MemberIdentity};

/// The cluster's level of this feature from which it adds partitions by itself (KIP-890).
const FEATURE: &str = "transaction.version";
const IMPLICIT: i16 = 2;

/// The way to the coordinator of one transactional id. One request at a time, in the order in which they are made.
pub(in super::super) struct Coordinator {
    cluster: Rc<Cluster>,
    transactional_id: String,
    transaction_timeout: Duration,
    connection: RefCell<Option<Rc<Connection>>>,
    turn: tokio::sync::Mutex<()>,
}

/// Why a request has failed, and what that puts an end to.
pub(in super::super) type Failed = (Ends, ClientError);

impl Coordinator {
    pub(in super::super) fn new(cluster: Rc<Cluster>, transactional_id: String, transaction_timeout: Duration) -> Self {
        Self {
            cluster,
            transactional_id,
            transaction_timeout,
            connection: RefCell::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Registers the id, and says whether the cluster adds partitions by itself. With an identity that the producer has already, the next epoch of it.
    pub(in super::super) async fn register(
        &self,
        current: ProducerIdentity,
        deadline: Instant,
    ) -> Result<(ProducerIdentity, bool), Failed> {
        let _turn = self.turn.lock().await;
        let call = InitProducerId {
            transactional_id: Some(self.transactional_id.clone()),
            transaction_timeout: self.transaction_timeout,
            current,
        };
        let identity = self.repeat(&call, deadline).await?;
        let implicit =
            self.connection.borrow().as_ref().is_some_and(|connection| connection.feature(FEATURE) >= IMPLICIT);
        Ok((identity, implicit))
    }

    pub(in super::super) async fn add_partitions(
        &self,
        identity: ProducerIdentity,
        partitions: Vec<(String, i32)>,
        deadline: Instant,
    ) -> Result<(), Failed> {
        let _turn = self.turn.lock().await;
        let call = AddPartitionsToTxn { transactional_id: self.transactional_id.clone(), identity, partitions };
        self.repeat(&call, deadline).await
    }

    /// Ends the transaction; answers the identity to go on with, where the broker gives one.
    pub(in super::super) async fn end(
        &self,
        identity: ProducerIdentity,
        commit: bool,
        implicit: bool,
        deadline: Instant,
    ) -> Result<Option<ProducerIdentity>, Failed> {
        let _turn = self.turn.lock().await;
        let transactional_id = self.transactional_id.clone();
        if implicit {
            self.repeat(&EndTxn::<true> { transactional_id, identity, commit }, deadline).await
        } else {
            self.repeat(&EndTxn::<false> { transactional_id, identity, commit }, deadline).await
        }
    }

    pub(in super::super) async fn add_offsets(
        &self,
        identity: ProducerIdentity,
        implicit: bool,
        member: MemberIdentity,
        offsets: Vec<CommittedOffset>,
        deadline: Instant,
    ) -> Result<(), Failed> {
        let _turn = self.turn.lock().await;
        let transactional_id = self.transactional_id.clone();
        if implicit {
            let call = TxnOffsetCommit::<true> { transactional_id, identity, member, offsets };
            return self.repeat_at_group(&call, &call.member.group_id, deadline).await;
        }
        let group_id = member.group_id.clone();
        let call = AddOffsetsToTxn { transactional_id: transactional_id.clone(), identity, group_id };
        self.repeat(&call, deadline).await?;
        let call = TxnOffsetCommit::<false> { transactional_id, identity, member, offsets };
        self.repeat_at_group(&call, &call.member.group_id, deadline).await
    }

    /// Asks the transaction's coordinator until it answers something final. No attempt starts after the deadline.
    async fn repeat<C: Call>(&self, call: &C, deadline: Instant) -> Result<C::Answer, Failed> {
        let mut failures = 0;
        loop {
            let error = match self.attempt(call, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if is_elsewhere(&error) {
                *self.connection.borrow_mut() = None;
            }
            self.pause(error, &mut failures, deadline).await?;
        }
    }

    /// Waits before the next attempt, if there is to be one.
    async fn pause(&self, error: ClientError, failures: &mut u32, deadline: Instant) -> Result<(), Failed> {
        let ends = Ends::of_request(&error);
        *failures += 1;
        let backoff = if is_short(&error) { SOON } else { self.cluster.retry() };
        let delay = backoff.delay(*failures);
        if ends != Ends::Attempt || Instant::now() + delay >= deadline {
            return Err((ends, error));
        }
        tracing::debug!(transactional_id = self.transactional_id, %error, "trying again in {delay:?}");
        sleep(delay).await;
        Ok(())
    }

    async fn attempt<C: Call>(&self, call: &C, deadline: Instant) -> Result<C::Answer, ClientError> {
        let connection = match timeout_at(deadline, self.connection()).await {
            Ok(connection) => connection?,
            Err(_elapsed) => return Err(ClientError::Timeout),
        };
        // The answer gets its full time: the end of a transaction should not be left unknown for a short deadline.
        Ok(connection.call(call, Instant::now() + self.cluster.config.request_timeout).await??)
    }

    async fn connection(&self) -> Result<Rc<Connection>, ClientError> {
        let rested =
            |connection: &Connection| connection.last_used().elapsed() > self.cluster.config.connections_max_idle;
        if let Some(known) = self.connection.borrow().as_ref().filter(|known| known.is_open() && !rested(known)) {
            return Ok(Rc::clone(known));
        }
        let address = self.find(Coordinates::Transaction, &self.transactional_id).await?;
        let connection = Rc::new(self.cluster.connect(&address).await?);
        *self.connection.borrow_mut() = Some(Rc::clone(&connection));
        Ok(connection)
    }

    async fn find(&self, kind: Coordinates, key: &str) -> Result<Address, ClientError> {
        self.cluster.coordinator(kind, key, Instant::now() + self.cluster.config.request_timeout).await
    }

    /// Asks the coordinator of a group, which is found anew where it has moved.
    async fn repeat_at_group<C: Call>(&self, call: &C, group: &str, deadline: Instant) -> Result<C::Answer, Failed> {
        let (mut failures, mut known) = (0, None);
        loop {
            let attempt = async {
                let address = match &known {
                    Some(address) => address,
                    None => known.insert(self.find(Coordinates::Group, group).await?),
                };
                self.cluster.call(address, call, Instant::now() + self.cluster.config.request_timeout).await
            };
            match attempt.await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    // A group's coordinator may also say that its log does not answer in time.
                    if is_elsewhere(&error) || error.code() == Some(7) {
                        known = None;
                    }
                    self.pause(error, &mut failures, deadline).await?;
                }
            }
        }
    }
}

impl From<Failed> for ProducerError {
    fn from((ends, error): Failed) -> Self {
        ends.error(error)
    }
}
