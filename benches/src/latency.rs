//! `./dev bench latency`: how long after a record was appended to the input what comes of it is appended to the output, at 10,000 records
//! a second through the filter. Both topics have the broker's time of appending, in whole milliseconds, so that one clock measures.

use crate::child::Measured;
use crate::cluster::{Cluster, PARTITIONS};
use crate::failure::{Context, Failure, Result};
use crate::implementation::{Environment, Implementation, Job};
use crate::interrupt::Interrupt;
use crate::producing::Output;
use crate::programs::Program;
use crate::report::aligned;
use crate::verify::read;
use rdkafka::consumer::Consumer;
use rdkafka::producer::BaseRecord;
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Records each millisecond.
const RATE: u64 = 10;
/// What is written before counts for nothing: the JVM compiles meanwhile.
const WARM_UP: Duration = Duration::from_secs(15);
const MEASURED: Duration = Duration::from_secs(20);
/// Kafka Streams' default, and a short one.
const COMMIT_INTERVALS_MS: [u64; 2] = [30_000, 10];
const DEADLINE: Duration = Duration::from_secs(90);

pub struct Latency<'a> {
    pub cluster: &'a Cluster,
    pub environment: &'a Environment,
    pub interrupt: &'a Interrupt,
    pub rounds: usize,
    pub settings: &'a [String],
}

impl Latency<'_> {
    /// Measures both libraries in turn; answers the table.
    pub fn measure(&self) -> Result<String> {
        let header = ["commit interval", "implementation", "p50 ms", "p99 ms", "p99.9 ms", "largest ms"];
        let mut rows = vec![header.map(str::to_owned)];
        for commit_interval_ms in COMMIT_INTERVALS_MS {
            let mut found: HashMap<&str, Vec<i64>> = HashMap::new();
            for round in 0..self.rounds {
                for implementation in [Implementation::Ours, Implementation::Java] {
                    let name = format!("latency-{commit_interval_ms}-{}-{}", implementation.name(), round + 1);
                    let latencies = self.run(&name, implementation, commit_interval_ms).context(|| name.clone())?;
                    eprintln!("{name}: {} records", latencies.len());
                    found.entry(implementation.title()).or_default().extend(latencies);
                }
            }
            for implementation in [Implementation::Ours, Implementation::Java] {
                let mut latencies = found.remove(implementation.title()).unwrap_or_default();
                latencies.sort_unstable();
                let at = |share: f64| {
                    let place = (latencies.len() as f64 * share) as usize;
                    latencies.get(place.min(latencies.len().saturating_sub(1))).map_or(0, |latency| *latency)
                };
                let cells = [0.5, 0.99, 0.999, 1.0].map(|share| at(share).to_string());
                let [p50, p99, p999, largest] = cells;
                let interval = format!("{commit_interval_ms} ms");
                rows.push([interval, implementation.title().to_owned(), p50, p99, p999, largest]);
            }
        }
        Ok(aligned(&rows))
    }

    fn run(&self, name: &str, implementation: Implementation, commit_interval_ms: u64) -> Result<Vec<i64>> {
        let (id, input, output) = (
            self.cluster.name(name),
            self.cluster.name(&format!("{name}-in")),
            self.cluster.name(&format!("{name}-out")),
        );
        for topic in [&input, &output] {
            self.cluster.create_topic_with(topic, &[("message.timestamp.type", "LogAppendTime")])?;
        }
        let folder = TempDir::new().context(|| "no temporary folder".to_owned())?;
        let job = Job {
            program: Program::Filter,
            implementation,
            application_id: &id,
            input: &input,
            output: &output,
            state: &folder.path().join("state"),
            commit_interval_ms,
            settings: self.settings,
        };
        let mut measured = Measured::start(name, job.command(self.environment)?, &folder.path().join("log"))?;
        let expected = self.write(&input, &mut measured)?;
        self.wait_for(&output, expected, &mut measured)?;
        measured.stop(self.interrupt)?;
        self.latencies(&input, &output)
    }

    /// Writes at an even rate; answers how many records the filter lets pass.
    fn write(&self, topic: &str, measured: &mut Measured) -> Result<i64> {
        let mut output = Output::open_with(&self.cluster.servers, &[("linger.ms", "0")])?;
        let records = RATE * (WARM_UP + MEASURED).as_millis() as u64;
        let (start, mut number, mut expected) = (Instant::now(), 0u64, 0);
        Program::Filter.input(1, records, |record| {
            if number.is_multiple_of(RATE) {
                self.interrupt.check()?;
                let due = start + Duration::from_millis(number / RATE);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            if number.is_multiple_of(1000 * RATE) {
                measured.look()?;
            }
            number += 1;
            expected += i64::from(record.value.contains("important"));
            let mut produced = BaseRecord::to(topic).payload(record.value.as_bytes());
            produced.key = record.key.map(str::as_bytes);
            output.send(produced)
        })?;
        output.finish()?;
        Ok(expected)
    }

    fn wait_for(&self, topic: &str, expected: i64, measured: &mut Measured) -> Result<()> {
        let reader = self.cluster.reader(&self.cluster.name("latency-ends"), &[])?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut count = 0;
            for partition in 0..PARTITIONS {
                let ends = reader.fetch_watermarks(topic, partition, Duration::from_secs(30));
                count += ends.context(|| format!("end offset of {topic}-{partition}"))?.1;
            }
            if count >= expected {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(measured.failure(&format!("wrote {count} of {expected} records")));
            }
            measured.look()?;
            self.interrupt.check()?;
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn latencies(&self, input: &str, output: &str) -> Result<Vec<i64>> {
        let mut appended = HashMap::new();
        read(self.cluster, input, self.interrupt, |record| {
            appended.extend(number_in(record.value).map(|number| (number, record.timestamp)));
        })?;
        let first = RATE * WARM_UP.as_millis() as u64;
        let mut latencies = Vec::new();
        read(self.cluster, output, self.interrupt, |record| {
            let number = number_in(record.value).filter(|number| *number >= first);
            let since = number.and_then(|number| appended.get(&number));
            latencies.extend(since.map(|since| record.timestamp - since));
        })?;
        if latencies.is_empty() { Err(Failure::new("no record came through")) } else { Ok(latencies) }
    }
}

/// The number of a message, which stands behind its first word.
fn number_in(value: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(value?.get(8..17)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn a_message_is_known_by_its_number() {
        assert_eq!(number_in(Some(b"MESSAGE 000000123 TO ROOM 7")), Some(123));
        assert_eq!(number_in(Some(b"short")), None);
        assert_eq!(number_in(None), None);
    }
}
