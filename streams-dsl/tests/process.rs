//! Processors as steps of streams.

use streams_dsl::processor_api::{
    FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, KeyValueStore, Processor, ProcessorContext,
    ProcessorResult, StoreRef, Stores, TimestampedKeyValueStore, ValueAndTimestamp,
};
use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::{Materialized, Record, StreamsBuilder};

type Numbers = KeyValueStore<String, i64>;

/// Numbers the records of each value, which becomes the key.
struct Number {
    store: StoreRef<Numbers>,
    numbers: Numbers,
}

impl Number {
    fn with(store: &StoreRef<Numbers>) -> impl Fn() -> Self + Send + Sync + 'static {
        let store = store.clone();
        move || Self { store: store.clone(), numbers: Numbers::default() }
    }
}

impl Processor<String, String, String, i64> for Number {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, i64>) -> ProcessorResult {
        self.numbers = context.state_store(&self.store)?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, i64>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        let number = self.numbers.get(&record.value)?.unwrap_or(0) + 1;
        self.numbers.put(&record.value, &number)?;
        Ok(context.forward(Record::new(record.value, number, record.timestamp))?)
    }
}

/// Adds the number that a store of counts has of the record's key.
#[derive(Default)]
struct WithCount(TimestampedKeyValueStore<String, i64>);

impl FixedKeyProcessor<String, String, String> for WithCount {
    fn init(&mut self, context: &mut FixedKeyProcessorContext<'_, String, String>) -> ProcessorResult {
        self.0 = context.state_store("counts")?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut FixedKeyProcessorContext<'_, String, String>,
        record: FixedKeyRecord<String, String>,
    ) -> ProcessorResult {
        let count = self.0.get(record.key())?.map_or(0, |row| row.value);
        let text = format!("{} {count}", record.value());
        Ok(context.forward(record.with_value(text))?)
    }
}

fn pipe(driver: &TopologyTestDriver, records: &[(&str, &str)]) {
    let input = driver.create_input_topic::<String, String>("in");
    records.iter().for_each(|(key, value)| input.pipe_input((*key).into(), (*value).into()).unwrap());
}

#[test]
fn a_stream_goes_on_with_what_a_processor_forwards() {
    let builder = StreamsBuilder::new();
    let numbers = builder.add_state_store(Stores::key_value_store::<String, i64>("numbers"));
    let numbered = builder.stream::<String, String>("in").process(Number::with(&numbers), &numbers).named("number");
    numbered.filter(|_, number| *number > 1).to("out");
    let topology = builder.build().unwrap();
    let expected = "Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [in])
      --> number
    Processor: number (stores: [numbers])
      --> KSTREAM-FILTER-0000000002
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-FILTER-0000000002 (stores: [])
      --> KSTREAM-SINK-0000000003
      <-- number
    Sink: KSTREAM-SINK-0000000003 (topic: out)
      <-- KSTREAM-FILTER-0000000002

";
    assert_eq!(topology.describe(), expected);
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("1", "a"), ("2", "b"), ("3", "a")]);
    let output = driver.create_output_topic::<String, i64>("out").read_key_values_to_list().unwrap();
    assert_eq!(output, [("a".to_owned(), 2)]);
}

#[test]
fn generated_names_are_kafka_streams() {
    let builder = StreamsBuilder::new();
    let numbers = builder.add_state_store(Stores::key_value_store::<String, i64>("numbers"));
    let stream = builder.stream::<String, String>("in");
    stream.process(Number::with(&numbers), &numbers);
    stream.group_by_key().count_with(Materialized::named("counts"));
    stream.process_values(WithCount::default, "counts");
    let names: Vec<_> = builder.build().unwrap().nodes().iter().map(|node| node.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "KSTREAM-SOURCE-0000000000",
            "KSTREAM-PROCESSOR-0000000001",
            "KSTREAM-AGGREGATE-0000000002",
            "KSTREAM-PROCESSVALUES-0000000003"
        ]
    );
}

