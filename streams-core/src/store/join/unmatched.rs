use super::unmatched_row::{entries, parse_key, write_appended, write_key};
use super::{JoinProgress, JoinSide};
use crate::error::StreamsError;
use crate::processor::TaskContext;
use crate::record::Written;
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::store::TaskStore;
use state_stores::{ReadOnlyKeyValueStore, Update, WriteContext};
use std::rc::Rc;
use std::sync::Arc;

/// The records of a left or outer join that have found no partner yet, in the order of their times: shared by both sides of the join.
///
/// All that is kept beside the rows is counted from them at the start. So whatever waits when a task is closed goes on when it is opened
/// again, and goes on once.
pub struct UnmatchedStore<K, L, R> {
    store: Rc<TaskStore>,
    progress: Rc<JoinProgress>,
    key_serde: SerdeRef<K>,
    left_serde: SerdeRef<L>,
    right_serde: SerdeRef<R>,
    topic: Arc<str>,
    /// Bytes of the key that was turned to.
    key: Vec<u8>,
    row: Vec<u8>,
}

/// The value of a record without partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched<L, R> {
    /// It came from the left.
    Left(L),
    /// It came from the right.
    Right(R),
}

/// How long a join waits for partners, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinReach {
    /// How much earlier than the left record the right one may be.
    pub before: i64,
    /// How much later than the left record the right one may be.
    pub after: i64,
    /// How much longer late records are waited for.
    pub grace: i64,
}

impl JoinReach {
    /// How much later than a record of this side its partner may be.
    pub fn after(&self, side: JoinSide) -> i64 {
        match side {
            JoinSide::Left => self.after,
            JoinSide::Right => self.before,
        }
    }

    /// How much earlier than a record of this side its partner may be.
    pub fn before(&self, side: JoinSide) -> i64 {
        self.after(side.other())
    }

    /// For how long after its time a record of this side waits.
    fn wait(&self, side: JoinSide) -> i64 {
        self.after(side).saturating_add(self.grace)
    }
}

