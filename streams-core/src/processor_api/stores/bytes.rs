use super::Opening;
use crate::error::StreamsError;
use crate::record::Written;
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::store::TaskStore;
use crate::topology::StoreKind;
use std::any::type_name;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// A store's rows with their types: what stores of all kinds have in common.
pub(super) struct TypedRows<K, V> {
    pub(super) store: Rc<TaskStore>,
    topic: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    /// Buffers to encode into, kept so that no call allocates.
    key: Cell<Vec<u8>>,
    value: Cell<Vec<u8>>,
}

impl<K: 'static, V: 'static> TypedRows<K, V> {
    /// The rows of a store of this kind; else what is wrong.
    pub(super) fn open(opening: &Opening<'_>, kind: StoreKind) -> Result<Rc<Self>, String> {
        let spec = opening.spec;
        let name = &spec.name;
        if opening.custom.is_some() {
            return Err(format!("store {name} is a custom store: ask for a CustomStore"));
        }
        let is = StoreKind::of(&spec.layout);
        if is != kind {
            return Err(format!("store {name} is {}, not {}", is.noun(), kind.noun()));
        }
        let (key_serde, value_serde) = spec.row_serdes::<K, V>().ok_or_else(|| {
            let (key, value) = spec.row_type_names();
            let asked = (type_name::<K>(), type_name::<V>());
            format!("store {name} has keys of type {key} and values of type {value}, not {} and {}", asked.0, asked.1)
        })?;
        let store = Rc::clone(opening.store);
        let topic = store.serde_topic();
        Ok(Rc::new(Self { store, topic, key_serde, value_serde, key: Cell::default(), value: Cell::default() }))
    }

    /// Calls `with` with the bytes of a key.
    #[inline]
    pub(super) fn with_key<T>(
        &self,
        key: &K,
        with: impl FnOnce(&[u8]) -> Result<T, StreamsError>,
    ) -> Result<T, StreamsError> {
        let mut bytes = self.key.take();
        bytes.clear();
        let done = match self.key_serde.serialize(&self.topic, key, &mut bytes) {
            Ok(Written::Bytes) => with(&bytes),
            Ok(Written::Null) => Err(self.null_key()),
            Err(error) => Err(self.unencodable("key", error)),
        };
        self.key.set(bytes);
        done
    }

    /// Calls `with` with the bytes of a value; none where it is null.
    #[inline]
    pub(super) fn with_value<T>(
        &self,
        value: &V,
        with: impl FnOnce(Option<&[u8]>) -> Result<T, StreamsError>,
    ) -> Result<T, StreamsError> {
        let mut bytes = self.value.take();
        bytes.clear();
        let done = match self.value_serde.serialize(&self.topic, value, &mut bytes) {
            Ok(Written::Bytes) => with(Some(&bytes)),
            Ok(Written::Null) => with(None),
            Err(error) => Err(self.unencodable("value", error)),
        };
        self.value.set(bytes);
        done
    }

    /// The bytes of one end of a range.
    pub(super) fn encode_end(&self, key: Option<&K>) -> Result<Option<Vec<u8>>, StreamsError> {
        key.map(|key| self.with_key(key, |bytes| Ok(bytes.to_vec()))).transpose()
    }

    pub(super) fn decode_key(&self, bytes: &[u8]) -> Result<K, StreamsError> {
        let key = self.key_serde.deserialize(&self.topic, Some(Payload::new(bytes)));
        key.map_err(|error| self.undecodable("key", error))
    }

    #[inline]
    pub(super) fn decode_value(&self, bytes: &[u8]) -> Result<V, StreamsError> {
        let value = self.value_serde.deserialize(&self.topic, Some(Payload::new(bytes)));
        value.map_err(|error| self.undecodable("value", error))
    }

    /// The value in the row of this key, as it is stored.
    #[inline]
    pub(super) fn get(&self, row: &[u8]) -> Result<Option<V>, StreamsError> {
        let mut buffer = self.store.handle().borrow_mut();
        buffer.get(row)?.map(|bytes| self.decode_value(bytes)).transpose()
    }

    #[cold]
    fn null_key(&self) -> StreamsError {
        StreamsError::user(format!("store {} has no null keys", self.store.name()))
    }

    #[cold]
    fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }

    #[cold]
    fn undecodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.store.name().to_string(), part, error }
    }
}

/// A handle that was made by `default()` and never replaced by a store.
#[cold]
pub(super) fn not_opened() -> StreamsError {
    StreamsError::InvalidState(
        "a store is used that was never opened: set it in init, to what context.state_store() returns".to_owned(),
    )
}

/// Writes what handles of stores have in common: a clone is the same store, and the default one is none yet.
macro_rules! store_handle {
    ($store:ident, $inner:ident) => {
        impl<K, V> Clone for $store<K, V> {
            fn clone(&self) -> Self {
                Self { inner: self.inner.clone() }
            }
        }

        /// A handle that is not yet a store: to be replaced in `init`. Every use until then is an error.
        impl<K, V> Default for $store<K, V> {
            fn default() -> Self {
                Self { inner: None }
            }
        }

        impl<K: 'static, V: 'static> $store<K, V> {
            #[inline]
            fn inner(&self) -> Result<&std::rc::Rc<$inner<K, V>>, StreamsError> {
                self.inner.as_ref().ok_or_else($crate::processor_api::stores::bytes::not_opened)
            }
        }
    };
}

pub(super) use store_handle;
