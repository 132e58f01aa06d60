use super::{RowHasher, single};
use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, StreamPartitioner, TaskContext};
use streams_core::record::{Headers, Record};
use streams_core::serde::{SerdeRef, Written};
use streams_core::store::{Change, Instruction, RowHash, Subscription};

/// Subscribes the rows of the left table to those that their foreign keys name, and ends subscriptions of rows that have changed.
///
/// `F` makes the foreign key of a row.
pub(crate) struct SubscriptionSend<K, V, KO, F> {
    extractor: Arc<F>,
    foreign_keys: ForeignKeys<KO>,
    hasher: RowHasher<V>,
    left_join: bool,
    partitioner: Option<SubscriptionPartitioner<KO>>,
    downstream: Downstream<Option<KO>, Subscription<K>>,
}

/// The user's partitioner of the right table, by which the sink of the subscriptions goes.
pub(crate) struct SubscriptionPartitioner<KO> {
    pub partitioner: Arc<dyn StreamPartitioner<KO, ()>>,
    /// The name of the subscriptions' topic.
    pub topic: Arc<str>,
}

impl<KO: 'static> SubscriptionPartitioner<KO> {
    /// Refuses an answer of several partitions, which the sink could not.
    fn check(&self, context: &TaskContext, foreign_key: &KO) -> Result<(), StreamsError> {
        match context.topics.get(&self.topic) {
            Some(partitions) => single(self.partitioner.partition(&self.topic, foreign_key, &(), partitions)).map(drop),
            None => Ok(()),
        }
    }
}

/// Compares foreign keys by their bytes.
pub(crate) struct ForeignKeys<KO> {
    serde: SerdeRef<KO>,
    topic: Arc<str>,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl<KO: 'static> ForeignKeys<KO> {
    pub(crate) fn new(serde: SerdeRef<KO>, topic: impl Into<Arc<str>>) -> Self {
        Self { serde, topic: topic.into(), old: Vec::new(), new: Vec::new() }
    }

    /// Notes the foreign key of the row before, and of the row now. A key that is null for its serde is none.
    pub(super) fn load(&mut self, old: &mut Option<KO>, new: &mut Option<KO>) -> Result<(), StreamsError> {
        for (key, bytes) in [(old, &mut self.old), (new, &mut self.new)] {
            bytes.clear();
            let Some(present) = key else { continue };
            match self.serde.serialize(&self.topic, present, bytes) {
                Ok(Written::Bytes) => {}
                Ok(Written::Null) => *key = None,
                Err(error) => {
                    return Err(StreamsError::Serialization { topic: self.topic.to_string(), part: "key", error });
                }
            }
        }
        Ok(())
    }

    /// Whether the keys that were loaded differ; both are there.
    fn differ(&self) -> bool {
        self.old != self.new
    }
}

/// A row of which the right side is told.
struct Row<K> {
    key: K,
    hash: Option<RowHash>,
    timestamp: i64,
    headers: Headers,
}

impl<K: Data, V: Data, KO: Data, F> SubscriptionSend<K, V, KO, F>
where
    F: Fn(&K, &V) -> Result<Option<KO>, StreamsError> + 'static,
{
    pub(crate) fn new(
        extractor: Arc<F>,
        foreign_keys: ForeignKeys<KO>,
        hasher: RowHasher<V>,
        left_join: bool,
        partitioner: Option<SubscriptionPartitioner<KO>>,
        downstream: Downstream<Option<KO>, Subscription<K>>,
    ) -> Self {
        Self { extractor, foreign_keys, hasher, left_join, partitioner, downstream }
    }

    fn foreign_key(&self, key: &K, row: Option<&V>) -> Result<Option<KO>, StreamsError> {
        row.map_or(Ok(None), |row| (self.extractor)(key, row))
    }

    fn send(
        &self,
        context: &mut TaskContext,
        foreign_key: Option<KO>,
        instruction: Instruction,
        row: Row<K>,
    ) -> Result<(), StreamsError> {
        if let (Some(partitioner), Some(foreign_key)) = (&self.partitioner, &foreign_key) {
            partitioner.check(context, foreign_key)?;
        }
        let Row { key: primary_key, hash, timestamp, headers } = row;
        // The task's, and not the record's: a change may also come from a punctuation.
        let partition = Some(context.task_id.partition);
        let value = Subscription { hash, instruction, primary_key, partition };
        self.downstream.forward(context, Record { key: foreign_key, value, timestamp, headers })
    }

    /// Ends the subscription to the old key without a word, and subscribes to the new one.
    fn replace(
        &self,
        context: &mut TaskContext,
        old: Option<KO>,
        new: Option<KO>,
        row: Row<K>,
    ) -> Result<(), StreamsError> {
        let copy = Row { key: row.key.clone(), hash: row.hash, timestamp: row.timestamp, headers: row.headers.clone() };
        self.send(context, old, Instruction::DeleteKeyNoPropagate, copy)?;
        self.send(context, new, Instruction::PropagateNullIfNoForeignValue, row)
    }

    fn inner(
        &self,
        context: &mut TaskContext,
        old: Option<KO>,
        new: Option<KO>,
        deleted: bool,
        row: Row<K>,
    ) -> Result<(), StreamsError> {
        if new.is_none() && !deleted {
            context.drop_record("its foreign key is null");
        }
        match (old, new) {
            (None, None) => Ok(()),
            (old, None) => self.send(context, old, Instruction::DeleteKeyAndPropagate, row),
            (old @ Some(_), new) if self.foreign_keys.differ() => self.replace(context, old, new, row),
            (_, new) => self.send(context, new, Instruction::PropagateOnlyIfForeignValue, row),
        }
    }

    fn left(
        &self,
        context: &mut TaskContext,
        old: Option<KO>,
        new: Option<KO>,
        row: Row<K>,
    ) -> Result<(), StreamsError> {
        match old {
            Some(_) if new.is_none() || self.foreign_keys.differ() => self.replace(context, old, new, row),
            _ => self.send(context, new, Instruction::PropagateNullIfNoForeignValue, row),
        }
    }
}

impl<K: Data, V: Data, KO: Data, F: 'static> Operator for SubscriptionSend<K, V, KO, F> {}

impl<K, V, KO, F> Node<K, Change<V>> for SubscriptionSend<K, V, KO, F>
where
    K: Data,
    V: Data,
    KO: Data,
    F: Fn(&K, &V) -> Result<Option<KO>, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        if !context.is_latest {
            context.drop_record("it is a change of the past, from a versioned table");
            return Ok(());
        }
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        if old.is_none() && new.is_none() {
            return Ok(());
        }
        let mut old_key = self.foreign_key(&key, old.as_ref())?;
        let mut new_key = self.foreign_key(&key, new.as_ref())?;
        self.foreign_keys.load(&mut old_key, &mut new_key)?;
        let hash = self.hasher.hash(new.as_ref())?;
        let row = Row { key, hash, timestamp, headers };
        match self.left_join {
            true => self.left(context, old_key, new_key, row),
            false => self.inner(context, old_key, new_key, new.is_none(), row),
        }
    }
}
