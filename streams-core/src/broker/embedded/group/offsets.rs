use super::outbox::Outbox;
use super::{Group, State};
use kafka_client::group::{
    CommitOffsets, CommittedOffset, FetchOffsets, FetchedOffset, GroupError, MemberIdentity, Reply,
};
use std::collections::BTreeMap;
use std::fmt;

/// The longest note that may go with an offset (`offset.metadata.max.bytes`).
const MAX_METADATA: usize = 4096;
/// Kafka's code for such a note that is longer.
const OFFSET_METADATA_TOO_LARGE: i16 = 12;

/// The committed offsets of a group.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    committed: BTreeMap<(String, i32), CommittedOffset>,
    /// Offsets of transactions that have not ended, by the transaction's number.
    pending: BTreeMap<u64, Vec<CommittedOffset>>,
    /// Reads that wait for such transactions.
    waiting: Vec<WaitingRead>,
}

/// A read that asked for stable offsets.
struct WaitingRead {
    request: FetchOffsets,
    deadline: i64,
    reply: Reply<Vec<FetchedOffset>>,
}

impl Offsets {
    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.committed.get(&(topic.to_owned(), partition))
    }

    fn commit(&mut self, offsets: impl IntoIterator<Item = CommittedOffset>) {
        for offset in offsets {
            self.committed.insert((offset.topic.clone(), offset.partition), offset);
        }
    }

    pub(super) fn forget_topic(&mut self, topic: &str) {
        self.committed.retain(|(name, _), _| name != topic);
        for offsets in self.pending.values_mut() {
            offsets.retain(|offset| offset.topic != topic);
        }
    }

    /// Ends a transaction: its offsets become the committed ones, or are dropped; reads that waited for it are answered.
    pub(super) fn end_transaction(&mut self, transaction: u64, commit: bool, outbox: &mut Outbox) {
        let offsets = self.pending.remove(&transaction).unwrap_or_default();
        if commit {
            self.commit(offsets);
        }
        for read in std::mem::take(&mut self.waiting) {
            if self.is_stable(&read.request) {
                outbox.answer(read.reply, Ok(self.read(&read.request)));
            } else {
                self.waiting.push(read);
            }
        }
    }

    /// Answers a read, or keeps it until `deadline` where it waits for a transaction.
    pub(super) fn fetch(
        &mut self,
        request: FetchOffsets,
        deadline: i64,
        reply: Reply<Vec<FetchedOffset>>,
        outbox: &mut Outbox,
    ) {
        if request.require_stable && !self.is_stable(&request) {
            self.waiting.push(WaitingRead { request, deadline, reply });
        } else {
            outbox.answer(reply, Ok(self.read(&request)));
        }
    }

    fn is_stable(&self, request: &FetchOffsets) -> bool {
        let asked = |offset: &CommittedOffset| {
            request.partitions.iter().any(|(topic, partition)| *topic == offset.topic && *partition == offset.partition)
        };
        !self.pending.values().flatten().any(asked)
    }

    fn read(&self, request: &FetchOffsets) -> Vec<FetchedOffset> {
        let read = |(topic, partition): &(String, i32)| {
            let found = self.get(topic, *partition);
            FetchedOffset {
                topic: topic.clone(),
                partition: *partition,
                offset: found.map(|committed| committed.offset),
                leader_epoch: found.and_then(|committed| committed.leader_epoch),
                metadata: found.map(|committed| committed.metadata.clone()).unwrap_or_default(),
            }
        };
        request.partitions.iter().map(read).collect()
    }

    pub(super) fn expire(&mut self, now_ms: i64, outbox: &mut Outbox) {
        for read in std::mem::take(&mut self.waiting) {
            if read.deadline <= now_ms {
                outbox.answer(read.reply, Err(GroupError::UnstableOffsetCommit));
            } else {
                self.waiting.push(read);
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<i64> {
        self.waiting.iter().map(|read| read.deadline).min()
    }
}

impl Group {
    /// Commits what a member, or somebody outside of an empty group, says.
    pub(super) fn commit(&mut self, request: CommitOffsets, now_ms: i64) -> Result<(), GroupError> {
        let outsider = request.member.generation < 0;
        if !(outsider && self.state == State::Empty) {
            if outsider && request.member.member_id.is_empty() && request.member.group_instance_id.is_none() {
                return Err(GroupError::UnknownMemberId);
            }
            let index = self.find_current(&request.member)?;
            if self.state == State::CompletingRebalance {
                return Err(GroupError::RebalanceInProgress);
            }
            self.members[index].heard_of(now_ms);
        }
        let (fine, too_large): (Vec<_>, Vec<_>) =
            request.offsets.into_iter().partition(|offset| offset.metadata.len() <= MAX_METADATA);
        self.offsets.commit(fine);
        too_large.first().map_or(Ok(()), |offset| Err(self.metadata_too_large(offset)))
    }

    /// Adds offsets to a transaction. The generation is checked here and never again; without member id and generation it is not
    /// checked at all, as Kafka does.
    pub(super) fn add_to_transaction(
        &mut self,
        member: &MemberIdentity,
        offsets: &[CommittedOffset],
        transaction: u64,
    ) -> Result<(), GroupError> {
        let nobody = member.generation < 0 && member.member_id.is_empty() && member.group_instance_id.is_none();
        if !nobody {
            self.find_current(member)?;
        }
        if let Some(offset) = offsets.iter().find(|offset| offset.metadata.len() > MAX_METADATA) {
            return Err(self.metadata_too_large(offset));
        }
        self.offsets.pending.entry(transaction).or_default().extend_from_slice(offsets);
        Ok(())
    }

    fn metadata_too_large(&self, offset: &CommittedOffset) -> GroupError {
        let context = format!(
            "committing {}-{} of group {}: a note of {} bytes",
            offset.topic,
            offset.partition,
            self.id,
            offset.metadata.len()
        );
        GroupError::from_code(OFFSET_METADATA_TOO_LARGE, context)
    }
}

impl fmt::Debug for WaitingRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingRead").field("request", &self.request).finish_non_exhaustive()
    }
}
