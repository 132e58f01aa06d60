use crate::sample::SampleRecord;
use crate::topics::create_topics;
use crate::{Example, Options, Row, Sample, dropped};
use kafka_client::group::{FetchOffsets, FetchedOffset, GroupCoordinator};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use streams_dsl::broker::embedded::EmbeddedBroker;
use streams_dsl::broker::{Admin, Broker, Consumer, Fetched, Kafka, OffsetSpec, Producer, Properties};
use streams_dsl::partitioner::partition_for_key;
use streams_dsl::record::{OutputBatch, TopicPartition};
use streams_dsl::{KafkaStreams, StreamsConfig};
use tempfile::TempDir;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Values by row, in the order in which they were written. `None` is a deleted row.
pub type Rows = BTreeMap<String, Vec<Option<String>>>;

/// An example that is given records, in this process: on a broker in memory, or on Kafka.
pub struct SampleRun<B: Broker> {
    /// The instance.
    pub streams: KafkaStreams<B>,
    broker: B,
    admin: B::Admin,
    producer: B::Producer,
    coordinator: Arc<dyn GroupCoordinator>,
    options: Options,
    row: Row,
    next_partition: i32,
    _state: TempDir,
}

/// A record of the output.
struct OutputRecord {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    timestamp: i64,
}

impl SampleRun<EmbeddedBroker> {
    /// On a broker of its own, in this process.
    ///
    /// # Errors
    /// Where the instance cannot be started.
    pub fn embedded(example: &Example, options: &Options) -> Result<Self, Box<dyn Error>> {
        Self::start(EmbeddedBroker::new(), "embedded", example, options)
    }
}

impl SampleRun<Kafka> {
    /// On Kafka.
    ///
    /// # Errors
    /// Where the instance cannot be started.
    pub fn kafka(example: &Example, options: &Options, servers: &str) -> Result<Self, Box<dyn Error>> {
        let config = options.config(servers);
        let implementation = config.get("client.implementation").unwrap_or("native").parse()?;
        Self::start(Kafka::new(implementation, servers)?, servers, example, options)
    }
}

impl<B: Broker> SampleRun<B> {
    /// Creates the topics, fills those of tables, and starts the example.
    fn start(broker: B, servers: &str, example: &Example, options: &Options) -> Result<Self, Box<dyn Error>> {
        let (admin, producer) = (broker.admin(&Properties::new())?, broker.producer(&Properties::new())?);
        create_topics(&admin, servers, example, options)?;
        let state = tempfile::tempdir()?;
        let config = sample_config((example.config)(options.config(servers)), &state);
        let topology = (example.topology)(&options.input, &options.output)?;
        let mut run = Self {
            streams: KafkaStreams::with_broker(topology, config, broker.clone())?,
            coordinator: broker.group_coordinator(&Properties::new())?,
            broker,
            admin,
            producer,
            options: options.clone(),
            row: example.row,
            next_partition: 0,
            _state: state,
        };
        for (topic, sample) in example.tables(&options.input) {
            run.send(&topic, sample.records())?;
        }
        run.streams.start()?;
        if !run.streams.wait_until_running(TIMEOUT) {
            return Err(run.streams.last_error().unwrap_or_else(|| "it did not start".to_owned()).into());
        }
        Ok(run)
    }

