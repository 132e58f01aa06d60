//! Whether an output topic holds what it has to.

use crate::cluster::{Cluster, PARTITIONS, TIMEOUT};
use crate::digest::Digest;
use crate::failure::{Context, Failure, Result};
use crate::interrupt::Interrupt;
use crate::programs::Expected;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const SHOWN: usize = 5;

/// What matters of an output, per partition: of all records, or of the last one of each row.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    partitions: Vec<Digest>,
}

/// Reads an output topic and compares it with what is expected.
pub fn verify(cluster: &Cluster, topic: &str, expected: &Expected, interrupt: &Interrupt) -> Result<Output> {
    match expected {
        Expected::All(expected) => {
            let mut partitions = vec![Digest::default(); PARTITIONS as usize];
            read(cluster, topic, interrupt, |record| partitions[record.partition].add(record.key, record.value))?;
            check_all(topic, expected, &partitions)?;
            Ok(Output { partitions })
        }
        Expected::Last(expected, row) => {
            let mut last = HashMap::<String, (usize, String)>::new();
            read(cluster, topic, interrupt, |record| {
                let value = text(record.value);
                last.insert(row(&text(record.key), &value), (record.partition, value));
            })?;
            check_last(topic, expected, &last)?;
            let mut partitions = vec![Digest::default(); PARTITIONS as usize];
            for (key, (partition, value)) in &last {
                partitions[*partition].add(Some(key.as_bytes()), Some(value.as_bytes()));
            }
            Ok(Output { partitions })
        }
    }
}

fn check_all(topic: &str, expected: &Digest, partitions: &[Digest]) -> Result<()> {
    let mut total = Digest::default();
    partitions.iter().for_each(|digest| total.merge(digest));
    if total == *expected {
        return Ok(());
    }
    Err(Failure::new(if total.records == expected.records {
        format!("WRONG OUTPUT: {topic} has the expected number of records ({}), but not their content", total.records)
    } else {
        format!("WRONG OUTPUT: {topic} has {} records, expected were {}", total.records, expected.records)
    }))
}

fn check_last(topic: &str, expected: &HashMap<String, String>, last: &HashMap<String, (usize, String)>) -> Result<()> {
    let missing = expected.iter().filter_map(|(key, value)| match last.get(key) {
        Some((_, found)) if found == value => None,
        Some((_, found)) => Some(format!("{key}: {found} instead of {value}")),
        None => Some(format!("{key}: missing, expected was {value}")),
    });
    let surplus = last.iter().filter(|(key, _)| !expected.contains_key(*key));
    let mut wrong: Vec<_> =
        missing.chain(surplus.map(|(key, (_, found))| format!("{key}: {found}, not expected at all"))).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.sort();
    let examples = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    Err(Failure::new(format!(
        "WRONG OUTPUT: {topic}: {} rows are wrong, {} were expected: {examples}",
        wrong.len(),
        expected.len()
    )))
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "(null)".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A record that was read.
pub struct Found<'a> {
    pub partition: usize,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// In milliseconds; -1 where it has none.
    pub timestamp: i64,
}

/// Reads a topic to its end.
pub fn read(cluster: &Cluster, topic: &str, interrupt: &Interrupt, mut take: impl FnMut(Found<'_>)) -> Result<()> {
    let settings =
        [("enable.partition.eof", "true"), ("fetch.queue.backoff.ms", "5"), ("queued.min.messages", "20000")];
    let reader = cluster.reader(&cluster.name("verify"), &settings)?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range(topic, 0, PARTITIONS - 1);
    partitions.set_all_offsets(Offset::Beginning).context(|| "offsets".to_owned())?;
    reader.assign(&partitions).context(|| format!("topic {topic} cannot be assigned"))?;
    let mut at_end = vec![false; PARTITIONS as usize];
    let mut last_answer = Instant::now();
    while at_end.contains(&false) {
        interrupt.check()?;
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => take(Found {
                partition: message.partition() as usize,
                key: message.key(),
                value: message.payload(),
                timestamp: message.timestamp().to_millis().unwrap_or(-1),
            }),
            Some(Err(KafkaError::PartitionEOF(partition))) => at_end[partition as usize] = true,
            Some(Err(error)) => return Err(error).context(|| format!("topic {topic} cannot be read")),
            None if last_answer.elapsed() > TIMEOUT => {
                return Err(Failure::new(format!(
                    "topic {topic} cannot be read: no answer for {} s",
                    TIMEOUT.as_secs()
                )));
            }
            None => continue,
        }
        last_answer = Instant::now();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, &str)]) -> HashMap<String, String> {
        counts.iter().map(|(word, count)| ((*word).to_owned(), (*count).to_owned())).collect()
    }

    fn found(counts: &[(&str, &str)]) -> HashMap<String, (usize, String)> {
        counts.iter().map(|(word, count)| ((*word).to_owned(), (0, (*count).to_owned()))).collect()
    }

    #[test]
    fn equal_counts_pass() {
        assert!(check_last("t", &counts(&[("a", "1"), ("b", "2")]), &found(&[("a", "1"), ("b", "2")])).is_ok());
    }

    #[test]
    fn wrong_missing_and_surplus_keys_are_named() {
        let failure = check_last("t", &counts(&[("a", "1"), ("b", "2")]), &found(&[("a", "3"), ("c", "4")]))
            .unwrap_err()
            .to_string();
        assert!(failure.contains("3 rows are wrong, 2 were expected"), "{failure}");
        assert!(failure.contains("a: 3 instead of 1"), "{failure}");
        assert!(failure.contains("b: missing"), "{failure}");
        assert!(failure.contains("c: 4, not expected"), "{failure}");
    }

    #[test]
    fn a_lost_a_repeated_and_a_changed_record_are_found() {
        let mut expected = Digest::default();
        expected.add(Some(b"k"), Some(b"v"));
        expected.add(Some(b"k"), Some(b"w"));
        let check = |records: &[&[u8]]| {
            let mut partitions = [Digest::default(), Digest::default()];
            for (number, value) in records.iter().enumerate() {
                partitions[number % 2].add(Some(b"k"), Some(value));
            }
            check_all("t", &expected, &partitions)
        };
        assert!(check(&[b"w", b"v"]).is_ok());
        assert!(check(&[b"v"]).is_err());
        assert!(check(&[b"v", b"w", b"w"]).is_err());
        assert!(check(&[b"v", b"x"]).unwrap_err().to_string().contains("content"));
    }
}
