use super::pages::ask;
use super::view::{StoreLocation, View};
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::windowed::{TimeWindow, Windowed};
use state_stores::{
    Direction, PausedScan, SegmentSource, SessionScan, SessionStore, StoreError, WindowScan, WindowStore,
};
use std::collections::VecDeque;

/// A row with its timestamp.
type TimestampedRow<K, V, W> = (Windowed<K, W>, V, i64);

/// What a scan asks each task's store for. Times are inclusive, in milliseconds.
#[derive(Debug, Clone)]
pub(super) enum WindowedQuery {
    /// Windows of some keys by their starts.
    Windows { keys: Keys, from: i64, to: i64 },
    /// Windows of all keys by their starts.
    AllWindows { from: i64, to: i64 },
    /// Sessions of some keys that end and start in time.
    Sessions { keys: Keys, earliest_end: i64, latest_start: i64 },
}

/// Which keys, by their bytes.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    One(Vec<u8>),
    Between(Option<Vec<u8>>, Option<Vec<u8>>),
}

/// A row as it is found: a window's end is not in it, and is its start here.
struct Row {
    key: Vec<u8>,
    start: i64,
    end: i64,
    value: Vec<u8>,
}

/// Rows, and what is left of the scan after them.
type RowPage = (Vec<Row>, Option<PausedScan>);

impl WindowedQuery {
    /// Reads the first page, or the one that follows.
    fn read_page<S: SegmentSource>(
        &self,
        rows: S,
        direction: Direction,
        paused: Option<PausedScan>,
    ) -> Result<RowPage, StoreError> {
        let mut page = Vec::new();
        let rest = if let Self::Sessions { .. } = self {
            let scan = match paused {
                Some(paused) => SessionScan::resume(rows, paused),
                None => self.find_sessions(rows, direction)?,
            };
            scan.read_page(|session, value| {
                let (key, value) = (session.key.to_vec(), value.to_vec());
                page.push(Row { key, start: session.start, end: session.end, value });
            })?
        } else {
            let scan = match paused {
                Some(paused) => WindowScan::resume(rows, paused),
                None => self.find_windows(rows, direction)?,
            };
            scan.read_page(|window, value| {
                let (key, value) = (window.key.to_vec(), value.to_vec());
                page.push(Row { key, start: window.start, end: window.start, value });
            })?
        };
        Ok((page, rest))
    }

    fn find_windows<S: SegmentSource>(&self, rows: S, direction: Direction) -> Result<WindowScan<S>, StoreError> {
        let store = WindowStore::new(rows)?;
        match self {
            Self::Windows { keys: Keys::One(key), from, to } => store.fetch_between(key, *from, *to, direction),
            Self::Windows { keys: Keys::Between(key_from, key_to), from, to } => {
                store.fetch_range(key_from.as_deref(), key_to.as_deref(), *from, *to, direction)
            }
            Self::AllWindows { from, to } => store.fetch_all(*from, *to, direction),
            Self::Sessions { .. } => store.all(direction),
        }
    }

    fn find_sessions<S: SegmentSource>(&self, rows: S, direction: Direction) -> Result<SessionScan<S>, StoreError> {
        let store = SessionStore::new(rows)?;
        match self {
            Self::Sessions { keys: Keys::One(key), earliest_end, latest_start } => {
                store.find_sessions(key, *earliest_end, *latest_start, direction)
            }
            Self::Sessions { keys: Keys::Between(from, to), earliest_end, latest_start } => {
                store.find_sessions_range(from.as_deref(), to.as_deref(), *earliest_end, *latest_start, direction)
            }
            Self::Windows { .. } | Self::AllWindows { .. } => store.fetch_range(None, None, direction),
        }
    }
}

/// Windows or sessions that a view has found, with their values. They are read in pages of a bounded size: nothing is held or locked
/// between two of them, and each page is as new as its reading.
pub struct WindowedViewScan<B: Broker, K, V, W = TimeWindow> {
    view: View<B, K, V>,
    query: WindowedQuery,
    direction: Direction,
    /// Makes a window of the times in a row, as [`Row`] has them, and `size`.
    window: fn(start: i64, end: i64, size: i64) -> W,
    size: i64,
    /// The tasks still to be read.
    locations: VecDeque<StoreLocation>,
    /// What is left of the first of them; none where it has not been begun.
    paused: Option<PausedScan>,
    page: VecDeque<Row>,
}

impl<B: Broker, K: 'static, V: 'static, W> WindowedViewScan<B, K, V, W> {
    pub(super) fn new(
        view: &View<B, K, V>,
        query: WindowedQuery,
        direction: Direction,
        window: fn(i64, i64, i64) -> W,
        size: i64,
    ) -> Result<Self, StreamsError> {
        let locations = view.locations()?.into();
        Ok(Self { view: view.clone(), query, direction, window, size, locations, paused: None, page: VecDeque::new() })
    }

    /// The same rows, each with its timestamp (milliseconds; -1 in a store without timestamps, as those of sessions are).
    pub fn with_timestamps(mut self) -> impl Iterator<Item = Result<(Windowed<K, W>, V, i64), StreamsError>> {
        std::iter::from_fn(move || self.next_row())
    }

    fn next_row(&mut self) -> Option<Result<TimestampedRow<K, V, W>, StreamsError>> {
        let row = self.find_row().and_then(|row| row.map(|row| self.decode(&row)).transpose());
        if row.is_err() {
            self.locations.clear();
            self.page.clear();
        }
        row.transpose()
    }

    fn find_row(&mut self) -> Result<Option<Row>, StreamsError> {
        while self.page.is_empty() {
            let Some(location) = self.locations.front() else { break };
            let (query, direction, paused) = (self.query.clone(), self.direction, self.paused.take());
            let (rows, rest) = if self.view.committed {
                query.read_page(location.reader.clone(), direction, paused)?
            } else {
                ask(location, move |store| query.read_page(store.clone(), direction, paused))?
            };
            if rest.is_none() {
                self.locations.pop_front();
            }
            self.page = rows.into();
            self.paused = rest;
        }
        Ok(self.page.pop_front())
    }

    fn decode(&self, row: &Row) -> Result<TimestampedRow<K, V, W>, StreamsError> {
        let key = self.view.decode_key(&row.key)?;
        let (value, timestamp) = self.view.decode_value(&row.value)?;
        let window = (self.window)(row.start, row.end, self.size);
        Ok((Windowed { key, window }, value, timestamp))
    }
}

impl<B: Broker, K: 'static, V: 'static, W> Iterator for WindowedViewScan<B, K, V, W> {
    type Item = Result<(Windowed<K, W>, V), StreamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().map(|row| row.map(|(key, value, _)| (key, value)))
    }
}