impl<K: Clone + 'static, L: 'static, R: 'static> UnmatchedStore<K, L, R> {
    /// The records in `store`. [`load`](Self::load) must come before all else.
    pub fn new(
        store: Rc<TaskStore>,
        key_serde: SerdeRef<K>,
        left_serde: SerdeRef<L>,
        right_serde: SerdeRef<R>,
    ) -> Self {
        let (progress, topic) = (store.join_progress(), store.serde_topic());
        Self { store, progress, key_serde, left_serde, right_serde, topic, key: Vec::new(), row: Vec::new() }
    }

    /// Takes note of the rows that the store has after a restart, unless the other side has done so. `observed` is a time up to which
    /// this side has come before.
    ///
    /// # Errors
    /// The store cannot be read, or has what is no such row.
    pub fn load(&mut self, observed: i64) -> Result<(), StreamsError> {
        self.advance(observed);
        if self.progress.loaded.replace(true) {
            return Ok(());
        }
        let mut rows = self.store.handle().all();
        while let Some((row, _)) = rows.next_row()? {
            let (timestamp, side, _) = parse_key(row).ok_or_else(|| self.no_row())?;
            self.progress.added(side, timestamp);
        }
        self.progress.min_time.set(self.progress.oldest.get());
        Ok(())
    }

    /// Takes note of the time of a record of either side.
    pub fn advance(&self, timestamp: i64) {
        self.progress.stream_time.set(self.stream_time().max(timestamp));
    }

    /// The largest time noted, in milliseconds; -1 if there was none.
    pub fn stream_time(&self) -> i64 {
        self.progress.stream_time.get()
    }

    /// Turns to a key; false where it is null.
    ///
    /// # Errors
    /// Where the key cannot be encoded.
    pub fn begin(&mut self, key: &K) -> Result<bool, StreamsError> {
        self.key.clear();
        match self.key_serde.serialize(&self.topic, key, &mut self.key) {
            Ok(written) => Ok(written == Written::Bytes),
            Err(error) => Err(self.unencodable("key", error)),
        }
    }

    /// Whether records of this side wait; where not, none needs to be [removed](Self::remove).
    pub fn holds(&self, side: JoinSide) -> bool {
        self.progress.rows(side) > 0
    }

    /// Lets a record of the key that was [turned to](Self::begin) wait for a partner.
    ///
    /// # Errors
    /// The value cannot be encoded, or the store not be used.
    pub fn put(
        &mut self,
        context: &mut TaskContext,
        timestamp: i64,
        value: Unmatched<&L, &R>,
    ) -> Result<(), StreamsError> {
        let side = value.side();
        write_key(timestamp, side, &self.key, &mut self.row);
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(&self.row)?;
        let is_new = buffer.value(slot).is_none();
        let written = WriteContext { timestamp, source: 0, offset: context.record.offset };
        let update = buffer.update(slot, written, |present, out| {
            let write = |out: &mut Vec<u8>| match value {
                Unmatched::Left(value) => self.left_serde.serialize(&self.topic, value, out),
                Unmatched::Right(value) => self.right_serde.serialize(&self.topic, value, out),
            };
            match write_appended(present, side, write, out) {
                Ok(true) => Ok(Update::Put),
                Ok(false) => Ok(Update::Keep),
                Err(error) => Err(self.unencodable("value", error)),
            }
        })?;
        if update == Update::Keep {
            return Ok(());
        }
        self.store.log_slot(context, &mut buffer, slot);
        self.progress.min_time.set(self.progress.min_time.get().min(timestamp));
        if is_new {
            self.progress.added(side, timestamp);
        }
        Ok(())
    }

    /// A partner has come, at `now`, for the records of one side that have the key that was [turned to](Self::begin) and this time: they wait no more.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn remove(
        &mut self,
        context: &mut TaskContext,
        now: i64,
        side: JoinSide,
        timestamp: i64,
    ) -> Result<(), StreamsError> {
        if self.progress.rows(side) == 0 || timestamp < self.progress.oldest.get() {
            return Ok(());
        }
        write_key(timestamp, side, &self.key, &mut self.row);
        let row = std::mem::take(&mut self.row);
        let deleted = self.delete(context, now, side, &row);
        self.row = row;
        deleted
    }

    fn delete(&self, context: &mut TaskContext, now: i64, side: JoinSide, row: &[u8]) -> Result<(), StreamsError> {
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(row)?;
        if buffer.value(slot).is_none() {
            return Ok(());
        }
        let written = WriteContext { timestamp: now, source: 0, offset: context.record.offset };
        buffer.set(slot, None, written)?;
        self.store.log_slot(context, &mut buffer, slot);
        self.progress.removed(side);
        Ok(())
    }

    /// Whether it is time to [emit](Self::emit) what waits no more. `side` is the one whose record has come. After a yes it is not before
    /// `interval` (milliseconds of wall-clock time).
    pub fn is_due(&self, wall_time: i64, side: JoinSide, reach: &JoinReach, interval: i64) -> bool {
        let (min_time, wait) = (self.progress.min_time.get(), reach.wait(side));
        // Kafka Streams' sum runs over where nothing is known to wait: it then looks, and waits for the interval after that.
        let may_have_closed = match min_time {
            i64::MAX => wait > 0,
            _ => min_time.saturating_add(wait) < self.stream_time(),
        };
        if !may_have_closed || wall_time < self.progress.next_look.get() {
            return false;
        }
        self.progress.next_look.set(wall_time.saturating_add(interval));
        true
    }

    /// Takes out the records for which no partner can come any more at stream time, in the order of their times, and hands them to `emit` with
    /// key and time. `now` is the time of the record that has come.
    ///
    /// # Errors
    /// The store cannot be used, or a record not be decoded; and the first error of `emit`, after all records of the same key, time and side.
    pub fn emit(
        &mut self,
        context: &mut TaskContext,
        now: i64,
        reach: &JoinReach,
        mut emit: impl FnMut(&mut TaskContext, K, i64, Unmatched<L, R>) -> Result<(), StreamsError>,
    ) -> Result<(), StreamsError> {
        let progress = Rc::clone(&self.progress);
        progress.min_time.set(i64::MAX);
        let mut oldest = i64::MAX;
        let (mut left_open, mut right_open) = (false, false);
        let mut rows = self.store.handle().all();
        while let Some((row, value)) = rows.next_row()? {
            let (timestamp, side, key) = parse_key(row).ok_or_else(|| self.no_row())?;
            progress.min_time.set(timestamp);
            if left_open && right_open {
                break;
            }
            if timestamp.saturating_add(reach.wait(side)) >= self.stream_time() {
                oldest = oldest.min(timestamp);
                match side {
                    JoinSide::Left => left_open = true,
                    JoinSide::Right => right_open = true,
                }
                if !(left_open && right_open) && progress.rows(side.other()) == 0 {
                    // Nothing that follows can close, and Kafka Streams would go through all of it.
                    progress.min_time.set(self.last_time()?);
                    break;
                }
                continue;
            }
            // Before they go on: a record on which the user's function fails must not be met again and again.
            self.delete(context, now, side, row)?;
            self.emit_row(context, (key, timestamp), value, &mut emit)?;
        }
        progress.oldest.set(oldest);
        Ok(())
    }

    fn emit_row(
        &self,
        context: &mut TaskContext,
        (key, timestamp): (&[u8], i64),
        list: &[u8],
        emit: &mut impl FnMut(&mut TaskContext, K, i64, Unmatched<L, R>) -> Result<(), StreamsError>,
    ) -> Result<(), StreamsError> {
        let key = self.key_serde.deserialize(&self.topic, Some(Payload::new(key)));
        let key = key.map_err(|error| self.undecodable("key", error))?;
        let mut result = Ok(());
        for entry in entries(list).map_err(|error| self.undecodable("value", error))? {
            let (side, value) = entry.map_err(|error| self.undecodable("value", error))?;
            let value = self.decode(side, value)?;
            result = result.and(emit(context, key.clone(), timestamp, value));
        }
        result
    }

    /// The time of the last row.
    fn last_time(&self) -> Result<i64, StreamsError> {
        let mut rows = self.store.handle().reverse_all();
        match rows.next_row()? {
            Some((row, _)) => Ok(parse_key(row).ok_or_else(|| self.no_row())?.0),
            None => Ok(i64::MAX),
        }
    }

    fn decode(&self, side: JoinSide, value: &[u8]) -> Result<Unmatched<L, R>, StreamsError> {
        let payload = Some(Payload::new(value));
        let value = match side {
            JoinSide::Left => self.left_serde.deserialize(&self.topic, payload).map(Unmatched::Left),
            JoinSide::Right => self.right_serde.deserialize(&self.topic, payload).map(Unmatched::Right),
        };
        value.map_err(|error| self.undecodable("value", error))
    }

    #[cold]
    fn no_row(&self) -> StreamsError {
        let why = "not the key of a record of a join that has no partner".to_owned();
        self.undecodable("key", SerdeError::Invalid(why))
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

impl<L, R> Unmatched<L, R> {
    fn side(&self) -> JoinSide {
        match self {
            Self::Left(_) => JoinSide::Left,
            Self::Right(_) => JoinSide::Right,
        }
    }
}

#[cfg(test)]
mod tests;
