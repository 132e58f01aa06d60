mod punctuate;

use super::offset_metadata;
use super::operators::Operators;
use super::queue::PartitionQueue;
use super::{TaskId, TaskInput, TaskSettings, changelogs};
use crate::error::{LogAndFail, ProcessingExceptionHandler, StreamsError};
use crate::processor::{TaskContext, TopicPartitions};
use crate::processor_api::CustomInstance;
use crate::record::{OutputBatch, RecordBatch, TopicPartition};
use crate::store::{ChangelogPartition, GlobalStores, TaskStore};
use crate::topology::{TaskBuild, Topology};
use hashbrown::HashMap;
use kafka_client::group::CommittedOffset;
use state_stores::{ActiveStores, TaskStores};
use std::rc::Rc;
use std::sync::Arc;

/// Output in memory that ends a task's turn: the caller takes it before the next one.
const OUTPUT_TURN_BYTES: usize = 1 << 20;

/// What a task is made from: prepared by any thread, built by the one that shall run it.
pub struct TaskParts {
    /// The task.
    pub id: TaskId,
    /// Its input partitions and where to start in each.
    pub inputs: Vec<TaskInput>,
    /// Its stores, opened and restored; those of the topology's subtopology, in its order.
    pub stores: TaskStores,
    /// Number of partitions of the topics that it may write to.
    pub topics: TopicPartitions,
    /// The global stores that its nodes may read.
    pub globals: GlobalStores,
}

/// A task: its partition queues, nodes and stores.
///
/// A commit is three calls: [`prepare_commit`](Self::prepare_commit), then the caller produces [`output`](Self::output) and commits the
/// offsets, then [`complete_commit`](Self::complete_commit). What dies in between left nothing in the stores. In between the task may go on
/// processing: that belongs to the next commit, which cannot begin before this one is complete.
pub struct Task {
    id: TaskId,
    queues: Vec<PartitionQueue>,
    /// The queue that the context names as origin.
    current: usize,
    context: TaskContext,
    operators: Operators,
    custom_stores: HashMap<String, Rc<dyn CustomInstance>>,
    stores: ActiveStores,
    task_stores: Vec<Rc<TaskStore>>,
    /// Stores whose changelogs are inputs of the task: the place of the store, and that of the input.
    source_changelogs: Vec<(usize, usize)>,
    settings: TaskSettings,
    /// Where each input stood at the last commit that is complete.
    committed: Vec<i64>,
    /// The same of the last one that was prepared.
    prepared: Vec<i64>,
    /// Something was done since then that belongs into a commit.
    commit_needed: bool,
    processed: u64,
}

impl Task {
    /// Builds the task on the thread that will run it.
    ///
    /// # Errors
    /// What a node's factory says.
    pub fn new(topology: &Topology, settings: TaskSettings, parts: TaskParts) -> Result<Self, StreamsError> {
        let TaskParts { id, inputs, stores, topics, globals } = parts;
        let stores = stores.activate();
        let task_stores = open_stores(topology, &settings.application_id, id, &stores)?;
        let by_name = task_stores.iter().map(|store| (store.name().to_string(), Rc::clone(store))).collect();
        let build = TaskBuild::new(topology, &settings, id, by_name, globals).with_write_context(stores.context_cell());
        let built = build.build()?;
        let subtopology = topology.subtopologies().get(id.subtopology as usize);
        let handler: Arc<dyn ProcessingExceptionHandler> = match subtopology {
            Some(part) if part.global && !settings.global_processing_handler => Arc::new(LogAndFail),
            _ => Arc::clone(&settings.processing_handler),
        };
        let mut context = TaskContext::new(id, topics, handler);
        let mut queues = Vec::with_capacity(inputs.len());
        for input in inputs {
            let source = built.sources.iter().find(|source| source.node == input.input.source);
            let source = source.ok_or_else(|| {
                StreamsError::Topology(format!("{} is read by no source of task {id}", input.input.partition))
            })?;
            context.stream_time = context.stream_time.max(input.metadata.partition_time);
            context.processor_metadata.merge(&input.metadata.processor_metadata);
            queues.push(PartitionQueue::new(input, (source.reader)()));
        }
        let nodes = subtopology.map_or(&[][..], |part| &part.nodes);
        let nodes = nodes.iter().map(|&node| &topology.nodes()[node]).filter(|node| !node.is_source());
        let operators = Operators::new(nodes.map(|node| Arc::clone(&node.name)), built.operators);
        let source_changelogs = source_changelogs(topology, &settings.application_id, &task_stores, &queues);
        let committed: Vec<_> = queues.iter().map(PartitionQueue::next_offset).collect();
        Ok(Self {
            id,
            queues,
            current: usize::MAX,
            context,
            operators,
            custom_stores: built.custom_stores,
            stores,
            task_stores,
            source_changelogs,
            settings,
            prepared: committed.clone(),
            committed,
            commit_needed: false,
            processed: 0,
        })
    }

