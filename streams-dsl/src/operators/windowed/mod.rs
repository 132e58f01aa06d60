//! Aggregations of the records of a key in windows.

mod close;
mod time;

pub(crate) use close::CloseEmitter;
pub(crate) use time::TimeWindowAggregate;
