//! Joins of two streams. Each record passes the window node of its side and then its join node, whose results come together in one node below both.
//!
//! A join of a stream with itself is two such sides with a store each, or, as `topology.optimization` says, one window node and below it a node that is
//! both sides.

mod self_join;
mod sides;
mod stream_join;
mod window;

pub(crate) use self_join::SelfJoin;
pub(crate) use sides::{LeftSide, Match, RightSide, Side};
pub(crate) use stream_join::{StreamJoin, Waiting};
pub(crate) use window::JoinWindow;
