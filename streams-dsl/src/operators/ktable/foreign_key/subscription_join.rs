use super::Responder;
use crate::data::Data;
use crate::table_view::ValueGetter;
use bytes::Bytes;
use streams_core::error::StreamsError;
use streams_core::processor::{Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Instruction, Subscription, SubscriptionResponse};

/// Responds to subscriptions with the present row of the right table.
pub(crate) struct SubscriptionJoin<K, KO, VO> {
    rows: Box<dyn ValueGetter<KO, VO>>,
    responder: Responder<K, VO>,
}

impl<K: Data, KO: Data, VO: Data> SubscriptionJoin<K, KO, VO> {
    pub(crate) fn new(rows: Box<dyn ValueGetter<KO, VO>>, responder: Responder<K, VO>) -> Self {
        Self { rows, responder }
    }
}

impl<K: Data, KO: Data, VO: Data> Operator for SubscriptionJoin<K, KO, VO> {}

impl<K: Data, KO: Data, VO: Data> Node<Option<KO>, Subscription<Bytes>> for SubscriptionJoin<K, KO, VO> {
    fn process(
        &mut self,
        context: &mut TaskContext,
        record: Record<Option<KO>, Subscription<Bytes>>,
    ) -> Result<(), StreamsError> {
        let Record { key: foreign_key, value, mut timestamp, headers } = record;
        let Subscription { hash, instruction, primary_key, partition } = value;
        if instruction == Instruction::DeleteKeyNoPropagate {
            return Ok(());
        }
        let found = match &foreign_key {
            // Not one that waits for the commit: were it gone by then, nobody would be told.
            Some(foreign_key) => self.rows.get_forwarded(foreign_key)?,
            None => None,
        };
        if let Some((row_timestamp, _)) = &found {
            timestamp = timestamp.max(*row_timestamp);
        }
        let found = found.map(|(_, row)| row);
        let row = match instruction {
            Instruction::PropagateOnlyIfForeignValue if found.is_none() => return Ok(()),
            Instruction::DeleteKeyAndPropagate => None,
            _ => self.responder.encode(found.as_ref())?,
        };
        let value = SubscriptionResponse { hash, row, partition };
        self.responder.respond(context, Record { key: primary_key, value, timestamp, headers })
    }
}
