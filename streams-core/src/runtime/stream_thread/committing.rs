use super::StreamThread;
use super::processing::{await_assurance, retry};
use crate::broker::{Admin, Broker, Producer};
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::runtime::commit::commit_offsets;
use kafka_client::group::CommittedOffset;
use std::sync::Arc;
use std::time::Instant;

impl<B: Broker> StreamThread<B> {
    pub(super) fn commit_due(&self) -> bool {
        let due = self.last_commit.elapsed() >= self.instance.settings.commit_interval;
        self.tasks.iter().any(|running| running.task.commit_requested() || (due && running.task.commit_needed()))
    }

    /// Commits all tasks that have something to commit: output and changelogs first, then offsets, then the stores.
    pub(super) fn commit(&mut self) -> Result<(), StreamsError> {
        if self.tasks.iter().any(|running| running.task.commit_needed()) {
            await_assurance(&self.instance)?;
        }
        let started = Instant::now();
        // A commit may wait for the cluster for long, and it is then that someone looks.
        self.publish();
        let mut prepared: Vec<(usize, Vec<CommittedOffset>)> = Vec::new();
        for place in 0..self.tasks.len() {
            if self.tasks[place].task.commit_needed() {
                let offsets = self.tasks[place].task.prepare_commit()?;
                self.send_output(place)?;
                prepared.push((place, offsets));
            }
        }
        self.last_commit = Instant::now();
        if prepared.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let offsets = prepared.iter().flat_map(|(_, offsets)| offsets.iter().cloned()).collect();
        commit_offsets(&self.instance, offsets)?;
        for (place, offsets) in &prepared {
            let acknowledged = &mut self.acknowledged;
            let reached = |changelog: &crate::store::ChangelogPartition| {
                acknowledged.get(&TopicPartition::new(Arc::clone(&changelog.topic), changelog.partition)).copied()
            };
            let task = &mut self.tasks[*place].task;
            task.complete_commit(offsets, reached)?;
            self.instance.note_position(task.id(), task.active_stores().stores());
        }
        self.acknowledged.clear();
        self.metrics.committed(started.elapsed());
        Ok(())
    }

    /// Waits until everything produced is acknowledged.
    pub(super) fn flush(&mut self) -> Result<(), StreamsError> {
        let deadline = Instant::now() + self.instance.settings.task_timeout;
        self.metrics.producer_outstanding.set_size(self.producer.outstanding());
        loop {
            match self.producer.flush(self.instance.settings.request_timeout) {
                Ok(()) => return self.check_deliveries(),
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    retry(&self.instance, "flush", &error)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Deletes what has been processed and committed of the repartition topics.
    pub(super) fn purge(&mut self) {
        if self.last_purge.elapsed() < self.instance.settings.repartition_purge_interval {
            return;
        }
        self.last_purge = Instant::now();
        let topology = &self.instance.topology;
        let before: Vec<_> = self.tasks.iter().flat_map(|running| running.task.purgeable(topology)).collect();
        if !before.is_empty()
            && let Err(error) = self.admin.delete_records(&before, self.instance.settings.request_timeout)
        {
            tracing::warn!("cannot purge repartition topics, trying again later: {error}");
        }
    }
}
