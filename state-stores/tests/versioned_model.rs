//! Random histories of a versioned store against a model that keeps every version of every key.

mod support;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use state_stores::formats::join_version;
use state_stores::{
    ActiveStores, EngineKind, ReadOnlyVersionedKeyValueStore, RowLayout, TaskStores, Version, VersionPut,
    VersionedKeyValueStore,
};
use support::{environment, spec};
use tempfile::TempDir;

const HISTORY: i64 = 30;
const INTERVAL: i64 = 10;

#[derive(Debug, Clone)]
enum Step {
    /// A key, how far its time is from the largest so far, and a value or none.
    Put(u8, i64, Option<u8>),
    Delete(u8, i64),
    Commit,
    /// The process dies and starts again, or the store is lost and restored from its changelog.
    Crash,
    Restore,
    Limit(usize),
}

/// Keys of which one begins with another, and with bytes of every size.
fn key(number: u8) -> Vec<u8> {
    [&b""[..], b"k", b"k\0\0\0\0\0\0\0\0", b"k\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
        [usize::from(number) % 5]
        .to_vec()
}

fn step() -> impl Strategy<Value = Step> {
    let near = -35..15_i64;
    prop_oneof![
        20 => (0..5_u8, near.clone(), any::<Option<u8>>()).prop_map(|(key, time, value)| Step::Put(key, time, value)),
        4 => (0..5_u8, near).prop_map(|(key, time)| Step::Delete(key, time)),
        4 => Just(Step::Commit),
        1 => Just(Step::Crash),
        1 => Just(Step::Restore),
        1 => (0_usize..3_000).prop_map(Step::Limit),
    ]
}

/// What is known of a key as of a time.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    value: Option<Vec<u8>>,
    /// Whether a deletion was put when something later was known: then it is a version of its own.
    own: bool,
    /// Whether a deletion was put at this time when nothing later was known, and nothing before that ended then.
    marked: bool,
}

#[derive(Debug, Clone)]
struct Model {
    keys: BTreeMap<Vec<u8>, BTreeMap<i64, Known>>,
    observed: i64,
}

impl Model {
    fn new() -> Self {
        Self { keys: BTreeMap::new(), observed: -1 }
    }

    fn put(&mut self, key: &[u8], value: Option<Vec<u8>>, time: i64) -> VersionPut {
        if time < 0 || time < self.observed - HISTORY {
            return VersionPut::TooLate;
        }
        self.observed = self.observed.max(time);
        let versions = self.keys.entry(key.to_vec()).or_default();
        let later = versions.range(time + 1..).next().map(|(since, _)| *since);
        let replaces_latest = later.is_none() && versions.get(&time).is_some_and(|known| known.value.is_some());
        let mut marked = versions.get(&time).is_some_and(|known| known.marked);
        if value.is_none() && replaces_latest && !marked {
            // The quirk of Kafka Streams: what ended at that time is all that is left of it.
            let before = versions.range(..time).next_back();
            if !before.is_some_and(|(_, known)| known.value.is_some() || known.own) {
                versions.remove(&time);
                return VersionPut::Latest;
            }
        }
        let own = value.is_none() && later.is_some();
        marked |= value.is_none() && later.is_none() && !replaces_latest;
        versions.insert(time, Known { value, own, marked });
        later.map_or(VersionPut::Latest, VersionPut::Until)
    }

    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, i64, Option<i64>)> {
        let (since, known) = self.keys.get(key)?.last_key_value()?;
        Some((known.value.clone()?, *since, None))
    }

    fn get_as_of(&self, key: &[u8], time: i64) -> Option<(Vec<u8>, i64, Option<i64>)> {
        let versions = self.keys.get(key)?;
        let (since, known) = versions.range(..=time).next_back()?;
        let until = versions.range(since + 1..).next().map(|(until, _)| *until);
        if until.is_some() && time < self.observed - HISTORY {
            return None;
        }
        Some((known.value.clone()?, *since, until))
    }
}

