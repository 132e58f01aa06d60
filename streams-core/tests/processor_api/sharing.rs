//! Stores that several processors have.

use crate::probe::pipe;
use streams_core::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, Stores};
use streams_core::record::Record;
use streams_core::test_driver::TopologyTestDriver;
use streams_core::topology::TopologyBuilder;

type Context<'a> = ProcessorContext<'a, String, String>;

/// Writes the records' values, and forwards the record before and after it.
#[derive(Default)]
struct Write(KeyValueStore<String, String>);

impl Processor<String, String, String, String> for Write {
    fn init(&mut self, context: &mut Context<'_>) -> ProcessorResult {
        self.0 = context.state_store("shared")?;
        Ok(())
    }

    fn process(&mut self, context: &mut Context<'_>, record: Record<String, String>) -> ProcessorResult {
        context.forward(Record { timestamp: record.timestamp + 100, ..record.clone() })?;
        self.0.put(&record.key, &record.value)?;
        Ok(context.forward(record)?)
    }
}

/// Answers with what is written, and writes that it was asked.
#[derive(Default)]
struct Read(KeyValueStore<String, String>);

impl Processor<String, String, String, String> for Read {
    fn init(&mut self, context: &mut Context<'_>) -> ProcessorResult {
        self.0 = context.state_store("shared")?;
        Ok(())
    }

    fn process(&mut self, context: &mut Context<'_>, record: Record<String, String>) -> ProcessorResult {
        let present = self.0.get(&record.key)?.unwrap_or_else(|| "nothing".to_owned());
        self.0.put(&"asked".to_owned(), &record.value)?;
        Ok(context.forward(record.with_value(present))?)
    }
}

fn driver(caching: bool) -> TopologyTestDriver {
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let write = topology.add_processor("write", Write::default, &source).unwrap();
    let read = topology.add_processor("read", Read::default, &write).unwrap();
    let store = Stores::key_value_store::<String, String>("shared");
    let store = if caching { store.with_caching_enabled() } else { store };
    topology.add_state_store(store, [&write, &read]).unwrap();
    topology.add_sink("sink", "out", &read).unwrap();
    TopologyTestDriver::new(&topology.build().unwrap())
}

#[test]
fn what_one_writes_the_other_sees_at_once() {
    for caching in [false, true] {
        let driver = driver(caching);
        pipe(&driver, &[("a", "1", 0), ("a", "2", 0)]).unwrap();
        let output = driver.create_output_topic::<String, String>("out").read_values_to_list().unwrap();
        assert_eq!(output, ["nothing", "1", "1", "2"], "caching {caching}");
    }
}

#[test]
fn without_cache_the_writes_of_each_call_are_logged_with_the_time_of_its_record() {
    let logged = |caching| {
        let driver = driver(caching);
        pipe(&driver, &[("a", "1", 7)]).unwrap();
        let topic = driver.create_output_topic::<String, String>("test-application-shared-changelog");
        let records = topic.read_records_to_list().unwrap();
        records.into_iter().map(|record| (record.key, record.timestamp)).collect::<Vec<_>>()
    };
    let row = |key: &str, time| (key.to_owned(), time);
    assert_eq!(logged(false), [row("asked", 107), row("a", 7), row("asked", 7)]);
    // Only the last of each key, in the order of the last writes.
    assert_eq!(logged(true), [row("a", 7), row("asked", 7)]);
}

#[test]
fn a_shared_store_makes_one_task_of_two_streams() {
    let mut topology = TopologyBuilder::new();
    let left = topology.add_source("left", "in").unwrap();
    let right = topology.add_source("right", "questions").unwrap();
    topology.add_processor("write", Write::default, &left).unwrap();
    let read = topology.add_processor("read", Read::default, &right).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, String>("shared"), ("write", &read)).unwrap();
    topology.add_sink("sink", "out", &read).unwrap();
    let topology = topology.build().unwrap();
    assert_eq!(topology.subtopologies().len(), 1);
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("a", "1", 0)]).unwrap();
    let questions = driver.create_input_topic::<String, String>("questions");
    questions.pipe_input("a".to_owned(), "?".to_owned()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(driver.create_output_topic::<String, String>("out").read_value().unwrap(), "1");
}
