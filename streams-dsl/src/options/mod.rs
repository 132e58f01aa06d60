//! What can be said about a source, a sink, a grouping, a repartition topic or a store.
//!
//! All are made in the same three ways: `named(name)` where the types have default serdes, `with(key_serde, value_serde)`, and `new()`, which
//! names no serde, so that those of the stream above are used. `with_name` and the others then add to it.

mod branched;
mod buffer_config;
mod consumed;
mod grouped;
mod joined;
mod materialized;
mod printed;
mod produced;
mod repartitioned;
mod serdes;
mod stream_joined;
mod suppressed;
mod table_joined;
mod topics;

pub use branched::Branched;
pub use buffer_config::{BufferConfig, StrictBufferConfig};
pub use consumed::Consumed;
pub(crate) use consumed::Extractor;
pub use grouped::Grouped;
pub use joined::Joined;
pub use materialized::Materialized;
pub use printed::Printed;
pub use produced::Produced;
pub use repartitioned::Repartitioned;
pub use stream_joined::StreamJoined;
pub use suppressed::Suppressed;
pub use table_joined::TableJoined;
pub use topics::IntoTopics;

pub(crate) use branched::Chain;
pub(crate) use buffer_config::WhenFull;
pub(crate) use printed::{Mapper, Target};
pub(crate) use serdes::{SerdeChoice, common_options};
pub(crate) use stream_joined::OwnStore;
pub(crate) use suppressed::Place;
