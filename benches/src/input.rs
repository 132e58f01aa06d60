//! Fills the input topics.

use crate::cluster::{Cluster, PARTITIONS};
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::producing::Output;
use crate::programs::{Program, Side};
use rdkafka::producer::BaseRecord;
use std::ops::Range;

/// Writes this part of an input of so many records. Keyed records go where their key belongs, the others to each partition in turn.
pub fn fill(
    cluster: &Cluster,
    topic: &str,
    program: Program,
    (seed, records): (u64, u64),
    part: Range<u64>,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut output = Output::open(&cluster.servers)?;
    let right = Side::Right.topic(topic);
    let (mut numbers, mut next_partition) = (0.., 0);
    program.input(seed, records, |record| {
        if !numbers.next().is_some_and(|number| part.contains(&number)) {
            return Ok(());
        }
        interrupt.check()?;
        let topic = match record.side {
            Side::Left => topic,
            Side::Right => &right,
        };
        let mut produced = BaseRecord::to(topic).payload(record.value.as_bytes());
        produced.timestamp = record.timestamp;
        match record.key {
            Some(key) => produced.key = Some(key.as_bytes()),
            None => {
                produced.partition = Some(next_partition);
                next_partition = (next_partition + 1) % PARTITIONS;
            }
        }
        output.send(produced)
    })?;
    output.finish()
}
