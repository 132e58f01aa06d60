use super::Responder;
use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, SubscriptionResponse, SubscriptionStore};

/// Tells all who are subscribed to a row of the right table that it has changed.
pub(crate) struct ForeignTableJoin<K, KO, VO> {
    subscriptions: SubscriptionStore<KO>,
    responder: Responder<K, VO>,
}

impl<K: Data, KO: Data, VO: Data> ForeignTableJoin<K, KO, VO> {
    pub(crate) fn new(subscriptions: SubscriptionStore<KO>, responder: Responder<K, VO>) -> Self {
        Self { subscriptions, responder }
    }
}

impl<K: Data, KO: Data, VO: Data> Operator for ForeignTableJoin<K, KO, VO> {}

impl<K: Data, KO: Data, VO: Data> Node<KO, Change<VO>> for ForeignTableJoin<K, KO, VO> {
    fn process(&mut self, context: &mut TaskContext, record: Record<KO, Change<VO>>) -> Result<(), StreamsError> {
        if !context.is_latest {
            context.drop_record("it is a change of the past, from a versioned table");
            return Ok(());
        }
        let Record { key: foreign_key, value, timestamp, headers } = record;
        let Self { subscriptions, responder } = self;
        let row = responder.encode(value.new.as_ref())?;
        subscriptions.for_each(&foreign_key, |subscriber| {
            let key = responder.key(subscriber.primary_key);
            let value =
                SubscriptionResponse { hash: subscriber.hash, row: row.clone(), partition: subscriber.partition };
            responder.respond(context, Record { key, value, timestamp, headers: headers.clone() })
        })
    }
}
