//! Processors with stores, in a running application: what they keep survives restarts, with local state and without.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::processor_api::{
    ChangelogWriter, CustomStore, KeyValueStore, Processor, ProcessorContext, ProcessorResult, PunctuationType,
    SessionStore, StateStore, StoreBuilder, Stores, TimestampedKeyValueStore, ValueAndTimestamp, VersionPut,
    VersionedKeyValueStore, WindowStore,
};
use streams_dsl::{Record, SessionWindow, StoreEngine, StreamsBuilder, StreamsError, Topology, TopologyBuilder};
use tests::embedded::{Site, wait};

const HOUR: Duration = Duration::from_secs(3600);

/// Counts per key, in a structure of its own.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, i64>,
    changed: Vec<String>,
}

impl Tally {
    fn add(&mut self, key: &str) -> i64 {
        self.changed.push(key.to_owned());
        let count = self.counts.entry(key.to_owned()).or_default();
        *count += 1;
        *count
    }
}

impl StateStore for Tally {
    fn restore(&mut self, batch: &[(&[u8], &[u8])]) -> ProcessorResult {
        for (key, count) in batch {
            self.counts.insert(String::from_utf8(key.to_vec())?, i64::from_be_bytes((*count).try_into()?));
        }
        Ok(())
    }

    fn flush(&mut self, changelog: &mut ChangelogWriter<'_>) -> ProcessorResult {
        for key in std::mem::take(&mut self.changed) {
            changelog.put(key.as_bytes(), &self.counts[&key].to_be_bytes())?;
        }
        Ok(())
    }
}

/// Counts the records of each key in stores of every kind, and forwards all counts: they must be the same.
#[derive(Default)]
struct CountEverywhere {
    plain: KeyValueStore<String, i64>,
    timed: TimestampedKeyValueStore<String, i64>,
    windows: WindowStore<String, i64>,
    sessions: SessionStore<String, i64>,
    versions: VersionedKeyValueStore<String, i64>,
    tally: CustomStore<Tally>,
}

impl CountEverywhere {
    /// Counts in a version of its own each time. The first one stays known.
    fn count_version(&mut self, key: &String) -> Result<i64, StreamsError> {
        const BEGIN: i64 = 1_000;
        let count = self.versions.get(key)?.map_or(0, |latest| latest.value) + 1;
        assert_eq!(self.versions.put(key, &count, BEGIN + count)?, VersionPut::Latest);
        let first = self.versions.get_as_of(key, BEGIN + 1)?.map(|version| (version.value, version.timestamp));
        assert_eq!(first, Some((1, BEGIN + 1)));
        Ok(count)
    }
}

impl Processor<String, String, String, String> for CountEverywhere {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.plain = context.state_store("plain")?;
        self.timed = context.state_store("timed")?;
        self.windows = context.state_store("windows")?;
        self.sessions = context.state_store("sessions")?;
        self.versions = context.state_store("versions")?;
        self.tally = context.state_store("tally")?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        let key = &record.key;
        let plain = self.plain.get(key)?.unwrap_or(0) + 1;
        self.plain.put(key, &plain)?;
        let timed = self.timed.get(key)?.map_or(0, |row| row.value) + 1;
        self.timed.put(key, &ValueAndTimestamp::new(timed, record.timestamp))?;
        let windowed = self.windows.fetch(key, 1000)?.unwrap_or(0) + 1;
        self.windows.put(key, &windowed, 1000)?;
        let in_session = self.sessions.fetch_session(key, 1000, 2000)?.unwrap_or(0) + 1;
        self.sessions.put(key, SessionWindow::new(1000, 2000), &in_session)?;
        let versioned = self.count_version(key)?;
        let tallied = self.tally.borrow_mut()?.add(key);
        let counts = format!("{plain} {timed} {windowed} {in_session} {versioned} {tallied}");
        Ok(context.forward(record.with_value(counts))?)
    }
}

