use super::context::ProcessingContext;
use super::environment::Environment;
use super::processor::{ProcessorResult, close};
use crate::error::StreamsError;
use crate::processor::{RecordContext, TaskContext};
use crate::record::{Headers, NO_TIMESTAMP};
use crate::topology::TaskBuild;
use std::error::Error;
use std::marker::PhantomData;
use std::ops::Deref;

/// Makes of each row of a table another one, with stores: what the DSL's `transform_values_with_stores` takes.
///
/// One is made for each task, and another one for each later step that reads rows of a table that is not kept: they share the stores, and are told of rows
/// that were transformed before. So what a transformer answers should depend on key, row and stores alone.
pub trait ValueTransformerWithKey<K, V, VOut>: 'static {
    /// Once, before the first row, when the stores are restored: to ask for the stores.
    ///
    /// # Errors
    /// Stop the task; no handler is asked.
    fn init(&mut self, context: &ProcessingContext<'_>) -> ProcessorResult {
        let _ = context;
        Ok(())
    }

    /// Answers the row that takes the place of this one; `None` is a deleted row, here and there.
    ///
    /// # Errors
    /// Go to the processing exception handler. What was written to stores before stays.
    fn transform(
        &mut self,
        context: &mut ValueTransformerContext<'_>,
        key: &K,
        row: Option<V>,
    ) -> Result<Option<VOut>, Box<dyn Error + Send + Sync>>;

    /// Once, when the task is closed. Stores can still be read; what is written to them is no longer committed. Not called where `init` was not.
    fn close(&mut self) {}
}

/// What a [`ValueTransformerWithKey`] sees of its surroundings: the task's, and the record that changed the row.
///
/// All of [`ProcessingContext`] can be called on it. Where a later step reads a row, there is no such record: no metadata, no headers, and as timestamp that
/// of the row.
pub struct ValueTransformerContext<'a> {
    base: ProcessingContext<'a>,
    timestamp: i64,
    headers: &'a Headers,
}

impl<'a> ValueTransformerContext<'a> {
    /// Time of the change in milliseconds since the epoch; where a row is read, its time, and -1 where there is no row.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The headers of the change.
    pub fn headers(&self) -> &'a Headers {
        self.headers
    }

    /// Asks for a commit as soon as possible, before `commit.interval.ms` is over.
    pub fn commit(&mut self) {
        self.base.task.commit_requested = true;
    }
}

impl<'a> Deref for ValueTransformerContext<'a> {
    type Target = ProcessingContext<'a>;

    fn deref(&self) -> &ProcessingContext<'a> {
        &self.base
    }
}

/// A transformer with its surroundings, as the nodes of a task hold it.
pub struct TransformerNode<K, V, VOut, T: ValueTransformerWithKey<K, V, VOut>> {
    transformer: T,
    environment: Environment,
    initialized: bool,
    /// The task's origin of records while a row is read, and the other way round then.
    no_record: RecordContext,
    types: PhantomData<fn(K, V) -> VOut>,
}

impl<K, V, VOut, T: ValueTransformerWithKey<K, V, VOut>> TransformerNode<K, V, VOut, T> {
    /// For the node that is being built, with these stores of its task.
    ///
    /// # Errors
    /// A store does not exist.
    pub fn new(build: &mut TaskBuild<'_>, stores: &[String], transformer: T) -> Result<Self, StreamsError> {
        let environment = Environment::with_stores(build, stores)?;
        let no_record = RecordContext::none();
        Ok(Self { transformer, environment, initialized: false, no_record, types: PhantomData })
    }

    /// Before the first row.
    ///
    /// # Errors
    /// What the transformer fails with, which is no row's fault.
    #[cold]
    pub fn init(&mut self, task: &mut TaskContext) -> Result<(), StreamsError> {
        self.environment.restore_custom_stores()?;
        self.initialized = true;
        let origin = self.environment.begin(task.wall_time, task.record.offset);
        let done = self.transformer.init(&ProcessingContext { task, environment: &self.environment, origin });
        self.environment.run();
        self.environment.end(task, done)
    }

    /// Transforms a changed row.
    ///
    /// # Errors
    /// What the transformer fails with.
    #[inline]
    pub fn transform(
        &mut self,
        task: &mut TaskContext,
        key: &K,
        row: Option<V>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<Option<VOut>, StreamsError> {
        let origin = self.environment.begin(timestamp, task.record.offset);
        let base = ProcessingContext { task, environment: &self.environment, origin };
        let mut context = ValueTransformerContext { base, timestamp, headers };
        let (done, row) = match self.transformer.transform(&mut context, key, row) {
            Ok(row) => (Ok(()), row),
            Err(error) => (Err(error), None),
        };
        self.environment.end(task, done)?;
        Ok(row)
    }

    /// Transforms a row that another node reads, with its timestamp.
    ///
    /// # Errors
    /// What the transformer fails with.
    pub fn read(
        &mut self,
        task: &mut TaskContext,
        key: &K,
        row: Option<(i64, V)>,
    ) -> Result<Option<(i64, VOut)>, StreamsError> {
        std::mem::swap(&mut task.record, &mut self.no_record);
        let (timestamp, row) = row.map_or((NO_TIMESTAMP, None), |(timestamp, row)| (timestamp, Some(row)));
        let transformed = self.read_row(task, key, row, timestamp);
        std::mem::swap(&mut task.record, &mut self.no_record);
        Ok(transformed?.map(|row| (timestamp, row)))
    }

    fn read_row(
        &mut self,
        task: &mut TaskContext,
        key: &K,
        row: Option<V>,
        timestamp: i64,
    ) -> Result<Option<VOut>, StreamsError> {
        if !self.initialized {
            self.init(task).map_err(|error| self.not_initialized(error))?;
        }
        let transformed = self.transform(task, key, row, timestamp, &Headers::default())?;
        // The node that reads flushes nothing of the transformer's.
        self.flush()?;
        Ok(transformed)
    }

    /// An error that stops the task, whatever the handler would say of a row's.
    #[cold]
    fn not_initialized(&self, error: StreamsError) -> StreamsError {
        match error {
            StreamsError::User(error) => StreamsError::InvalidState(format!(
                "a transformer whose rows {} reads cannot be initialized: {error}",
                self.environment.node
            )),
            error => error,
        }
    }

    /// Before a commit: stores of the user's own write what has changed.
    ///
    /// # Errors
    /// Where one of them fails.
    pub fn flush(&mut self) -> Result<(), StreamsError> {
        self.environment.flush_custom_stores()
    }
}

impl<K, V, VOut, T: ValueTransformerWithKey<K, V, VOut>> Drop for TransformerNode<K, V, VOut, T> {
    fn drop(&mut self) {
        if self.initialized {
            close(&self.environment.node, || self.transformer.close());
        }
    }
}
