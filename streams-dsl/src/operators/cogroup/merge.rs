use super::{Input, Observes};
use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::Record;

/// Where the inputs meet: an aggregation over [`Input`], whose time is that of the input whose record it gets.
pub(crate) struct CogroupMerge<N>(pub N);

impl<N: Operator> Operator for CogroupMerge<N> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        self.0.init(context, operator)
    }

    fn punctuate(&mut self, context: &mut TaskContext, punctuation: Punctuation) -> Result<(), StreamsError> {
        self.0.punctuate(context, punctuation)
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.0.flush(context)
    }
}

impl<K, A, N> Node<K, Input<K, A>> for CogroupMerge<N>
where
    K: Data,
    A: Data,
    N: Node<K, Input<K, A>> + Observes,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Input<K, A>>) -> Result<(), StreamsError> {
        let input = record.value.clone();
        if let Some(observed) = self.0.observed() {
            *observed = input.observed();
        }
        let processed = self.0.process(context, record);
        if let Some(observed) = self.0.observed() {
            input.set_observed(*observed);
        }
        if let Err(error) = processed {
            input.fail(error);
        }
        Ok(())
    }
}
