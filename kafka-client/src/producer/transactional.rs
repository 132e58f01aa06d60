//! The calls about transactions, as the handle has them.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::command::{Command, Request};
use super::transaction::Ending;
use super::{Producer, ProducerError, ProducerErrorKind, in_time};
use crate::ClientError;
use crate::group::{CommittedOffset, MemberIdentity};

/// What a pending request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Register,
    AddOffsets,
    Commit,
    Abort,
}

impl Producer {
    /// Registers the transactional id: fences its earlier producers and aborts what they left open. Once, before the first transaction.
    ///
    /// # Errors
    /// Retriable where the cluster did not answer in time: call it again. Fatal without a transactional id.
    pub fn init_transactions(&mut self, timeout: Duration) -> Result<(), ProducerError> {
        self.need_transactional_id("init_transactions")?;
        let deadline = in_time(timeout);
        if let Some(result) = self.settle(Kind::Register, deadline)? {
            return result;
        }
        self.shared.queue().transaction.may_register()?;
        self.ask(Kind::Register, Request::Register, deadline)
    }

    /// Starts a transaction.
    ///
    /// # Errors
    /// Fenced where that is known; fatal out of order.
    pub fn begin_transaction(&mut self) -> Result<(), ProducerError> {
        self.need_transactional_id("begin_transaction")?;
        self.shared.queue().transaction.begin()
    }

    /// Adds consumed offsets to the transaction (KIP-447). The member must be the present one, taken afresh.
    ///
    /// # Errors
    /// `AbortTransaction` where the generation or the member is not the group's any more; fenced. Retriable where no answer came in time:
    /// then send them again, or abort; the transaction cannot be committed without them.
    pub fn send_offsets(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        timeout: Duration,
    ) -> Result<(), ProducerError> {
        self.need_transactional_id("send_offsets_to_transaction")?;
        let deadline = in_time(timeout);
        // An earlier call may have sent other offsets: only that it has ended matters.
        self.settle(Kind::AddOffsets, deadline)?;
        self.shared.queue().transaction.may_add_offsets()?;
        if offsets.is_empty() {
            self.shared.queue().transaction.added_offsets();
            return Ok(());
        }
        let request = Request::AddOffsets { member: member.clone(), offsets: offsets.to_vec() };
        self.ask(Kind::AddOffsets, request, deadline)
    }

    /// Flushes and commits.
    ///
    /// # Errors
    /// `AbortTransaction` where a record has failed, or the cluster asks for it. Retriable: not decided in time; call it again.
    pub fn commit_transaction(&mut self, timeout: Duration) -> Result<(), ProducerError> {
        self.need_transactional_id("commit_transaction")?;
        let deadline = in_time(timeout);
        if let Some(result) = self.settle(Kind::Commit, deadline)? {
            return result;
        }
        self.shared.queue().transaction.commit()?;
        let flushed = self.flush_until(deadline);
        // What has failed meanwhile matters more than that something else is still open.
        let ending = {
            let mut queue = self.shared.queue();
            queue.transaction.commit()?;
            flushed?;
            queue.transaction.committing()?
        };
        self.end(Kind::Commit, ending, deadline)
    }

    /// Aborts: drops what is not sent, waits for what is, and has the cluster drop the rest.
    ///
    /// # Errors
    /// Fenced. Retriable: not decided in time; call it again.
    pub fn abort_transaction(&mut self, timeout: Duration) -> Result<(), ProducerError> {
        self.need_transactional_id("abort_transaction")?;
        let deadline = in_time(timeout);
        if let Some(result) = self.settle(Kind::Abort, deadline)? {
            return result;
        }
        self.shared.queue().transaction.abort()?;
        self.shared.open().clear();
        self.shared.queue().forget();
        if !self.shared.wait_until(deadline, |queue| queue.outstanding == 0) {
            return Err(ProducerError::timeout());
        }
        let ending = self.shared.queue().transaction.aborting()?;
        self.end(Kind::Abort, ending, deadline)
    }

    fn end(&mut self, kind: Kind, ending: Ending, deadline: Instant) -> Result<(), ProducerError> {
        if !ending.tell && !ending.epoch {
            self.shared.queue().transaction.ended();
            return Ok(());
        }
        self.ask(kind, Request::End { commit: kind == Kind::Commit, ending }, deadline)
    }

    fn need_transactional_id(&self, call: &str) -> Result<(), ProducerError> {
        if self.transactional {
            return Ok(());
        }
        Err(ProducerError::misuse(format!("{call}: the producer has no transactional.id; configure one")))
    }

    /// Waits for the end of a request that was left behind. Its result is the caller's if it asks for the same, and that is decided.
    fn settle(&mut self, kind: Kind, deadline: Instant) -> Result<Option<Result<(), ProducerError>>, ProducerError> {
        let Some((pending, receiver)) = self.pending.take() else { return Ok(None) };
        let result = self.wait_for(pending, receiver, deadline);
        if self.pending.is_some() {
            return Err(ProducerError::timeout());
        }
        let undecided = matches!(&result, Err(error) if error.kind == ProducerErrorKind::Retriable);
        Ok((pending == kind && !undecided).then_some(result))
    }

    fn ask(&mut self, kind: Kind, request: Request, deadline: Instant) -> Result<(), ProducerError> {
        let (reply, receiver) = sync_channel(1);
        // If the sender is gone, so is the reply.
        let _ = self.commands.send(Command { request, deadline, reply });
        self.wait_for(kind, receiver, deadline)
    }

    fn wait_for(
        &mut self,
        kind: Kind,
        receiver: Receiver<Result<(), ProducerError>>,
        deadline: Instant,
    ) -> Result<(), ProducerError> {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                self.pending = Some((kind, receiver));
                Err(ProducerError::timeout())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(ProducerError::new(ProducerErrorKind::Fatal, ClientError::Closed))
            }
        }
    }
}
