//! Transformers of tables with stores: what they see, what becomes of their errors, and tables that are read without being kept.

#[path = "common/described.rs"]
mod described;
#[path = "common/pass.rs"]
mod pass;

use described::check;
use pass::Pass;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use streams_dsl::processor_api::{
    ChangelogWriter, CustomStore, GlobalKeyValueStore, KeyValueStore, ProcessingContext, ProcessorResult, StateStore,
    StoreBuilder, Stores, ValueAndTimestamp, ValueTransformerContext, ValueTransformerWithKey,
};
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::*;

type Text = Option<String>;
type Answer = Result<Text, Box<dyn Error + Send + Sync>>;

/// Appends how often the key's rows were transformed, by whichever transformer.
#[derive(Default)]
struct Count {
    counts: KeyValueStore<String, i64>,
    closed: Arc<AtomicUsize>,
}

impl ValueTransformerWithKey<String, String, String> for Count {
    fn init(&mut self, context: &ProcessingContext<'_>) -> ProcessorResult {
        self.counts = context.state_store("seen")?;
        Ok(())
    }

    fn transform(&mut self, _: &mut ValueTransformerContext<'_>, key: &String, row: Text) -> Answer {
        let Some(row) = row else { return Ok(None) };
        let count = self.counts.get(key)?.unwrap_or(0) + 1;
        self.counts.put(key, &count)?;
        Ok(Some(format!("{row}#{count}")))
    }

    fn close(&mut self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

fn counts() -> StoreBuilder<KeyValueStore<String, i64>> {
    Stores::key_value_store("seen")
}

fn row(driver: &TopologyTestDriver, topic: &str, key: &str, value: Option<&str>) -> Result<(), StreamsError> {
    let input = driver.create_input_topic::<String, Text>(topic);
    input.pipe_input(key.to_owned(), value.map(str::to_owned))
}

fn outputs(driver: &TopologyTestDriver) -> Vec<Text> {
    driver.create_output_topic::<String, Text>("out").read_values_to_list().unwrap()
}

fn texts<const N: usize>(texts: [&str; N]) -> [Text; N] {
    texts.map(|text| Some(text.to_owned()))
}

/// In Kafka Streams the join fails: its reading transformer has no access to the store.
#[test]
fn a_join_reads_rows_that_are_not_kept_through_a_transformer_with_the_same_stores() {
    let builder = StreamsBuilder::new();
    let closed = Arc::new(AtomicUsize::new(0));
    let (seen, count) = (builder.add_state_store(counts()), Arc::clone(&closed));
    let supplier = move || Count { closed: Arc::clone(&count), ..Count::default() };
    let left = builder.table::<String, String>("in").transform_values_with_stores(supplier, &seen, Materialized::new());
    let right = builder.table::<String, String>("right");
    left.join(&right, |left, right: String| format!("{left}+{right}")).to_stream().to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    row(&driver, "in", "a", Some("x")).unwrap();
    row(&driver, "right", "a", Some("R")).unwrap();
    row(&driver, "in", "a", Some("y")).unwrap();
    assert_eq!(outputs(&driver), texts(["x#2+R", "y#3+R"]));
    let logged = driver.create_output_topic::<String, i64>("test-application-seen-changelog");
    assert_eq!(logged.read_values_to_list().unwrap(), [1, 2, 3], "what a reading transformer writes is logged, too");
    drop((driver, logged));
    assert_eq!(closed.load(Ordering::Relaxed), 2, "one of the table's node, and one that reads");
}

#[test]
fn a_stream_joins_rows_that_are_not_kept() {
    let builder = StreamsBuilder::new();
    let seen = builder.add_state_store(counts());
    let table = builder.table::<String, String>("in");
    let table = table.transform_values_with_stores(Count::default, &seen, Materialized::new());
    let left = builder.stream::<String, String>("left");
    left.join_table(&table, |left, right| format!("{left}+{right}")).to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    row(&driver, "in", "a", Some("x")).unwrap();
    row(&driver, "left", "a", Some("L")).unwrap();
    row(&driver, "left", "b", Some("M")).unwrap();
    assert_eq!(outputs(&driver), texts(["L+x#2"]));
}

/// A store of the user's own: counts per key.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, u8>,
    changed: Vec<String>,
}

impl StateStore for Tally {
    fn restore(&mut self, batch: &[(&[u8], &[u8])]) -> ProcessorResult {
        assert!(batch.is_empty(), "the driver begins without state");
        Ok(())
    }

