use super::context::{Outgoing, ProcessorContext, Punctuator};
use super::environment::Environment;
use super::fixed_key::{FixedKey, FixedKeyProcessor};
use super::processor::{Processor, close};
use super::schedules::Schedules;
use crate::error::StreamsError;
use crate::processor::{Node, Operator, OperatorId, Punctuation, TaskContext};
use crate::record::Record;
use crate::topology::{BuiltNode, NodeFactory};
use std::marker::PhantomData;
use std::sync::Arc;

/// A processor with its surroundings, as a node of a task.
struct ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
{
    processor: P,
    environment: Environment,
    outgoing: Outgoing<KOut, VOut>,
    initialized: bool,
    takes: PhantomData<fn(KIn, VIn)>,
}

/// Makes the nodes of a processor: what a topology is declared with.
pub fn processor_factory<KIn, VIn, KOut, VOut, P>(supplier: impl Fn() -> P + Send + Sync + 'static) -> NodeFactory
where
    KIn: 'static,
    VIn: 'static,
    KOut: Clone + 'static,
    VOut: Clone + 'static,
    P: Processor<KIn, VIn, KOut, VOut>,
{
    Arc::new(move |build, children| {
        let environment = Environment::new(build, &children)?;
        let names = children.names();
        let downstream = children.downstream::<KOut, VOut>()?;
        let outgoing = Outgoing { downstream, children: names, schedules: Schedules::new::<P>() };
        let processor = supplier();
        Ok(BuiltNode::node::<KIn, VIn>(ProcessorNode {
            processor,
            environment,
            outgoing,
            initialized: false,
            takes: PhantomData,
        }))
    })
}

/// Makes the nodes of a fixed-key processor: what a topology is declared with.
pub fn fixed_key_processor_factory<K, VIn, VOut, P>(supplier: impl Fn() -> P + Send + Sync + 'static) -> NodeFactory
where
    K: Clone + 'static,
    VIn: 'static,
    VOut: Clone + 'static,
    P: FixedKeyProcessor<K, VIn, VOut>,
{
    processor_factory::<K, VIn, K, VOut, _>(move || FixedKey(supplier()))
}

impl<P, KIn, VIn, KOut, VOut> Operator for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    KIn: 'static,
    VIn: 'static,
    KOut: Clone + 'static,
    VOut: Clone + 'static,
    P: Processor<KIn, VIn, KOut, VOut>,
{
    fn init(&mut self, task: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        self.environment.restore_custom_stores()?;
        self.outgoing.schedules.set_operator(operator);
        self.initialized = true;
        let timestamp = task.wall_time;
        let mut context = ProcessorContext::new(task, &self.environment, &self.outgoing, timestamp);
        let done = self.processor.init(&mut context);
        self.environment.run();
        self.environment.end(task, done)
    }

    fn punctuate(&mut self, task: &mut TaskContext, punctuation: Punctuation) -> Result<(), StreamsError> {
        let (id, now) = (punctuation.schedule, punctuation.timestamp);
        let schedules = &self.outgoing.schedules;
        let Some(mut punctuator) = schedules.take::<Punctuator<P, KOut, VOut>>(id) else { return Ok(()) };
        let mut context = ProcessorContext::new(task, &self.environment, &self.outgoing, now);
        let done = punctuator(&mut self.processor, &mut context, now);
        schedules.put_back(id, punctuator);
        self.environment.end(task, done)
    }

    fn flush(&mut self, _: &mut TaskContext) -> Result<(), StreamsError> {
        self.environment.flush_custom_stores()
    }
}

impl<P, KIn, VIn, KOut, VOut> Node<KIn, VIn> for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    KIn: 'static,
    VIn: 'static,
    KOut: Clone + 'static,
    VOut: Clone + 'static,
    P: Processor<KIn, VIn, KOut, VOut>,
{
    #[inline]
    fn process(&mut self, task: &mut TaskContext, record: Record<KIn, VIn>) -> Result<(), StreamsError> {
        let mut context = ProcessorContext::new(task, &self.environment, &self.outgoing, record.timestamp);
        let done = self.processor.process(&mut context, record);
        self.environment.end(task, done)
    }
}

impl<P, KIn, VIn, KOut, VOut> Drop for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
{
    fn drop(&mut self) {
        if self.initialized {
            close(&self.environment.node, || self.processor.close());
        }
    }
}
