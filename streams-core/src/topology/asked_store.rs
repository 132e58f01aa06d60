use super::{StoreSpec, Topology};
use crate::serde::SerdeRef;
use state_stores::RowLayout;
use std::any::type_name;

/// As what a store can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    KeyValue,
    Versioned,
    Window,
    Session,
}

impl StoreKind {
    pub(crate) fn of(layout: &RowLayout) -> Self {
        match layout {
            RowLayout::Plain => Self::KeyValue,
            RowLayout::Versioned { .. } => Self::Versioned,
            RowLayout::Window { .. } => Self::Window,
            RowLayout::Session { .. } => Self::Session,
        }
    }

    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::KeyValue => "a key-value store",
            Self::Versioned => "a versioned key-value store",
            Self::Window => "a window store",
            Self::Session => "a session store",
        }
    }
}

/// A store with the serdes of its key and value.
pub(crate) type TypedStore<'a, K, V> = (&'a StoreSpec, SerdeRef<K>, SerdeRef<V>);

impl Topology {
    /// The store that somebody asks for by name, kind and types; else what is wrong with that. `key_value_call` is the call that would have been
    /// right for a key-value store.
    pub(crate) fn typed_store<K: 'static, V: 'static>(
        &self,
        name: &str,
        wanted: StoreKind,
        key_value_call: &str,
    ) -> Result<TypedStore<'_, K, V>, String> {
        let spec = self.store(name).ok_or_else(|| {
            let names: Vec<_> = self.stores().iter().map(|spec| spec.name.as_str()).collect();
            format!("there is no store {name}; the topology has: {}", names.join(", "))
        })?;
        let kind = StoreKind::of(&spec.layout);
        if kind != wanted {
            let call = match kind {
                StoreKind::KeyValue => key_value_call,
                StoreKind::Versioned => "versioned_store",
                StoreKind::Window => "window_store",
                StoreKind::Session => "session_store",
            };
            return Err(format!("store {name} is {}, not {}: use {call}()", kind.noun(), wanted.noun()));
        }
        let (key_serde, value_serde) = spec.types.serdes::<K, V>().ok_or_else(|| {
            let (key, value) = spec.types.names();
            let asked = (type_name::<K>(), type_name::<V>());
            format!("store {name} has keys of type {key} and values of type {value}, not {} and {}", asked.0, asked.1)
        })?;
        Ok((spec, key_serde, value_serde))
    }
}

impl StoreSpec {
    /// The length of its windows, for a window store that is to be read.
    pub(crate) fn known_window_size(&self) -> Result<i64, String> {
        self.window_size_ms.ok_or_else(|| {
            format!(
                "store {} does not say how long its windows are: set window_size_ms where it is declared",
                self.name
            )
        })
    }
}