fn topology(engine: StoreEngine, caching: bool) -> Topology {
    fn kept<S>(store: StoreBuilder<S>, engine: StoreEngine, caching: bool) -> StoreBuilder<S> {
        let store = store.with_store_type(engine);
        if caching { store.with_caching_enabled() } else { store }
    }
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let count = topology.add_processor("count", CountEverywhere::default, &source).unwrap();
    let plain = Stores::key_value_store::<String, i64>("plain");
    topology.add_state_store(kept(plain, engine, caching), &count).unwrap();
    let timed = Stores::timestamped_key_value_store::<String, i64>("timed");
    topology.add_state_store(kept(timed, engine, caching), &count).unwrap();
    let windows = Stores::window_store::<String, i64>("windows", HOUR, Duration::from_secs(1));
    topology.add_state_store(kept(windows, engine, caching), &count).unwrap();
    let sessions = Stores::session_store::<String, i64>("sessions", HOUR);
    topology.add_state_store(kept(sessions, engine, caching), &count).unwrap();
    let versions = Stores::versioned_key_value_store::<String, i64>("versions", HOUR).with_store_type(engine);
    topology.add_state_store(versions, &count).unwrap();
    let tally = Stores::custom_store("tally", Tally::default);
    topology.add_state_store(kept(tally, engine, caching), &count).unwrap();
    topology.add_sink("sink", "out", &count).unwrap();
    topology.build().unwrap()
}

fn produce(site: &Site, keys: &[&str]) {
    for key in keys {
        site.broker.produce("in", 0, Some(key.as_bytes()), Some(b"x"), 1500).unwrap();
    }
    site.drain(&["in"]);
}

/// The last value of each key in topic `out`.
fn output(site: &Site) -> BTreeMap<String, String> {
    let text = |bytes: Option<bytes::Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    records.into_iter().map(|record| (text(record.key), text(record.value))).collect()
}

fn expect(site: &Site, counts: &[(&str, i64)]) {
    let all = |count: &i64| [count.to_string().as_str(); 6].join(" ");
    let expected = counts.iter().map(|(key, count)| ((*key).to_owned(), all(count))).collect();
    assert_eq!(output(site), expected);
}

#[test]
fn stores_of_every_kind_survive_restarts_with_local_state_and_without() {
    for (engine, caching) in
        [(StoreEngine::RocksDb, false), (StoreEngine::RocksDb, true), (StoreEngine::InMemory, false)]
    {
        let topology = || topology(engine, caching);
        let site = Site::new(&[("in", 1), ("out", 1)]);
        let streams = site.start(topology(), "one");
        produce(&site, &["a", "b", "a"]);
        expect(&site, &[("a", 2), ("b", 1)]);
        let counts = streams.store::<String, i64>("plain").unwrap();
        wait("the rows are committed", || counts.get(&"a".to_owned()).unwrap() == Some(2));
        assert!(streams.close());
        // With the state at hand ...
        let streams = site.start(topology(), "one");
        let on_disk = engine == StoreEngine::RocksDb;
        assert_eq!(streams.restored_records() == 0, on_disk);
        produce(&site, &["a"]);
        expect(&site, &[("a", 3), ("b", 1)]);
        assert!(streams.close());
        // ... and elsewhere, from the changelogs.
        let streams = site.start(topology(), "two");
        assert!(streams.restored_records() >= 10, "{}", streams.restored_records());
        produce(&site, &["a", "b"]);
        expect(&site, &[("a", 4), ("b", 2)]);
        assert!(streams.close());
    }
}

/// Forwards how many records came since the last call, by wall clock.
#[derive(Default)]
struct Pulse {
    records: i64,
}

impl Pulse {
    fn emit(&mut self, context: &mut ProcessorContext<'_, String, i64>, now: i64) -> ProcessorResult {
        if self.records > 0 {
            let records = std::mem::take(&mut self.records);
            context.forward(Record::new("pulse".to_owned(), records, now))?;
            context.commit();
        }
        Ok(())
    }
}

impl Processor<String, String, String, i64> for Pulse {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, i64>) -> ProcessorResult {
        context.schedule(Duration::from_millis(20), PunctuationType::WallClockTime, Self::emit)?;
        Ok(())
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, String, i64>, _: Record<String, String>) -> ProcessorResult {
        self.records += 1;
        Ok(())
    }
}

