use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Forwards everything: a node that exists for its name, or to bring streams together.
pub(crate) struct PassThrough<K, V> {
    downstream: Downstream<K, V>,
}

impl<K, V> PassThrough<K, V> {
    pub(crate) fn new(downstream: Downstream<K, V>) -> Self {
        Self { downstream }
    }
}

impl<K: Data, V: Data> Operator for PassThrough<K, V> {}

impl<K: Data, V: Data> Node<K, V> for PassThrough<K, V> {
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        self.downstream.forward(context, record)
    }
}
