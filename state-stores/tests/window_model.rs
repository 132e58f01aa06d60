//! Random histories of window and session stores against a model that keeps everything and hides what has expired.

mod support;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use state_stores::{
    ActiveStores, BufferOptions, Direction, EngineKind, PutOutcome, RowLayout, SegmentSource, SessionStore, TaskStores,
    WindowStore,
};
use support::{changelog, environment, spec};
use tempfile::TempDir;

const RETENTION: i64 = 100;
const INTERVAL: i64 = 40;

/// A row's key, start and end: windows end where they start.
type Id = (Vec<u8>, i64, i64);
/// A row of an answer.
type Found = (Vec<u8>, i64, i64, Vec<u8>);

#[derive(Debug, Clone)]
enum Step {
    Put {
        key: usize,
        back: i64,
        ahead: i64,
        length: i64,
        value: Option<u8>,
    },
    Ask {
        keys: (usize, usize),
        times: (i64, i64),
        reverse: bool,
    },
    Flush,
    Seal,
    Apply,
    /// The process dies and starts again.
    Crash,
    /// The task becomes a standby, restores a row, and becomes active again.
    Recycle {
        key: usize,
        ahead: i64,
        value: Option<u8>,
    },
    Limit(usize),
}

/// Keys of which some begin with others, and look like times.
const KEYS: [&[u8]; 5] = [b"", b"\0", b"a", b"a\0\0\0\0\0\0\0\x50\0\0\0\0", b"\xff"];

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS.len();
    // Mostly near the observed time, at times beyond the retention.
    let back = prop_oneof![4 => 0_i64..30, 2 => 0_i64..160, 1 => Just(RETENTION), 1 => Just(RETENTION - 1)];
    let ahead = || prop_oneof![6 => 0_i64..4, 2 => 0_i64..50, 1 => 0_i64..300];
    let value = || proptest::option::weighted(0.85, any::<u8>());
    let put = (key(), back, ahead(), 0_i64..60, value());
    prop_oneof![
        20 => put.prop_map(|(key, back, ahead, length, value)| Step::Put { key, back, ahead, length, value }),
        6 => ((key(), key()), (-10_i64..200, -200_i64..20), any::<bool>())
            .prop_map(|(keys, times, reverse)| Step::Ask { keys, times, reverse }),
        3 => Just(Step::Flush),
        3 => Just(Step::Seal),
        3 => Just(Step::Apply),
        1 => Just(Step::Crash),
        1 => (key(), ahead(), value()).prop_map(|(key, ahead, value)| Step::Recycle { key, ahead, value }),
        1 => (0_usize..3_000).prop_map(Step::Limit),
    ]
}

/// What a store should have been put, and the largest time of it.
#[derive(Clone, Debug, PartialEq)]
struct State {
    rows: BTreeMap<Id, Vec<u8>>,
    observed: i64,
}

impl State {
    fn put(&mut self, id: Id, value: Option<Vec<u8>>) {
        self.observed = self.observed.max(id.2);
        match value {
            Some(value) => drop(self.rows.insert(id, value)),
            None => drop(self.rows.remove(&id)),
        }
    }

    /// The rows that pass, in the order of the store's segments or of time.
    fn select(&self, kind: Kind, by_time: bool, wants: impl Fn(&Id) -> bool) -> Vec<Found> {
        let mut rows: Vec<(Vec<u8>, Found)> = (self.rows.iter())
            .filter(|(id, _)| wants(id))
            .map(|(id, value)| (kind.order(id, by_time), (id.0.clone(), id.1, id.2, value.clone())))
            .collect();
        rows.sort();
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    sessions: bool,
    indexed: bool,
}

impl Kind {
    fn layout(self) -> RowLayout {
        let layout = if self.sessions { RowLayout::session(RETENTION) } else { RowLayout::window(RETENTION) };
        let layout = layout.with_segment_interval(INTERVAL);
        if self.indexed { layout.with_time_index() } else { layout }
    }

    fn changelog_key(self, (key, start, end): &Id) -> Vec<u8> {
        let (start, end) = (start.to_be_bytes(), end.to_be_bytes());
        if self.sessions { [key.as_slice(), &end, &start].concat() } else { [key.as_slice(), &start, &[0; 4]].concat() }
    }

    fn order(self, id: &Id, by_time: bool) -> Vec<u8> {
        let (start, end) = (id.1.to_be_bytes(), id.2.to_be_bytes());
        match (by_time, self.sessions) {
            (true, true) => [&end, &start, id.0.as_slice()].concat(),
            (true, false) => [&start, id.0.as_slice(), &[0; 4]].concat(),
            (false, _) => [(id.2 / INTERVAL).to_be_bytes().as_slice(), &self.changelog_key(id)].concat(),
        }
    }

    fn visible_from(self, observed: i64) -> i64 {
        observed - RETENTION + i64::from(self.sessions || !self.indexed)
    }
}

struct Model {
    current: State,
    sealed: Option<(State, Vec<support::Record>)>,
    applied: State,
    /// Flushed since the last seal.
    flushed: Vec<support::Record>,
    /// What the changelog has acknowledged.
    log: Vec<support::Record>,
}

impl Model {
    fn new() -> Self {
        let empty = State { rows: BTreeMap::new(), observed: -1 };
        Self { current: empty.clone(), sealed: None, applied: empty, flushed: Vec::new(), log: Vec::new() }
    }

