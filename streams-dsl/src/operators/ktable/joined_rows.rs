use crate::ktable::Joiner;
use crate::table_view::ValueGetter;
use streams_core::error::StreamsError;
use streams_core::record::NO_TIMESTAMP;

/// Reads the rows of a joined table that is not kept: the rows of both sides, joined when they are asked for.
pub(crate) struct JoinedRows<K, V1, V2, VR> {
    this: Box<dyn ValueGetter<K, V1>>,
    other: Box<dyn ValueGetter<K, V2>>,
    joiner: Joiner<V1, V2, VR>,
}

impl<K, V1, V2, VR> JoinedRows<K, V1, V2, VR> {
    pub(crate) fn new(
        this: Box<dyn ValueGetter<K, V1>>,
        other: Box<dyn ValueGetter<K, V2>>,
        joiner: Joiner<V1, V2, VR>,
    ) -> Self {
        Self { this, other, joiner }
    }

    fn join(&self, this: Option<(i64, V1)>, other: Option<(i64, V2)>) -> Result<Option<(i64, VR)>, StreamsError> {
        let time_of = |row: Option<i64>| row.unwrap_or(NO_TIMESTAMP);
        let times = (this.as_ref().map(|(time, _)| *time), other.as_ref().map(|(time, _)| *time));
        let joined = (self.joiner)(this.map(|(_, row)| row), other.map(|(_, row)| row))?;
        Ok(joined.map(|row| (time_of(times.0).max(time_of(times.1)), row)))
    }
}

impl<K, V1, V2, VR> ValueGetter<K, VR> for JoinedRows<K, V1, V2, VR> {
    fn get(&mut self, key: &K) -> Result<Option<(i64, VR)>, StreamsError> {
        let (this, other) = (self.this.get(key)?, self.other.get(key)?);
        self.join(this, other)
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, VR)>, StreamsError> {
        let (this, other) = (self.this.get_forwarded(key)?, self.other.get_forwarded(key)?);
        self.join(this, other)
    }
}
