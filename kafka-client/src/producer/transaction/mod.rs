//! Transactions: the state of the one that is open, and the requests that move it.

mod coordinator;
mod sort;

use std::collections::HashSet;

pub(super) use coordinator::Coordinator;
pub(super) use sort::Ends;

use super::{ProducerError, ProducerErrorKind};
use crate::ClientError;

/// How far the present transaction is. Pure: who asks brokers tells it what they answered.
#[derive(Debug)]
pub(super) struct Transaction {
    stage: Stage,
    /// The cluster adds partitions by itself and gives a new epoch with each transaction (KIP-890).
    pub(super) implicit: bool,
    /// A broker may know that the transaction has begun.
    is_begun: bool,
    /// Sequences have been lost: the next transaction needs another epoch.
    needs_epoch: bool,
    /// Offsets were to be added, and whether they are is unknown.
    owes_offsets: bool,
    /// Slots that the coordinator knows of.
    joined: HashSet<usize>,
    /// Counts transactions, so that a late answer is not taken for that of another one.
    pub(super) number: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Unregistered,
    Ready,
    Open,
    /// Records still go out; then the end is asked for.
    Committing {
        asked: bool,
    },
    Aborting {
        asked: bool,
    },
    /// It can only be aborted.
    Broken(ProducerError),
    /// The producer can do nothing any more.
    Dead(ProducerError),
}

/// What is to be asked for to end a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// The coordinator has to be told.
    pub(super) tell: bool,
    /// Another epoch has to be asked for afterwards.
    pub(super) epoch: bool,
}

