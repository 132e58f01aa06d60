//! Nodes that aggregate the records of each key to the row of a table.

mod aggregate;
mod reduce;

pub(crate) use aggregate::Aggregate;
pub(crate) use reduce::Reduce;
