//! A task that is to be made ready: its stores are opened, and it is decided where each is restored from.

use super::{RestoreThread, RestoringTask};
use crate::broker::{Admin, Broker, BrokerError, BrokerErrorKind, Consumer, OffsetSpec};
use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::record::TopicPartition;
use crate::runtime::internal_topics::existing_topics;
use crate::runtime::restore::changelog::{ChangelogExtent, Committed, RestoringStore, restore_start};
use crate::runtime::restore::positions::{committed_offsets, committed_stream_time};
use crate::runtime::wall_time;
use crate::task::{TaskId, changelogs, input_partitions, unknown_sources};
use crate::topology::{NodeKind, StoreSpec, Topology};
use state_stores::{StoreError, TaskStores};
use std::path::Path;
use std::time::{Duration, Instant};

/// Kafka's default of `delete.retention.ms`.
const DELETE_RETENTION_MS: u64 = 86_400_000;

impl<B: Broker> RestoreThread<B> {
    pub(super) fn prepare(&mut self, id: TaskId, since: Instant) -> Result<(), StreamsError> {
        let directory = self.instance.directory.task_directory(id);
        let mut stores = self.open(id, &directory)?;
        let limited = self.limit_stream_time(id, &mut stores);
        let changelogs = match limited.and_then(|()| self.changelogs(id, &mut stores)) {
            Ok(changelogs) => changelogs,
            Err(error) => {
                stores.close();
                return Err(error);
            }
        };
        let assigned: Vec<_> = changelogs
            .iter()
            .filter(|store| !store.done)
            .map(|store| (store.partition.clone(), store.position))
            .collect();
        for (index, store) in changelogs.iter().enumerate() {
            self.listener(|listener| listener.on_restore_start(&store.progress()));
            self.partitions.insert(store.partition.clone(), (id, index));
        }
        let metrics = self.instance.metrics.restore.begin(id);
        let task = RestoringTask { stores, changelogs, since, added: Instant::now(), metrics };
        task.publish();
        self.restoring.insert(id, task);
        if !assigned.is_empty() {
            self.consumer.assign(&assigned)?;
        }
        Ok(())
    }

    /// Opens the stores; those that are damaged are emptied and restored from their changelogs.
    fn open(&self, id: TaskId, directory: &Path) -> Result<TaskStores, StreamsError> {
        let instance = &self.instance;
        let cache = instance.settings.cache_max_bytes > 0;
        let names = &instance.topology.subtopologies()[id.subtopology as usize].stores;
        let specs: Vec<_> = names
            .iter()
            .filter_map(|name| instance.topology.store(name))
            .map(|spec: &StoreSpec| spec.engine_spec(cache))
            .collect();
        match TaskStores::open(directory, specs.clone(), &instance.storage) {
            Err(StoreError::Corrupt { .. }) => {
                tracing::warn!(
                    "the stores of task {id} in {} are damaged; restoring them from their changelogs",
                    directory.display()
                );
                TaskStores::destroy(directory)?;
                Ok(TaskStores::open(directory, specs, &instance.storage)?)
            }
            other => Ok(other?),
        }
    }

    /// Keeps what a changelog has beyond the last commit from letting rows expire which the input after that commit belongs to.
    fn limit_stream_time(&self, id: TaskId, stores: &mut TaskStores) -> Result<(), StreamsError> {
        let instance = &self.instance;
        if !stores.specs().iter().any(|spec| spec.layout.is_segmented()) {
            return Ok(());
        }
        let topics = existing_topics(&self.admin, instance.settings.request_timeout)?;
        let inputs = input_partitions(&instance.topology, &instance.settings.application_id, id, &topics);
        let reached = committed_stream_time(&instance.settings, instance.coordinator.as_ref(), &inputs)?;
        stores.limit_stream_time(reached);
        Ok(())
    }

