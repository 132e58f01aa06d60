//! One partition's batches: which is sent next, with which sequence, and what each answer means. No clock, no input or output.
//!
//! A broker takes a batch of a producer only where its sequence follows that of the batch before, and recognizes the last five when
//! they come again. So a batch keeps its sequence over retries; after a failure nothing further is sent until every request under way
//! is answered, then the batches go out again in their order, one at a time, and nothing new beside them: a batch that comes again may
//! be the fifth last in the log.
//!
//! Sequences are never taken back. Where a batch has failed for good, the next one finds a gap (the broker says *out of order*, and
//! nothing earlier is open): then the log holds nothing of what follows, and the partition restarts with sequence 0 in the next epoch.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::settings::Settings;
use super::verdict::{Doubt, Verdict};
use crate::ClientError;
use crate::calls::{ProducedPartition, ProducerIdentity};
use crate::records::{Compressor, ProducerStamp, restamp, split};

/// Records that travel, fail and are acknowledged together.
#[derive(Debug)]
pub(super) struct Batch {
    data: Bytes,
    records: u32,
    created: Instant,
    /// How many marks had been set when it was handed over.
    pub(super) marks: u64,
    /// Number of its first record among all that the partition was ever given a sequence for; none before it is first sent.
    position: Option<u64>,
    /// Names the attempt under way.
    ticket: u64,
    doubt: Doubt,
    /// The attempt under way is not the first.
    repeated: bool,
    /// It is half of a batch that may be in the log: the broker would not recognize it.
    half_in_doubt: bool,
    /// Nobody wants it any more: it is not sent again.
    forgotten: bool,
}

impl Batch {
    /// A sealed batch, whose first record was taken over at `created`.
    pub(super) fn new(data: impl Into<Bytes>, records: u32, created: Instant) -> Self {
        Self {
            data: data.into(),
            records,
            created,
            marks: 0,
            position: None,
            ticket: 0,
            doubt: Doubt::None,
            repeated: false,
            half_in_doubt: false,
            forgotten: false,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.data.len()
    }

    pub(super) fn records(&self) -> u32 {
        self.records
    }
}

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Told {
    /// It is in the log; its last offset, where the broker said it.
    Appended { size: usize, records: u32, marks: u64, last_offset: Option<i64> },
    /// It is given up.
    Failed { size: usize, records: u32, marks: u64, error: ClientError },
    /// Halves took its place, which have so many bytes more.
    Grown { bytes: isize },
}

/// How a request ended for one of its batches.
#[derive(Debug)]
pub(super) enum Outcome {
    Answered(ProducedPartition),
    /// The request went out and no answer came.
    Lost(ClientError),
    /// The request did not go out, and never can.
    Impossible(ClientError),
}

/// Whether a partition can send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Not now.
    No,
    /// A batch of so many bytes.
    Yes(usize),
    /// When there is a (new) producer id.
    NeedsIdentity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    No,
    NextEpoch,
    NewId,
}

#[derive(Debug)]
pub(super) struct Partition {
    /// In order; those that were sent before come first.
    waiting: VecDeque<Batch>,
    /// Sent and not answered, in order.
    under_way: VecDeque<Batch>,
    identity: ProducerIdentity,
    next_position: u64,
    /// Position of the record with sequence 0.
    zero: u64,
    /// The broker has acknowledged something of this producer id. Before, it takes any sequence, so that a second batch could overtake the first.
    established: bool,
    restart: Restart,
    failures: u32,
    not_before: Option<Instant>,
}

