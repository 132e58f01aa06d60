/// A version of a row: its value, and when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedRecord<V> {
    /// The value.
    pub value: V,
    /// Since when it holds: the timestamp of its record, in milliseconds since the epoch.
    pub timestamp: i64,
    /// Until when it held (the first millisecond of the next version); `None` for the latest.
    pub valid_to: Option<i64>,
}