    fn forget_unapplied(&mut self) {
        self.sealed = None;
        self.flushed.clear();
        self.current = self.applied.clone();
    }
}

struct Task {
    directory: TempDir,
    engine: EngineKind,
    kind: Kind,
    keep_prior: bool,
    active: Option<ActiveStores>,
}

impl Task {
    fn open(&mut self) {
        let buffer = BufferOptions { limit_bytes: 2_000, keep_prior: self.keep_prior, write_through: false };
        let specs = vec![spec("s", self.engine).with_buffer(buffer).with_layout(self.kind.layout())];
        let stores = TaskStores::open(self.directory.path(), specs, &environment()).unwrap();
        self.active = Some(stores.activate());
    }

    fn step(&mut self, model: &mut Model, step: &Step, number: i64) {
        let active = self.active.as_mut().unwrap();
        let handle = active.handle(0).unwrap();
        match *step {
            Step::Put { key, back, ahead, length, value } => {
                let end = (model.current.observed - back + ahead).max(0);
                let start = if self.kind.sessions { (end - length).max(0) } else { end };
                let bytes = value.map(|value| vec![value; usize::from(value % 9)]);
                let outcome = if self.kind.sessions {
                    let store = SessionStore::new(handle).unwrap();
                    store.put(KEYS[key], start, end, bytes.as_deref()).unwrap()
                } else {
                    WindowStore::new(handle).unwrap().put(KEYS[key], bytes.as_deref(), start).unwrap()
                };
                model.current.put((KEYS[key].to_vec(), start, end), bytes);
                let oldest = (model.current.observed - RETENTION).max(0) / INTERVAL * INTERVAL;
                let expected = if end < oldest { PutOutcome::Expired } else { PutOutcome::Stored };
                assert_eq!(outcome, expected);
            }
            Step::Ask { keys, times, reverse } => {
                let observed = model.current.observed;
                let times = (observed - times.0, observed - times.1);
                check(handle, self.kind, &model.current, (KEYS[keys.0], KEYS[keys.1]), times, reverse);
                let reader = active.stores().reader(0).unwrap();
                check(reader, self.kind, &model.applied, (KEYS[keys.0], KEYS[keys.1]), times, reverse);
            }
            Step::Flush => model.flushed.extend(changelog(&handle)),
            Step::Seal => {
                if !active.has_sealed() {
                    model.flushed.extend(changelog(&handle));
                    active.seal().unwrap();
                    model.sealed = Some((model.current.clone(), std::mem::take(&mut model.flushed)));
                }
            }
            Step::Apply => {
                if let Some((state, records)) = model.sealed.take() {
                    active.apply(&[(0, number)]).unwrap();
                    model.applied = state;
                    model.log.extend(records);
                }
            }
            Step::Crash => {
                self.active = None;
                if self.engine == EngineKind::InMemory {
                    *model = Model::new();
                }
                self.open();
                model.forget_unapplied();
            }
            Step::Recycle { key, ahead, value } => {
                let mut stores = self.active.take().unwrap().deactivate().unwrap();
                model.forget_unapplied();
                let time = model.applied.observed.max(0) + ahead;
                let id = (KEYS[key].to_vec(), time, time);
                let record = (self.kind.changelog_key(&id), value.map(|value| vec![value]));
                stores.restore(0, [record.clone()], number).unwrap();
                model.applied.put(id, record.1.clone());
                model.log.push(record);
                model.forget_unapplied();
                self.active = Some(stores.activate());
            }
            Step::Limit(bytes) => handle.borrow_mut().set_limit(bytes),
        }
        let active = self.active.as_ref().unwrap();
        assert_eq!(active.handle(0).unwrap().borrow().observed_time(), model.current.observed);
        assert_eq!(active.stores().reader(0).unwrap().observed_time(), model.applied.observed);
    }

