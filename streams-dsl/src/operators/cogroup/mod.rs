//! Co-grouping: several inputs, whose values have types of their own, add to the aggregates of one table.
//!
//! The last node owns the table and is one of the aggregations for one input, over [`Input`]: what a node per input puts in place of each value.

mod input;
mod merge;

pub(crate) use input::{CogroupInput, Input};
pub(crate) use merge::CogroupMerge;

/// An aggregation that may drop what is late.
pub trait Observes {
    /// The largest timestamp that it has seen; none where nothing is ever late.
    fn observed(&mut self) -> Option<&mut i64> {
        None
    }
}
