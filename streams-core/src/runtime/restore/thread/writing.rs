//! What comes from the topics that stores are restored from, on its way into the stores.

use super::RestoreThread;
use crate::broker::{Broker, Fetched};
use crate::error::StreamsError;
use crate::record::{RecordBatch, TopicPartition};
use std::time::Instant;

/// Successive batches of a partition are written as one until they have so many bytes. Producers make batches of a few hundred records; the
/// more are sorted together, the less each costs RocksDB.
const WRITTEN_TOGETHER: usize = 1 << 20;

impl<B: Broker> RestoreThread<B> {
    /// Successive batches of a partition are gathered, and written when anything else comes.
    pub(super) fn take_fetched(&mut self, fetched: Fetched) {
        let (partition, failure) = match fetched {
            Fetched::Batch(batch) => {
                let other = |first: &RecordBatch| first.topic_partition() != batch.topic_partition();
                if self.gathered_bytes >= WRITTEN_TOGETHER || self.gathered.first().is_some_and(other) {
                    self.apply();
                }
                self.gathered_bytes += batch.size_bytes();
                return self.gathered.push(batch);
            }
            Fetched::OutOfRange { partition, position } | Fetched::Truncated { partition, position, .. } => {
                self.apply();
                return self.rebuild(&partition, position);
            }
            Fetched::Failed { partition, error } => (partition, error.into()),
        };
        self.apply();
        self.fail_changelog(&partition, failure);
    }

    /// Writes what was gathered.
    pub(super) fn apply(&mut self) {
        let mut batches = std::mem::take(&mut self.gathered);
        if let Some(first) = batches.first()
            && let Err(error) = self.write(&batches)
        {
            self.fail_changelog(first.topic_partition(), error);
        }
        batches.clear();
        (self.gathered, self.gathered_bytes) = (batches, 0);
    }

    fn fail_changelog(&mut self, partition: &TopicPartition, failure: StreamsError) {
        if let Some(&(task, _)) = self.partitions.get(partition) {
            self.close(task);
            self.fail(task, failure);
        }
    }

    /// Writes batches of one partition.
    fn write(&mut self, batches: &[RecordBatch]) -> Result<(), StreamsError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let Some(&(id, index)) = self.partitions.get(first.topic_partition()) else { return Ok(()) };
        let Some(task) = self.restoring.get_mut(&id) else { return Ok(()) };
        let store = &mut task.changelogs[index];
        let count = store.apply(&mut task.stores, batches)?;
        if count > 0 {
            let progress = store.progress();
            if let Some(listener) = self.instance.restore_listener() {
                listener.on_batch_restored(&progress, count);
            }
            self.instance.metrics.restore.add_restored(count);
        }
        task.publish();
        Ok(())
    }

    /// The changelog lost records while it was read: start over from what it has now.
    fn rebuild(&mut self, partition: &TopicPartition, position: i64) {
        let Some(&(id, index)) = self.partitions.get(partition) else { return };
        tracing::warn!("{partition} no longer has offset {position}; the store of task {id} is rebuilt");
        let Some(task) = self.restoring.get_mut(&id) else { return };
        let wiped = task.stores.wipe(task.changelogs[index].index);
        self.close(id);
        match wiped {
            Ok(()) => self.add(id, Instant::now()),
            Err(error) => self.fail(id, error.into()),
        }
    }
}
