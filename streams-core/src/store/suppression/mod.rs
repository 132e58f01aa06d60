//! Records held back until their time has come: the buffer of a suppression (KIP-328), with Kafka Streams' bytes.

mod buffer;
mod row;
mod version;

pub use buffer::{HeldRecord, SuppressionBuffer};
pub(super) use row::{Row, write_null, write_origin, write_with};

pub(super) use version::VERSION_3;
pub(crate) use version::check_version;
