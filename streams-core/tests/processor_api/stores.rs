//! Each kind of store, kept in each way.

use crate::probe::{pipe, topology, with_store};
use std::time::Duration;
use streams_core::processor_api::{
    KeyValueStore, SessionStore, StoreBuilder, Stores, TimestampedKeyValueStore, TimestampedWindowStore,
    ValueAndTimestamp, VersionPut, VersionedKeyValueStore, WindowStore,
};
use streams_core::record::{Record, VersionedRecord};
use streams_core::serde::{NumberSerde, OptionSerde, StringSerde};
use streams_core::test_driver::TopologyTestDriver;
use streams_core::windowed::SessionWindow;

const SECOND: Duration = Duration::from_secs(1);

fn key(text: &str) -> String {
    text.to_owned()
}

fn numbers() -> StoreBuilder<KeyValueStore<String, i32>> {
    Stores::key_value_store("numbers")
}

/// Keys and values of an iterator, as text.
fn shown<K: std::fmt::Debug, V: std::fmt::Debug, E: std::fmt::Debug>(
    rows: impl Iterator<Item = Result<(K, V), E>>,
) -> String {
    rows.map(|row| row.unwrap()).map(|(key, value)| format!("{key:?}={value:?}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn key_value_stores_are_read_and_written() {
    with_store(numbers, |store| {
        assert_eq!(store.get(&key("a"))?, None);
        store.put(&key("a"), &1)?;
        store.put(&key("a"), &2)?;
        assert_eq!(store.get(&key("a"))?, Some(2));
        assert_eq!(store.put_if_absent(&key("a"), &3)?, Some(2));
        assert_eq!(store.put_if_absent(&key("b"), &4)?, None);
        store.put_all([(key("c"), 5), (key("ca"), 6)])?;
        assert_eq!(store.approximate_num_entries()?, 4);
        assert_eq!(store.delete(&key("b"))?, Some(4));
        assert_eq!(store.delete(&key("b"))?, None);
        assert_eq!(shown(store.all()?), r#""a"=2 "c"=5 "ca"=6"#);
        Ok(())
    });
}

#[test]
fn ranges_include_both_ends_and_go_both_ways() {
    with_store(numbers, |store| {
        for (number, name) in ["a", "b", "ba", "c", "d"].into_iter().enumerate() {
            store.put(&key(name), &(number as i32))?;
        }
        let (b, c) = (key("b"), key("c"));
        assert_eq!(shown(store.range(Some(&b), Some(&c))?), r#""b"=1 "ba"=2 "c"=3"#);
        assert_eq!(shown(store.reverse_range(Some(&b), Some(&c))?), r#""c"=3 "ba"=2 "b"=1"#);
        assert_eq!(shown(store.range(None, Some(&b))?), r#""a"=0 "b"=1"#);
        assert_eq!(shown(store.range(Some(&c), None)?), r#""c"=3 "d"=4"#);
        assert_eq!(shown(store.reverse_all()?), r#""d"=4 "c"=3 "ba"=2 "b"=1 "a"=0"#);
        assert_eq!(shown(store.prefix_scan(b"b")?), r#""b"=1 "ba"=2"#);
        Ok(())
    });
}

#[test]
fn a_store_may_be_written_while_its_rows_are_read() {
    with_store(numbers, |store| {
        (0..1000).try_for_each(|number| store.put(&format!("{number:04}"), &number))?;
        let mut seen = 0;
        for row in store.all()? {
            let (key, number) = row?;
            assert_eq!(number, seen);
            store.delete(&key)?;
            store.put(&format!("{key} again"), &0)?;
            seen += 1;
        }
        assert_eq!(seen, 1000);
        Ok(())
    });
}

#[test]
fn a_null_value_deletes_and_a_null_key_is_an_error() {
    let store = || {
        let (keys, values) = (OptionSerde::new(StringSerde), OptionSerde::new(NumberSerde::<i32>::default()));
        Stores::key_value_store_with::<Option<String>, Option<i32>>("numbers", keys, values)
    };
    with_store(store, |store| {
        store.put(&Some(key("a")), &Some(1))?;
        store.put(&Some(key("a")), &None)?;
        assert_eq!(store.get(&Some(key("a")))?, None);
        let error = store.get(&None).unwrap_err().to_string();
        assert_eq!(error, "store numbers has no null keys");
        Ok(())
    });
}

#[test]
fn timestamped_stores_keep_a_time_with_each_value() {
    with_store(
        || Stores::timestamped_key_value_store::<String, i32>("numbers"),
        |store| {
            let store: &TimestampedKeyValueStore<String, i32> = store;
            store.put(&key("a"), &ValueAndTimestamp::new(1, 77))?;
            let row = store.get(&key("a"))?.unwrap();
            assert_eq!((row.value, row.timestamp), (1, 77));
            assert_eq!(store.delete(&key("a"))?, Some(row));
            assert_eq!(store.get(&key("a"))?, None);
            Ok(())
        },
    );
}

fn windows() -> StoreBuilder<WindowStore<String, i32>> {
    Stores::window_store("windows", 120 * SECOND, SECOND)
}

#[test]
fn window_stores_are_read_and_written() {
    with_store(windows, |store| {
        for (name, value, start) in [("a", 1, 0), ("a", 2, 1000), ("b", 3, 1000), ("a", 4, 2000)] {
            assert!(store.put(&key(name), &value, start)?);
        }
        assert_eq!(store.fetch(&key("a"), 1000)?, Some(2));
        assert_eq!(store.fetch(&key("a"), 1001)?, None);
        let show = |rows| {
            let rows: streams_core::processor_api::WindowIterator<String, i32> = rows;
            let rows = rows.map(|row| row.map(|(key, value)| (format!("{}{}", key.key, key.window), value)));
            shown(rows)
        };
        assert_eq!(show(store.fetch_between(&key("a"), 500, 2000)?), r#""a[1000, 2000)"=2 "a[2000, 3000)"=4"#);
        assert_eq!(show(store.backward_fetch_between(&key("a"), 0, 1000)?), r#""a[1000, 2000)"=2 "a[0, 1000)"=1"#);
        let (a, b) = (key("a"), key("b"));
        let expected = r#""a[1000, 2000)"=2 "b[1000, 2000)"=3"#;
        assert_eq!(show(store.fetch_range(Some(&a), Some(&b), 1000, 1000)?), expected);
        assert_eq!(show(store.fetch_all(1000, 1000)?), expected);
        let expected = r#""b[1000, 2000)"=3 "a[1000, 2000)"=2"#;
        assert_eq!(show(store.backward_fetch_range(Some(&a), None, 1000, 1000)?), expected);
        assert_eq!(show(store.backward_fetch_all(1000, 1000)?), expected);
        store.delete(&key("a"), 1000)?;
        assert_eq!(store.fetch(&key("a"), 1000)?, None);
        assert_eq!((store.all()?.count(), store.backward_all()?.count()), (3, 3));
        Ok(())
    });
}

#[test]
fn windows_expire_by_the_largest_start() {
    with_store(windows, |store| {
        assert!(store.put(&key("a"), &1, 0)?);
        assert!(store.put(&key("a"), &2, 1_000_000)?);
        assert_eq!(store.fetch(&key("a"), 0)?, None);
        assert!(!store.put(&key("a"), &3, 0)?);
        assert_eq!(store.all()?.count(), 1);
        Ok(())
    });
}

#[test]
fn duplicates_are_kept_beside_each_other() {
    with_store(
        || windows().with_duplicates(),
        |store| {
            for value in 1..=3 {
                assert!(store.put(&key("a"), &value, 1000)?);
            }
            store.delete(&key("a"), 1000)?;
            let values: Vec<_> = store.fetch_between(&key("a"), 0, 9999)?.map(|row| row.unwrap().1).collect();
            assert_eq!(values, [1, 2, 3]);
            assert_eq!(store.fetch(&key("a"), 1000)?, Some(3));
            Ok(())
        },
    );
}

#[test]
fn timestamped_windows_keep_a_time_with_each_value() {
    with_store(
        || Stores::timestamped_window_store::<String, i32>("windows", 60 * SECOND, SECOND),
        |store| {
            let store: &TimestampedWindowStore<String, i32> = store;
            assert!(store.put(&key("a"), &ValueAndTimestamp::new(1, 1077), 1000)?);
            assert_eq!(store.fetch(&key("a"), 1000)?, Some(ValueAndTimestamp::new(1, 1077)));
            Ok(())
        },
    );
}

fn versions() -> StoreBuilder<VersionedKeyValueStore<String, i32>> {
    Stores::versioned_key_value_store("versions", 60 * SECOND)
}

#[test]
fn versioned_stores_are_read_and_written() {
    let action = |store: &VersionedKeyValueStore<String, i32>, _: &Record<String, String>| {
        let version = |value, timestamp, valid_to| Some(VersionedRecord { value, timestamp, valid_to });
        let a = key("a");
        assert_eq!(store.put(&a, &1, 10)?, VersionPut::Latest);
        assert_eq!(store.put(&a, &3, 30)?, VersionPut::Latest);
        assert_eq!(store.put(&a, &2, 20)?, VersionPut::Until(30));
        assert_eq!(store.get(&a)?, version(3, 30, None));
        assert_eq!(store.get_as_of(&a, 29)?, version(2, 20, Some(30)));
        assert_eq!(store.get_as_of(&a, 9)?, None);
        assert_eq!(store.delete(&a, 25)?, version(2, 20, Some(30)));
        assert_eq!(store.get_as_of(&a, 29)?, None);
        assert_eq!(store.delete(&a, 40)?, version(3, 30, None));
        assert_eq!(store.get(&a)?, None);
        assert_eq!(store.put(&key("b"), &9, 100_000)?, VersionPut::Latest);
        assert_eq!(store.put(&a, &4, 39_999)?, VersionPut::TooLate);
        assert_eq!(store.delete(&a, 39_999)?, None);
        Ok(())
    };
    for store in [versions(), versions().in_memory(), versions().with_logging_disabled()] {
        pipe(&TopologyTestDriver::new(&topology(store, action)), &[("k", "v", 0)]).unwrap();
    }
}

#[test]
fn what_is_put_into_a_versioned_store_is_logged_with_its_time() {
    let topology = topology(versions(), |store, _| {
        let _latest = store.put(&key("a"), &2, 20)?;
        let _past = store.put(&key("a"), &1, 10)?;
        store.delete(&key("a"), 30)?;
        Ok(())
    });
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("k", "v", 0)]).unwrap();
    let topic = driver.create_output_topic::<String, Option<i32>>("test-application-versions-changelog");
    let logged = topic.read_records_to_list().unwrap();
    let logged: Vec<_> = logged.into_iter().map(|record| (record.value, record.timestamp)).collect();
    assert_eq!(logged, [(Some(2), 20), (Some(1), 10), (None, 30)]);
}

#[test]
fn a_versioned_store_has_no_cache() {
    let error = versions().with_caching_enabled().build().err().unwrap();
    assert!(error.contains("store versions is versioned"), "{error}");
}

fn sessions() -> StoreBuilder<SessionStore<String, i32>> {
    Stores::session_store("sessions", 120 * SECOND)
}

#[test]
fn session_stores_are_read_and_written() {
    with_store(sessions, |store| {
        let session = SessionWindow::new;
        for (name, start, end, value) in [("a", 0, 10, 1), ("a", 30, 40, 2), ("b", 5, 35, 3)] {
            assert!(store.put(&key(name), session(start, end), &value)?);
        }
        assert_eq!(store.fetch_session(&key("a"), 30, 40)?, Some(2));
        assert_eq!(store.fetch_session(&key("a"), 30, 41)?, None);
        let show = |rows| {
            let rows: streams_core::processor_api::SessionIterator<String, i32> = rows;
            rows.map(|row| row.map(|(key, value)| format!("{}{}={value}", key.key, key.window)).unwrap())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(show(store.find_sessions(&key("a"), 10, 30)?), "a[0, 10]=1 a[30, 40]=2");
        assert_eq!(show(store.backward_find_sessions(&key("a"), 0, 99)?), "a[30, 40]=2 a[0, 10]=1");
        assert_eq!(show(store.find_sessions(&key("a"), 11, 99)?), "a[30, 40]=2");
        let (a, b) = (key("a"), key("b"));
        assert_eq!(show(store.find_sessions_range(Some(&a), Some(&b), 11, 29)?), "b[5, 35]=3");
        assert_eq!(show(store.backward_find_sessions_range(None, None, 0, 0)?), "a[0, 10]=1");
        assert_eq!(show(store.fetch(&a)?), "a[0, 10]=1 a[30, 40]=2");
        assert_eq!(show(store.backward_fetch(&a)?), "a[30, 40]=2 a[0, 10]=1");
        assert_eq!(show(store.fetch_range(Some(&a), Some(&b))?), "a[0, 10]=1 a[30, 40]=2 b[5, 35]=3");
        assert_eq!(show(store.backward_fetch_range(Some(&b), None)?), "b[5, 35]=3");
        store.remove(&key("a"), session(0, 10))?;
        assert_eq!(store.fetch_session(&key("a"), 0, 10)?, None);
        let error = store.put(&key("a"), session(5, 4), &1).unwrap_err().to_string();
        assert!(error.contains("sessions"), "{error}");
        Ok(())
    });
}

#[test]
fn sessions_expire_by_the_largest_end() {
    with_store(sessions, |store| {
        assert!(store.put(&key("a"), SessionWindow::new(0, 10), &1)?);
        assert!(store.put(&key("a"), SessionWindow::new(1_000_000, 1_000_000), &2)?);
        assert_eq!(store.fetch_session(&key("a"), 0, 10)?, None);
        assert!(!store.put(&key("a"), SessionWindow::new(0, 10), &3)?);
        Ok(())
    });
}

/// What a changelog has, as key, value and time.
fn changelog(driver: &TopologyTestDriver) -> Vec<(String, Option<i32>, i64)> {
    let topic = driver.create_output_topic::<String, Option<i32>>("test-application-numbers-changelog");
    let records = topic.read_records_to_list().unwrap();
    records.into_iter().map(|record| (record.key, record.value, record.timestamp)).collect()
}

#[test]
fn updates_are_logged_with_the_time_of_the_record() {
    for store in [numbers(), numbers().with_caching_enabled(), numbers().in_memory()] {
        let topology = topology(store, |store, record| {
            match record.value.parse() {
                Ok(number) => store.put(&record.key, &number)?,
                Err(_) => drop(store.delete(&record.key)?),
            }
            Ok(())
        });
        let driver = TopologyTestDriver::new(&topology);
        pipe(&driver, &[("a", "1", 10), ("b", "2", 20), ("a", "-", 15)]).unwrap();
        let expected = [("a", Some(1), 10), ("b", Some(2), 20), ("a", None, 15)];
        assert_eq!(changelog(&driver), expected.map(|(key, value, time)| (key.to_owned(), value, time)));
    }
}

#[test]
fn the_time_of_a_timestamped_row_is_that_of_its_changelog_record() {
    let topology = topology(Stores::timestamped_key_value_store::<String, i32>("numbers"), |store, record| {
        Ok(store.put(&record.key, &ValueAndTimestamp::new(1, 5))?)
    });
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("a", "", 10)]).unwrap();
    assert_eq!(changelog(&driver), [(key("a"), Some(1), 5)]);
    assert_eq!(driver.key_value_store("numbers").unwrap().get_with_timestamp(&key("a")).unwrap(), Some((1, 5)));
}

#[test]
fn without_logging_there_is_no_changelog() {
    let topology = topology(numbers().with_logging_disabled(), |store, record| Ok(store.put(&record.key, &1)?));
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("a", "", 10)]).unwrap();
    assert_eq!(driver.produced_topic_names().into_iter().collect::<Vec<_>>(), ["out"]);
    assert_eq!(driver.key_value_store("numbers").unwrap().get(&key("a")).unwrap(), Some(1));
}