    fn flush(&mut self, changelog: &mut ChangelogWriter<'_>) -> ProcessorResult {
        self.changed.drain(..).try_for_each(|key| changelog.put(key.as_bytes(), &[self.counts[&key]]))?;
        Ok(())
    }
}

#[derive(Default)]
struct CountInTally {
    tally: CustomStore<Tally>,
}

impl ValueTransformerWithKey<String, String, String> for CountInTally {
    fn init(&mut self, context: &ProcessingContext<'_>) -> ProcessorResult {
        self.tally = context.state_store("tally")?;
        Ok(())
    }

    fn transform(&mut self, _: &mut ValueTransformerContext<'_>, key: &String, row: Text) -> Answer {
        let mut tally = self.tally.borrow_mut()?;
        tally.changed.push(key.clone());
        let count = tally.counts.entry(key.clone()).or_default();
        *count += 1;
        Ok(row.map(|row| format!("{row}#{count}")))
    }
}

#[test]
fn what_a_reading_transformer_changes_in_a_custom_store_is_committed_with_the_record() {
    let builder = StreamsBuilder::new();
    let tally = builder.add_state_store(Stores::custom_store("tally", Tally::default));
    let table = builder.table::<String, String>("in");
    let table = table.transform_values_with_stores(CountInTally::default, &tally, Materialized::new());
    let left = builder.stream::<String, String>("left");
    left.join_table(&table, |left, right| format!("{left}+{right}")).to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    row(&driver, "in", "a", Some("x")).unwrap();
    row(&driver, "left", "a", Some("L")).unwrap();
    assert_eq!(outputs(&driver), texts(["L+x#2"]));
    let rows = driver.key_value_store::<Vec<u8>, Vec<u8>>("tally").unwrap();
    assert_eq!(rows.get(&b"a".to_vec()).unwrap(), Some(vec![2]));
}

/// Answers what its context says.
#[derive(Default)]
struct Surroundings {
    names: GlobalKeyValueStore<String, ValueAndTimestamp<String>>,
}

impl ValueTransformerWithKey<String, String, String> for Surroundings {
    fn init(&mut self, context: &ProcessingContext<'_>) -> ProcessorResult {
        assert!(context.record_metadata().is_none());
        self.names = context.state_store("names")?;
        Ok(())
    }