    /// Which task it is.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Its input partitions.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.queues.iter().map(PartitionQueue::partition)
    }

    /// Its stores.
    pub fn stores(&self) -> &[Rc<TaskStore>] {
        &self.task_stores
    }

    /// The user's own store of this name.
    pub(crate) fn custom_store(&self, name: &str) -> Option<&Rc<dyn CustomInstance>> {
        self.custom_stores.get(name)
    }

    /// The engines below its stores.
    pub fn active_stores(&self) -> &ActiveStores {
        &self.stores
    }

    /// Number of input records processed so far.
    pub fn processed_records(&self) -> u64 {
        self.processed
    }

    /// Number of records dropped so far.
    pub fn dropped_records(&self) -> u64 {
        self.context.dropped_records
    }

    /// The largest timestamp of the records taken so far; -1 before the first.
    pub fn stream_time(&self) -> i64 {
        self.context.stream_time
    }

    /// Records waiting in all queues.
    pub fn buffered_records(&self) -> usize {
        self.queues.iter().map(PartitionQueue::records).sum()
    }

    /// Bytes held by all queues.
    pub fn buffered_bytes(&self) -> usize {
        self.queues.iter().map(PartitionQueue::bytes).sum()
    }

    /// Whether the queue of input number `index` is at its limit: nothing more should be fetched for it.
    pub fn is_full(&self, index: usize) -> bool {
        let queue = &self.queues[index];
        queue.records() > self.settings.buffered_records_per_partition
            || queue.bytes() > self.settings.buffered_bytes_per_partition
    }

    /// Whether records of input number `index` wait.
    pub fn has_records(&self, index: usize) -> bool {
        self.queues[index].records() > 0
    }

    /// Takes over a batch of input number `index` (in the order of [`partitions`](Self::partitions)).
    pub fn add_records(&mut self, index: usize, batch: RecordBatch) {
        self.queues[index].push(batch);
    }

    /// Notes where input number `index` ends on the broker, as last seen, so that the task knows whether records are still to come.
    pub fn set_end_offset(&mut self, index: usize, end_offset: Option<i64>) {
        self.queues[index].end_offset = end_offset;
    }

    /// Offset from which input number `index` is to be fetched on: after what is queued.
    pub fn fetch_position(&self, index: usize) -> i64 {
        self.queues[index].fetch_position()
    }

    /// Moves input number `index` to another offset, because its position is gone from the broker. What is queued stays.
    pub fn seek(&mut self, index: usize, offset: i64) {
        self.queues[index].seek(offset);
    }

    /// Partition counts of the topics that exist, as the task was told.
    pub fn topics(&self) -> &TopicPartitions {
        &self.context.topics
    }

    /// Processes up to `max` records, lowest timestamp first over the task's partitions, and says how many it did. It
    /// ends early when nothing more can be processed now, and when there is output of a mebibyte to be taken. After each record come the punctuations by stream time that it makes due.
    ///
    /// # Errors
    /// The first that a handler did not let pass. The task must then be closed without commit.
    pub fn process(&mut self, max: usize, wall_time: i64) -> Result<usize, StreamsError> {
        self.init(wall_time)?;
        let mut count = 0;
        while count < max && (count == 0 || self.context.output.size_bytes() < OUTPUT_TURN_BYTES) {
            let Some((index, timestamp)) = self.choose()? else { break };
            self.context.stream_time = self.context.stream_time.max(timestamp);
            let queue = &mut self.queues[index];
            if self.current != index {
                self.current = index;
                self.context.record = queue.origin().clone();
            }
            self.context.record.offset = queue.origin().offset;
            queue.process_head(&mut self.context)?;
            self.punctuate_stream_time()?;
            count += 1;
        }
        if count > 0 {
            self.commit_needed = true;
            self.processed += count as u64;
        }
        Ok(count)
    }

    /// The queue to take the next record from, with that record's time.
    #[inline]
    fn choose(&mut self) -> Result<Option<(usize, i64)>, StreamsError> {
        if let [queue] = self.queues.as_mut_slice() {
            return Ok(queue.head(&mut self.context)?.map(|timestamp| (0, timestamp)));
        }
        let mut best: Option<(usize, i64)> = None;
        let mut all_filled = true;
        for index in 0..self.queues.len() {
            match self.queues[index].head(&mut self.context)? {
                Some(timestamp) if best.is_none_or(|(_, lowest)| timestamp < lowest) => best = Some((index, timestamp)),
                Some(_) => {}
                None => all_filled = false,
            }
        }
        if best.is_none() || all_filled || self.may_pass_empty_queues() {
            return Ok(best);
        }
        Ok(None)
    }

    /// Whether the empty queues need not be waited for (KIP-353, KIP-695).
    fn may_pass_empty_queues(&mut self) -> bool {
        let Some(max_idle) = self.settings.max_task_idle else { return true };
        let now = self.context.wall_time;
        let mut pass = true;
        for queue in self.queues.iter_mut().filter(|queue| queue.records() == 0) {
            match queue.end_offset {
                Some(end) if end <= queue.next_offset() => {
                    let since = *queue.idle_since.get_or_insert(now);
                    pass &= now.saturating_sub(since) >= max_idle.as_millis() as i64;
                }
                _ => {
                    queue.idle_since = None;
                    pass = false;
                }
            }
        }
        pass
    }

    /// Records to produce. The caller takes them from here whenever it likes, and before it commits at the latest.
    pub fn output(&mut self) -> &mut OutputBatch {
        &mut self.context.output
    }

    /// Records to produce when all of [`output`](Self::output) is acknowledged, and before the commit is completed: of changelogs of stores whose rows are forgotten
    /// when what they stand for has gone on. There are some after [`prepare_commit`](Self::prepare_commit) only.
    pub fn later_output(&mut self) -> &mut OutputBatch {
        &mut self.context.later_output
    }

    /// Whether there is something to commit, beside what was prepared.
    pub fn commit_needed(&self) -> bool {
        self.commit_needed
            || self.context.processor_metadata_changed
            || self.queues.iter().zip(&self.prepared).any(|(queue, &done)| queue.next_offset() > done)
    }

    /// Whether a node or a full write buffer asks for a commit before its time.
    pub fn commit_requested(&self) -> bool {
        self.context.commit_requested || self.has_full_buffer()
    }

    /// Whether a write buffer is full of what was written since the last commit was prepared.
    pub fn has_full_buffer(&self) -> bool {
        self.stores.needs_commit()
    }

    /// First step of a commit: sends on what the write buffers hold back, seals it, and answers the offsets to commit. Not while another commit is
    /// under way.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn prepare_commit(&mut self) -> Result<Vec<CommittedOffset>, StreamsError> {
        loop {
            self.operators.flush(&mut self.context)?;
            for store in &self.task_stores {
                store.flush(&mut self.context)?;
            }
            if !self.stores.has_unforwarded() {
                break;
            }
        }
        self.stores.seal()?;
        self.stores.set_time(self.context.wall_time);
        let metadata = &self.context.processor_metadata;
        let offsets = self.queues.iter().map(|queue| CommittedOffset {
            topic: queue.partition().topic.to_string(),
            partition: queue.partition().partition,
            offset: queue.next_offset(),
            leader_epoch: None,
            metadata: offset_metadata::encode(queue.partition_time(), metadata),
        });
        let offsets = offsets.collect();
        self.prepared.clear();
        self.prepared.extend(self.queues.iter().map(PartitionQueue::next_offset));
        self.commit_needed = false;
        self.context.commit_requested = false;
        self.context.processor_metadata_changed = false;
        Ok(offsets)
    }

    /// Between the steps of a commit: has some bytes written with the rows of the task's first store, in the place of those before.
    pub(crate) fn note_commit(&mut self, note: &[u8]) -> Result<(), StreamsError> {
        Ok(self.stores.set_note(0, note)?)
    }

    /// Last step of a commit, after the brokers have acknowledged output and offsets: writes what was sealed into the stores, together with the
    /// changelog positions they have reached by it. `acknowledged` answers the offset of the last record that was appended to a partition, of those
    /// that were handed over before the task went on.
    ///
    /// # Errors
    /// Where a store cannot be written. The task must then be closed.
    pub fn complete_commit(
        &mut self,
        offsets: &[CommittedOffset],
        acknowledged: impl Fn(&ChangelogPartition) -> Option<i64>,
    ) -> Result<(), StreamsError> {
        let mut positions = Vec::new();
        for (index, store) in self.task_stores.iter().enumerate() {
            if let Some(last) = store.changelog().and_then(&acknowledged) {
                positions.push((index, last + 1));
            }
            // A store whose changelog is an input holds that up to the committed offset, neither more nor less.
            let source = self.source_changelogs.iter().find(|(store, _)| *store == index);
            let input = source.and_then(|(_, input)| offsets.get(*input));
            positions.extend(input.map(|input| (index, input.offset)));
        }
        self.stores.apply(&positions)?;
        for (committed, offset) in self.committed.iter_mut().zip(offsets) {
            *committed = offset.offset;
        }
        Ok(())
    }

    /// The offset committed last of each repartition topic among the inputs: records below it are no longer needed.
    pub fn purgeable(&self, topology: &Topology) -> Vec<(TopicPartition, i64)> {
        let application_id = &self.settings.application_id;
        let is_repartition = |name: &str| {
            topology.repartition_topics().iter().any(|topic| {
                name.strip_prefix(application_id.as_str()).and_then(|rest| rest.strip_prefix('-')) == Some(&topic.name)
            })
        };
        let committed = self.queues.iter().zip(&self.committed);
        committed
            .filter(|(queue, offset)| **offset > 0 && is_repartition(&queue.partition().topic))
            .map(|(queue, &offset)| (queue.partition().clone(), offset))
            .collect()
    }

    /// Where each input stands: offset of the next record to process, in the order of [`partitions`](Self::partitions).
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.queues.iter().map(|queue| (queue.partition(), queue.next_offset()))
    }

    /// Where the record being processed (or failed last) comes from.
    pub fn current_record(&self) -> &crate::processor::RecordContext {
        &self.context.record
    }

    /// Ends the task. What was not committed is discarded; the stores stand at the last commit.
    ///
    /// # Errors
    /// Where the stores cannot be put back; they are closed then.
    pub fn close(self) -> Result<TaskStores, StreamsError> {
        let Self { operators, custom_stores, task_stores, queues, stores, .. } = self;
        drop((operators, custom_stores, task_stores, queues));
        Ok(stores.deactivate()?)
    }
}

