use crate::sample::SampleRecord;
use crate::{Example, Options, Row, Sample, dropped};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::partitioner::partition_for_key;
use streams_dsl::record::TopicPartition;
use streams_dsl::{KafkaStreams, StreamsConfig};
use tempfile::TempDir;

const PARTITIONS: i32 = 3;
const TIMEOUT: Duration = Duration::from_secs(60);

/// Values by row, in the order in which they were written. `None` is a deleted row.
pub type Rows = BTreeMap<String, Vec<Option<String>>>;

/// An example that runs on a broker of its own, in this process.
pub struct EmbeddedRun {
    /// The broker.
    pub broker: EmbeddedBroker,
    /// The instance.
    pub streams: KafkaStreams<EmbeddedBroker>,
    options: Options,
    row: Row,
    next_partition: i32,
    _state: TempDir,
}

impl EmbeddedRun {
    /// Creates the topics and starts the example.
    ///
    /// # Errors
    /// Where the instance cannot be started.
    pub fn start(example: &Example, options: &Options) -> Result<Self, Box<dyn Error>> {
        let broker = EmbeddedBroker::new();
        broker.create_topic(&options.input, PARTITIONS)?;
        broker.create_topic(&options.output, PARTITIONS)?;
        for (topic, sample) in example.tables(&options.input) {
            broker.create_topic(&topic, PARTITIONS)?;
            sample.records().into_iter().try_for_each(|record| produce(&broker, &topic, &record))?;
        }
        let state = tempfile::tempdir()?;
        let streams = KafkaStreams::with_broker(
            (example.topology)(&options.input, &options.output)?,
            embedded_config((example.config)(options.config("embedded")), &state),
            broker.clone(),
        )?;
        streams.start()?;
        if !streams.wait_until_running(TIMEOUT) {
            return Err(streams.last_error().unwrap_or_else(|| "it did not start".to_owned()).into());
        }
        Ok(Self { broker, streams, options: options.clone(), row: example.row, next_partition: 0, _state: state })
    }

    /// Produces all records of a sample.
    ///
    /// # Errors
    /// Where the broker is full.
    pub fn produce_all(&mut self, sample: Sample) -> Result<(), Box<dyn Error>> {
        sample.records().into_iter().try_for_each(|record| self.send(record.timestamp, record.key, record.value))
    }

    /// Produces a value without key, partition after partition.
    ///
    /// # Errors
    /// Where the broker is full.
    pub fn produce(&mut self, value: &str) -> Result<(), Box<dyn Error>> {
        self.send(None, None, value)
    }

    /// To the partition of its key, as Kafka's own clients do.
    fn send(&mut self, timestamp: Option<i64>, key: Option<&str>, value: &str) -> Result<(), Box<dyn Error>> {
        let key = key.map(str::as_bytes);
        let partition = key.map_or(self.next_partition, |key| partition_for_key(key, PARTITIONS));
        if key.is_none() {
            self.next_partition = (partition + 1) % PARTITIONS;
        }
        let timestamp = timestamp.map_or_else(now, Ok)?;
        self.broker.produce(&self.options.input, partition, key, Some(value.as_bytes()), timestamp)?;
        Ok(())
    }

    /// Waits until everything that was produced is processed and committed.
    ///
    /// # Errors
    /// Where that does not come to pass within a minute, or the instance fails.
    pub fn drain(&self) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + TIMEOUT;
        // Twice in a row: a commit may have put records into a topic that was looked at before.
        let mut drained = 0;
        while drained < 2 {
            drained = if self.is_drained()? { drained + 1 } else { 0 };
            if self.streams.state().has_ended() || Instant::now() > deadline {
                return Err(self
                    .streams
                    .last_error()
                    .unwrap_or_else(|| "the input is not processed".to_owned())
                    .into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn is_drained(&self) -> Result<bool, Box<dyn Error>> {
        let application_id = &self.options.application_id;
        let topics = self.broker.admin(&Properties::new())?.describe_topics(None, TIMEOUT)?;
        let inputs = topics.into_iter().filter(|topic| {
            topic.name == self.options.input
                || (topic.name.starts_with(application_id.as_str()) && topic.name.ends_with("-repartition"))
        });
        for topic in inputs {
            for partition in 0..topic.partitions {
                let partition = TopicPartition::new(topic.name.as_str(), partition);
                let committed = self.broker.committed_offset(application_id, &partition).unwrap_or(0);
                if committed < self.broker.end_offset(&partition, Isolation::ReadUncommitted)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The output so far, as the example shows it. What deletes a row that was never written says nothing.
    ///
    /// # Errors
    /// Where the output topic cannot be read, or does not hold what the example writes.
    pub fn output(&self) -> Result<Rows, Box<dyn Error>> {
        let mut output = Rows::new();
        // A deletion is shown by the row that it deletes.
        let mut before: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for record in self.broker.read_all(&self.options.output, Isolation::ReadUncommitted)? {
            let (key, value) = (record.key.unwrap_or_default(), record.value);
            if let Some(value) = &value {
                before.insert(key.to_vec(), value.to_vec());
            }
            let Some(present) = before.get(&key[..]) else { continue };
            let (row, shown) = (self.row)(&key, present)?;
            output.entry(row).or_default().push(value.map(|_| shown));
        }
        Ok(output)
    }
}

/// To the partition of its key, or to the first.
fn produce(broker: &EmbeddedBroker, topic: &str, record: &SampleRecord) -> Result<(), Box<dyn Error>> {
    let key = record.key.map(str::as_bytes);
    let partition = key.map_or(0, |key| partition_for_key(key, PARTITIONS));
    let timestamp = record.timestamp.map_or_else(now, Ok)?;
    broker.produce(topic, partition, key, Some(record.value.as_bytes()), timestamp)?;
    Ok(())
}

fn now() -> Result<i64, Box<dyn Error>> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64)
}

/// Results are wanted at once here; any key can still be set otherwise.
fn embedded_config(config: StreamsConfig, state: &TempDir) -> StreamsConfig {
    let config = match config.get("commit.interval.ms") {
        None => config.set("commit.interval.ms", 100),
        Some(_) => config,
    };
    match config.get("state.dir") {
        None => config.set("state.dir", state.path().display()),
        Some(_) => config,
    }
}

/// Processes the sample input and prints the last value of each row, and every value where there are no keys.
pub(crate) fn run(example: &Example, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut run = EmbeddedRun::start(example, options)?;
    run.produce_all(example.sample)?;
    run.drain()?;
    let mut rows: Vec<_> = run.output()?.into_iter().collect();
    rows.sort_by_cached_key(|(row, _)| by_window(row));
    for (row, values) in rows {
        match (row.as_str(), values.last()) {
            ("", _) => values.iter().flatten().for_each(|value| println!("{value}")),
            (row, Some(Some(value))) => println!("{row}\t{value}"),
            _ => {}
        }
    }
    run.streams.close();
    match dropped(&run.streams) {
        0 => {}
        records => println!("dropped records: {records}"),
    }
    Ok(())
}

/// The windows of a key in the order of time: `[key@start/end]`.
fn by_window(row: &str) -> (String, i64) {
    let window = row.split_once('@').and_then(|(key, window)| Some((key, window.split_once('/')?.0.parse().ok()?)));
    window.map_or_else(|| (row.to_owned(), 0), |(key, start)| (key.to_owned(), start))
}
