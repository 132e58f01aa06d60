//! Putting processors together, by typed handles or by name.

mod add;
mod handle;
mod sink;
mod source;

pub use handle::{NodeHandle, Parents};
pub use sink::Sink;
pub use source::Source;
