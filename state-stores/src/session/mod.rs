//! Session stores: rows by key, session end and session start.

mod key;
mod scan;
mod store;

pub use self::key::SessionKey;
pub use self::scan::{SessionRow, SessionScan};
pub use self::store::{ReadOnlySessionStore, SessionStore};