struct Task {
    directory: TempDir,
    engine: EngineKind,
    active: Option<ActiveStores>,
    /// What was put since the last commit, and before.
    uncommitted: Vec<(Vec<u8>, Vec<u8>)>,
    changelog: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Task {
    fn open(&mut self) -> TaskStores {
        let layout = RowLayout::versioned(HISTORY).with_segment_interval(INTERVAL);
        let specs = vec![spec("s", self.engine).with_layout(layout)];
        TaskStores::open(self.directory.path(), specs, &environment()).unwrap()
    }

    fn store(&self) -> VersionedKeyValueStore {
        VersionedKeyValueStore::new(self.active.as_ref().unwrap().handle(0).unwrap()).unwrap()
    }

    fn log(&mut self, key: &[u8], value: Option<&[u8]>, time: i64) {
        let mut version = Vec::new();
        join_version(time, value, &mut version);
        self.uncommitted.push((key.to_vec(), version));
    }

    fn commit(&mut self) {
        self.changelog.append(&mut self.uncommitted);
        let active = self.active.as_mut().unwrap();
        assert!(!active.has_unforwarded());
        active.seal().unwrap();
        active.apply(&[(0, self.changelog.len() as i64)]).unwrap();
    }
}

fn owned(version: Option<Version<'_>>) -> Option<(Vec<u8>, i64, Option<i64>)> {
    version.map(|version| (version.value.to_vec(), version.since, version.until))
}

fn check(task: &Task, model: &Model, committed: Option<&Model>) {
    let mut store = task.store();
    for number in 0..5 {
        let key = key(number);
        assert_eq!(owned(store.get(&key).unwrap()), model.get(&key));
        for time in (model.observed - HISTORY - 15..model.observed + 5).rev() {
            assert_eq!(
                owned(store.get_as_of(&key, time).unwrap()),
                model.get_as_of(&key, time),
                "{key:?} as of {time}"
            );
        }
    }
    if let Some(model) = committed {
        let reader = task.active.as_ref().unwrap().stores().reader(0).unwrap();
        let mut store = ReadOnlyVersionedKeyValueStore::new(reader).unwrap();
        for time in model.observed - HISTORY - 5..model.observed + 5 {
            assert_eq!(owned(store.get_as_of(b"k", time).unwrap()), model.get_as_of(b"k", time));
        }
    }
}

fn run(engine: EngineKind, steps: &[Step]) {
    let directory = TempDir::new().unwrap();
    let mut task = Task { directory, engine, active: None, uncommitted: Vec::new(), changelog: Vec::new() };
    task.active = Some(task.open().activate());
    let (mut model, mut committed) = (Model::new(), Model::new());
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Put(number_of_key, delta, value) => {
                let (key, time) = (key(*number_of_key), model.observed + delta);
                let value = value.map(|value| vec![value; usize::from(value % 40)]);
                let put = task.store().put(&key, value.as_deref(), time).unwrap();
                task.log(&key, value.as_deref(), time);
                assert_eq!(put, model.put(&key, value, time), "step {number}");
            }
            Step::Delete(number_of_key, delta) => {
                let (key, time) = (key(*number_of_key), model.observed + delta);
                let held = task.store().delete(&key, time).unwrap();
                task.log(&key, None, time);
                let expected = model.get_as_of(&key, time);
                let too_late = model.put(&key, None, time) == VersionPut::TooLate;
                assert_eq!(held, expected.filter(|_| !too_late), "step {number}");
            }
            Step::Commit => {
                task.commit();
                committed = model.clone();
            }
            Step::Crash | Step::Restore => {
                drop(task.active.take());
                let lost = matches!(step, Step::Restore) || engine == EngineKind::InMemory;
                task.uncommitted.clear();
                let mut stores = task.open();
                if lost {
                    stores.wipe(0).unwrap();
                    let mut offset = 0;
                    for part in task.changelog.chunks(7) {
                        offset += part.len() as i64;
                        stores.restore(0, part.iter().map(|(key, version)| (key, Some(version))), offset).unwrap();
                    }
                }
                task.active = Some(stores.activate());
                model = committed.clone();
            }
            Step::Limit(bytes) => {
                task.active.as_ref().unwrap().handle(0).unwrap().borrow_mut().set_limit(*bytes);
            }
        }
    }
    check(&task, &model, None);
    task.commit();
    check(&task, &model, Some(&model));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn versions_in_memory_match_the_model(steps in vec(step(), 1..150)) {
        run(EngineKind::InMemory, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn versions_in_rocksdb_match_the_model(steps in vec(step(), 1..150)) {
        run(EngineKind::RocksDb, &steps);
    }
}

#[test]
fn a_history_with_gaps_of_many_segments_is_found_at_once() {
    let directory = TempDir::new().unwrap();
    let layout = RowLayout::versioned(i64::MAX / 4).with_segment_interval(1);
    let specs = vec![spec("s", EngineKind::InMemory).with_layout(layout)];
    let active = TaskStores::open(directory.path(), specs, &environment()).unwrap().activate();
    let mut store = VersionedKeyValueStore::new(active.handle(0).unwrap()).unwrap();
    for time in [1, 5, 1 << 50] {
        assert_eq!(store.put(b"k", Some(b"v"), time).unwrap(), VersionPut::Latest);
        assert_eq!(store.put(b"k", None, time + 1).unwrap(), VersionPut::Latest);
    }
    assert_eq!(store.get_as_of(b"k", 7).unwrap(), None);
    assert_eq!(store.get_as_of(b"k", 5).unwrap().unwrap().until, Some(6));
    assert_eq!(store.put(b"k", Some(b"w"), 9).unwrap(), VersionPut::Until(1 << 50));
}

#[test]
fn bytes_that_are_no_version_are_refused() {
    let directory = TempDir::new().unwrap();
    let specs = vec![spec("s", EngineKind::InMemory).with_layout(RowLayout::versioned(10))];
    let mut stores = TaskStores::open(directory.path(), specs, &environment()).unwrap();
    let error = stores.restore(0, [("k", Some("short"))], 1).unwrap_err();
    assert!(error.to_string().contains("`s` was given 5 bytes that are no version"), "{error}");
    assert!(VersionedKeyValueStore::new(stores.reader(0).unwrap()).is_ok());
}
