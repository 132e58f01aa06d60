use super::join::JoinProgress;
use super::suppression::VERSION_3;
use super::version_log::VersionLog;
use crate::processor::TaskContext;
use crate::record::{Headers, OutputBatch};
use crate::topology::StoreFormat;
use state_stores::formats::split_timestamped;
use state_stores::{Slot, StoreHandle, WriteBuffer};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

/// A store of one task: its write buffer, and the changelog partition that every update is appended to.
pub struct TaskStore {
    name: Arc<str>,
    handle: StoreHandle,
    changelog: Option<ChangelogPartition>,
    /// The input that it is restored from, where that is its changelog.
    source_topic: Option<Arc<str>>,
    format: StoreFormat,
    write_through: bool,
    /// Whether rows are forgotten when what they stand for has gone on.
    emits_once: Cell<bool>,
    /// Number of the changelog's topic in the task's output, once it is known.
    topic_index: Cell<Option<usize>>,
    /// Beside the rows of records of a join that have no partner: what its two sides share.
    join_progress: OnceCell<Rc<JoinProgress>>,
    /// What processors have put into a versioned store.
    unlogged: VersionLog,
}

/// The changelog partition of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangelogPartition {
    /// Its topic on the cluster.
    pub topic: Arc<str>,
    /// The task's partition.
    pub partition: i32,
}

impl TaskStore {
    /// A store over its write buffer.
    pub fn new(
        name: Arc<str>,
        handle: StoreHandle,
        changelog: Option<ChangelogPartition>,
        format: StoreFormat,
        write_through: bool,
    ) -> Self {
        Self {
            name,
            handle,
            changelog,
            source_topic: None,
            format,
            write_through,
            emits_once: Cell::new(false),
            topic_index: Cell::new(None),
            join_progress: OnceCell::new(),
            unlogged: VersionLog::default(),
        }
    }

