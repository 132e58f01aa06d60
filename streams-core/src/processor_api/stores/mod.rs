//! The stores of processors: typed, over the stores of the task.

mod builder;
mod bytes;
mod custom;
mod key_value;
mod reference;
mod session;
mod timestamped;
mod versioned;
mod window;

pub use builder::{StoreBuilder, Stores};
pub use custom::{ChangelogWriter, CustomStore, StateStore};
pub(crate) use custom::{CustomFactory, CustomInstance};
pub use key_value::{KeyValueIterator, KeyValueStore, TimestampedKeyValueStore};
pub use reference::{Names, StoreName, StoreRef};
pub use session::{SessionIterator, SessionStore};
pub(crate) use timestamped::TimestampedSerde;
pub use timestamped::ValueAndTimestamp;
pub use versioned::VersionedKeyValueStore;
pub use window::{TimestampedWindowStore, WindowIterator, WindowStore};

use crate::store::TaskStore;
use crate::topology::StoreSpec;
use std::rc::Rc;

/// A kind of store that a processor can have: [`KeyValueStore`], [`WindowStore`], [`SessionStore`], the timestamped forms of both first,
/// [`VersionedKeyValueStore`], and [`CustomStore`].
pub trait ProcessorStore: Sized + 'static {
    /// The store as this kind, or what is wrong with that.
    #[doc(hidden)]
    fn open(opening: &Opening<'_>) -> Result<Self, String>;
}

/// A store that a processor asks for. Nothing to be used.
pub struct Opening<'a> {
    pub(crate) spec: &'a StoreSpec,
    pub(crate) store: &'a Rc<TaskStore>,
    pub(crate) custom: Option<&'a Rc<dyn CustomInstance>>,
}