    /// A store restored from the changelog alone has what this one has committed.
    fn check_restored(&self, model: &Model) {
        let directory = TempDir::new().unwrap();
        let specs = vec![spec("s", self.engine).with_layout(self.kind.layout())];
        let mut stores = TaskStores::open(directory.path(), specs, &environment()).unwrap();
        for (offset, records) in model.log.chunks(7).enumerate() {
            stores.restore(0, records.iter().cloned(), offset as i64).unwrap();
        }
        assert_eq!(stores.reader(0).unwrap().observed_time(), model.applied.observed);
        check_all(stores.reader(0).unwrap(), self.kind, &model.applied);
    }
}

fn window_rows(scan: state_stores::WindowScan<impl SegmentSource>) -> Vec<Found> {
    scan.map(Result::unwrap).map(|row| (row.key, row.start, row.start, row.value)).collect()
}

fn session_rows(scan: state_stores::SessionScan<impl SegmentSource>) -> Vec<Found> {
    scan.map(Result::unwrap).map(|row| (row.key, row.start, row.end, row.value)).collect()
}

fn check_all(source: impl SegmentSource, kind: Kind, state: &State) {
    for reverse in [false, true] {
        for key in KEYS {
            check(source.clone(), kind, state, (key, key), (0, i64::MAX), reverse);
        }
        check(source.clone(), kind, state, (KEYS[0], KEYS[4]), (0, i64::MAX), reverse);
    }
}

/// Asks every query for these keys and times.
fn check(
    source: impl SegmentSource,
    kind: Kind,
    state: &State,
    (key_from, key_to): (&[u8], &[u8]),
    (from, to): (i64, i64),
    reverse: bool,
) {
    let (direction, visible) =
        (if reverse { Direction::Reverse } else { Direction::Forward }, kind.visible_from(state.observed));
    let expect = |by_time: bool, wants: &dyn Fn(&Id) -> bool| {
        let mut rows = state.select(kind, by_time, wants);
        if reverse {
            rows.reverse();
        }
        rows
    };
    let keys = |id: &Id| key_from <= id.0.as_slice() && id.0.as_slice() <= key_to;
    if kind.sessions {
        let store = SessionStore::new(source).unwrap();
        let wants = |id: &Id| id.2 >= visible && id.2 >= from && id.1 <= to;
        let found = session_rows(store.find_sessions(key_from, from, to, direction).unwrap());
        assert_eq!(found, expect(false, &|id| id.0 == key_from && wants(id)));
        let mut visited = Vec::new();
        let visit = |key: state_stores::SessionKey<'_>, value: &[u8]| {
            visited.push((key.key.to_vec(), key.start, key.end, value.to_vec()));
            std::ops::ControlFlow::Continue(())
        };
        store.visit_sessions(key_from, from, to, direction, visit).unwrap();
        assert_eq!(visited, found);
        let found = session_rows(store.find_sessions_range(Some(key_from), Some(key_to), from, to, direction).unwrap());
        assert_eq!(found, expect(false, &|id| keys(id) && wants(id)));
        let found = session_rows(store.fetch_range(None, None, direction).unwrap());
        assert_eq!(found, expect(false, &|id| id.2 >= visible));
        for (key, start, end, value) in found {
            assert_eq!(store.fetch_session(&key, start, end).unwrap(), Some(value));
        }
        if kind.indexed {
            let live = (state.observed - RETENTION).max(0) / INTERVAL * INTERVAL;
            let found = session_rows(store.find_sessions_ended(from, to, direction).unwrap());
            assert_eq!(found, expect(true, &|id| id.2 >= live && from <= id.2 && id.2 <= to));
        }
        return;
    }
    let store = WindowStore::new(source).unwrap();
    let wants = |id: &Id| id.1 >= visible && from <= id.1 && id.1 <= to;
    let found = window_rows(store.fetch_between(key_from, from, to, direction).unwrap());
    assert_eq!(found, expect(false, &|id| id.0 == key_from && wants(id)));
    let mut visited = Vec::new();
    let visit = |window: state_stores::WindowKey<'_>, value: &[u8]| {
        visited.push((window.start, value.to_vec()));
        std::ops::ControlFlow::Continue(())
    };
    store.visit(key_from, from, to, direction, visit).unwrap();
    assert_eq!(visited, found.into_iter().map(|row| (row.1, row.3)).collect::<Vec<_>>());
    let found = window_rows(store.fetch_range(Some(key_from), Some(key_to), from, to, direction).unwrap());
    assert_eq!(found, expect(false, &|id| keys(id) && wants(id)));
    let found = window_rows(store.fetch_all(from, to, direction).unwrap());
    assert_eq!(found, expect(kind.indexed, &wants));
    let found = window_rows(store.all(direction).unwrap());
    assert_eq!(found, expect(kind.indexed, &|id| id.1 >= visible));
    for (key, start, _, value) in found {
        assert_eq!(store.fetch(&key, start).unwrap(), Some(value));
    }
}

fn run(engine: EngineKind, kind: Kind, keep_prior: bool, steps: &[Step]) {
    let directory = TempDir::new().unwrap();
    let mut task = Task { directory, engine, kind, keep_prior, active: None };
    task.open();
    let mut model = Model::new();
    for (number, step) in steps.iter().enumerate() {
        task.step(&mut model, step, number as i64);
    }
    check_all(task.active.as_ref().unwrap().handle(0).unwrap(), kind, &model.current);
    task.check_restored(&model);
}

fn kind() -> impl Strategy<Value = Kind> {
    (any::<bool>(), any::<bool>()).prop_map(|(sessions, indexed)| Kind { sessions, indexed })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_windowed_store_in_memory_matches_the_model(kind in kind(), keep_prior: bool, steps in vec(step(), 1..120)) {
        run(EngineKind::InMemory, kind, keep_prior, &steps);
    }
}

proptest! {
    // Opening a database takes some milliseconds.
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn a_windowed_store_in_rocksdb_matches_the_model(kind in kind(), keep_prior: bool, steps in vec(step(), 1..120)) {
        run(EngineKind::RocksDb, kind, keep_prior, &steps);
    }
}
