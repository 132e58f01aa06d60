use super::*;
use crate::error::LogAndFail;
use crate::processor::TopicPartitions;
use crate::record::Headers;
use crate::serde::DefaultSerde;
use crate::task::TaskId;
use crate::topology::StoreFormat;
use state_stores::{ActiveStores, StorageEnvironment, StorageLimits, StoreSpec, TaskStores};
use std::collections::BTreeMap;

type Buffer = SuppressionBuffer<String, String>;

struct Fixture {
    stores: ActiveStores,
    context: TaskContext,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let environment = StorageEnvironment::new(StorageLimits::default()).unwrap();
        let stores = TaskStores::open(directory.path(), vec![StoreSpec::in_memory("held")], &environment).unwrap();
        let mut context = TaskContext::new(TaskId::new(0, 0), TopicPartitions::default(), Arc::new(LogAndFail));
        context.record = RecordContext { topic: "in".into(), partition: 2, offset: 0 };
        Self { stores: stores.activate(), context }
    }

    /// The buffer as it is after a restart.
    fn buffer(&self) -> (Buffer, i64) {
        let handle = self.stores.handle(0).unwrap();
        let store = TaskStore::new("held".into(), handle, None, StoreFormat::SuppressionBuffer, false);
        let mut buffer = Buffer::new(Rc::new(store), String::default_serde(), String::default_serde());
        let newest = buffer.load().unwrap();
        (buffer, newest)
    }

    fn put(&mut self, buffer: &mut Buffer, time: i64, key: &str, change: (Option<&str>, Option<&str>)) {
        self.context.record.offset += 1;
        let (old, new) = (change.0.map(str::to_owned), change.1.map(str::to_owned));
        let headers = Headers::default().with("at", Some(&[time as u8]));
        let record = Record { key: key.to_owned(), value: Change { old, new }, timestamp: time, headers };
        assert!(buffer.put(&self.context, time, &record).unwrap());
    }
}

/// Key, row before, row now, timestamp, offset.
type Taken = (String, Option<String>, Option<String>, i64, i64);

fn take(buffer: &mut Buffer, want_old: bool) -> Option<Taken> {
    let (origin, record) = buffer.take_first(want_old).unwrap()?;
    assert_eq!((&*origin.topic, origin.partition), ("in", 2));
    assert_eq!(record.headers, Headers::default().with("at", Some(&[record.timestamp as u8])));
    let Change { old, new } = record.value;
    Some((record.key, old, new, record.timestamp, origin.offset))
}

#[test]
fn a_later_change_keeps_the_place_and_the_first_row_before() {
    let mut fixture = Fixture::new();
    let (mut buffer, newest) = fixture.buffer();
    assert_eq!((newest, buffer.first_time(), buffer.is_empty()), (-1, None, true));
    fixture.put(&mut buffer, 5, "b", (Some("A"), Some("B")));
    fixture.put(&mut buffer, 5, "a", (None, Some("X")));
    fixture.put(&mut buffer, 4, "c", (Some("C"), None));
    fixture.put(&mut buffer, 9, "b", (Some("B"), Some("C")));
    let (mut buffer, newest) = fixture.buffer();
    assert_eq!((newest, buffer.first_time(), buffer.len()), (9, Some(4), 3));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(take(&mut buffer, true), Some(("c".to_owned(), some("C"), None, 4, 3)));
    assert_eq!(take(&mut buffer, true), Some(("a".to_owned(), None, some("X"), 5, 2)));
    assert_eq!(take(&mut buffer, true), Some(("b".to_owned(), some("A"), some("C"), 9, 4)));
    assert_eq!(take(&mut buffer, true), None);
    assert_eq!((fixture.buffer().0.len(), buffer.size_bytes()), (0, 0));
    // A new place, and a new row before, of which nobody asks.
    fixture.put(&mut buffer, 10, "b", (Some("C"), Some("D")));
    assert_eq!(buffer.first_time(), Some(10));
    assert_eq!(take(&mut buffer, false), Some(("b".to_owned(), None, some("D"), 10, 5)));
}

/// The sizes in the messages of Kafka Streams in the cases `suppress-shutdown-records` and `limit-shutdown`, and 3 for the header of each row here.
#[test]
fn sizes_are_those_of_kafka_streams() {
    let mut fixture = Fixture::new();
    let (mut buffer, _) = fixture.buffer();
    // As long as the bytes of a letter in a time window.
    let [a, b, c] = ["a", "b", "c"].map(|key| key.repeat(9));
    fixture.put(&mut buffer, 3, &a, (Some("0"), Some("0+1")));
    fixture.put(&mut buffer, 4, &b, (Some("0"), Some("0+2")));
    fixture.put(&mut buffer, 5, &a, (Some("0+1"), Some("0+1+3")));
    fixture.put(&mut buffer, 6, &c, (Some("0"), Some("0+4")));
    assert_eq!(buffer.size_bytes(), 134 + 3 * 3);
    while take(&mut buffer, false).is_some() {}
    fixture.put(&mut buffer, 21, &b, (Some("0+2"), Some("0+2+4")));
    fixture.put(&mut buffer, 22, &a, (Some("0+1+3"), Some("0+1+3+5")));
    fixture.put(&mut buffer, 23, &c, (Some("0"), Some("0+6")));
    assert_eq!(buffer.size_bytes(), 141 + 3 * 3);
}

#[test]
fn order_and_sizes_are_those_of_the_rows_whatever_happens() {
    let mut fixture = Fixture::new();
    let (mut buffer, _) = fixture.buffer();
    let mut model: BTreeMap<String, i64> = BTreeMap::new();
    let mut random = 7u64;
    for step in 0..2000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let numbers = random >> 33;
        let (key, time) = (format!("k{}", numbers % 13), (numbers / 13 % 50) as i64);
        let text = |number: u64| (!number.is_multiple_of(4)).then(|| "v".repeat(number as usize % 5));
        if numbers.is_multiple_of(5) {
            let first = model.iter().map(|(key, time)| (*time, key.clone())).min();
            let taken = take(&mut buffer, true).map(|taken| taken.0);
            assert_eq!(taken, first.map(|(_, key)| key), "step {step}");
            taken.map(|key| model.remove(&key));
        } else {
            let (old, new) = (text(numbers / 650), text(numbers / 5000));
            fixture.put(&mut buffer, time, &key, (old.as_deref(), new.as_deref()));
            model.entry(key).or_insert(time);
        }
        let (loaded, _) = fixture.buffer();
        assert_eq!(
            (loaded.len(), loaded.size_bytes(), &loaded.order),
            (buffer.len(), buffer.size_bytes(), &buffer.order),
            "step {step}"
        );
        assert_eq!(buffer.len(), model.len());
    }
}

#[test]
fn what_is_no_row_is_an_error_that_names_the_store() {
    use state_stores::KeyValueStore;
    let fixture = Fixture::new();
    fixture.stores.handle(0).unwrap().put(b"k", Some(b"value")).unwrap();
    let store =
        TaskStore::new("held".into(), fixture.stores.handle(0).unwrap(), None, StoreFormat::SuppressionBuffer, false);
    let mut buffer = Buffer::new(Rc::new(store), String::default_serde(), String::default_serde());
    let error = buffer.load().unwrap_err().to_string();
    assert!(error.contains("store held") && error.contains("suppression buffer"), "{error}");
}
