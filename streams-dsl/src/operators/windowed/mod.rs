//! Aggregations of the records of a key in windows.

mod close;
mod idle_clock;
mod session;
mod sliding;
mod time;

pub(crate) use close::CloseEmitter;
use idle_clock::IdleClock;
pub(crate) use session::SessionWindowAggregate;
pub(crate) use sliding::SlidingWindowAggregate;
pub(crate) use time::TimeWindowAggregate;
