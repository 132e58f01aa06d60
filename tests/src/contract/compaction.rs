//! Compacted topics: what a changelog is.

use super::Setup;
use super::scenario::{Scenario, eventually, partition, read_to};
use std::collections::BTreeMap;
use streams_core::broker::{Admin, Broker, OffsetSpec};

/// Compaction keeps the last record of each key at its offset; a consumer passes the gaps and arrives at the end, also where what
/// stood last is gone.
pub fn compaction_leaves_the_last_of_each_key<B: Broker>(setup: &Setup<B>) {
    const KEYS: usize = 10;
    const ROUNDS: usize = 50;
    let scenario = Scenario::new(setup, "compaction");
    let mut config = vec![("cleanup.policy", "compact")];
    config.extend(setup.compaction_config.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let topic = scenario.topic_with(1, &config);
    let mut producer = scenario.producer();
    for number in 0..KEYS * ROUNDS {
        let (key, value) = (format!("k{}", number % KEYS), number.to_string());
        producer.add(&topic, 0, Some(key.as_bytes()), Some(value.as_bytes()), 1_000);
    }
    producer.send();
    (setup.force_compaction)(scenario.broker(), &topic);
    // A broker may keep its newest segment as it is: gaps are wanted, not a certain number of records.
    let records = eventually("compaction leaves less", || {
        let end = (partition(&topic, 0), OffsetSpec::Latest);
        let end = scenario.admin.list_offsets(&[end], super::DEADLINE).unwrap()[0];
        let records = read_to(&mut scenario.committed_reader(&topic), &topic, end);
        (records.len() < KEYS * ROUNDS).then_some(records)
    });
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}");
    let ours = records.iter().filter(|record| record.key.as_deref().is_some_and(|key| key.starts_with(b"k")));
    let last: BTreeMap<_, _> = ours.map(|record| (record.key.clone(), (record.offset, record.text()))).collect();
    let expected = (0..KEYS).map(|key| {
        let number = KEYS * (ROUNDS - 1) + key;
        (Some(format!("k{key}").into()), (number as i64, number.to_string()))
    });
    assert_eq!(last, expected.collect());
}