    /// The same store, restored from an input topic that has its rows as they are.
    #[must_use]
    pub fn with_source_topic(mut self, topic: Option<&str>) -> Self {
        self.source_topic = topic.map(Into::into);
        self
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its write buffer.
    pub fn handle(&self) -> &StoreHandle {
        &self.handle
    }

    /// Its changelog partition; none where logging is off.
    pub fn changelog(&self) -> Option<&ChangelogPartition> {
        self.changelog.as_ref()
    }

    /// The topic name that serdes are told: that of the topic it is restored from, or the store's name without one.
    pub fn serde_topic(&self) -> Arc<str> {
        let changelog = self.changelog.as_ref().map(|changelog| &changelog.topic);
        Arc::clone(changelog.or(self.source_topic.as_ref()).unwrap_or(&self.name))
    }

    /// What its values look like.
    pub fn format(&self) -> StoreFormat {
        self.format
    }

    /// Whether each update goes on at once, rather than at the next commit.
    pub fn is_write_through(&self) -> bool {
        self.write_through
    }

    /// Notes that rows are forgotten when what they stand for has gone on. The changelog may hear of that only when the output is acknowledged: else a crash
    /// between the two would lose it.
    pub(super) fn set_emits_once(&self) {
        self.emits_once.set(true);
    }

    /// Whether its changelog's records are [produced after the output](crate::task::Task::later_output).
    pub(crate) fn emits_once(&self) -> bool {
        self.emits_once.get()
    }

    pub(super) fn join_progress(&self) -> Rc<JoinProgress> {
        Rc::clone(self.join_progress.get_or_init(Rc::default))
    }

    /// Appends the present row of `slot` to the changelog, and marks it as passed on.
    pub fn log(&self, context: &mut TaskContext, slot: Slot) {
        self.log_slot(context, &mut self.handle.borrow_mut(), slot);
    }

    /// Appends a version that was put to the changelog of a versioned store.
    pub(super) fn log_version(&self, context: &mut TaskContext, key: &[u8], value: Option<&[u8]>, timestamp: i64) {
        self.log_versions(context);
        if let Some(changelog) = &self.changelog {
            let topic = self.topic_index(&mut context.output, changelog);
            context.output.push(topic, changelog.partition, timestamp, Some(key), value, &[]);
        }
    }

    /// [`log_version`](Self::log_version) at the next [`flush`](Self::flush), for who has no output at hand.
    pub(crate) fn log_version_later(&self, key: &[u8], value: Option<&[u8]>, timestamp: i64) {
        if self.changelog.is_some() {
            self.unlogged.push(key, value, timestamp);
        }
    }

    fn log_versions(&self, context: &mut TaskContext) {
        if let (Some(changelog), false) = (&self.changelog, self.unlogged.is_empty()) {
            let topic = self.topic_index(&mut context.output, changelog);
            self.unlogged.drain(|key, value, timestamp| {
                context.output.push(topic, changelog.partition, timestamp, Some(key), value, &[]);
            });
        }
    }

    fn topic_index(&self, output: &mut OutputBatch, changelog: &ChangelogPartition) -> usize {
        let topic = self.topic_index.get().unwrap_or_else(|| output.topic_index(&changelog.topic));
        self.topic_index.set(Some(topic));
        topic
    }

    /// Whether there is something to [`flush`](Self::flush).
    #[inline]
    pub(crate) fn has_unlogged(&self) -> bool {
        self.handle.borrow().has_unforwarded() || !self.unlogged.is_empty()
    }

    /// [`log`](Self::log) for who holds the buffer already.
    pub(super) fn log_slot(&self, context: &mut TaskContext, buffer: &mut WriteBuffer, slot: Slot) {
        self.log_slot_with(context, buffer, slot, &Headers::default());
    }

    /// [`log_slot`](Self::log_slot) with headers for the changelog's record.
    pub(super) fn log_slot_with(
        &self,
        context: &mut TaskContext,
        buffer: &mut WriteBuffer,
        slot: Slot,
        headers: &Headers,
    ) {
        if let Some(changelog) = &self.changelog {
            let output = if self.emits_once() { &mut context.later_output } else { &mut context.output };
            let topic = self.topic_index(output, changelog);
            let mut timestamp = buffer.context(slot).timestamp;
            let mut value = buffer.value(slot);
            if let (StoreFormat::Timestamped, Some(bytes)) = (self.format, value)
                && let Some((stored, plain)) = split_timestamped(bytes)
            {
                (timestamp, value) = (stored, Some(plain));
            }
            let mut headers = headers.as_encoded();
            // A row that came and went since the last commit is not in the changelog.
            if self.emits_once() && value.is_none() && buffer.existed(slot) == Some(false) {
                buffer.forwarded(slot);
                return;
            }
            if matches!(self.format, StoreFormat::SuppressionBuffer | StoreFormat::JoinBuffer) {
                timestamp = context.wall_time;
                if self.format == StoreFormat::SuppressionBuffer && value.is_some() {
                    headers = &VERSION_3;
                }
            }
            output.push(topic, changelog.partition, timestamp, Some(buffer.changelog_key(slot)), value, headers);
        }
        buffer.forwarded(slot);
    }

    /// Appends every update since the last commit to the changelog, for a store whose updates go nowhere else.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn flush(&self, context: &mut TaskContext) -> Result<(), state_stores::StoreError> {
        self.flush_with(context, &mut Vec::new())
    }

    /// [`flush`](Self::flush) with a buffer that is kept, for who does it often.
    pub(crate) fn flush_with(
        &self,
        context: &mut TaskContext,
        slots: &mut Vec<Slot>,
    ) -> Result<(), state_stores::StoreError> {
        self.log_versions(context);
        while self.handle.borrow().has_unforwarded() {
            self.handle.borrow_mut().begin_flush(slots)?;
            slots.iter().for_each(|&slot| self.log(context, slot));
        }
        Ok(())
    }
}
