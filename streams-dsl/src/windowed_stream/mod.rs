//! Streams whose records are grouped by key and divided into windows, ready to be aggregated.

mod count;
mod division;
mod emit_strategy;
mod session;
mod time;
mod windowed_by;

pub use count::CountWindowedKStream;
pub use division::TimeDivision;
pub(crate) use division::{NodeParts, session_aggregation, time_aggregation};
pub use emit_strategy::EmitStrategy;
pub use session::SessionWindowedKStream;
pub use time::TimeWindowedKStream;
pub use windowed_by::WindowedBy;
