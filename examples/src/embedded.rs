use crate::{Example, Options};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::record::TopicPartition;
use streams_dsl::{KafkaStreams, StreamsConfig};
use tempfile::TempDir;

const PARTITIONS: i32 = 3;
const TIMEOUT: Duration = Duration::from_secs(60);

/// An example that runs on a broker of its own, in this process.
pub struct EmbeddedRun {
    /// The broker.
    pub broker: EmbeddedBroker,
    /// The instance.
    pub streams: KafkaStreams<EmbeddedBroker>,
    options: Options,
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
        let state = tempfile::tempdir()?;
        let streams = KafkaStreams::with_broker(
            (example.topology)(&options.input, &options.output)?,
            embedded_config(options, &state),
            broker.clone(),
        )?;
        streams.start()?;
        if !streams.wait_until_running(TIMEOUT) {
            return Err(streams.last_error().unwrap_or_else(|| "it did not start".to_owned()).into());
        }
        Ok(Self { broker, streams, options: options.clone(), next_partition: 0, _state: state })
    }

    /// Produces a value without key, partition after partition.
    ///
    /// # Errors
    /// Where the broker is full.
    pub fn produce(&mut self, value: &str) -> Result<(), Box<dyn Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        self.broker.produce(&self.options.input, self.next_partition, None, Some(value.as_bytes()), now)?;
        self.next_partition = (self.next_partition + 1) % PARTITIONS;
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

    /// The output so far, as text: values by key, in the order in which they were written. Null stands for no key or value.
    ///
    /// # Errors
    /// Where the output topic cannot be read.
    pub fn output(&self) -> Result<BTreeMap<String, Vec<String>>, Box<dyn Error>> {
        let mut output: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in self.broker.read_all(&self.options.output, Isolation::ReadUncommitted)? {
            output.entry(text(record.key.as_deref())).or_default().push(text(record.value.as_deref()));
        }
        Ok(output)
    }
}

/// Results are wanted at once here; any key can still be set otherwise.
fn embedded_config(options: &Options, state: &TempDir) -> StreamsConfig {
    let config = options.config("embedded");
    let config = match config.get("commit.interval.ms") {
        None => config.set("commit.interval.ms", 100),
        Some(_) => config,
    };
    match config.get("state.dir") {
        None => config.set("state.dir", state.path().display()),
        Some(_) => config,
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "null".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Processes the sample input and prints the last value of each key.
pub(crate) fn run(example: &Example, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut run = EmbeddedRun::start(example, options)?;
    for line in example.sample {
        run.produce(line)?;
    }
    run.drain()?;
    for (key, values) in run.output()? {
        match key.as_str() {
            "null" => values.iter().for_each(|value| println!("{value}")),
            _ => println!("{key}\t{}", values.last().map_or("", String::as_str)),
        }
    }
    run.streams.close();
    Ok(())
}