impl Transaction {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Unregistered,
            implicit: false,
            is_begun: false,
            needs_epoch: false,
            owes_offsets: false,
            joined: HashSet::new(),
            number: 0,
        }
    }

    /// Whether registering is possible.
    pub(super) fn may_register(&self) -> Result<(), ProducerError> {
        match &self.stage {
            Stage::Unregistered => Ok(()),
            Stage::Dead(error) => Err(error.clone()),
            _ => Err(ProducerError::misuse("init_transactions: the producer is registered already")),
        }
    }

    pub(super) fn registered(&mut self, implicit: bool) {
        self.implicit = implicit;
        self.finished();
    }

    fn finished(&mut self) {
        self.stage = Stage::Ready;
        (self.is_begun, self.needs_epoch, self.owes_offsets) = (false, false, false);
        self.joined.clear();
    }

    pub(super) fn begin(&mut self) -> Result<(), ProducerError> {
        match &self.stage {
            Stage::Ready => {
                self.stage = Stage::Open;
                self.number += 1;
                Ok(())
            }
            Stage::Dead(error) => Err(error.clone()),
            Stage::Unregistered => {
                Err(ProducerError::misuse("begin_transaction: init_transactions has not succeeded yet"))
            }
            _ => Err(ProducerError::misuse("begin_transaction: a transaction is open; commit or abort it first")),
        }
    }

    /// Whether records may be taken over.
    pub(super) fn may_append(&self) -> Result<(), ProducerError> {
        match &self.stage {
            Stage::Open => Ok(()),
            Stage::Broken(error) | Stage::Dead(error) => Err(error.clone()),
            _ => Err(ProducerError::misuse("a transactional producer takes records within a transaction only")),
        }
    }

    /// Whether a slot's records may go out.
    pub(super) fn may_send(&self, slot: usize) -> bool {
        self.sends() && (self.implicit || self.joined.contains(&slot))
    }

    /// Whether the coordinator has to be told of the slot before its records go out.
    pub(super) fn lacks(&self, slot: usize) -> bool {
        self.sends() && !self.implicit && !self.joined.contains(&slot)
    }

    fn sends(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Committing { asked: false })
    }

    /// The coordinator is being told of partitions.
    pub(super) fn joining(&mut self) {
        self.is_begun = true;
    }

    pub(super) fn joined(&mut self, number: u64, slots: &[usize]) {
        if number == self.number {
            self.joined.extend(slots);
        }
    }

    /// Records went out.
    pub(super) fn sent(&mut self) {
        self.is_begun = true;
    }

    /// A batch that had a sequence will not be sent again.
    pub(super) fn lost_sequence(&mut self) {
        self.needs_epoch = true;
    }

    /// A record of the transaction has failed. Without transactions this means nothing.
    pub(super) fn record_failed(&mut self, error: &ClientError) {
        self.needs_epoch = true;
        self.fail(Ends::of_batch(error), error.clone());
    }

    /// Records of the transaction were dropped.
    pub(super) fn purged(&mut self) {
        let error = ClientError::InvalidRequest("records of the transaction were purged; abort it".to_owned());
        self.fail(Ends::Transaction(ProducerErrorKind::AbortTransaction), error);
    }

    /// A request has failed for good.
    pub(super) fn fail(&mut self, ends: Ends, error: ClientError) -> ProducerError {
        let error = ends.error(error);
        match (&self.stage, ends) {
            // What comes first is what is told.
            (Stage::Dead(first), _) => return first.clone(),
            (_, Ends::Producer(_)) => self.stage = Stage::Dead(error.clone()),
            (Stage::Open | Stage::Committing { asked: false }, Ends::Transaction(_)) => {
                self.needs_epoch = true;
                self.stage = Stage::Broken(error.clone());
            }
            (Stage::Committing { asked: true }, Ends::Transaction(_)) => {
                // The coordinator has refused to commit it.
                self.needs_epoch = true;
                self.stage = Stage::Broken(error.clone());
            }
            _ => {}
        }
        error
    }

    /// Begins to commit, or goes on with it.
    pub(super) fn commit(&mut self) -> Result<(), ProducerError> {
        match &self.stage {
            Stage::Open if self.owes_offsets => Err(ProducerError::new(
                ProducerErrorKind::AbortTransaction,
                ClientError::InvalidRequest(
                    "commit_transaction: sending the offsets did not succeed; send them again, or abort".to_owned(),
                ),
            )),
            Stage::Open => {
                self.stage = Stage::Committing { asked: false };
                Ok(())
            }
            Stage::Committing { .. } => Ok(()),
            Stage::Broken(error) => Err(to_abort(error)),
            Stage::Dead(error) => Err(error.clone()),
            _ => Err(ProducerError::misuse("commit_transaction: no transaction is open")),
        }
    }

    /// All records are told: what is to be asked for to commit.
    pub(super) fn committing(&mut self) -> Result<Ending, ProducerError> {
        self.commit()?;
        if self.is_begun {
            self.stage = Stage::Committing { asked: true };
        }
        Ok(Ending { tell: self.is_begun, epoch: false })
    }

    /// Begins to abort, or goes on with it.
    pub(super) fn abort(&mut self) -> Result<(), ProducerError> {
        match &self.stage {
            Stage::Open | Stage::Broken(_) | Stage::Committing { asked: false } => {
                self.stage = Stage::Aborting { asked: false };
                Ok(())
            }
            Stage::Aborting { .. } => Ok(()),
            Stage::Committing { asked: true } => Err(ProducerError::misuse(
                "abort_transaction: the commit has been asked for, and whether it took place is unknown; commit again",
            )),
            Stage::Dead(error) => Err(error.clone()),
            _ => Err(ProducerError::misuse("abort_transaction: no transaction is open")),
        }
    }

    /// Nothing is under way: what is to be asked for to abort.
    pub(super) fn aborting(&mut self) -> Result<Ending, ProducerError> {
        self.abort()?;
        self.stage = Stage::Aborting { asked: true };
        let epoch = self.needs_epoch && !self.implicit;
        Ok(Ending { tell: self.is_begun, epoch })
    }

    /// Whether offsets may be sent.
    pub(super) fn may_add_offsets(&mut self) -> Result<(), ProducerError> {
        match &self.stage {
            Stage::Open => {
                (self.is_begun, self.owes_offsets) = (true, true);
                Ok(())
            }
            Stage::Broken(error) => Err(to_abort(error)),
            Stage::Dead(error) => Err(error.clone()),
            _ => Err(ProducerError::misuse("send_offsets_to_transaction: no transaction is open")),
        }
    }

    pub(super) fn added_offsets(&mut self) {
        self.owes_offsets = false;
    }

    /// The coordinator has ended the transaction; another epoch may still be missing.
    pub(super) fn told_end(&mut self) {
        self.is_begun = false;
    }

    /// The transaction has ended as was asked for.
    pub(super) fn ended(&mut self) {
        if !matches!(self.stage, Stage::Dead(_)) {
            self.finished();
        }
    }
}

/// What broke a transaction, to whoever would go on with it. Denied access stays what it is.
fn to_abort(error: &ProducerError) -> ProducerError {
    let kind = match error.kind {
        ProducerErrorKind::Authorization => ProducerErrorKind::Authorization,
        _ => ProducerErrorKind::AbortTransaction,
    };
    ProducerError::new(kind, error.error.clone())
}

#[cfg(test)]
mod tests;
