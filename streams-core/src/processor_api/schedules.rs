use crate::error::StreamsError;
use crate::processor::{Cancellable, OperatorId, PunctuationType, ScheduleId, TaskContext};
use std::any::{Any, TypeId, type_name};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// The functions that a processor has scheduled.
pub(super) struct Schedules {
    operator: Cell<Option<OperatorId>>,
    /// The type of the processor, which the functions take.
    processor: (TypeId, &'static str),
    punctuators: RefCell<Vec<Scheduled>>,
}

/// A schedule with its function, which is not here while it is called.
type Scheduled = (Cancellable, Option<Box<dyn Any>>);

impl Schedules {
    /// None yet, of a processor of type `P`.
    pub(super) fn new<P: 'static>() -> Self {
        let processor = (TypeId::of::<P>(), type_name::<P>());
        Self { operator: Cell::new(None), processor, punctuators: RefCell::default() }
    }

    /// The name of the node in its task.
    pub(super) fn set_operator(&self, operator: OperatorId) {
        self.operator.set(Some(operator));
    }

    /// Makes a schedule whose calls are those of `punctuator`, a function on processors of type `P`.
    pub(super) fn add<P: 'static, F: 'static>(
        &self,
        task: &TaskContext,
        start: Option<i64>,
        interval: Duration,
        punctuation_type: PunctuationType,
        punctuator: F,
    ) -> Result<Cancellable, StreamsError> {
        let (processor, name) = self.processor;
        if TypeId::of::<P>() != processor {
            return Err(StreamsError::Topology(format!(
                "a processor of type {name} schedules a function that takes a {}; it must take the processor itself",
                type_name::<P>()
            )));
        }
        let Some(operator) = self.operator.get() else {
            return Err(StreamsError::InvalidState("nothing can be scheduled before init".to_owned()));
        };
        let cancellable = match start {
            Some(start) => task.schedule_at(operator, start, interval, punctuation_type)?,
            None => task.schedule(operator, interval, punctuation_type)?,
        };
        let mut punctuators = self.punctuators.borrow_mut();
        punctuators.retain(|(schedule, _)| schedule.is_active());
        punctuators.push((cancellable.clone(), Some(Box::new(punctuator))));
        Ok(cancellable)
    }

    /// Takes a function out, to be called; it goes back by [`put_back`](Self::put_back).
    pub(super) fn take<F: 'static>(&self, id: ScheduleId) -> Option<Box<F>> {
        let mut punctuators = self.punctuators.borrow_mut();
        let (_, punctuator) = punctuators.iter_mut().find(|(schedule, _)| schedule.id() == id)?;
        punctuator.take()?.downcast().ok()
    }

    pub(super) fn put_back<F: 'static>(&self, id: ScheduleId, punctuator: Box<F>) {
        let mut punctuators = self.punctuators.borrow_mut();
        let Some(index) = punctuators.iter().position(|(schedule, _)| schedule.id() == id) else { return };
        if punctuators[index].0.is_active() {
            punctuators[index].1 = Some(punctuator);
        } else {
            punctuators.remove(index);
        }
    }
}
