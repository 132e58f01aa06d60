use super::header::Header;
use std::collections::BTreeSet;

/// A transaction that was aborted, as a fetch response of isolation level `read_committed` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Id of the producer whose transaction it was.
    pub producer_id: i64,
    /// Offset of its first record in the partition.
    pub first_offset: i64,
}

/// Tells aborted batches from others, as batches come by in the order of their offsets.
#[derive(Default)]
pub(super) struct AbortedFilter {
    /// Transactions that begin behind what has come by, the next one last.
    pending: Vec<AbortedTransaction>,
    /// Producers within an aborted transaction.
    producers: BTreeSet<i64>,
}

impl AbortedFilter {
    pub(super) fn new(aborted: &[AbortedTransaction]) -> Self {
        let mut pending = aborted.to_vec();
        pending.sort_unstable_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { pending, producers: BTreeSet::new() }
    }

    /// Takes notice of a batch; answers whether its records were aborted.
    pub(super) fn is_aborted(&mut self, header: &Header) -> bool {
        while let Some(next) = self.pending.last().filter(|next| next.first_offset <= header.last_offset) {
            self.producers.insert(next.producer_id);
            self.pending.pop();
        }
        header.is_transactional() && !header.is_control() && self.producers.contains(&header.producer_id)
    }

    /// Takes notice of the marker that ends an aborted transaction.
    pub(super) fn abort_marker(&mut self, producer_id: i64) {
        self.producers.remove(&producer_id);
    }
}
