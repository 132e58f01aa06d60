//! A node that collects what reaches it, to test other nodes with.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::{LogAndFail, StreamsError};
use streams_core::processor::{Child, Downstream, Node, Operator, TaskContext, TopicPartitions};
use streams_core::record::Record;
use streams_core::task::TaskId;

/// Collects records.
pub(crate) struct Collector<K, V> {
    records: Rc<RefCell<Vec<Record<K, V>>>>,
    context: RefCell<TaskContext>,
}

struct Sink<K, V>(Rc<RefCell<Vec<Record<K, V>>>>);

impl<K: 'static, V: 'static> Operator for Sink<K, V> {}

impl<K: 'static, V: 'static> Node<K, V> for Sink<K, V> {
    fn process(&mut self, _: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        self.0.borrow_mut().push(record);
        Ok(())
    }
}

impl<K: Clone + 'static, V: Clone + 'static> Collector<K, V> {
    pub(crate) fn new() -> Self {
        let context = TaskContext::new(TaskId::new(0, 0), TopicPartitions::default(), Arc::new(LogAndFail));
        Self { records: Rc::default(), context: RefCell::new(context) }
    }

    /// A link to the collector.
    pub(crate) fn child(&self) -> Child<K, V> {
        Child::new("collector".into(), Rc::new(RefCell::new(Sink(Rc::clone(&self.records)))))
    }

    /// Links with the collector as only child.
    pub(crate) fn downstream(&self) -> Downstream<K, V> {
        Downstream::new(vec![self.child()])
    }

    /// Gives a record to a node of string keys.
    pub(crate) fn process<V0>(
        &self,
        node: &mut dyn Node<String, V0>,
        key: &str,
        value: V0,
    ) -> Result<(), StreamsError> {
        self.process_any(node, key.to_owned(), value)
    }

    /// Gives a record to a node.
    pub(crate) fn process_any<K0, V0>(
        &self,
        node: &mut dyn Node<K0, V0>,
        key: K0,
        value: V0,
    ) -> Result<(), StreamsError> {
        node.process(&mut self.context.borrow_mut(), Record::new(key, value, 5))
    }

    /// Keys and values collected since the last call; timestamps must have passed unchanged.
    pub(crate) fn taken(&self) -> Vec<(K, V)> {
        let records = std::mem::take(&mut *self.records.borrow_mut());
        assert!(records.iter().all(|record| record.timestamp == 5));
        records.into_iter().map(|record| (record.key, record.value)).collect()
    }

    /// The number of records dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.context.borrow().dropped_records
    }
}
