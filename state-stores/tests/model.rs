//! Random histories of a task against a model made of plain maps.

mod support;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use state_stores::{ActiveStores, BufferOptions, EngineKind, KeyValueStore, ReadOnlyKeyValueStore, TaskStores};
use support::{Row, environment, flush, get, rows, spec};
use tempfile::TempDir;

#[derive(Debug, Clone)]
enum Step {
    Get(Key),
    Put(Key, u8),
    PutIfAbsent(Key, u8),
    Delete(Key),
    BlindDelete(Key),
    Range(Key, Key),
    Prefix(u8),
    Flush,
    Seal,
    Apply,
    /// The process dies and starts again.
    Crash,
    /// The task becomes a standby, restores a row, and becomes active again.
    Recycle(Key, Option<u8>),
    Limit(usize),
}

type Key = Vec<u8>;
type Rows = BTreeMap<Key, Vec<u8>>;

fn key() -> impl Strategy<Value = Key> {
    // Few keys, so that histories meet; one byte of four values, up to three of them.
    vec(prop_oneof![Just(0_u8), Just(1), Just(0x80), Just(0xff)], 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => key().prop_map(Step::Get),
        8 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => (key(), any::<u8>()).prop_map(|(key, value)| Step::PutIfAbsent(key, value)),
        4 => key().prop_map(Step::Delete),
        2 => key().prop_map(Step::BlindDelete),
        3 => (key(), key()).prop_map(|(from, to)| Step::Range(from, to)),
        2 => any::<u8>().prop_map(Step::Prefix),
        3 => Just(Step::Flush),
        3 => Just(Step::Seal),
        3 => Just(Step::Apply),
        1 => Just(Step::Crash),
        1 => (key(), any::<Option<u8>>()).prop_map(|(key, value)| Step::Recycle(key, value)),
        1 => (0_usize..4_000).prop_map(Step::Limit),
    ]
}

/// Long values too, so that buffers change size.
fn bytes(value: u8) -> Vec<u8> {
    vec![value; usize::from(value) * 3]
}

/// What the task should hold.
#[derive(Default)]
struct Model {
    /// What the task sees.
    current: Rows,
    /// What was forwarded: the changelog.
    forwarded: Rows,
    sealed: Option<Rows>,
    applied: Rows,
    offset: Option<i64>,
}

struct Task {
    directory: TempDir,
    engine: EngineKind,
    keep_prior: bool,
    active: Option<ActiveStores>,
}

impl Task {
    fn open(&mut self) {
        let buffer = BufferOptions { limit_bytes: 1_000, keep_prior: self.keep_prior, write_through: false };
        let specs = vec![spec("s", self.engine).with_buffer(buffer)];
        let stores = TaskStores::open(self.directory.path(), specs, &environment()).unwrap();
        self.active = Some(stores.activate());
    }

    fn run(&mut self, model: &mut Model, steps: &[Step]) {
        for (number, step) in steps.iter().enumerate() {
            self.step(model, step, number as i64);
        }
        self.check_all(model);
    }

