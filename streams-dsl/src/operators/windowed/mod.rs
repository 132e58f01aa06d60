//! Aggregations of the records of a key in windows.

mod close;
mod session;
mod sliding;
mod time;

pub(crate) use close::CloseEmitter;
pub(crate) use session::SessionWindowAggregate;
pub(crate) use sliding::SlidingWindowAggregate;
pub(crate) use time::TimeWindowAggregate;
