//! What producing costs: CPU seconds of this process per million records of 90 bytes, to three partitions.
//!
//! `cargo run --release -p kafka-client --example producer_cost -- BOOTSTRAP TOPIC [BATCH_SIZE [COMPRESSION [RECORDS]]]`, where the topic
//! exists and has three partitions.

use std::time::{Duration, Instant};

use kafka_client::producer::{Producer, ProducerConfig};
use kafka_client::records::{Compression, EncodedHeaders};
use kafka_client::{ClientConfig, Reactor};

/// Records that a caller hands over at once, as a task does for what it was given.
const RUN: u64 = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(bootstrap), Some(topic)) = (arguments.next(), arguments.next()) else {
        return Err("usage: producer_cost BOOTSTRAP TOPIC [BATCH_SIZE [COMPRESSION [RECORDS]]]".into());
    };
    let mut config = ProducerConfig::default();
    if let Some(batch_size) = arguments.next() {
        config.batch_size = batch_size.parse()?;
    }
    if let Some(name) = arguments.next() {
        config.compression = Compression::from_name(&name).ok_or("no such compression")?;
    }
    let count: u64 = arguments.next().map_or(Ok(3_000_000), |count| count.parse())?;
    let described = format!("batch.size {} compression {}", config.batch_size, config.compression);
    let client = ClientConfig::new([bootstrap], "producer-cost");
    let mut producer = Producer::start(&Reactor::start("kafka-client")?, client, config)?;
    let topic = producer.topic(&topic);
    let (started, before) = (Instant::now(), cpu_seconds()?);
    let mut value = *b"a value of eighty-two bytes, with a number in it so that no two of them are the same: 00";
    let mut next = 0;
    while next < count {
        let mut appender = producer.appender()?;
        let end = (next + RUN).min(count);
        let mut full = false;
        while next < end && !full {
            value[..8].copy_from_slice(&next.to_le_bytes());
            let key = (next as u32).to_be_bytes();
            let partition = (next % 3) as i32;
            let timestamp = 1_700_000_000_000 + next as i64;
            full =
                appender.append(topic, partition, timestamp, Some(&key), Some(&value), EncodedHeaders::NONE).is_err();
            next += u64::from(!full);
        }
        drop(appender);
        if full {
            producer.wait_for_room(None)?;
        }
    }
    producer.flush(Duration::from_secs(120))?;
    let (wall, cpu) = (started.elapsed(), cpu_seconds()? - before);
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    println!(
        "{described}: {count} records in {wall:.2?}, {:.3} CPU s per million, peak {} ({deliveries:?})",
        cpu * 1e6 / count as f64,
        peak_memory()?,
    );
    Ok(())
}

/// User and system time of the process; Linux counts it in hundredths of a second.
fn cpu_seconds() -> std::io::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn peak_memory() -> std::io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}