    fn step(&mut self, model: &mut Model, step: &Step, number: i64) {
        let active = self.active.as_mut().unwrap();
        let store = active.handle(0).unwrap();
        match step {
            Step::Get(key) => assert_eq!(get(&store, key).as_ref(), model.current.get(key)),
            Step::Put(key, value) => {
                store.put(key, Some(&bytes(*value))).unwrap();
                model.current.insert(key.clone(), bytes(*value));
            }
            Step::PutIfAbsent(key, value) => {
                let existing = store.put_if_absent(key, &bytes(*value)).unwrap();
                assert_eq!(existing.as_ref(), model.current.get(key));
                model.current.entry(key.clone()).or_insert_with(|| bytes(*value));
            }
            Step::Delete(key) => assert_eq!(store.delete(key).unwrap(), model.current.remove(key)),
            Step::BlindDelete(key) => {
                store.put(key, None).unwrap();
                model.current.remove(key);
            }
            Step::Range(from, to) => {
                let inside = |row: &Row| from <= &row.0 && &row.0 <= to;
                let expected = collect(&model.current, inside);
                assert_eq!(rows(store.range(Some(from), Some(to))), expected);
                let reverse: Vec<_> = expected.into_iter().rev().collect();
                assert_eq!(rows(store.reverse_range(Some(from), Some(to))), reverse);
            }
            Step::Prefix(prefix) => {
                let prefix = [*prefix];
                let expected = collect(&model.current, |row| row.0.starts_with(&prefix));
                assert_eq!(rows(store.prefix_scan(&prefix)), expected);
            }
            Step::Flush => self.flush(model),
            Step::Seal => {
                if !active.has_sealed() {
                    self.flush(model);
                    self.active.as_mut().unwrap().seal().unwrap();
                    model.sealed = Some(model.forwarded.clone());
                }
            }
            Step::Apply => {
                if let Some(sealed) = model.sealed.take() {
                    active.apply(&[(0, number)]).unwrap();
                    model.applied = sealed;
                    model.offset = Some(number);
                }
            }
            Step::Crash => {
                self.active = None;
                if self.engine == EngineKind::InMemory {
                    *model = Model::default();
                }
                self.open();
                model.forget_unapplied();
            }
            Step::Recycle(key, value) => {
                let mut stores = self.active.take().unwrap().deactivate().unwrap();
                let value = value.map(bytes);
                stores.restore(0, [(key, value.as_ref())], number).unwrap();
                match value {
                    Some(value) => drop(model.applied.insert(key.clone(), value)),
                    None => drop(model.applied.remove(key)),
                }
                model.offset = Some(number);
                model.forget_unapplied();
                self.active = Some(stores.activate());
            }
            Step::Limit(bytes) => store.borrow_mut().set_limit(*bytes),
        }
        self.check_committed(model);
    }

    fn flush(&self, model: &mut Model) {
        let changes = flush(&self.active.as_ref().unwrap().handle(0).unwrap());
        for (key, value, prior) in changes {
            assert_eq!(value.as_ref(), model.current.get(&key), "{key:?}");
            if self.keep_prior {
                assert_eq!(prior.as_ref(), model.forwarded.get(&key), "{key:?}");
            }
            match value {
                Some(value) => drop(model.forwarded.insert(key, value)),
                None => drop(model.forwarded.remove(&key)),
            }
        }
        assert_eq!(model.forwarded, model.current);
    }

    fn check_committed(&self, model: &Model) {
        let active = self.active.as_ref().unwrap();
        let stats = active.handle(0).unwrap().borrow().stats();
        assert!(stats.dirty_bytes + stats.sealed_bytes <= stats.bytes, "{stats:?}");
        assert!(stats.sealed_bytes == 0 || active.has_sealed(), "{stats:?}");
        let stores = active.stores();
        assert_eq!(stores.committed_offset(0), model.offset);
        let committed = rows(stores.reader(0).unwrap().all());
        assert_eq!(committed, collect(&model.applied, |_| true));
    }

    fn check_all(&self, model: &Model) {
        let store = self.active.as_ref().unwrap().handle(0).unwrap();
        let expected = collect(&model.current, |_| true);
        assert_eq!(rows(store.all()), expected);
        assert_eq!(rows(store.reverse_all()), expected.into_iter().rev().collect::<Vec<_>>());
    }
}

impl Model {
    fn forget_unapplied(&mut self) {
        self.sealed = None;
        self.current = self.applied.clone();
        self.forwarded = self.applied.clone();
    }
}

fn collect(rows: &Rows, keep: impl Fn(&Row) -> bool) -> Vec<Row> {
    let rows = rows.iter().map(|(key, value)| (key.clone(), value.clone()));
    rows.filter(keep).collect()
}

fn run(engine: EngineKind, keep_prior: bool, steps: &[Step]) {
    let mut task = Task { directory: TempDir::new().unwrap(), engine, keep_prior, active: None };
    task.open();
    task.run(&mut Model::default(), steps);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_task_in_memory_matches_the_model(keep_prior: bool, steps in vec(step(), 1..120)) {
        run(EngineKind::InMemory, keep_prior, &steps);
    }
}

proptest! {
    // Opening a database takes some milliseconds.
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_task_in_rocksdb_matches_the_model(keep_prior: bool, steps in vec(step(), 1..120)) {
        run(EngineKind::RocksDb, keep_prior, &steps);
    }
}
