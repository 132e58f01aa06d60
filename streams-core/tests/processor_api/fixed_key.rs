//! Processors that cannot change keys.

use crate::probe::pipe;
use std::time::Duration;
use streams_core::processor_api::{
    FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, KeyValueStore, ProcessorResult, PunctuationType,
    Stores,
};
use streams_core::test_driver::TopologyTestDriver;
use streams_core::topology::TopologyBuilder;

type Context<'a> = FixedKeyProcessorContext<'a, String, i64>;

/// Numbers the records of each key, and repeats the last record when time passes.
#[derive(Default)]
struct Number {
    numbers: KeyValueStore<String, i64>,
    last: Option<FixedKeyRecord<String, i64>>,
}

impl Number {
    fn repeat(&mut self, context: &mut Context<'_>, now: i64) -> ProcessorResult {
        match self.last.clone() {
            Some(last) => Ok(context.forward(last.with_timestamp(now))?),
            None => Ok(()),
        }
    }
}

impl FixedKeyProcessor<String, String, i64> for Number {
    fn init(&mut self, context: &mut Context<'_>) -> ProcessorResult {
        self.numbers = context.state_store("numbers")?;
        context.schedule(Duration::from_secs(1), PunctuationType::StreamTime, Self::repeat)?;
        Ok(())
    }

    fn process(&mut self, context: &mut Context<'_>, record: FixedKeyRecord<String, String>) -> ProcessorResult {
        let number = self.numbers.get(record.key())?.unwrap_or(0) + 1;
        self.numbers.put(record.key(), &number)?;
        let (text, record) = record.take_value();
        assert_eq!(context.record_metadata().map(|from| &*from.topic), Some("in"));
        let record = record.with_value(number * 100 + text.len() as i64);
        self.last = Some(record.clone());
        context.forward(record.clone())?;
        context.forward_to("sink", record)?;
        context.commit();
        Ok(())
    }
}

#[test]
fn values_change_and_keys_stay() {
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let number = topology.add_fixed_key_processor("number", Number::default, &source).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i64>("numbers"), &number).unwrap();
    topology.add_sink("sink", "out", &number).unwrap();
    let driver = TopologyTestDriver::new(&topology.build().unwrap());
    pipe(&driver, &[("a", "x", 0), ("b", "xyz", 10), ("a", "", 1010)]).unwrap();
    let records = driver.create_output_topic::<String, i64>("out").read_records_to_list().unwrap();
    let records: Vec<_> = records.iter().map(|r| (r.key.as_str(), r.value, r.timestamp)).collect();
    let expected = [("a", 101, 0), ("a", 101, 0), ("a", 101, 0), ("b", 103, 10), ("b", 103, 10)];
    assert_eq!(records[..5], expected);
    assert_eq!(records[5..], [("a", 200, 1010), ("a", 200, 1010), ("a", 200, 1010)]);
}
