//! What the suites of whole applications on the embedded broker share.
//!
//! [`Site`] is a broker with the state directories of the instances that run on it; [`Link`] is one instance's way to the broker, which a
//! test can cut or look at.

mod input;
mod link;
mod log;
mod sessions;
mod site;
mod wait;
mod word_count;

pub use input::{last_values, number, produce_words};
pub use link::{Client, CommitAttempt, Hold, Link};
pub use log::captured_log;
pub use sessions::written_sessions;
pub use site::Site;
pub use wait::wait;
pub use word_count::{Counts, STORE, counts_of, word_count};