/// The stores of a task as its nodes see them, with their changelog partitions.
fn open_stores(
    topology: &Topology,
    application_id: &str,
    id: TaskId,
    stores: &ActiveStores,
) -> Result<Vec<Rc<TaskStore>>, StreamsError> {
    let changelogs: HashMap<_, _> = changelogs(topology, application_id, id).into_iter().collect();
    let mut opened = Vec::new();
    for (index, engine) in stores.stores().specs().iter().enumerate() {
        let spec = topology
            .store(&engine.name)
            .ok_or_else(|| StreamsError::Topology(format!("store {} is not part of the topology", engine.name)))?;
        let changelog = changelogs
            .get(&spec.name)
            .filter(|_| topology.source_changelog(&spec.name).is_none())
            .map(|partition| ChangelogPartition { topic: Arc::clone(&partition.topic), partition: id.partition });
        let write_through = engine.buffer.write_through;
        let name = spec.name.as_str().into();
        let store = TaskStore::new(name, stores.handle(index)?, changelog, spec.format, write_through);
        opened.push(Rc::new(store.with_source_topic(topology.source_changelog(&spec.name))));
    }
    Ok(opened)
}

/// Which of the stores have an input as their changelog, and which.
fn source_changelogs(
    topology: &Topology,
    application_id: &str,
    stores: &[Rc<TaskStore>],
    queues: &[PartitionQueue],
) -> Vec<(usize, usize)> {
    let input = |store: &TaskStore| {
        let topic = topology.topic_name(application_id, topology.source_changelog(store.name())?);
        queues.iter().position(|queue| *queue.partition().topic == *topic)
    };
    stores.iter().enumerate().filter_map(|(index, store)| Some((index, input(store)?))).collect()
}