#[test]
fn a_processor_reads_the_store_of_a_table_also_one_declared_later() {
    for later in [false, true] {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in");
        let count = || drop(stream.group_by_key().count_with(Materialized::named("counts")));
        if !later {
            count();
        }
        stream.process_values(WithCount::default, "counts").to("out");
        if later {
            count();
        }
        let driver = TopologyTestDriver::new(&builder.build().unwrap());
        pipe(&driver, &[("a", "x"), ("b", "x"), ("a", "y")]);
        let output = driver.create_output_topic::<String, String>("out").read_values_to_list().unwrap();
        // Who is declared first gets the record first.
        let expected = if later { ["x 0", "x 0", "y 1"] } else { ["x 1", "x 1", "y 2"] };
        assert_eq!(output, expected, "declared later: {later}");
    }
}

/// Sets the count of a key to the number in the record.
#[derive(Default)]
struct SetCount(TimestampedKeyValueStore<String, i64>);

impl FixedKeyProcessor<String, String, ()> for SetCount {
    fn init(&mut self, context: &mut FixedKeyProcessorContext<'_, String, ()>) -> ProcessorResult {
        self.0 = context.state_store("counts")?;
        Ok(())
    }

    fn process(
        &mut self,
        _: &mut FixedKeyProcessorContext<'_, String, ()>,
        record: FixedKeyRecord<String, String>,
    ) -> ProcessorResult {
        let count = record.value().parse()?;
        Ok(self.0.put(record.key(), &ValueAndTimestamp::new(count, record.timestamp()))?)
    }
}

#[test]
fn what_a_processor_writes_into_the_store_of_a_table_the_table_has() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("in").group_by_key().count_with(Materialized::named("counts"));
    counts.to_stream().map_values(|count| count.unwrap_or(-1)).to("out");
    builder.stream::<String, String>("corrections").process_values(SetCount::default, "counts");
    let topology = builder.build().unwrap();
    assert_eq!(topology.subtopologies().len(), 1);
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("a", "x")]);
    let corrections = driver.create_input_topic::<String, String>("corrections");
    corrections.pipe_input("a".to_owned(), "10".to_owned()).unwrap();
    pipe(&driver, &[("a", "x")]);
    // With a cache, as in Kafka Streams, the correction goes downstream with the commit.
    let output = driver.create_output_topic::<String, i64>("out").read_values_to_list().unwrap();
    assert_eq!(output, [1, 10, 11]);
}

#[test]
fn only_a_processor_that_may_change_keys_makes_a_repartition_topic_necessary() {
    let builder = StreamsBuilder::new();
    let numbers = builder.add_state_store(Stores::key_value_store::<String, i64>("numbers"));
    let stream = builder.stream::<String, String>("in");
    stream.group_by_key().count_with(Materialized::named("counts"));
    stream.process_values(WithCount::default, "counts").group_by_key().count();
    assert_eq!(builder.build().unwrap().repartition_topics().len(), 0);
    stream.process(Number::with(&numbers), &numbers).group_by_key().count();
    assert_eq!(builder.build().unwrap().repartition_topics().len(), 1);
}

#[test]
fn mistakes_are_named() {
    use std::time::Duration;
    type Declare = fn(&StreamsBuilder);
    let cases: [(Declare, &str); 4] = [
        (
            |b| drop(b.stream::<String, String>("in").process_values(WithCount::default, "counts").named("p")),
            "p uses store counts, which does not exist",
        ),
        (
            |b| {
                b.stream::<String, String>("in").to("out");
                b.add_state_store(Stores::key_value_store::<String, i64>("twice"));
                b.add_state_store(Stores::key_value_store::<String, i64>("twice"));
            },
            "two stores are named twice",
        ),
        (
            |b| {
                b.add_state_store(Stores::key_value_store::<String, i64>("counts"));
                b.stream::<String, String>("in").group_by_key().count_with(Materialized::named("counts"));
            },
            "two stores are named counts",
        ),
        (
            |b| {
                b.stream::<String, String>("in").to("out");
                let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
                b.add_state_store(Stores::window_store::<String, i64>("windows", second, hour));
            },
            "store windows keeps windows for 1000 ms",
        ),
    ];
    for (declare, expected) in cases {
        let builder = StreamsBuilder::new();
        declare(&builder);
        let error = builder.build().map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\ninstead of\n{expected}");
    }
}
