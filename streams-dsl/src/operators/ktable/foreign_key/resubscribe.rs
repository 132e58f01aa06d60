use super::ForeignKeys;
use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Node, SinkNode, TaskContext};
use streams_core::record::{Headers, Record};
use streams_core::store::{Instruction, RowHash, Subscription};

/// Makes the foreign key of a row.
pub(crate) type Extractor<K, V, KO> = Arc<dyn Fn(&K, &V) -> Result<Option<KO>, StreamsError> + Send + Sync>;

/// Asks for the right row of a left row once more.
///
/// In an inner join nobody is told of a row that finds no right row: there is no joined row then, and it is assumed that there was none. But there may be
/// one still, of the row before, whose end was told to that row and came too late. Kafka Streams then keeps the joined row for ever. (So it does where a
/// right row is deleted while the left one is updated.)
pub(crate) struct Resubscriber<K, V, KO> {
    extractor: Extractor<K, V, KO>,
    foreign_keys: ForeignKeys<KO>,
    /// Where subscriptions go. Not the one of the topology, which is that of Kafka Streams and has no way here.
    sink: SinkNode<Option<KO>, Subscription<K>>,
}

impl<K: Data, V: Data, KO: Data> Resubscriber<K, V, KO> {
    pub(crate) fn new(
        extractor: Extractor<K, V, KO>,
        foreign_keys: ForeignKeys<KO>,
        sink: SinkNode<Option<KO>, Subscription<K>>,
    ) -> Self {
        Self { extractor, foreign_keys, sink }
    }

    /// Subscribes the row such that it is answered in any case; false where it is no row, or one without foreign key.
    pub(crate) fn ask_anew(
        &mut self,
        context: &mut TaskContext,
        key: &K,
        row: Option<&V>,
        hash: Option<RowHash>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<bool, StreamsError> {
        let mut foreign_key = row.map_or(Ok(None), |row| (self.extractor)(key, row))?;
        self.foreign_keys.load(&mut None, &mut foreign_key)?;
        if foreign_key.is_none() {
            return Ok(false);
        }
        let instruction = Instruction::PropagateNullIfNoForeignValue;
        let (primary_key, partition) = (key.clone(), Some(context.task_id.partition));
        let value = Subscription { hash, instruction, primary_key, partition };
        let record = Record { key: foreign_key, value, timestamp, headers: headers.clone() };
        self.sink.process(context, record).map(|()| true)
    }
}
