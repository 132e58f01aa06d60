//! Versioned key-value stores: what each key's value is, and what it was.

mod find;
mod put;
mod store;

pub use self::put::VersionPut;
pub(crate) use self::put::{Versions, is_too_late};
pub use self::store::{HeldVersion, ReadOnlyVersionedKeyValueStore, Version, VersionedKeyValueStore};
