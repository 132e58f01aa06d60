use crate::task::Punctuations;
use std::rc::Rc;

/// Which time a schedule goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PunctuationType {
    /// The largest timestamp of the task's records. It stands still while no records come.
    StreamTime,
    /// The clock of the machine.
    WallClockTime,
}

/// One call of a schedule. However many of its times have passed since the last call, it is one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Punctuation {
    /// The schedule, for a node that has several.
    pub schedule: ScheduleId,
    /// Which time it goes by.
    pub punctuation_type: PunctuationType,
    /// Stream time or wall-clock time now, in milliseconds; not the time that was scheduled.
    pub timestamp: i64,
}

/// A schedule of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScheduleId(pub(crate) u64);

/// A node of a task, as the task tells it when it is initialized; the node schedules under this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OperatorId(pub(crate) usize);

/// A schedule that can be ended. Dropping this does not end it: it then goes on as long as the task.
#[derive(Clone)]
pub struct Cancellable {
    id: ScheduleId,
    punctuations: Rc<Punctuations>,
}

impl Cancellable {
    pub(super) fn new(id: ScheduleId, punctuations: Rc<Punctuations>) -> Self {
        Self { id, punctuations }
    }

    /// The schedule.
    pub fn id(&self) -> ScheduleId {
        self.id
    }

    /// Whether it has not been ended.
    pub fn is_active(&self) -> bool {
        self.punctuations.contains(self.id)
    }

    /// Ends the schedule: no call comes any more, also where one is due. A second time does nothing.
    pub fn cancel(&self) {
        self.punctuations.cancel(self.id);
    }
}
