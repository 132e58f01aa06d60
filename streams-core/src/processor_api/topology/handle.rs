use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A node of a topology that forwards records of `K` and `V`: a source or a processor. Clones are the same node.
pub struct NodeHandle<K, V> {
    name: Arc<str>,
    forwards: PhantomData<fn() -> (K, V)>,
}

impl<K, V> NodeHandle<K, V> {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), forwards: PhantomData }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K, V> Clone for NodeHandle<K, V> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), forwards: PhantomData }
    }
}

impl<K, V> fmt::Debug for NodeHandle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeHandle").field(&self.name).finish()
    }
}

/// The nodes that a node gets its records from: one or an array, as [`NodeHandle`]s or by name. With handles the compiler knows the records' types;
/// for names they are compared when the node is added.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no nodes that forward `Record<{K}, {V}>`",
    label = "neither a handle of a node that forwards `Record<{K}, {V}>`, nor a name, nor an array of such"
)]
pub trait Parents<K, V> {
    /// The names.
    fn parents(&self) -> Vec<String>;
}

impl<K, V> Parents<K, V> for &NodeHandle<K, V> {
    fn parents(&self) -> Vec<String> {
        vec![self.name.to_string()]
    }
}

impl<K, V> Parents<K, V> for &str {
    fn parents(&self) -> Vec<String> {
        vec![(*self).to_owned()]
    }
}

impl<K, V, P: Parents<K, V>, const N: usize> Parents<K, V> for [P; N] {
    fn parents(&self) -> Vec<String> {
        self.iter().flat_map(Parents::parents).collect()
    }
}
