//! Putting topologies together.

use regex::Regex;
use streams_core::processor::{Partitioning, RecordContext, TimestampedRecord};
use streams_core::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, Sink, Source, Stores};
use streams_core::record::Record;
use streams_core::serde::{NumberSerde, StringSerde};
use streams_core::test_driver::TopologyTestDriver;
use streams_core::topology::{AutoOffsetReset, NodeKind, TopologyBuilder};

/// Passes records on.
struct Pass;

impl<V: Clone + 'static> Processor<String, V, String, V> for Pass {
    fn process(&mut self, context: &mut ProcessorContext<'_, String, V>, record: Record<String, V>) -> ProcessorResult {
        Ok(context.forward(record)?)
    }
}

#[test]
fn it_is_described_as_kafka_streams_describes_it() {
    let mut topology = TopologyBuilder::new();
    topology.add_source::<String, String>("source", Source::topics(["a", "b"])).unwrap();
    topology.add_processor::<String, String, _, _, _>("first", || Pass, "source").unwrap();
    topology.add_processor::<String, String, _, _, _>("second", || Pass, ["source", "first"]).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i64>("counts"), ["first", "second"]).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i64>("more"), ()).unwrap();
    topology.connect_processor_and_state_stores("second", "more").unwrap();
    topology.add_sink::<String, String>("sink", "out", "second").unwrap();
    let by_value = |_: &String, value: &String, _: &RecordContext| value.clone();
    topology.add_sink("chosen", Sink::topic_by(by_value), "second").unwrap();
    let expected = "Topologies:
   Sub-topology: 0
    Source: source (topics: [a, b])
      --> second, first
    Processor: first (stores: [counts])
      --> second
      <-- source
    Processor: second (stores: [counts, more])
      --> chosen, sink
      <-- source, first
    Sink: chosen (extractor class: TopicNameExtractor)
      <-- second
    Sink: sink (topic: out)
      <-- second

";
    assert_eq!(topology.build().unwrap().describe(), expected);
}

#[test]
fn sources_take_serdes_an_extractor_a_reset_policy_and_a_pattern() {
    let mut topology = TopologyBuilder::new();
    let time = |record: &TimestampedRecord<'_, String, i64>, _: i64| *record.value;
    let source = Source::topics_with(["in"], StringSerde, NumberSerde::<i64>::default())
        .with_timestamp_extractor(time)
        .with_offset_reset_policy(AutoOffsetReset::Latest);
    let numbers = topology.add_source("numbers", source).unwrap();
    let pattern = Source::<String, i64>::pattern(Regex::new("more-.*").unwrap());
    let more = topology.add_source("more", pattern).unwrap();
    let pass = topology.add_processor("pass", || Pass, [&numbers, &more]).unwrap();
    topology.add_sink("sink", "out", &pass).unwrap();
    let topology = topology.build().unwrap();
    let NodeKind::Source { reset, .. } = topology.nodes()[0].kind else { panic!("no source") };
    assert_eq!(reset, Some(AutoOffsetReset::Latest));
    let driver = TopologyTestDriver::new(&topology);
    let more = driver.create_input_topic::<String, i64>("more-a");
    driver.create_input_topic::<String, i64>("in").pipe_input_at("k".into(), 77, 1).unwrap();
    more.pipe_input_at("k".into(), 5, 2).unwrap();
    let records = driver.create_output_topic::<String, i64>("out").read_records_to_list().unwrap();
    let records: Vec<_> = records.iter().map(|record| (record.value, record.timestamp)).collect();
    assert_eq!(records, [(77, 77), (5, 2)]);
}

#[test]
fn sinks_choose_topics_and_partitions() {
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let pass = topology.add_processor("pass", || Pass, &source).unwrap();
    let by_value = |_: &String, value: &String, from: &RecordContext| format!("{}-{value}", from.topic);
    topology.add_sink("chosen", Sink::topic_by(by_value), &pass).unwrap();
    let drop_x = |_: &str, _: &String, value: &String, _: i32| match value.as_str() {
        "x" => Partitioning::Multicast(Vec::new()),
        _ => Partitioning::To(0),
    };
    topology.add_sink("some", Sink::topic("some").with_stream_partitioner(drop_x), &pass).unwrap();
    let driver = TopologyTestDriver::new(&topology.build().unwrap());
    crate::probe::pipe(&driver, &[("k", "x", 0), ("k", "y", 0)]).unwrap();
    let read = |topic| driver.create_output_topic::<String, String>(topic).read_values_to_list().unwrap();
    assert_eq!((read("in-x"), read("in-y"), read("some")), (vec!["x".into()], vec!["y".into()], vec!["y".into()]));
}

/// Keeps what it gets.
#[derive(Default)]
struct Keep(KeyValueStore<String, String>);

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
        match record.value {
            Some(value) => Ok(self.0.put(&record.key, &value)?),
            None => Ok(self.0.delete(&record.key).map(drop)?),
        }
    }
}

#[test]
fn a_read_only_store_has_its_source_as_changelog() {
    let mut topology = TopologyBuilder::new();
    let store = Stores::key_value_store::<String, String>("names");
    topology.add_read_only_state_store(store, "source", "names-topic", "keep", Keep::default).unwrap();
    let topology = topology.build().unwrap();
    assert_eq!(topology.source_changelog("names"), Some("names-topic"));
    let driver = TopologyTestDriver::new(&topology);
    let input = driver.create_input_topic::<String, Option<String>>("names-topic");
    for (key, value) in [("1", Some("a")), ("2", Some("b")), ("1", None)] {
        input.pipe_input(key.to_owned(), value.map(str::to_owned)).unwrap();
    }
    let names = driver.state_store::<KeyValueStore<String, String>>("names").unwrap();
    let rows: Vec<_> = names.all().unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [("2".to_owned(), "b".to_owned())]);
    assert!(driver.produced_topic_names().is_empty());
}

#[test]
fn what_a_test_writes_to_a_store_processors_see() {
    let mut topology = TopologyBuilder::new();
    let store = Stores::key_value_store::<String, String>("names");
    topology.add_read_only_state_store(store, "source", "names-topic", "keep", Keep::default).unwrap();
    let driver = TopologyTestDriver::new(&topology.build().unwrap());
    let names = driver.state_store::<KeyValueStore<String, String>>("names").unwrap();
    names.put(&"1".to_owned(), &"a".to_owned()).unwrap();
    let input = driver.create_input_topic::<String, Option<String>>("names-topic");
    input.pipe_input("1".to_owned(), None).unwrap();
    assert_eq!(names.get(&"1".to_owned()).unwrap(), None);
    let error = driver.state_store::<KeyValueStore<String, i32>>("names").map(drop).unwrap_err().to_string();
    assert!(error.contains("store names has keys of type"), "{error}");
    let error = driver.state_store::<KeyValueStore<String, i32>>("none").map(drop).unwrap_err().to_string();
    assert!(error.contains("no task has a store none; the topology has: names"), "{error}");
}