#[test]
fn what_is_forwarded_by_the_clock_is_committed_when_the_processor_asks_for_it() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").process(Pulse::default, ()).to("out");
    // Nothing else would commit for an hour.
    let config = site.config("one").set("commit.interval.ms", 3_600_000);
    let streams = site.start_with(builder.build().unwrap(), config);
    produce(&site, &["a", "b"]);
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    let count: i64 =
        records.iter().map(|record| i64::from_be_bytes(record.value.as_deref().unwrap().try_into().unwrap())).sum();
    assert_eq!(count, 2);
    assert!(streams.close());
}

/// Asks for a store that is another one's.
#[derive(Default)]
struct Wrong(KeyValueStore<String, i64>);

impl Processor<String, String, (), ()> for Wrong {
    fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        self.0 = context.state_store("elsewhere")?;
        Ok(())
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, _: Record<String, String>) -> ProcessorResult {
        Ok(())
    }
}

#[test]
fn a_store_that_is_not_connected_ends_the_application_before_its_first_record() {
    let site = Site::new(&[("in", 1)]);
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    topology.add_processor("wrong", Wrong::default, &source).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i64>("elsewhere"), ()).unwrap();
    let streams = site.make(topology.build().unwrap(), site.config("one"));
    wait("the error is known", || streams.last_error().is_some());
    let error = streams.last_error().unwrap();
    assert!(error.contains("store elsewhere is not connected to processor wrong"), "{error}");
}

/// Keeps the records of a topic, and says how many it was given.
#[derive(Default)]
struct Keep(KeyValueStore<String, String>, Arc<AtomicU32>);

impl Processor<String, Option<String>, (), ()> for Keep {
    fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        self.0 = context.state_store("names")?;
        Ok(())
    }

    fn process(
        &mut self,
        _: &mut ProcessorContext<'_, (), ()>,
        record: Record<String, Option<String>>,
    ) -> ProcessorResult {
        self.1.fetch_add(1, Ordering::SeqCst);
        match record.value {
            Some(value) => Ok(self.0.put(&record.key, &value)?),
            None => Ok(self.0.delete(&record.key).map(drop)?),
        }
    }
}

#[test]
fn a_read_only_store_is_restored_from_its_source_up_to_what_is_yet_to_be_processed() {
    for engine in [StoreEngine::RocksDb, StoreEngine::InMemory] {
        let given = Arc::new(AtomicU32::new(0));
        let topology = || {
            let mut topology = TopologyBuilder::new();
            let store = Stores::key_value_store::<String, String>("names").with_store_type(engine);
            let given = Arc::clone(&given);
            let keep = move || Keep(KeyValueStore::default(), Arc::clone(&given));
            topology.add_read_only_state_store(store, "source", "in", "keep", keep).unwrap();
            topology.build().unwrap()
        };
        let site = Site::new(&[("in", 1)]);
        site.broker.produce("in", 0, Some(b"a"), Some(b"1"), 0).unwrap();
        // Nothing is committed yet: all goes through the processor.
        let streams = site.start(topology(), "one");
        site.drain(&["in"]);
        assert_eq!((given.load(Ordering::SeqCst), streams.restored_records()), (1, 0));
        site.broker.produce("in", 0, Some(b"b"), Some(b"2"), 0).unwrap();
        site.drain(&["in"]);
        assert!(streams.close());
        // What comes meanwhile is processed, not restored.
        site.broker.produce("in", 0, Some(b"a"), None, 0).unwrap();
        site.broker.produce("in", 0, Some(b"c"), Some(b"3"), 0).unwrap();
        for (instance, restored) in [("two", 2), ("two", if engine == StoreEngine::RocksDb { 0 } else { 4 })] {
            let streams = site.start(topology(), instance);
            site.drain(&["in"]);
            assert_eq!((given.load(Ordering::SeqCst), streams.restored_records()), (4, restored));
            let rows = streams.store::<String, String>("names").unwrap().all().unwrap();
            let rows: Vec<_> = rows.map(|row| row.unwrap()).collect();
            assert_eq!(rows, [("b".to_owned(), "2".to_owned()), ("c".to_owned(), "3".to_owned())]);
            assert!(streams.close());
        }
        assert!(site.broker.read_all("app-names-changelog", Isolation::ReadUncommitted).is_err());
    }
}
