use super::{Link, wait};
use std::path::Path;
use std::time::Duration;
use streams_core::broker::embedded::{EmbeddedBroker, EmbeddedOptions, Isolation};
use streams_core::broker::{Admin, Broker, Properties};
use streams_core::record::TopicPartition;
use streams_dsl::{KafkaStreams, StreamsConfig, Topology};
use tempfile::TempDir;

/// A broker, and a folder for the state of the instances that run on it. The application is called `app`.
pub struct Site {
    /// The broker.
    pub broker: EmbeddedBroker,
    state: TempDir,
}

impl Site {
    /// The application's id.
    pub const APP: &'static str = "app";

    /// A broker with these topics, which takes short session timeouts.
    ///
    /// # Panics
    /// Where a topic cannot be made.
    pub fn new(topics: &[(&str, i32)]) -> Self {
        let options = EmbeddedOptions { min_session_timeout: Duration::from_millis(100), ..EmbeddedOptions::default() };
        let broker = EmbeddedBroker::with_options(options);
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions).expect("a new topic");
        }
        Self { broker, state: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The state directory of the instance of this name.
    pub fn state_dir(&self, instance: &str) -> std::path::PathBuf {
        self.state.path().join(instance)
    }

    /// The folder of a task's state.
    pub fn task_dir(&self, instance: &str, task: &str) -> std::path::PathBuf {
        self.state_dir(instance).join(Self::APP).join(task)
    }

    /// The configuration of the instance of this name: everything happens soon.
    pub fn config(&self, instance: &str) -> StreamsConfig {
        config(&self.state_dir(instance))
    }

    /// A way of its own to the broker.
    pub fn link(&self) -> Link {
        Link::new(self.broker.clone())
    }

    /// An instance that is started, and waited for until it is running.
    ///
    /// # Panics
    /// Where it does not come to run; with its last error.
    #[track_caller]
    pub fn start(&self, topology: Topology, instance: &str) -> KafkaStreams<EmbeddedBroker> {
        self.start_with(topology, self.config(instance))
    }

    /// An instance with this configuration that is started, and waited for until it is running.
    ///
    /// # Panics
    /// Where it does not come to run; with its last error.
    #[track_caller]
    pub fn start_with(&self, topology: Topology, config: StreamsConfig) -> KafkaStreams<EmbeddedBroker> {
        let streams = self.make(topology, config);
        running(&streams);
        streams
    }

    /// An instance with this configuration, started.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[track_caller]
    pub fn make(&self, topology: Topology, config: StreamsConfig) -> KafkaStreams<EmbeddedBroker> {
        let streams = KafkaStreams::with_broker(topology, config, self.broker.clone()).expect("an instance");
        streams.start().expect("a started instance");
        streams
    }

    /// An instance that reaches the broker over `link`, started and waited for until it is running.
    ///
    /// # Panics
    /// Where it does not come to run; with its last error.
    #[track_caller]
    pub fn start_linked(&self, topology: Topology, config: StreamsConfig, link: &Link) -> KafkaStreams<Link> {
        let streams = KafkaStreams::with_broker(topology, config, link.clone()).expect("an instance");
        streams.start().expect("a started instance");
        running(&streams);
        streams
    }

    /// Whether the application has committed everything that its repartition topics, those of foreign-key joins and the topics `inputs` hold.
    ///
    /// # Panics
    /// Where an input does not exist.
    pub fn is_drained(&self, inputs: &[&str]) -> bool {
        let admin = self.broker.admin(&Properties::new()).expect("an admin");
        let Ok(topics) = admin.describe_topics(None, Duration::from_secs(1)) else { return false };
        let own =
            |name: &str| name.starts_with(Self::APP) && (name.ends_with("-repartition") || name.ends_with("-topic"));
        let read = topics.into_iter().filter(|topic| inputs.contains(&topic.name.as_str()) || own(&topic.name));
        read.into_iter().all(|topic| {
            (0..topic.partitions).all(|partition| {
                let partition = TopicPartition::new(topic.name.as_str(), partition);
                self.committed(&partition) >= self.end(&partition)
            })
        })
    }

    /// Waits until [`is_drained`](Self::is_drained), seen twice: a commit may have put records into a topic that was looked at before.
    ///
    /// # Panics
    /// Where that does not come to pass.
    #[track_caller]
    pub fn drain(&self, inputs: &[&str]) {
        wait("all input is committed", || self.is_drained(inputs) && self.is_drained(inputs));
    }

    /// The application's committed offset; 0 for none.
    pub fn committed(&self, partition: &TopicPartition) -> i64 {
        self.broker.committed_offset(Self::APP, partition).unwrap_or(0)
    }

    /// The end of a partition.
    ///
    /// # Panics
    /// Where it does not exist.
    pub fn end(&self, partition: &TopicPartition) -> i64 {
        self.broker.end_offset(partition, Isolation::ReadUncommitted).expect("the partition exists")
    }
}

/// Waits until an instance is running.
#[track_caller]
fn running<B: Broker>(streams: &KafkaStreams<B>) {
    let running = streams.wait_until_running(Duration::from_secs(20));
    assert!(running, "{}: {:?}", streams.state(), streams.last_error());
}

fn config(state_dir: &Path) -> StreamsConfig {
    StreamsConfig::new(Site::APP, "embedded")
        .set("state.dir", state_dir.display())
        .set("commit.interval.ms", 30)
        .set("poll.ms", 20)
        .set("session.timeout.ms", 1500)
        .set("heartbeat.interval.ms", 50)
        .set("metadata.max.age.ms", 200)
}
