use crate::processor::{OperatorId, PunctuationType, ScheduleId};
use hashbrown::HashMap;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A time that never comes.
const NEVER: i64 = i64::MAX;

/// The schedules of a task by stream time and by wall clock (KIP-138, KIP-1146).
///
/// Shared by the task, which asks what is due, and its nodes, which schedule and cancel: also from within a call.
pub(crate) struct Punctuations {
    stream_time: Queue,
    wall_clock_time: Queue,
    next_id: Cell<u64>,
}

/// Schedules by the time of their next call; those of one time in the order in which they were made.
struct Queue {
    /// The first of those times, so that asking costs one comparison.
    next: Cell<i64>,
    by_time: RefCell<BTreeMap<(i64, ScheduleId), Schedule>>,
    times: RefCell<HashMap<ScheduleId, i64>>,
}

#[derive(Clone, Copy)]
struct Schedule {
    operator: OperatorId,
    interval: i64,
}

impl Punctuations {
    pub(crate) fn new() -> Self {
        Self { stream_time: Queue::new(), wall_clock_time: Queue::new(), next_id: Cell::new(0) }
    }

    /// Whether a schedule by stream time is due.
    #[inline]
    pub(super) fn is_stream_time_due(&self, stream_time: i64) -> bool {
        stream_time >= self.stream_time.next.get()
    }

    /// When the next schedule of this type is due; `None` where there is none.
    pub(super) fn next(&self, punctuation_type: PunctuationType) -> Option<i64> {
        Some(self.queue(punctuation_type).next.get()).filter(|&time| time != NEVER)
    }

    /// A schedule whose first call comes when `first` is reached.
    pub(crate) fn add(
        &self,
        operator: OperatorId,
        punctuation_type: PunctuationType,
        first: i64,
        interval: i64,
    ) -> ScheduleId {
        let id = ScheduleId(self.next_id.get());
        self.next_id.set(id.0 + 1);
        self.queue(punctuation_type).insert(id, first, Schedule { operator, interval });
        id
    }

    /// Ends a schedule, at once and whole: nothing of it is kept.
    pub(crate) fn cancel(&self, id: ScheduleId) {
        self.stream_time.remove(id);
        self.wall_clock_time.remove(id);
    }

    /// Whether the schedule has not been cancelled.
    pub(crate) fn contains(&self, id: ScheduleId) -> bool {
        [&self.stream_time, &self.wall_clock_time].iter().any(|queue| queue.times.borrow().contains_key(&id))
    }

    /// The schedules that are due at `now`, in the order of their times.
    pub(super) fn due(&self, punctuation_type: PunctuationType, now: i64, due: &mut Vec<ScheduleId>) {
        due.clear();
        let by_time = self.queue(punctuation_type).by_time.borrow();
        due.extend(by_time.range(..=(now, ScheduleId(u64::MAX))).map(|((_, id), _)| *id));
    }

    /// The node of a schedule; `None` where it was cancelled.
    pub(super) fn operator(&self, punctuation_type: PunctuationType, id: ScheduleId) -> Option<OperatorId> {
        let queue = self.queue(punctuation_type);
        let time = *queue.times.borrow().get(&id)?;
        queue.by_time.borrow().get(&(time, id)).map(|schedule| schedule.operator)
    }

    /// Moves a schedule that was called to its next time; does nothing where the call has cancelled it.
    pub(super) fn called(&self, punctuation_type: PunctuationType, id: ScheduleId, now: i64) {
        let queue = self.queue(punctuation_type);
        if let Some((time, schedule)) = queue.remove(id) {
            queue.insert(id, next_time(time, schedule.interval, now), schedule);
        }
    }

    fn queue(&self, punctuation_type: PunctuationType) -> &Queue {
        match punctuation_type {
            PunctuationType::StreamTime => &self.stream_time,
            PunctuationType::WallClockTime => &self.wall_clock_time,
        }
    }
}

impl Queue {
    fn new() -> Self {
        Self { next: Cell::new(NEVER), by_time: RefCell::default(), times: RefCell::default() }
    }

    fn insert(&self, id: ScheduleId, time: i64, schedule: Schedule) {
        self.times.borrow_mut().insert(id, time);
        self.by_time.borrow_mut().insert((time, id), schedule);
        self.next.set(self.next.get().min(time));
    }

    fn remove(&self, id: ScheduleId) -> Option<(i64, Schedule)> {
        let time = self.times.borrow_mut().remove(&id)?;
        let mut by_time = self.by_time.borrow_mut();
        let schedule = by_time.remove(&(time, id))?;
        self.next.set(by_time.first_key_value().map_or(NEVER, |((time, _), _)| *time));
        Some((time, schedule))
    }
}

/// When a schedule is called after the one for `time`, at `now`: after one interval, or where that has passed already at the
/// first of its times after `now`.
pub(crate) fn next_time(time: i64, interval: i64, now: i64) -> i64 {
    let next = time.saturating_add(interval);
    if now < next {
        return next;
    }
    let missed = now.saturating_sub(time) / interval;
    time.saturating_add((missed + 1).saturating_mul(interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use PunctuationType::{StreamTime, WallClockTime};

    #[test]
    fn missed_times_are_skipped_and_the_phase_kept() {
        // time of the call, interval, now => next time
        for (time, interval, now, next) in [
            (0, 100, 0, 100),
            (0, 100, 99, 100),
            (0, 100, 100, 200),
            (0, 100, 250, 300),
            (70, 100, 250, 270),
            (70, 100, 270, 370),
            (5, 1, 5, 6),
            (0, i64::MAX, 7, i64::MAX),
            (0, 100, i64::MAX, i64::MAX),
            (i64::MAX, 1, i64::MAX, i64::MAX),
        ] {
            assert_eq!(next_time(time, interval, now), next, "{time} {interval} {now}");
        }
    }

    #[test]
    fn a_cancelled_schedule_leaves_nothing_behind() {
        let punctuations = Punctuations::new();
        for round in 0..1000 {
            let id = punctuations.add(OperatorId(0), WallClockTime, round, 1000);
            punctuations.cancel(id);
            punctuations.cancel(id);
        }
        assert_eq!(punctuations.next(WallClockTime), None);
        assert!(punctuations.wall_clock_time.by_time.borrow().is_empty());
        assert!(punctuations.wall_clock_time.times.borrow().is_empty());
    }

    #[test]
    fn the_next_time_is_that_of_the_first_schedule_of_its_type() {
        let punctuations = Punctuations::new();
        let first = punctuations.add(OperatorId(0), StreamTime, 10, 10);
        punctuations.add(OperatorId(0), StreamTime, 20, 10);
        punctuations.add(OperatorId(0), WallClockTime, 5, 10);
        assert!(!punctuations.is_stream_time_due(9) && punctuations.is_stream_time_due(10));
        punctuations.cancel(first);
        assert_eq!((punctuations.next(StreamTime), punctuations.next(WallClockTime)), (Some(20), Some(5)));
    }
}
