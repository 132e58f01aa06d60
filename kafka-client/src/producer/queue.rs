//! What the user's thread and the reactor share: batches that are sealed, and what became of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;

use super::partition::{Batch, Outcome, Partition, Ready, Told};
use super::settings::Settings;
use super::transaction::Transaction;
use super::{Delivery, TopicId};
use crate::ClientError;
use crate::calls::ProducerIdentity;

/// Sealed batches of all partitions, under one lock. A partition's place here is its *slot*.
pub(super) struct Queue {
    pub(super) settings: Settings,
    pub(super) topics: Vec<Arc<str>>,
    slots: Vec<Slot>,
    /// Slots with batches that wait.
    active: Vec<usize>,
    /// What partitions that have none yet send under.
    pub(super) identity: Option<ProducerIdentity>,
    /// The identity that is not enough any more, while a new one is asked for.
    pub(super) wants_identity: bool,
    pub(super) transaction: Transaction,
    tickets: u64,
    /// Records here that are not told yet.
    pub(super) outstanding: usize,
    /// Bytes here, also counted without the lock.
    used: Arc<AtomicUsize>,
    /// Marks set so far.
    marks: u64,
    /// Whether the last of them is still there: acknowledgements of what came after it are held back.
    is_marked: bool,
    /// Records before the last mark that are not told yet.
    pub(super) before_mark: usize,
    /// Slots with something acknowledged.
    acknowledged: Vec<usize>,
    /// Slots with something acknowledged that came after the mark.
    held_back: Vec<usize>,
    failures: Vec<Failure>,
    told: Vec<Told>,
    /// The handle is gone: nothing is sent any more.
    pub(super) closed: bool,
}

struct Slot {
    topic: TopicId,
    number: i32,
    partition: Partition,
    is_active: bool,
    /// The highest offset not yet told.
    acknowledged: Option<i64>,
    /// The same of what came after the mark.
    held_back: Option<i64>,
}

struct Failure {
    topic: TopicId,
    partition: i32,
    error: ClientError,
    records: u32,
}

/// A batch on its way into a request.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) slot: usize,
    pub(super) topic: TopicId,
    pub(super) partition: i32,
    pub(super) ticket: u64,
    pub(super) data: Bytes,
}

