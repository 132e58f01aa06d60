use crate::data::Data;
use crate::nulls::NullCheck;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::{NO_TIMESTAMP, Record};

/// How many hold an [`Input`] while it is added for the last time: the node of the input, [`CogroupMerge`](super::CogroupMerge), and who adds it.
const HOLDERS: usize = 3;

/// One of the inputs, with the value of the record that it has forwarded. Passing it on or cloning it allocates nothing and copies no value.
pub(crate) struct Input<K, A>(Rc<dyn Adds<K, A>>);

/// Adds the value that waits, of whatever type, to an aggregate.
trait Adds<K, A> {
    /// With `last` the value itself, else a clone.
    fn add(&self, key: &K, aggregate: A, last: bool) -> Result<A, StreamsError>;

    fn seen(&self) -> &Seen;
}

/// What is kept of an input between its records.
struct Seen {
    /// The largest timestamp: what is late is decided for each input by its own.
    observed: Cell<i64>,
    /// Why the record could not be added.
    failed: Cell<Option<Box<StreamsError>>>,
}

/// Where the value of a record waits to be added.
struct Waiting<V, F> {
    value: RefCell<Option<V>>,
    aggregator: Arc<F>,
    seen: Seen,
}

impl<K, A> Clone for Input<K, A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<K, A> Input<K, A> {
    /// Adds the record's value to an aggregate of `key`.
    pub(crate) fn add(self, key: &K, aggregate: A) -> Result<A, StreamsError> {
        self.0.add(key, aggregate, Rc::strong_count(&self.0) <= HOLDERS)
    }

    pub(super) fn observed(&self) -> i64 {
        self.0.seen().observed.get()
    }

    pub(super) fn set_observed(&self, observed: i64) {
        self.0.seen().observed.set(observed);
    }

    /// Has the node of the input answer with this error, so that it is told under its name.
    pub(super) fn fail(&self, error: StreamsError) {
        self.0.seen().failed.set(Some(Box::new(error)));
    }
}

impl<K, V, A, F> Adds<K, A> for Waiting<V, F>
where
    V: Data,
    F: Fn(&K, V, A) -> Result<A, StreamsError>,
{
    fn add(&self, key: &K, aggregate: A, last: bool) -> Result<A, StreamsError> {
        let value = if last { self.value.take() } else { self.value.borrow().clone() };
        let missing =
            || StreamsError::InvalidState("the value of a co-grouped record is gone before it was added".into());
        (self.aggregator)(key, value.ok_or_else(missing)?, aggregate)
    }

    fn seen(&self) -> &Seen {
        &self.seen
    }
}

/// The node of one input. Records with null value are dropped and counted where `nulls` is given.
pub(crate) struct CogroupInput<K, V, A, F> {
    waiting: Rc<Waiting<V, F>>,
    nulls: Option<NullCheck<V>>,
    downstream: Downstream<K, Input<K, A>>,
}

impl<K, V, A, F> CogroupInput<K, V, A, F> {
    pub(crate) fn new(aggregator: Arc<F>, nulls: Option<NullCheck<V>>, downstream: Downstream<K, Input<K, A>>) -> Self {
        let seen = Seen { observed: Cell::new(NO_TIMESTAMP), failed: Cell::default() };
        Self { waiting: Rc::new(Waiting { value: RefCell::default(), aggregator, seen }), nulls, downstream }
    }
}

impl<K: Data, V: Data, A: Data, F: 'static> Operator for CogroupInput<K, V, A, F> {}

impl<K, V, A, F> Node<K, V> for CogroupInput<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fn(&K, V, A) -> Result<A, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        if let Some(nulls) = &mut self.nulls
            && nulls.is_null(&value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        self.waiting.value.replace(Some(value));
        let waiting: Rc<Waiting<V, F>> = Rc::clone(&self.waiting);
        let forwarded = self.downstream.forward(context, Record { key, value: Input(waiting), timestamp, headers });
        // It is still there where the record was dropped.
        self.waiting.value.take();
        forwarded?;
        self.waiting.seen.failed.take().map_or(Ok(()), |error| Err(*error))
    }
}
