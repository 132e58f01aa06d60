use crate::data::Data;
use bytes::Bytes;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Instruction, Subscription, SubscriptionStore};

/// Keeps the subscriptions that come to the right side, and passes them on.
pub(crate) struct SubscriptionReceive<KO> {
    subscriptions: SubscriptionStore<KO>,
    downstream: Downstream<Option<KO>, Subscription<Bytes>>,
}

impl<KO: Data> SubscriptionReceive<KO> {
    pub(crate) fn new(
        subscriptions: SubscriptionStore<KO>,
        downstream: Downstream<Option<KO>, Subscription<Bytes>>,
    ) -> Self {
        Self { subscriptions, downstream }
    }
}

impl<KO: Data> Operator for SubscriptionReceive<KO> {}

impl<KO: Data> Node<Option<KO>, Subscription<Bytes>> for SubscriptionReceive<KO> {
    fn process(
        &mut self,
        context: &mut TaskContext,
        record: Record<Option<KO>, Subscription<Bytes>>,
    ) -> Result<(), StreamsError> {
        match &record.key {
            Some(foreign_key) => {
                self.subscriptions.put(context, foreign_key, &record.value, record.timestamp, &record.headers)?;
            }
            // A row of a left join without foreign key: there is nothing to subscribe to, but it is to be answered.
            None if record.value.instruction == Instruction::PropagateNullIfNoForeignValue => {}
            None => {
                context.drop_record("its foreign key is null");
                return Ok(());
            }
        }
        self.downstream.forward(context, record)
    }
}
