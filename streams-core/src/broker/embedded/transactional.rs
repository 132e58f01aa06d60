use super::cluster::Cluster;
use super::group::Outbox;
use super::routes::Routes;
use super::transactions::{TransactionState, TransactionalId};
use crate::broker::{BrokerError, BrokerErrorKind, Delivery};
use crate::record::OutputBatch;
use kafka_client::group::{CommittedOffset, MemberIdentity};
use std::sync::{Arc, MutexGuard};

/// The transactional half of a producer.
#[derive(Debug)]
pub(super) struct Transactional {
    cluster: Arc<Cluster>,
    id: String,
    entry: Arc<TransactionalId>,
    timeout_ms: i64,
    epoch: u64,
    phase: Phase,
}

/// Where the producer stands between two calls.
#[derive(Debug, Clone)]
enum Phase {
    /// Before [`Transactional::init`].
    New,
    /// No transaction.
    Ready,
    /// In a transaction; whether anything of it has reached the coordinator.
    Open { sent: bool },
    /// In a transaction that can only be aborted.
    Failed(BrokerError),
    /// Committed, but the answer was lost: committing again tells.
    Unanswered,
    /// A newer producer is known.
    Fenced,
}

impl Transactional {
    pub(super) fn new(cluster: Arc<Cluster>, id: &str, timeout_ms: i64) -> Self {
        let entry = cluster.transactions.entry(id);
        Self { cluster, id: id.to_owned(), entry, timeout_ms, epoch: 0, phase: Phase::New }
    }

    pub(super) fn init(&mut self) -> Result<(), BrokerError> {
        match self.phase {
            Phase::New => {}
            Phase::Fenced => return Err(self.fenced()),
            _ => return Err(self.out_of_order("init_transactions has been called already")),
        }
        self.cluster.check_reachable(self.context())?;
        let mut outbox = Outbox::default();
        self.epoch = self.entry.register(&self.cluster, &mut outbox);
        outbox.send();
        self.phase = Phase::Ready;
        Ok(())
    }

    pub(super) fn begin(&mut self) -> Result<(), BrokerError> {
        match self.phase {
            Phase::Ready => {
                self.phase = Phase::Open { sent: false };
                Ok(())
            }
            Phase::Fenced => Err(self.fenced()),
            Phase::New => Err(self.out_of_order("call init_transactions first")),
            _ => Err(self.out_of_order("a transaction is under way; commit or abort it first")),
        }
    }

    /// Appends the batch as part of the transaction. Records that fail make the transaction fail.
    pub(super) fn send(
        &mut self,
        batch: &OutputBatch,
        max_request_size: usize,
        routes: &mut Routes,
        failures: &mut Vec<Delivery>,
    ) -> Result<(), BrokerError> {
        if let Phase::New | Phase::Ready | Phase::Unanswered = self.phase {
            return Err(self.out_of_order("a transactional producer sends within transactions only; begin one"));
        }
        let before = failures.len();
        routes.sort(batch, max_request_size, failures);
        let entry = Arc::clone(&self.entry);
        match self.open(&entry) {
            Err(error) => routes.fail(&error, failures),
            Ok(mut state) => {
                let open = state.open(&self.cluster, self.timeout_ms);
                let number = open.number;
                routes.append(batch, number, |partition| open.add_partition(partition), failures);
            }
        }
        if let Some(Delivery::Failed { error, .. }) = failures.get(before)
            && let Phase::Open { .. } = self.phase
        {
            self.phase = Phase::Failed(abort_for(error));
        }
        Ok(())
    }

    pub(super) fn send_offsets(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
    ) -> Result<(), BrokerError> {
        self.cluster.check_reachable(self.context())?;
        let entry = Arc::clone(&self.entry);
        let mut state = self.open(&entry)?;
        let open = state.open(&self.cluster, self.timeout_ms);
        open.add_group(&member.group_id);
        let added = self.cluster.groups.add_to_transaction(&self.cluster, member, offsets, open.number);
        drop(state);
        added.map_err(|error| {
            let context = format!("adding offsets of group {} to a transaction of {}", member.group_id, self.id);
            let error = BrokerError::new(BrokerErrorKind::AbortTransaction, context, error);
            self.phase = Phase::Failed(error.clone());
            error
        })
    }

    pub(super) fn commit(&mut self) -> Result<(), BrokerError> {
        if let Phase::Unanswered = self.phase {
            self.cluster.check_reachable(self.context())?;
            self.phase = Phase::Ready;
            return Ok(());
        }
        self.end(true)
    }

    pub(super) fn abort(&mut self) -> Result<(), BrokerError> {
        match self.phase {
            Phase::Unanswered => Err(self.out_of_order("the transaction may have been committed; commit it again")),
            Phase::Failed(_) => {
                self.cluster.check_reachable(self.context())?;
                self.phase = Phase::Open { sent: true };
                self.end(false)
            }
            _ => self.end(false),
        }
    }

    fn end(&mut self, commit: bool) -> Result<(), BrokerError> {
        if let Phase::Open { sent: false } = self.phase {
            self.phase = Phase::Ready;
            return Ok(());
        }
        self.check_open()?;
        self.cluster.check_reachable(self.context())?;
        let entry = Arc::clone(&self.entry);
        let mut outbox = Outbox::default();
        self.open(&entry)?.end(&self.cluster, commit, &mut outbox);
        outbox.send();
        self.phase = Phase::Ready;
        if commit && self.cluster.faults.take_commit(&self.id) {
            self.phase = Phase::Unanswered;
            let message = "no answer in time; commit again to learn the outcome";
            return Err(BrokerError::new(BrokerErrorKind::Retriable, self.context(), message));
        }
        Ok(())
    }

    /// The coordinator's state, with the transaction open and this producer the newest.
    fn open<'a>(&mut self, entry: &'a TransactionalId) -> Result<MutexGuard<'a, TransactionState>, BrokerError> {
        self.check_open()?;
        let state = entry.lock();
        if state.epoch != self.epoch {
            self.phase = Phase::Fenced;
            return Err(self.fenced());
        }
        self.phase = Phase::Open { sent: true };
        Ok(state)
    }

    fn check_open(&self) -> Result<(), BrokerError> {
        match &self.phase {
            Phase::Open { .. } => Ok(()),
            Phase::Failed(error) => Err(error.clone()),
            Phase::Fenced => Err(self.fenced()),
            Phase::New | Phase::Ready | Phase::Unanswered => {
                Err(self.out_of_order("there is no transaction; begin one"))
            }
        }
    }

    fn context(&self) -> String {
        format!("transaction of {}", self.id)
    }

    fn fenced(&self) -> BrokerError {
        let message = "a newer producer with this transactional.id has taken over, or the transaction timed out; make a new producer";
        BrokerError::new(BrokerErrorKind::Fenced, self.context(), message)
    }

    fn out_of_order(&self, message: &str) -> BrokerError {
        BrokerError::new(BrokerErrorKind::Fatal, self.context(), message)
    }
}

/// What a failed record makes of its transaction.
fn abort_for(error: &BrokerError) -> BrokerError {
    let message = format!("a record of the transaction failed: {}", error.message);
    BrokerError::new(BrokerErrorKind::AbortTransaction, &error.context, message)
}