impl Queue {
    pub(super) fn new(settings: Settings, used: Arc<AtomicUsize>) -> Self {
        Self {
            settings,
            topics: Vec::new(),
            slots: Vec::new(),
            active: Vec::new(),
            identity: None,
            wants_identity: false,
            transaction: Transaction::new(),
            tickets: 0,
            outstanding: 0,
            used,
            marks: 0,
            is_marked: false,
            before_mark: 0,
            acknowledged: Vec::new(),
            held_back: Vec::new(),
            failures: Vec::new(),
            told: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn add_partition(&mut self, topic: TopicId, number: i32) -> usize {
        let partition = Partition::new();
        self.slots.push(Slot { topic, number, partition, is_active: false, acknowledged: None, held_back: None });
        self.slots.len() - 1
    }

    pub(super) fn push(&mut self, slot: usize, mut batch: Batch) {
        batch.marks = self.marks;
        self.outstanding += batch.records() as usize;
        self.used.fetch_add(batch.size(), Ordering::Relaxed);
        self.slots[slot].partition.push(batch);
        self.activate(slot);
    }

    fn activate(&mut self, slot: usize) {
        if !std::mem::replace(&mut self.slots[slot].is_active, true) {
            self.active.push(slot);
        }
    }

    /// The slots with batches that wait; others are forgotten until they have some.
    pub(super) fn active(&mut self) -> Vec<usize> {
        let slots = &mut self.slots;
        self.active.retain(|&slot| {
            slots[slot].is_active = slots[slot].partition.has_waiting();
            slots[slot].is_active
        });
        self.active.clone()
    }

    /// Whether nothing of this slot waits or is under way.
    pub(super) fn is_quiet(&self, slot: usize) -> bool {
        self.slots[slot].partition.is_quiet()
    }

    pub(super) fn name(&self, slot: usize) -> (TopicId, i32) {
        (self.slots[slot].topic, self.slots[slot].number)
    }

    pub(super) fn due(&self, slot: usize) -> Option<Instant> {
        self.slots[slot].partition.due(&self.settings)
    }

    pub(super) fn expire(&mut self, slot: usize, now: Instant) {
        let mut told = std::mem::take(&mut self.told);
        self.slots[slot].partition.expire(now, &self.settings, &mut told);
        self.tell(slot, told);
    }

    pub(super) fn fail_waiting(&mut self, slot: usize, error: &ClientError) {
        let mut told = std::mem::take(&mut self.told);
        self.slots[slot].partition.fail_waiting(error, &mut told);
        self.tell(slot, told);
    }

    /// The slot's front batch, if it can be sent now and has at most `room` bytes.
    pub(super) fn take(&mut self, slot: usize, now: Instant, room: usize) -> Option<Taken> {
        if self.closed || (self.settings.transactional && !self.transaction.may_send(slot)) {
            return None;
        }
        let mut told = std::mem::take(&mut self.told);
        let place = &mut self.slots[slot];
        let ready = place.partition.ready(now, self.identity, &self.settings, &mut told);
        let mut taken = None;
        match ready {
            Ready::Yes(size) if size <= room => {
                self.tickets += 1;
                let data = place.partition.send(self.tickets, &self.settings);
                let (topic, partition, ticket) = (place.topic, place.number, self.tickets);
                taken = data.map(|data| Taken { slot, topic, partition, ticket, data });
                self.transaction.sent();
            }
            Ready::NeedsIdentity => self.wants_identity = true,
            Ready::Yes(_) | Ready::No => {}
        }
        self.tell(slot, told);
        taken
    }

    pub(super) fn answered(&mut self, slot: usize, ticket: u64, outcome: Outcome, now: Instant) {
        let mut told = std::mem::take(&mut self.told);
        self.slots[slot].partition.answered(ticket, outcome, now, &self.settings, &mut told);
        self.tell(slot, told);
        if self.slots[slot].partition.has_waiting() {
            self.activate(slot);
        }
    }

    fn tell(&mut self, slot: usize, mut told: Vec<Told>) {
        let place = &mut self.slots[slot];
        let marks = self.marks;
        let before_mark = |handed_over: u64, records: u32| if handed_over < marks { records as usize } else { 0 };
        let mut failed: Vec<(u32, ClientError)> = Vec::new();
        for told in told.drain(..) {
            match told {
                Told::Appended { size, records, marks: handed_over, last_offset } => {
                    self.outstanding = self.outstanding.saturating_sub(records as usize);
                    self.before_mark = self.before_mark.saturating_sub(before_mark(handed_over, records));
                    self.used.fetch_sub(size, Ordering::Relaxed);
                    let (news, highest) = if self.is_marked && handed_over == marks {
                        (&mut self.held_back, &mut place.held_back)
                    } else {
                        (&mut self.acknowledged, &mut place.acknowledged)
                    };
                    if last_offset > *highest {
                        if highest.is_none() {
                            news.push(slot);
                        }
                        *highest = last_offset;
                    }
                }
                Told::Failed { size, records, marks: handed_over, error } => {
                    self.outstanding = self.outstanding.saturating_sub(records as usize);
                    self.before_mark = self.before_mark.saturating_sub(before_mark(handed_over, records));
                    self.used.fetch_sub(size, Ordering::Relaxed);
                    failed.push((records, error));
                }
                Told::Grown { bytes } => {
                    // Halves may be smaller together; wrapping addition of a negative number is subtraction.
                    self.used.fetch_add(bytes as usize, Ordering::Relaxed);
                }
            }
        }
        self.told = told;
        let (topic, number) = (place.topic, place.number);
        for (records, error) in failed {
            self.failed(topic, number, error, records);
        }
    }

    /// Notes that records will not be appended.
    pub(super) fn failed(&mut self, topic: TopicId, partition: i32, error: ClientError, records: u32) {
        let place = format!("producing to {}-{partition}", self.topics[topic.0]);
        let error = match error {
            ClientError::Refused { code, context } if context.is_empty() => {
                ClientError::Refused { code, context: place }
            }
            ClientError::Refused { code, context } => {
                ClientError::Refused { code, context: format!("{place}: {context}") }
            }
            other => other,
        };
        tracing::warn!(topic = &*self.topics[topic.0], partition, records, %error, "records are not appended");
        if self.settings.transactional {
            self.transaction.record_failed(&error);
        }
        // However long nobody asks, there is one entry for each partition and error.
        let same = |known: &&mut Failure| known.topic == topic && known.partition == partition && known.error == error;
        match self.failures.iter_mut().find(same) {
            Some(known) => known.records = known.records.saturating_add(records),
            None => self.failures.push(Failure { topic, partition, error, records }),
        }
    }

    /// Sets a mark behind everything that is here; it takes the place of one that was there.
    pub(super) fn mark(&mut self) {
        self.remove_mark();
        self.marks += 1;
        self.is_marked = true;
        self.before_mark = self.outstanding;
    }

    /// Lets what came after the mark be told, too.
    pub(super) fn remove_mark(&mut self) {
        self.is_marked = false;
        for slot in self.held_back.drain(..) {
            let place = &mut self.slots[slot];
            if place.acknowledged.is_none() {
                self.acknowledged.push(slot);
            }
            place.acknowledged = place.acknowledged.max(place.held_back.take());
        }
    }

    pub(super) fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        for slot in self.acknowledged.drain(..) {
            let place = &mut self.slots[slot];
            if let Some(offset) = place.acknowledged.take() {
                let topic = Arc::clone(&self.topics[place.topic.0]);
                deliveries.push(Delivery::Acknowledged { topic, partition: place.number, offset });
            }
        }
        for Failure { topic, partition, error, records } in self.failures.drain(..) {
            let topic = Arc::clone(&self.topics[topic.0]);
            deliveries.push(Delivery::Failed { topic, partition, error, records });
        }
    }

    /// Drops what waits; answers how many records. What is under way is answered as it comes, and not repeated.
    pub(super) fn forget(&mut self) -> usize {
        let mut forgotten = 0;
        for slot in &mut self.slots {
            let (records, bytes, was_sent) = slot.partition.forget();
            forgotten += records as usize;
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            if was_sent {
                self.transaction.lost_sequence();
            }
        }
        self.outstanding = self.outstanding.saturating_sub(forgotten);
        self.before_mark = self.slots.iter().map(|slot| slot.partition.records_before(self.marks)).sum();
        forgotten
    }

    /// Has every partition go on under another identity. Nothing is under way.
    pub(super) fn take_identity(&mut self, identity: ProducerIdentity) {
        self.identity = Some(identity);
        for slot in &mut self.slots {
            slot.partition.take_identity(identity);
        }
    }
}
