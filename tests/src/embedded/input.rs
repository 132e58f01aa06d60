use std::collections::BTreeMap;
use streams_core::broker::embedded::{EmbeddedBroker, Isolation};

/// Appends `value` without key to the topic's partitions in turn, `count` times; the timestamps are offsets from 1000 on.
///
/// # Panics
/// Where the topic does not exist.
pub fn produce_words(broker: &EmbeddedBroker, topic: &str, partitions: i32, words: impl IntoIterator<Item = String>) {
    for (place, word) in words.into_iter().enumerate() {
        let partition = place as i32 % partitions;
        broker.produce(topic, partition, None, Some(word.as_bytes()), 1000 + place as i64).expect("the topic exists");
    }
}

/// The last value of each key of a topic, as text.
///
/// # Panics
/// Where the topic does not exist.
pub fn last_values(broker: &EmbeddedBroker, topic: &str) -> BTreeMap<String, Option<Vec<u8>>> {
    let records = broker.read_all(topic, Isolation::ReadUncommitted).expect("the topic exists");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    records
        .into_iter()
        .map(|record| (record.key.as_deref().map(text).unwrap_or_default(), record.value.map(|value| value.to_vec())))
        .collect()
}

/// A number as Kafka's `LongSerializer` writes it.
///
/// # Panics
/// Where the bytes are not eight.
pub fn number(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes.try_into().expect("eight bytes"))
}
