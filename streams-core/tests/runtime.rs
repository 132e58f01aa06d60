//! The runtime on the embedded broker, with a topology built by hand: it does not need the DSL.

use std::sync::Arc;
use std::time::{Duration, Instant};
use streams_core::broker::embedded::{EmbeddedBroker, Isolation};
use streams_core::config::StreamsConfig;
use streams_core::error::StreamsError;
use streams_core::processor::{
    Downstream, Node, Operator, SinkNode, SinkTopic, SourceNode, TaskContext, TimestampExtractor, TimestampedRecord,
};
use streams_core::record::{Record, TopicPartition};
use streams_core::runtime::KafkaStreams;
use streams_core::serde::DefaultSerde;
use streams_core::store::{Change, TableStore};
use streams_core::topology::{
    BuiltNode, FlowType, NodeKind, RowLayout, SourceTopics, StoreEngine, StoreFormat, StoreSpec, StoreTypes, Topology,
    TopologyBuilder,
};

struct Count {
    table: TableStore<String, i64>,
    downstream: Downstream<String, Change<i64>>,
}

impl Operator for Count {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.table.flush(context, &self.downstream)
    }
}

impl Node<String, String> for Count {
    fn process(&mut self, context: &mut TaskContext, record: Record<String, String>) -> Result<(), StreamsError> {
        let timestamp = record.timestamp;
        self.table.update(context, &self.downstream, record.key, record.headers, |_, old| {
            let (time, count) = old.unwrap_or((timestamp, 0));
            Ok((time.max(timestamp), Some(count + 1)))
        })
    }
}

struct NewValue(Downstream<String, Option<i64>>);

impl Operator for NewValue {}

impl Node<String, Change<i64>> for NewValue {
    fn process(&mut self, context: &mut TaskContext, record: Record<String, Change<i64>>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        self.0.forward(context, Record { key, value: value.new, timestamp, headers })
    }
}

struct RecordTime;

impl TimestampExtractor<String, String> for RecordTime {
    fn extract(&self, record: &TimestampedRecord<'_, String, String>, _: i64) -> Result<i64, StreamsError> {
        Ok(record.timestamp)
    }
}

fn counts() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = NodeKind::Source { topics: SourceTopics::Names(vec!["in".into()]), reset: None };
    let text = Some(FlowType::of::<String, String>());
    let changes = Some(FlowType::of::<String, Change<i64>>());
    let values = Some(FlowType::of::<String, Option<i64>>());
    builder
        .add_node(
            "source",
            source,
            &[],
            None,
            text,
            Arc::new(|build, children| {
                Ok(BuiltNode::source(SourceNode::<String, String> {
                    key_serde: String::default_serde(),
                    value_serde: String::default_serde(),
                    timestamp_extractor: Arc::new(RecordTime),
                    deserialization_handler: build.deserialization_handler(),
                    downstream: children.downstream()?,
                }))
            }),
        )
        .unwrap();
    builder
        .add_node(
            "count",
            NodeKind::Processor,
            &["source"],
            text,
            changes,
            Arc::new(|build, children| {
                let table =
                    TableStore::new(build.store("counts")?, String::default_serde(), i64::default_serde(), false);
                Ok(BuiltNode::node(Count { table, downstream: children.downstream()? }))
            }),
        )
        .unwrap();
    builder
        .add_node(
            "values",
            NodeKind::Processor,
            &["count"],
            changes,
            values,
            Arc::new(|_, children| Ok(BuiltNode::node(NewValue(children.downstream()?)))),
        )
        .unwrap();
    builder
        .add_node(
            "sink",
            NodeKind::Sink { topic: Some("out".into()) },
            &["values"],
            values,
            None,
            Arc::new(|_, _| {
                let topic = SinkTopic::Fixed("out".into());
                let sink: SinkNode<String, Option<i64>> =
                    SinkNode::new(topic, String::default_serde(), Option::<i64>::default_serde(), None);
                Ok(BuiltNode::node(sink))
            }),
        )
        .unwrap();
    let store = StoreSpec {
        name: "counts".into(),
        engine: StoreEngine::RocksDb,
        layout: RowLayout::Plain,
        window_size_ms: None,
        format: StoreFormat::Timestamped,
        caching: true,
        keep_prior: false,
        logging: Some(Default::default()),
        types: StoreTypes::new::<String, i64>(String::default_serde(), i64::default_serde()),
        users: Vec::new(),
    };
    builder.add_store(store, &["count"]).unwrap();
    builder.build().unwrap()
}

fn wait(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn committed(broker: &EmbeddedBroker, partitions: i32) -> bool {
    (0..partitions).all(|partition| {
        let partition = TopicPartition::new("in", partition);
        broker.committed_offset("app", &partition).unwrap_or(0)
            == broker.end_offset(&partition, Isolation::ReadUncommitted).unwrap()
    })
}

#[test]
fn counts_are_kept_over_a_restart_and_restored_without_local_state() {
    let broker = EmbeddedBroker::new();
    broker.create_topic("in", 2).unwrap();
    broker.create_topic("out", 2).unwrap();
    for number in 0..1000 {
        let key = format!("key{}", number % 10);
        broker.produce("in", number % 2, Some(key.as_bytes()), Some(b"x"), 1000 + i64::from(number)).unwrap();
    }
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (round, directory) in [&directories[0], &directories[0], &directories[1]].into_iter().enumerate() {
        let config = StreamsConfig::new("app", "embedded")
            .set("commit.interval.ms", 50)
            .set("state.dir", directory.path().display());
        let streams = KafkaStreams::with_broker(counts(), config, broker.clone()).unwrap();
        streams.start().unwrap();
        assert!(
            streams.wait_until_running(Duration::from_secs(20)),
            "{:?}: {:?}",
            streams.state(),
            streams.last_error()
        );
        wait("all committed", || committed(&broker, 2));
        let view = streams.store::<String, i64>("counts").unwrap();
        let rows = view.all().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(rows.len(), 10, "{rows:?}");
        assert!(rows.iter().all(|(_, count)| *count == 100 + round as i64), "round {round}: {rows:?}");
        assert_eq!(view.committed().get(&"key3".to_owned()).unwrap(), Some(100 + round as i64));
        let restored = streams.restored_records();
        assert_eq!(restored, if round == 2 { 20 } else { 0 }, "round {round}");
        assert!(streams.close());
        for number in 0..10 {
            let key = format!("key{number}");
            broker.produce("in", number % 2, Some(key.as_bytes()), Some(b"x"), 5000).unwrap();
        }
    }
    let output = broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    assert!(output.iter().any(|record| record.value.as_deref() == Some(&102i64.to_be_bytes()[..])));
}
