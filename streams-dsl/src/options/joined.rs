use super::{SerdeChoice, common_options};
use crate::windows::millis;
use std::time::Duration;

/// How a stream is joined with a table: the join's name, and the serdes of the stream's keys and values where they go through a repartition
/// topic before it.
pub struct Joined<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
    /// In milliseconds.
    pub(crate) grace: Option<i64>,
}

common_options!(
    Joined,
    "the join's node is called so, and the repartition topic before it, if one is needed, `<application id>-<name>-repartition`",
    { grace: None }
);

impl<K: 'static, V: 'static> Joined<K, V> {
    /// Lets each record wait until the stream is so much further than its timestamp, so that the table has had time to become what it was then
    /// (KIP-923). The table must be [versioned](crate::Materialized::persistent_versioned_key_value_store), with a history of at least this time.
    ///
    /// Records wait on disk, in a store `<join>-Buffer` with a changelog, and go on in the order of their timestamps when a later record of the
    /// stream comes. One that comes later than this itself is joined at once.
    #[must_use]
    pub fn with_grace_period(mut self, grace: Duration) -> Self {
        self.grace = Some(millis(grace));
        self
    }
}