    fn transform(&mut self, context: &mut ValueTransformerContext<'_>, key: &String, row: Text) -> Answer {
        let headers: Vec<_> = context.headers().iter().map(|(name, _)| name).collect();
        let name = self.names.get(key)?.map(|name| name.value).unwrap_or_default();
        context.commit();
        Ok(row.map(|row| {
            let (id, node, app) = (context.task_id(), context.node_name(), context.application_id());
            let times = (context.timestamp(), context.current_stream_time(), context.current_system_time());
            format!("{row} {name} {id} {node} {app} {times:?} {headers:?}")
        }))
    }
}

#[test]
fn a_transformer_sees_its_surroundings_and_global_stores() {
    let builder = StreamsBuilder::new();
    builder.global_table_with("names-topic", Consumed::new(), Materialized::<String, String>::named("names"));
    let table = builder.table::<String, String>("in");
    let table = table.transform_values_with_stores(Surroundings::default, (), Materialized::named("kept"));
    table.named("look").to_stream().to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    row(&driver, "names-topic", "a", Some("ann")).unwrap();
    let headers = Headers::default().with("h", Some(b"1"));
    let record = Record { headers, ..Record::new("a".to_owned(), Some("x".to_owned()), 17) };
    driver.create_input_topic::<String, Text>("in").pipe_record(record).unwrap();
    assert_eq!(outputs(&driver), texts([r#"x ann 1_0 look test-application (17, 17, 0) ["h"]"#]));
}

/// Fails on the row "bad", or at its start.
struct Fail(bool);

impl ValueTransformerWithKey<String, String, String> for Fail {
    fn init(&mut self, context: &ProcessingContext<'_>) -> ProcessorResult {
        if self.0 {
            context.state_store::<KeyValueStore<String, i64>>("seen")?;
        }
        Ok(())
    }

    fn transform(&mut self, _: &mut ValueTransformerContext<'_>, _: &String, row: Text) -> Answer {
        if row.as_deref() == Some("bad") { Err("a bad row".into()) } else { Ok(row) }
    }
}

fn failing(at_start: bool) -> Topology {
    let builder = StreamsBuilder::new();
    builder.add_state_store(counts());
    let table = builder.table::<String, String>("in");
    let table = table.transform_values_with_stores(move || Fail(at_start), (), Materialized::new());
    table.named("fail").to_stream().to("out");
    builder.build().unwrap()
}

#[test]
fn errors_of_rows_go_to_the_handler_and_those_of_the_start_do_not() {
    let driver = TopologyTestDriver::new(&failing(false));
    let error = row(&driver, "in", "a", Some("bad")).unwrap_err().to_string();
    assert!(error.contains("fail") && error.contains("a bad row"), "{error}");
    let mut config = TestDriverConfig::default();
    config.settings.processing_handler = Arc::new(LogAndContinue);
    let driver = TopologyTestDriver::with_config(&failing(false), config.clone());
    row(&driver, "in", "a", Some("bad")).unwrap();
    row(&driver, "in", "a", Some("good")).unwrap();
    assert_eq!((outputs(&driver), driver.dropped_records()), (texts(["good"]).to_vec(), 1));
    let driver = TopologyTestDriver::with_config(&failing(true), config);
    let error = row(&driver, "in", "a", Some("good")).unwrap_err().to_string();
    assert!(error.contains("store seen is not connected to processor fail"), "{error}");
}

/// The files in `describe/` were printed by Kafka Streams 4.3.1.
#[test]
fn descriptions_are_those_of_kafka_streams() {
    let table = |b: &StreamsBuilder| b.table::<String, String>("in");
    let counted = move |b: &StreamsBuilder| {
        let seen = b.add_state_store(counts());
        table(b).transform_values_with_stores(Count::default, &seen, Materialized::new())
    };
    check("transform_table_stores", |b| {
        let seen = b.add_state_store(counts());
        let known = b.add_state_store(Stores::key_value_store::<String, i64>("known"));
        let counted = table(b).transform_values_with_stores(Count::default, (&seen, &known), Materialized::new());
        counted.to_stream().to("out");
    });
    check("transform_table_stores_kept", |b| {
        let seen = b.add_state_store(counts());
        let counted = table(b).transform_values_with_stores(Count::default, &seen, Materialized::named("kept"));
        counted.named("texts").to_stream().to("out");
    });
    check("transform_table_stores_kept_unnamed", |b| {
        counted(b).filter(|_, _| true).to_stream().to("out");
    });
    check("transform_table_stores_shared", |b| {
        let seen = b.add_state_store(counts());
        b.stream::<String, String>("left").process_values(|| Pass, &seen).to("out2");
        table(b).transform_values_with_stores(Count::default, &seen, Materialized::new()).to_stream().to("out");
    });
    check("transform_table_stores_joined", |b| {
        counted(b).join(&b.table("right"), |left, right: String| left + &right).to_stream().to("out");
    });
    check("transform_table_stores_stream_joined", |b| {
        let left = b.stream::<String, String>("left");
        left.join_table(&counted(b), |left, right| left + &right).to("out");
    });
    check("transform_table_stores_grouped", |b| {
        counted(b).group_by(|_, row| (row.clone(), row)).count().to_stream().to("out");
    });
}
