//! A task's stores as its nodes use them: typed, logged to a changelog, and holding updates back until the commit.

mod change_serde;
mod global;
mod join;
mod join_buffer;
mod kept_headers;
mod rows;
mod session_table;
mod subscription;
mod suppression;
mod table;
mod task_store;
mod time_to_live;
mod version_log;
mod versions;
mod window_table;

pub use change_serde::ChangeSerde;
pub use global::{GlobalStores, GlobalTable};
pub use join::{JoinReach, JoinSide, JoinWindowStore, Unmatched, UnmatchedStore};
pub use join_buffer::JoinBuffer;
pub use session_table::SessionTable;
pub use state_stores::Direction;
pub use subscription::{
    Instruction, RowHash, Subscriber, Subscription, SubscriptionResponse, SubscriptionResponseSerde, SubscriptionSerde,
    SubscriptionStore,
};
pub(crate) use suppression::check_version;
pub use suppression::{HeldRecord, SuppressionBuffer};
pub use table::{Change, TableStore};
pub use task_store::{ChangelogPartition, TaskStore};
pub use window_table::{StoredWindow, WindowTable};