impl Partition {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            identity: ProducerIdentity::NONE,
            next_position: 0,
            zero: 0,
            established: false,
            restart: Restart::No,
            failures: 0,
            not_before: None,
        }
    }

    pub(super) fn push(&mut self, batch: Batch) {
        self.waiting.push_back(batch);
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether it has no batch at all.
    pub(super) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Whether a batch that was sent is waiting to be sent again.
    fn is_repeating(&self) -> bool {
        self.waiting.front().is_some_and(|batch| batch.position.is_some())
    }

    /// When something of what waits becomes due: the end of a back-off, or the front batch's deadline.
    pub(super) fn due(&self, settings: &Settings) -> Option<Instant> {
        let expiry = self.waiting.front()?.created + settings.delivery_timeout;
        Some(self.not_before.map_or(expiry, |not_before| not_before.min(expiry)))
    }

    /// Whether the front batch can be sent now, under the identity that the partition has or, where it needs one, `current`.
    pub(super) fn ready(
        &mut self,
        now: Instant,
        current: Option<ProducerIdentity>,
        settings: &Settings,
        told: &mut Vec<Told>,
    ) -> Ready {
        let alone = self.is_repeating() || self.restart != Restart::No;
        let blocked = self.under_way.front().is_some_and(|under_way| alone || under_way.repeated);
        let most = if self.established { settings.max_in_flight } else { 1 };
        if blocked || self.under_way.len() >= most || self.not_before.is_some_and(|not_before| now < not_before) {
            return Ready::No;
        }
        self.not_before = None;
        if self.restart != Restart::No && !self.restarted(current, told) {
            return Ready::NeedsIdentity;
        }
        let Some(front) = self.waiting.front() else { return Ready::No };
        if self.identity == ProducerIdentity::NONE {
            match current {
                Some(current) => self.identity = current,
                None => return Ready::NeedsIdentity,
            }
        }
        Ready::Yes(front.size())
    }

    /// Goes on with sequence 0 under another epoch or id, if there is one. Nothing is under way.
    fn restarted(&mut self, current: Option<ProducerIdentity>, told: &mut Vec<Told>) -> bool {
        if self.restart == Restart::NextEpoch && self.identity.epoch < i16::MAX {
            self.identity.epoch += 1;
            // The log was seen to hold nothing of what was sent; only what may still be on its way is in doubt.
            self.renumber(Doubt::Unanswered, told);
        } else {
            match current.filter(|current| current.id != self.identity.id) {
                Some(current) => self.identity = current,
                None => return false,
            }
            self.renumber(Doubt::Answered, told);
        }
        self.established = false;
        true
    }

    /// Has what waits take sequences anew from 0. What may be in the log all the same fails: it would be doubled.
    fn renumber(&mut self, doubtful: Doubt, told: &mut Vec<Told>) {
        self.restart = Restart::No;
        self.zero = self.next_position;
        self.waiting.retain_mut(|batch| {
            batch.position = None;
            let keep = batch.doubt < doubtful && !batch.half_in_doubt;
            if !keep {
                let (size, records, marks) = (batch.size(), batch.records, batch.marks);
                told.push(Told::Failed { size, records, marks, error: ClientError::Timeout });
            }
            batch.doubt = Doubt::None;
            keep
        });
    }

    /// Takes the front batch, which is [ready](Self::ready), and stamps it.
    pub(super) fn send(&mut self, ticket: u64, settings: &Settings) -> Option<Bytes> {
        let mut batch = self.waiting.pop_front()?;
        batch.ticket = ticket;
        batch.repeated = batch.position.is_some();
        if batch.position.is_none() {
            batch.position = Some(self.next_position);
            self.next_position += u64::from(batch.records);
            let stamp = self.stamp(&batch, settings);
            let mut data = Vec::from(std::mem::take(&mut batch.data));
            // What was sealed here is a batch.
            let stamped = restamp(&mut data, &stamp);
            debug_assert_eq!(stamped, Ok(()));
            batch.data = data.into();
        }
        let data = batch.data.clone();
        self.under_way.push_back(batch);
        Some(data)
    }

    fn stamp(&self, batch: &Batch, settings: &Settings) -> ProducerStamp {
        let since = batch.position.unwrap_or(self.next_position) - self.zero;
        ProducerStamp {
            producer_id: self.identity.id,
            producer_epoch: self.identity.epoch,
            // Sequences begin again at 0 after the highest number of 31 bits.
            base_sequence: (since & 0x7fff_ffff) as i32,
            transactional: settings.transactional,
        }
    }

    /// Takes note of how an attempt ended.
    pub(super) fn answered(
        &mut self,
        ticket: u64,
        outcome: Outcome,
        now: Instant,
        settings: &Settings,
        told: &mut Vec<Told>,
    ) {
        let Some(place) = self.under_way.iter().position(|batch| batch.ticket == ticket) else { return };
        let Some(mut batch) = self.under_way.remove(place) else { return };
        let earlier_open = place > 0 || self.waiting.front().is_some_and(|front| is_before(front, &batch));
        let (verdict, error) = match outcome {
            Outcome::Lost(error) => (Verdict::Retry(Doubt::Unanswered), error),
            Outcome::Impossible(error) => (Verdict::Refused, error),
            Outcome::Answered(answer) if Verdict::of(answer.code) == Verdict::Appended => {
                return self.appended(&batch, answer.base_offset, told);
            }
            Outcome::Answered(answer) => (Verdict::of(answer.code), settings.refusal(answer)),
        };
        match verdict {
            Verdict::Retry(doubt) => {
                batch.doubt = batch.doubt.max(doubt);
                self.rest(now, settings.backoff);
                self.wait_again(batch, error, told);
            }
            Verdict::RetrySoon => {
                self.rest(now, settings.soon);
                self.wait_again(batch, error, told);
            }
            Verdict::OutOfOrder if earlier_open => self.wait_again(batch, error, told),
            Verdict::UnknownProducer if earlier_open => self.wait_again(batch, error, told),
            Verdict::OutOfOrder if !settings.transactional && !batch.half_in_doubt => {
                self.restart = self.restart.max(Restart::NextEpoch);
                self.wait_again(batch, error, told);
            }
            Verdict::UnknownProducer if !settings.transactional && batch.doubt == Doubt::None => {
                self.restart = self.restart.max(Restart::NextEpoch);
                self.wait_again(batch, error, told);
            }
            Verdict::TooLarge if batch.records > 1 && !batch.forgotten => self.halve(batch, error, settings, told),
            Verdict::StaleEpoch => {
                self.restart = Restart::NewId;
                self.fail(&batch, error, told);
            }
            Verdict::OutOfOrder | Verdict::UnknownProducer => {
                self.restart = self.restart.max(Restart::NextEpoch);
                self.doubt_all();
                self.fail(&batch, error, told);
            }
            Verdict::TooLarge | Verdict::Refused | Verdict::Appended => self.fail(&batch, error, told),
        }
    }

    /// The log may hold the batch that fails; then it may hold those that were sent after it.
    fn doubt_all(&mut self) {
        let sent = self.waiting.iter_mut().filter(|batch| batch.doubt != Doubt::None);
        sent.for_each(|batch| batch.doubt = Doubt::Unanswered);
    }

    fn appended(&mut self, batch: &Batch, base_offset: i64, told: &mut Vec<Told>) {
        self.established = true;
        self.failures = 0;
        let last_offset = (base_offset >= 0).then(|| base_offset + i64::from(batch.records) - 1);
        let (size, records, marks) = (batch.size(), batch.records, batch.marks);
        told.push(Told::Appended { size, records, marks, last_offset });
    }

    fn fail(&self, batch: &Batch, error: ClientError, told: &mut Vec<Told>) {
        let (size, records, marks) = (batch.size(), batch.records, batch.marks);
        told.push(Told::Failed { size, records, marks, error });
    }

    fn rest(&mut self, now: Instant, backoff: crate::backoff::Backoff) {
        // What was under way together and fails together is one failure.
        if self.not_before.is_none() {
            self.failures = self.failures.saturating_add(1);
            self.not_before = Some(now + backoff.delay(self.failures));
        }
    }

    /// Puts a batch back to where its turn is.
    fn wait_again(&mut self, batch: Batch, error: ClientError, told: &mut Vec<Told>) {
        if batch.forgotten {
            return self.fail(&batch, error, told);
        }
        let place = self.waiting.iter().take_while(|waiting| is_before(waiting, &batch)).count();
        self.waiting.insert(place, batch);
    }

    /// Replaces a batch that is too large by two.
    fn halve(&mut self, batch: Batch, error: ClientError, settings: &Settings, told: &mut Vec<Told>) {
        let halves = Compressor::new(settings.compression, settings.compression_level)
            .and_then(|mut compressor| split(&batch.data, &mut compressor));
        let Ok(Some([first, second])) = halves else { return self.fail(&batch, error, told) };
        let first_records = batch.records / 2;
        let half = |data: Vec<u8>, records, skipped: u32| Batch {
            data: data.into(),
            records,
            marks: batch.marks,
            position: batch.position.map(|position| position + u64::from(skipped)),
            half_in_doubt: batch.half_in_doubt || batch.doubt != Doubt::None,
            ..Batch::new(Bytes::new(), 0, batch.created)
        };
        let halves = [half(first, first_records, 0), half(second, batch.records - first_records, first_records)];
        told.push(Told::Grown {
            bytes: halves.iter().map(|half| half.size() as isize).sum::<isize>() - batch.size() as isize,
        });
        for half in halves {
            let place = self.waiting.iter().take_while(|waiting| is_before(waiting, &half)).count();
            self.waiting.insert(place, half);
        }
    }

    /// Gives up what has waited for too long.
    pub(super) fn expire(&mut self, now: Instant, settings: &Settings, told: &mut Vec<Told>) {
        let is_old = |batch: &Batch| batch.created + settings.delivery_timeout <= now;
        while self.waiting.front().is_some_and(is_old) {
            let Some(batch) = self.waiting.pop_front() else { return };
            self.fail(&batch, ClientError::Timeout, told);
        }
    }

    /// Gives up all that waits.
    pub(super) fn fail_waiting(&mut self, error: &ClientError, told: &mut Vec<Told>) {
        for batch in std::mem::take(&mut self.waiting) {
            self.fail(&batch, error.clone(), told);
        }
    }

    /// Drops all that waits, without a word, and does not repeat what is under way. Answers how many records and bytes were dropped, and
    /// whether any of them had been sent.
    pub(super) fn forget(&mut self) -> (u32, usize, bool) {
        for batch in &mut self.under_way {
            batch.forgotten = true;
        }
        let dropped = std::mem::take(&mut self.waiting);
        let records = dropped.iter().map(|batch| batch.records).sum();
        let bytes = dropped.iter().map(Batch::size).sum();
        (records, bytes, dropped.iter().any(|batch| batch.position.is_some()))
    }

    /// Records of batches that were handed over before the mark of this number, and are not told yet.
    pub(super) fn records_before(&self, mark: u64) -> usize {
        let batches = self.waiting.iter().chain(&self.under_way);
        batches.filter(|batch| batch.marks < mark).map(|batch| batch.records as usize).sum()
    }

    /// Starts at sequence 0 under a new identity. The partition is idle, or a transaction has decided about what it held.
    pub(super) fn take_identity(&mut self, identity: ProducerIdentity) {
        self.established &= identity.id == self.identity.id;
        self.identity = identity;
        self.zero = self.next_position;
        self.restart = Restart::No;
        (self.failures, self.not_before) = (0, None);
    }
}

impl Restart {
    fn max(self, other: Self) -> Self {
        if self as u8 >= other as u8 { self } else { other }
    }
}

/// Whether one batch has its turn before the other, which has been sent.
fn is_before(one: &Batch, other: &Batch) -> bool {
    one.position.is_some_and(|position| Some(position) < other.position)
}

#[cfg(test)]
mod tests;
