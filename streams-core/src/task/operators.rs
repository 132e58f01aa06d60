use super::punctuation::Punctuations;
use crate::error::StreamsError;
use crate::processor::{Operator, OperatorId, Punctuation, PunctuationType, RecordContext, ScheduleId, TaskContext};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

type Named = (Arc<str>, Rc<RefCell<dyn Operator>>);

/// The nodes of a task but its sources, parents before children, with their names: what the task calls them for besides records.
pub(super) struct Operators {
    operators: Vec<Named>,
    initialized: bool,
    /// What is due, while that is called.
    due: Vec<ScheduleId>,
    /// The origin that nodes see while no record is processed.
    no_record: RecordContext,
}

impl Operators {
    pub(super) fn new(names: impl Iterator<Item = Arc<str>>, operators: Vec<Rc<RefCell<dyn Operator>>>) -> Self {
        let operators = names.zip(operators).collect();
        Self { operators, initialized: false, due: Vec::new(), no_record: RecordContext::none() }
    }

    pub(super) fn is_initialized(&self) -> bool {
        self.initialized
    }

    /// Initializes the nodes. No handler is asked about errors: a node that cannot start cannot process.
    #[cold]
    pub(super) fn init(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.initialized = true;
        context.record = self.no_record.clone();
        for (index, (name, operator)) in self.operators.iter().enumerate() {
            let done = operator.borrow_mut().init(context, OperatorId(index));
            done.map_err(|error| match error {
                StreamsError::User(error) => {
                    StreamsError::Processing { context: Box::new(context.error_context(name)), error }
                }
                error => error,
            })?;
        }
        Ok(())
    }

    /// Has every node forward and log what it holds back.
    pub(super) fn flush(&self, context: &mut TaskContext) -> Result<(), StreamsError> {
        if !self.initialized {
            return Ok(());
        }
        self.operators.iter().try_for_each(|(_, operator)| operator.borrow_mut().flush(context))
    }

    /// Calls each schedule that is due, once, and says whether there was one. Those that are made meanwhile have to wait for the
    /// next time, so that a node that schedules anew in each call cannot keep the task from its records.
    pub(super) fn punctuate(
        &mut self,
        context: &mut TaskContext,
        punctuations: &Punctuations,
        punctuation_type: PunctuationType,
        timestamp: i64,
    ) -> Result<bool, StreamsError> {
        let mut due = std::mem::take(&mut self.due);
        punctuations.due(punctuation_type, timestamp, &mut due);
        let mut called = false;
        for &schedule in &due {
            let Some(operator) = punctuations.operator(punctuation_type, schedule) else { continue };
            called = true;
            context.record = self.no_record.clone();
            let (name, operator) = &self.operators[operator.0];
            let punctuation = Punctuation { schedule, punctuation_type, timestamp };
            let done = operator.borrow_mut().punctuate(context, punctuation);
            punctuations.called(punctuation_type, schedule, timestamp);
            done.or_else(|error| context.handle_processing_error(name, error))?;
        }
        self.due = due;
        Ok(called)
    }
}
