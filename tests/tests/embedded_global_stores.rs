//! Global stores that a processor fills, in a running application: every record of the topic is processed once into each instance's store, also over crashes, and
//! read by processors and queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use streams_core::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::processor_api::{
    FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, GlobalKeyValueStore, KeyValueStore, Processor,
    ProcessorContext, ProcessorResult, Stores,
};
use streams_dsl::{KafkaStreams, LogAndContinue, Record, State, StoreEngine, StreamsBuilder, Topology};
use tests::embedded::{Site, wait};

const STORE: &str = "seen";

/// Counts how often each key came: not the same when a record comes twice. Fails on the value "bad" as long as it is told to.
struct Count {
    counts: KeyValueStore<String, i64>,
    calls: Arc<AtomicU64>,
    fails: Arc<AtomicBool>,
}

impl Processor<String, String, (), ()> for Count {
    fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        self.counts = context.state_store(STORE)?;
        Ok(())
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, record: Record<String, String>) -> ProcessorResult {
        if record.value == "bad" && self.fails.load(Ordering::Relaxed) {
            return Err("a bad value".into());
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let count = self.counts.get(&record.key)?.unwrap_or(0) + 1;
        self.counts.put(&record.key, &count)?;
        Ok(())
    }
}

/// Makes of each key its count.
#[derive(Default)]
struct Look {
    counts: GlobalKeyValueStore<String, i64>,
}

impl FixedKeyProcessor<String, String, i64> for Look {
    fn init(&mut self, context: &mut FixedKeyProcessorContext<'_, String, i64>) -> ProcessorResult {
        self.counts = context.state_store(STORE)?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut FixedKeyProcessorContext<'_, String, i64>,
        record: FixedKeyRecord<String, String>,
    ) -> ProcessorResult {
        let count = self.counts.get(record.key())?.unwrap_or(0);
        context.forward(record.with_value(count))?;
        Ok(())
    }
}

/// An application on a broker of its own.
struct App {
    site: Site,
    calls: Arc<AtomicU64>,
    fails: Arc<AtomicBool>,
    engine: StoreEngine,
}

impl App {
    fn new(engine: StoreEngine) -> Self {
        let site = Site::new(&[("events", 4), ("questions", 2), ("answers", 1)]);
        Self { site, calls: Arc::default(), fails: Arc::default(), engine }
    }

    fn topology(&self) -> Topology {
        let builder = StreamsBuilder::new();
        let (calls, fails) = (Arc::clone(&self.calls), Arc::clone(&self.fails));
        let count = move || Count { counts: KeyValueStore::default(), calls: calls.clone(), fails: fails.clone() };
        let store = Stores::key_value_store::<String, i64>(STORE).with_store_type(self.engine);
        builder.add_global_store(store, "events", count);
        builder.stream::<String, String>("questions").process_values(Look::default, ()).to("answers");
        builder.build().unwrap()
    }

    fn start(&self) -> KafkaStreams<EmbeddedBroker> {
        self.site.start(self.topology(), "one")
    }

    fn event(&self, key: usize, value: &str) {
        let (partition, key) = (key as i32 % 4, format!("k{key}"));
        self.site.broker.produce("events", partition, Some(key.as_bytes()), Some(value.as_bytes()), 1).unwrap();
    }

    fn ask(&self, key: usize) {
        let name = format!("k{key}");
        self.site.broker.produce("questions", key as i32 % 2, Some(name.as_bytes()), Some(b""), 1).unwrap();
    }

    fn answers(&self) -> Vec<i64> {
        let records = self.site.broker.read_all("answers", Isolation::ReadUncommitted).unwrap();
        records.iter().map(|record| i64::from_be_bytes(record.value.as_deref().unwrap().try_into().unwrap())).collect()
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

fn query(streams: &KafkaStreams<EmbeddedBroker>, key: usize) -> Option<i64> {
    streams.store::<String, i64>(STORE).unwrap().get(&format!("k{key}")).unwrap()
}

#[test]
fn the_store_is_whole_before_the_first_record_and_followed_by_every_instance() {
    let app = App::new(StoreEngine::RocksDb);
    (0..3000).for_each(|event| app.event(event % 1000, ""));
    app.ask(7);
    let one = app.start();
    wait("the first answer", || app.answers() == [3]);
    let two = app.site.start(app.topology(), "two");
    app.event(7, "");
    for streams in [&one, &two] {
        wait("the store to be followed", || query(streams, 7) == Some(4));
        assert_eq!(streams.store::<String, i64>(STORE).unwrap().all().unwrap().count(), 1000);
    }
    app.ask(7);
    wait("the next answer", || app.answers() == [3, 4]);
    assert_eq!(app.calls(), 2 * 3001, "each instance processes each record once");
}

#[test]
fn a_restart_goes_on_behind_the_last_record_and_a_store_in_memory_is_made_anew() {
    for engine in [StoreEngine::RocksDb, StoreEngine::InMemory] {
        let app = App::new(engine);
        (0..100).for_each(|event| app.event(event % 10, ""));
        let streams = app.start();
        assert_eq!(query(&streams, 9), Some(10));
        assert!(streams.close());
        drop(streams);
        app.event(9, "");
        let streams = app.start();
        assert_eq!((query(&streams, 9), query(&streams, 0)), (Some(11), Some(10)));
        let again = if engine == StoreEngine::RocksDb { 1 } else { 101 };
        assert_eq!(app.calls(), 100 + again, "{engine:?}");
    }
}

/// An instance that fails keeps what its store has committed, and nothing else: no record is counted twice after it, and none is left out.
#[test]
fn what_the_store_holds_and_where_it_stands_are_one() {
    let app = App::new(StoreEngine::RocksDb);
    app.fails.store(true, Ordering::Relaxed);
    (0..50).for_each(|event| app.event(event % 10, ""));
    let streams = app.start();
    // Records, of which one ends the instance in the middle of what is processed in one go.
    (0..500).for_each(|event| app.event(event % 10, ""));
    app.event(3, "bad");
    (0..500).for_each(|event| app.event(event % 10, ""));
    assert!(streams.wait_until_ended(Duration::from_secs(30)));
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains("KTABLE-SOURCE-0000000001") && error.contains("a bad value"), "{error}");
    drop(streams);
    app.fails.store(false, Ordering::Relaxed);
    let streams = app.start();
    for key in 0..10 {
        assert_eq!(query(&streams, key), Some(105 + i64::from(key == 3)), "{key}");
    }
}

#[test]
fn the_processing_exception_handler_is_asked_where_that_is_set() {
    let app = App::new(StoreEngine::RocksDb);
    app.fails.store(true, Ordering::Relaxed);
    app.event(1, "bad");
    app.event(1, "good");
    let config = || app.site.config("one").with_processing_exception_handler(LogAndContinue);
    let streams = app.site.make(app.topology(), config());
    assert!(streams.wait_until_ended(Duration::from_secs(30)));
    assert_eq!(streams.state(), State::Error);
    drop(streams);
    let config = config().set("processing.exception.handler.global.enabled", "true");
    let streams = app.site.start_with(app.topology(), config);
    assert_eq!(query(&streams, 1), Some(1));
}
