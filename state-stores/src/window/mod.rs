//! Window stores: rows by key and window start.

mod key;
mod key_scan;
mod scan;
mod store;

pub use self::key::WindowKey;
pub use self::key_scan::KeyScan;
pub use self::scan::{WindowRow, WindowScan};
pub use self::store::{PutOutcome, ReadOnlyWindowStore, WindowStore};
