//! Fills the input topic.

use crate::cluster::{Cluster, PARTITIONS};
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::producing::Output;
use crate::programs::Program;
use rdkafka::producer::BaseRecord;
use std::ops::Range;

/// Writes this part of the input. Keyed records go where their key belongs, the others to each partition in turn.
pub fn fill(
    cluster: &Cluster,
    topic: &str,
    program: Program,
    seed: u64,
    part: Range<u64>,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut output = Output::open(&cluster.servers)?;
    let (mut number, mut next_partition) = (0, 0);
    program.input(seed, part.end, |record| {
        number += 1;
        if number <= part.start {
            return Ok(());
        }
        interrupt.check()?;
        let mut produced = BaseRecord::to(topic).payload(record.value.as_bytes());
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
