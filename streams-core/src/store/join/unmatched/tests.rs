use super::*;
use crate::error::LogAndFail;
use crate::processor::TopicPartitions;
use crate::serde::DefaultSerde;
use crate::task::TaskId;
use crate::topology::StoreFormat;
use state_stores::{ActiveStores, StorageEnvironment, StorageLimits, StoreSpec, TaskStores};

type Store = UnmatchedStore<String, String, i64>;

/// Left records wait for 10, right ones for 4.
const REACH: JoinReach = JoinReach { before: 3, after: 9, grace: 1 };

struct Fixture {
    stores: ActiveStores,
    context: TaskContext,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let environment = StorageEnvironment::new(StorageLimits::default()).unwrap();
        let stores = TaskStores::open(directory.path(), vec![StoreSpec::in_memory("waiting")], &environment).unwrap();
        let context = TaskContext::new(TaskId::new(0, 0), TopicPartitions::default(), Arc::new(LogAndFail));
        Self { stores: stores.activate(), context }
    }

    fn task_store(&self) -> Rc<TaskStore> {
        let handle = self.stores.handle(0).unwrap();
        Rc::new(TaskStore::new("waiting".into(), handle, None, StoreFormat::Plain, true))
    }

    /// What one side has of it, as it is after a restart.
    fn side(store: &Rc<TaskStore>, observed: i64) -> Store {
        let mut side =
            Store::new(Rc::clone(store), String::default_serde(), String::default_serde(), i64::default_serde());
        side.load(observed).unwrap();
        side
    }

    fn put_left(&mut self, store: &mut Store, key: &str, value: &str, timestamp: i64) {
        store.advance(timestamp);
        assert!(store.begin(&key.to_owned()).unwrap());
        store.put(&mut self.context, timestamp, Unmatched::Left(&value.to_owned())).unwrap();
    }

    fn put_right(&mut self, store: &mut Store, key: &str, value: i64, timestamp: i64) {
        store.advance(timestamp);
        assert!(store.begin(&key.to_owned()).unwrap());
        store.put(&mut self.context, timestamp, Unmatched::Right(&value)).unwrap();
    }

    fn remove(&mut self, store: &mut Store, key: &str, side: JoinSide, timestamp: i64) {
        assert!(store.begin(&key.to_owned()).unwrap());
        let now = store.stream_time();
        store.remove(&mut self.context, now, side, timestamp).unwrap();
    }

    /// What waits no more: `key value time`, right values as numbers.
    fn emit(&mut self, store: &mut Store) -> Vec<String> {
        let (now, mut emitted) = (store.stream_time(), Vec::new());
        let line = |key: String, timestamp: i64, value: Unmatched<String, i64>| match value {
            Unmatched::Left(text) => format!("{key} {text} {timestamp}"),
            Unmatched::Right(number) => format!("{key} #{number} {timestamp}"),
        };
        let each = |_: &mut TaskContext, key, timestamp, value| {
            emitted.push(line(key, timestamp, value));
            Ok(())
        };
        store.emit(&mut self.context, now, &REACH, each).unwrap();
        emitted
    }
}

#[test]
fn records_go_by_time_when_their_side_has_waited_long_enough() {
    let mut fixture = Fixture::new();
    let task_store = fixture.task_store();
    let (mut left, mut right) = (Fixture::side(&task_store, -1), Fixture::side(&task_store, -1));
    fixture.put_left(&mut left, "b", "1", 5);
    fixture.put_left(&mut left, "a", "2", 5);
    fixture.put_left(&mut left, "a", "3", 5);
    fixture.put_right(&mut right, "a", 4, 8);
    fixture.put_right(&mut right, "c", 5, 6);
    right.advance(12);
    // Those of the right have closed after 6 + 4 and before 8 + 4.
    assert_eq!(fixture.emit(&mut left), ["c #5 6"]);
    right.advance(16);
    assert_eq!(fixture.emit(&mut right), ["a 2 5", "a 3 5", "b 1 5", "a #4 8"]);
    assert!(!left.holds(JoinSide::Left) && !left.holds(JoinSide::Right));
    assert_eq!(fixture.emit(&mut left), [""; 0]);
}

#[test]
fn who_finds_a_partner_is_gone_and_others_stay_over_a_restart() {
    let mut fixture = Fixture::new();
    let task_store = fixture.task_store();
    let mut store = Fixture::side(&task_store, -1);
    fixture.put_left(&mut store, "a", "1", 5);
    fixture.put_left(&mut store, "b", "2", 6);
    fixture.put_right(&mut store, "a", 3, 5);
    fixture.remove(&mut store, "a", JoinSide::Left, 5);
    fixture.remove(&mut store, "a", JoinSide::Left, 7);
    fixture.remove(&mut store, "c", JoinSide::Right, 5);
    let task_store = fixture.task_store();
    let mut store = Fixture::side(&task_store, 30);
    assert!(store.holds(JoinSide::Left) && store.holds(JoinSide::Right));
    assert_eq!(store.stream_time(), 30);
    assert!(store.is_due(0, JoinSide::Left, &REACH, 1000));
    assert_eq!(fixture.emit(&mut store), ["a #3 5", "b 2 6"]);
}

#[test]
fn it_is_looked_no_more_often_than_the_interval() {
    let mut fixture = Fixture::new();
    let task_store = fixture.task_store();
    let mut store = Fixture::side(&task_store, -1);
    // As in Kafka Streams a first look, where nothing is known to wait.
    assert!(store.is_due(5_000, JoinSide::Left, &REACH, 1_000));
    fixture.put_left(&mut store, "a", "1", 5);
    store.advance(100);
    assert!(!store.is_due(5_999, JoinSide::Left, &REACH, 1_000));
    assert!(store.is_due(6_000, JoinSide::Left, &REACH, 1_000));
    assert_eq!(fixture.emit(&mut store), ["a 1 5"]);
    let none = JoinReach { before: 0, after: 0, grace: 0 };
    let store = Fixture::side(&Fixture::new().task_store(), 100);
    assert!(!store.is_due(9_000, JoinSide::Right, &none, 1_000), "nobody waits who need not");
}

#[test]
fn a_record_on_which_the_user_fails_is_not_met_again() {
    let mut fixture = Fixture::new();
    let task_store = fixture.task_store();
    let mut store = Fixture::side(&task_store, -1);
    fixture.put_left(&mut store, "a", "bad", 5);
    fixture.put_left(&mut store, "a", "good", 5);
    fixture.put_left(&mut store, "b", "good", 6);
    store.advance(100);
    let mut seen = Vec::new();
    let failed = store.emit(&mut fixture.context, 100, &REACH, |_, key, _, value| {
        let bad = value == Unmatched::Left("bad".to_owned());
        seen.push(key);
        if bad { Err(StreamsError::user("bad")) } else { Ok(()) }
    });
    assert!(failed.is_err());
    assert_eq!(seen, ["a", "a"]);
    assert_eq!(fixture.emit(&mut store), ["b good 6"]);
}
