//! The methods of streams.

mod fallible;
mod grouping;
mod join;
mod join_global_table;
mod join_table;
mod process;
mod repartition;
mod split;
mod stateless;
mod terminal;
mod to_table;

pub use split::BranchedKStream;
pub use terminal::EndOfStream;

use crate::data::Data;
use crate::graph::Handle;
use repartition::JoinRepartition;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::SerdeRef;

/// A stream of records: each stands for itself.
///
/// A value of this type is a handle: cheap to clone, and of use as often as one likes. Each method declares a further step and returns the
/// stream that it makes; closures run once per record, on the threads that process the application's tasks.
///
/// Functions that may fail go to the methods that begin with `try_`; what they return as error goes to the processing exception handler.
pub struct KStream<K, V> {
    pub(crate) handle: Handle,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    /// Whether keys have changed since the records were partitioned by them.
    pub(crate) repartition_required: bool,
    join_repartition: JoinRepartition,
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            repartition_required: self.repartition_required,
            join_repartition: Rc::clone(&self.join_repartition),
        }
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    pub(crate) fn new(
        handle: Handle,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        repartition_required: bool,
    ) -> Self {
        Self { handle, key_serde, value_serde, repartition_required, join_repartition: Rc::default() }
    }

    /// A stream that could not be declared; the graph knows why.
    pub(crate) fn broken(handle: Handle) -> Self {
        Self::new(handle, None, None, false)
    }

    /// Names the step that made this stream. The name is used for its node; names of later steps do not change by it.
    ///
    /// Allowed are letters, digits, `.`, `_` and `-`, up to 249 of them.
    #[must_use = "the stream goes on from what this returns"]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.handle.named(name);
        self
    }

    /// The same keys, other values.
    fn values<V2: Data>(&self, handle: Handle) -> KStream<K, V2> {
        KStream::new(handle, self.key_serde.clone(), None, self.repartition_required)
    }

    /// The same types.
    fn same(&self, handle: Handle) -> Self {
        Self::new(handle, self.key_serde.clone(), self.value_serde.clone(), self.repartition_required)
    }

    /// Another key, the same values.
    fn rekeyed<K2: Data>(&self, handle: Handle) -> KStream<K2, V> {
        KStream::new(handle, None, self.value_serde.clone(), true)
    }
}

/// Lets a function of the user that may fail be an operator's function.
fn user<T, E>(result: Result<T, E>) -> Result<T, StreamsError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    result.map_err(StreamsError::user)
}

/// Shares a serde with another node.
fn share<T>(serde: &SerdeRef<T>) -> SerdeRef<T> {
    Arc::clone(serde)
}