    /// Produces all records of a sample.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn produce_all(&mut self, sample: Sample) -> Result<(), Box<dyn Error>> {
        self.send(&self.options.input.clone(), sample.records())
    }

    /// Produces a value without key, partition after partition.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn produce(&mut self, value: &str) -> Result<(), Box<dyn Error>> {
        self.send(&self.options.input.clone(), vec![SampleRecord { timestamp: None, key: None, value }])
    }

    /// To the partitions of their keys, as Kafka's own clients do. Records without a timestamp are of now, one after the other.
    fn send(&mut self, topic: &str, records: Vec<SampleRecord<'_>>) -> Result<(), Box<dyn Error>> {
        let partitions = self.partitions_of(|name| name == topic)?.len() as i32;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let mut batch = OutputBatch::default();
        let index = batch.topic_index(topic);
        for (number, record) in (0..).zip(records) {
            let key = record.key.map(str::as_bytes);
            let partition = key.map_or(self.next_partition % partitions, |key| partition_for_key(key, partitions));
            if key.is_none() {
                self.next_partition = (partition + 1) % partitions;
            }
            let timestamp = record.timestamp.unwrap_or(now + number);
            batch.push(index, partition, timestamp, key, Some(record.value.as_bytes()), &[]);
        }
        while !batch.is_empty() {
            self.producer.send(&mut batch)?;
        }
        Ok(self.producer.flush(TIMEOUT)?)
    }

    /// Waits until everything that was produced is processed and committed.
    ///
    /// # Errors
    /// Where that does not come to pass within a minute, or the instance fails.
    pub fn drain(&self) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + TIMEOUT;
        // Several times in a row: a commit may have put records into a topic that was looked at before, twice where tables join by a foreign key.
        let mut drained = 0;
        while drained < 3 {
            drained = if self.is_drained()? { drained + 1 } else { 0 };
            if self.streams.state().has_ended() || Instant::now() > deadline {
                let error = self.streams.last_error().unwrap_or_else(|| "the input is not processed".to_owned());
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn is_drained(&self) -> Result<bool, Box<dyn Error>> {
        let own = format!("{}-", self.options.application_id);
        let Options { input, output, .. } = &self.options;
        let partitions = self.partitions_of(|topic| {
            let is_internal = topic.ends_with("-repartition") || topic.ends_with("-topic");
            topic == input || topic != output && topic.starts_with(&own) && is_internal
        })?;
        let ends = self.ends(&partitions)?;
        let committed = self.committed(&partitions)?;
        Ok(partitions.iter().zip(ends).all(|(partition, end)| {
            let found =
                committed.iter().find(|at| *at.topic == *partition.topic && at.partition == partition.partition);
            end <= found.and_then(|at| at.offset).unwrap_or(0)
        }))
    }

    fn partitions_of(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<TopicPartition>, Box<dyn Error>> {
        let topics = self.admin.describe_topics(None, TIMEOUT)?.into_iter().filter(|topic| wanted(&topic.name));
        let partitions = topics.flat_map(|topic| {
            let name: Arc<str> = topic.name.into();
            (0..topic.partitions).map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
        });
        Ok(partitions.collect())
    }

    fn ends(&self, partitions: &[TopicPartition]) -> Result<Vec<i64>, Box<dyn Error>> {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), OffsetSpec::Latest)).collect();
        Ok(self.admin.list_offsets(&asked, TIMEOUT)?)
    }

    fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<FetchedOffset>, Box<dyn Error>> {
        let request = FetchOffsets {
            group_id: self.options.application_id.clone(),
            member: None,
            partitions: partitions.iter().map(|at| (at.topic.to_string(), at.partition)).collect(),
            require_stable: true,
        };
        let (sender, answer) = mpsc::sync_channel(1);
        self.coordinator.fetch_offsets(request, Box::new(move |offsets| drop(sender.send(offsets))));
        Ok(answer.recv_timeout(TIMEOUT)??)
    }

    /// The output so far, as the example shows it. What deletes a row that was never written says nothing.
    ///
    /// # Errors
    /// Where the output topic cannot be read, or does not hold what the example writes.
    pub fn output(&self) -> Result<Rows, Box<dyn Error>> {
        let mut output = Rows::new();
        // A deletion is shown by the row that it deletes.
        let mut before: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for OutputRecord { key, value, .. } in self.read_output()? {
            if let Some(value) = &value {
                before.insert(key.clone(), value.clone());
            }
            let Some(present) = before.get(&key) else { continue };
            let (row, shown) = (self.row)(&key, present)?;
            output.entry(row).or_default().push(value.map(|_| shown));
        }
        Ok(output)
    }

    /// All records of the output topic: those of a key in their order, those without key by their time.
    fn read_output(&self) -> Result<Vec<OutputRecord>, Box<dyn Error>> {
        let partitions = self.partitions_of(|topic| topic == self.options.output)?;
        let ends = self.ends(&partitions)?;
        let mut left: Vec<_> = partitions.into_iter().zip(ends).filter(|(_, end)| *end > 0).collect();
        let mut consumer = self.broker.consumer(&Properties::new())?;
        consumer.assign(&left.iter().map(|(partition, _)| (partition.clone(), 0)).collect::<Vec<_>>())?;
        let (deadline, mut fetched, mut records) = (Instant::now() + TIMEOUT, Vec::new(), Vec::new());
        while !left.is_empty() {
            if Instant::now() > deadline {
                return Err(format!("{} cannot be read to its end", self.options.output).into());
            }
            consumer.poll(Duration::from_millis(100), &mut fetched)?;
            for fetched in fetched.drain(..) {
                let Fetched::Batch(batch) = fetched else { return Err(format!("{fetched:?}").into()) };
                records.extend(batch.iter().map(|record| OutputRecord {
                    key: record.key.unwrap_or_default().to_vec(),
                    value: record.value.map(<[u8]>::to_vec),
                    timestamp: record.timestamp,
                }));
            }
            left.retain(|(partition, end)| consumer.position(partition).is_none_or(|position| position < *end));
        }
        records.sort_by_key(|record| if record.key.is_empty() { record.timestamp } else { 0 });
        Ok(records)
    }
}

/// Results are wanted at once here; any key can still be set otherwise.
fn sample_config(config: StreamsConfig, state: &TempDir) -> StreamsConfig {
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
pub(crate) fn show<B: Broker>(mut run: SampleRun<B>, sample: Sample) -> Result<(), Box<dyn Error>> {
    run.produce_all(sample)?;
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