    /// The topics that a task's stores are restored from: changelogs, and inputs with their committed offsets.
    fn restored_from(&self, id: TaskId) -> Result<Vec<(String, TopicPartition, Option<Committed>)>, StreamsError> {
        let instance = &self.instance;
        let application_id = &instance.settings.application_id;
        let is_input = |name: &String| instance.topology.source_changelog(name).is_some();
        let (mut inputs, logged): (Vec<_>, Vec<_>) =
            changelogs(&instance.topology, application_id, id).into_iter().partition(|(name, _)| is_input(name));
        let mut all: Vec<_> = logged.into_iter().map(|(name, partition)| (name, partition, None)).collect();
        if !inputs.is_empty() {
            let topics = existing_topics(&self.admin, instance.settings.request_timeout)?;
            check_topics(&instance.topology, application_id, id, &topics)?;
            inputs.retain(|(_, input)| topics.get(&input.topic).is_some_and(|count| input.partition < count));
            let committed = self.committed(inputs.iter().map(|(_, input)| input))?;
            all.extend(inputs.into_iter().zip(committed).map(|((name, input), at)| (name, input, Some(at))));
        }
        Ok(all)
    }

    pub(super) fn committed<'p>(
        &self,
        inputs: impl Iterator<Item = &'p TopicPartition> + Clone,
    ) -> Result<Vec<Committed>, StreamsError> {
        committed_offsets(&self.instance.settings, self.instance.coordinator.as_ref(), inputs)
    }

    /// Decides for each store that is restored where to start.
    fn changelogs(&self, id: TaskId, stores: &mut TaskStores) -> Result<Vec<RestoringStore>, StreamsError> {
        let instance = &self.instance;
        let timeout = instance.settings.request_timeout;
        let mut restoring = Vec::new();
        for (name, partition, input) in self.restored_from(id)? {
            let index = stores.index_of(&name)?;
            let ends = [OffsetSpec::Earliest, OffsetSpec::Latest].map(|spec| (partition.clone(), spec));
            let offsets = self.admin.list_offsets(&ends, timeout)?;
            let &[earliest, end] = offsets.as_slice() else { continue };
            // What comes after the committed offset of an input is yet to be processed.
            let end = input.map_or(end, |committed| committed.unwrap_or(earliest).min(end));
            let stored = stores.committed_offset(index);
            let delete_retention = match stored {
                Some(stored) if stored < end => self.delete_retention(&partition)?,
                _ => Duration::from_millis(DELETE_RETENTION_MS),
            };
            let age = stores.committed_time(index).map(age_of);
            let start = restore_start(stored, age, ChangelogExtent { earliest, end, delete_retention });
            if let Some(reason) = start.rebuild {
                tracing::warn!("store {name} of task {id} is rebuilt from {partition}: {reason}");
                stores.wipe(index)?;
            }
            let format = instance.topology.store(&name).map_or(crate::topology::StoreFormat::Plain, |spec| spec.format);
            restoring.push(RestoringStore {
                index,
                name,
                partition,
                format,
                position: start.position,
                end_offset: end,
                total: 0,
                done: start.position >= end,
                input,
            });
        }
        Ok(restoring)
    }

    fn delete_retention(&self, partition: &TopicPartition) -> Result<Duration, StreamsError> {
        let config = self.admin.topic_config(&partition.topic, self.instance.settings.request_timeout)?;
        let millis = config.get("delete.retention.ms").and_then(|value| value.parse().ok());
        Ok(Duration::from_millis(millis.unwrap_or(DELETE_RETENTION_MS)))
    }
}

/// Looks whether all topics that a task names are there. The leader has seen inputs and internal topics, so where one is missing it is this
/// broker's metadata that lags: without waiting for it the task would run and never read that input.
pub(super) fn check_topics(
    topology: &Topology,
    application_id: &str,
    id: TaskId,
    topics: &TopicPartitions,
) -> Result<(), StreamsError> {
    let mut lagging = unknown_sources(topology, application_id, id, topics);
    for &node in &topology.subtopologies()[id.subtopology as usize].nodes {
        if let NodeKind::Sink { topic: Some(name) } = &topology.nodes()[node].kind {
            let topic = topology.topic_name(application_id, name);
            match topics.get(&topic) {
                Some(_) => {}
                None if topology.is_repartition_topic(name) => lagging.push(topic),
                None => return Err(StreamsError::UnknownSinkTopic { topic }),
            }
        }
    }
    if lagging.is_empty() {
        return Ok(());
    }
    let context = format!("task {id}, topics {}", lagging.join(", "));
    Err(BrokerError::new(BrokerErrorKind::UnknownTopicOrPartition, context, "not known to this broker yet").into())
}

/// How long ago a wall-clock time (milliseconds since the epoch) was.
fn age_of(time: i64) -> Duration {
    Duration::from_millis(wall_time().saturating_sub(time).max(0) as u64)
}
