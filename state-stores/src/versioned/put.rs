//! Writing versions.

use super::find::{Finder, Span};
use crate::buffer::{Slot, Update, WriteBuffer, WriteContext};
use crate::error::{Result, StoreError};
use crate::formats::{join_timestamped, join_version, split_timestamped};
use crate::layout::RowLayout;

/// What became of a version that was put.
#[must_use = "a version that came too late was not stored"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionPut {
    /// It is the latest of its key.
    Latest,
    /// It is one of the past, and held until this time.
    Until(i64),
    /// It came later than the history is kept, or has a negative time: nothing was written. To be counted as dropped.
    TooLate,
}

/// Whether the time of a version is further back than the store's history.
pub(crate) fn is_too_late(buffer: &WriteBuffer, time: i64) -> bool {
    let (history, _) = buffer.layout().periods();
    time < 0 || time < buffer.observed_time().saturating_sub(history)
}

/// Writes versions into a buffer, with room that it keeps for that.
///
/// What a write replaces is marked as forwarded: it is not the rows that the changelog of a versioned store has, but what was put.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    finder: Finder,
    row: Vec<u8>,
    version: Vec<u8>,
}

impl Versions {
    /// Puts a version that is not too late, and whose time was observed.
    ///
    /// What is known of a key are its latest version, if that is not a deletion, and versions of the past, each with its end. Where there is
    /// none, there was no value. So a deletion is known by the end of the version before it; one without such, or with a version after it, is a row
    /// of its own. As in Kafka Streams, a latest version that is replaced by a deletion of the same time leaves no trace where nothing ended then.
    pub(crate) fn put(
        &mut self,
        buffer: &mut WriteBuffer,
        key: &[u8],
        value: Option<&[u8]>,
        time: i64,
    ) -> Result<VersionPut> {
        let layout = *buffer.layout();
        RowLayout::encode_latest(key, &mut self.row);
        let slot = buffer.lookup(&self.row)?;
        let mut latest = None;
        if let Some(row) = buffer.value(slot) {
            let length = row.len();
            let (since, value) = split_timestamped(row)
                .ok_or_else(|| StoreError::InvalidVersion { store: buffer.name().to_owned(), length })?;
            latest = Some(since);
            if time > since {
                self.version.clear();
                join_version(since, Some(value), &mut self.version);
            }
        }
        if latest.is_some_and(|since| time >= since) {
            if latest != Some(time) {
                self.write(buffer, &layout, key, time)?;
            }
            return set_latest(buffer, slot, value, time);
        }
        let found = self.finder.after(buffer, &layout, key, time, latest)?;
        match found {
            Some(span) if span.since <= time => self.put_inside(buffer, &layout, key, value, time, span),
            _ => match found.map(|span| span.since).or(latest) {
                Some(end) => {
                    self.set(buffer, &layout, key, (time, value), end)?;
                    Ok(VersionPut::Until(end))
                }
                None if value.is_some() => set_latest(buffer, slot, value, time),
                None => self.put_first_deletion(buffer, &layout, key, time),
            },
        }
    }

    /// Divides a version of the past, or replaces it where it began at the same time.
    fn put_inside(
        &mut self,
        buffer: &mut WriteBuffer,
        layout: &RowLayout,
        key: &[u8],
        value: Option<&[u8]>,
        time: i64,
        span: Span,
    ) -> Result<VersionPut> {
        if span.since < time {
            self.version.clear();
            self.version.extend_from_slice(&self.finder.version);
            self.write(buffer, layout, key, time)?;
        }
        self.set(buffer, layout, key, (time, value), span.end)?;
        Ok(VersionPut::Until(span.end))
    }

    /// A deletion after which nothing is known: that something ended then, if only nothing.
    fn put_first_deletion(
        &mut self,
        buffer: &mut WriteBuffer,
        layout: &RowLayout,
        key: &[u8],
        time: i64,
    ) -> Result<VersionPut> {
        layout.encode_version(key, time, &mut self.row);
        if buffer.get(&self.row)?.is_none() {
            self.set(buffer, layout, key, (time, None), time)?;
        }
        Ok(VersionPut::Latest)
    }

    fn set(
        &mut self,
        buffer: &mut WriteBuffer,
        layout: &RowLayout,
        key: &[u8],
        (since, value): (i64, Option<&[u8]>),
        end: i64,
    ) -> Result<()> {
        self.version.clear();
        join_version(since, value, &mut self.version);
        self.write(buffer, layout, key, end)
    }

    /// Writes `self.version` as the one that ended at `end`.
    fn write(&mut self, buffer: &mut WriteBuffer, layout: &RowLayout, key: &[u8], end: i64) -> Result<()> {
        layout.encode_version(key, end, &mut self.row);
        let slot = buffer.put_slot(&self.row, Some(&self.version))?;
        buffer.forwarded(slot);
        Ok(())
    }
}

fn set_latest(buffer: &mut WriteBuffer, slot: Slot, value: Option<&[u8]>, time: i64) -> Result<VersionPut> {
    let context = WriteContext { timestamp: time, ..WriteContext::default() };
    buffer.update(slot, context, |_, out| {
        let Some(value) = value else { return Ok::<_, StoreError>(Update::Delete) };
        join_timestamped(time, value, out);
        Ok(Update::Put)
    })?;
    buffer.forwarded(slot);
    Ok(VersionPut::Latest)
}
