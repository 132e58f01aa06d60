use crate::processor_api::NodeHandle;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A store that was declared: its name, and as type what a processor gets of it.
pub struct StoreRef<S> {
    name: Arc<str>,
    store: PhantomData<fn() -> S>,
}

impl<S> StoreRef<S> {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), store: PhantomData }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S> Clone for StoreRef<S> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), store: PhantomData }
    }
}

impl<S> fmt::Debug for StoreRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreRef").field(&self.name).finish()
    }
}

/// What a processor asks for a store by: its name, as text or as [`StoreRef`]. With the latter the compiler knows the store's type.
pub trait StoreName<S> {
    /// The name.
    fn name(&self) -> &str;
}

impl<S> StoreName<S> for &str {
    fn name(&self) -> &str {
        self
    }
}

impl<S> StoreName<S> for &String {
    fn name(&self) -> &str {
        self
    }
}

impl<S> StoreName<S> for &StoreRef<S> {
    fn name(&self) -> &str {
        &self.name
    }
}

/// Some nodes or stores: none (`()`), one, an array, or several in a tuple; by name, [`StoreRef`] or [`NodeHandle`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no nodes or stores",
    label = "neither a name, a handle, an array of such, nor a tuple of up to four"
)]
pub trait Names {
    /// The names.
    fn names(&self) -> Vec<String>;
}

impl Names for () {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Names for &str {
    fn names(&self) -> Vec<String> {
        vec![(*self).to_owned()]
    }
}

impl Names for &String {
    fn names(&self) -> Vec<String> {
        vec![(*self).clone()]
    }
}

impl<S> Names for &StoreRef<S> {
    fn names(&self) -> Vec<String> {
        vec![self.name.to_string()]
    }
}

impl<K, V> Names for &NodeHandle<K, V> {
    fn names(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }
}

impl<T: Names, const N: usize> Names for [T; N] {
    fn names(&self) -> Vec<String> {
        self.iter().flat_map(Names::names).collect()
    }
}

macro_rules! names_of_tuples {
    ($(($($name:ident $place:tt),+)),+) => {$(
        impl<$($name: Names),+> Names for ($($name,)+) {
            fn names(&self) -> Vec<String> {
                [$(self.$place.names()),+].concat()
            }
        }
    )+};
}

names_of_tuples!((A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3));
