//! Tasks: the pure state machines that process one partition of a subtopology.

mod id;

pub use id::TaskId;
