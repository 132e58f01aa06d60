//! Tasks: the pure state machines that process one partition of a subtopology.
//!
//! A [`Task`] is given records, a time and a request to commit, and returns what to produce. It knows no clock, thread or socket,
//! so the test driver, a stream thread and a simulation can each drive it.

mod id;
mod inputs;
mod offset_metadata;
mod operators;
mod processor_metadata;
mod punctuation;
mod queue;
mod settings;
mod state_machine;

pub use id::TaskId;
pub use inputs::{InputPartition, TaskInput, changelogs, input_partitions, task_count, unknown_sources};
pub(crate) use inputs::{global_input_partitions, source_topics};
pub use offset_metadata::OffsetMetadata;
pub use processor_metadata::ProcessorMetadata;
pub(crate) use punctuation::{Punctuations, next_time};
pub use settings::TaskSettings;
pub use state_machine::{Task, TaskParts};
