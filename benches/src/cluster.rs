use crate::failure::{Context, Failure, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::types::RDKafkaErrorCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

pub const PARTITIONS: i32 = 3;
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The broker, and the topics and groups of one run of the harness: all begin with the same prefix.
pub struct Cluster {
    pub servers: String,
    prefix: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: Runtime,
}

impl Cluster {
    pub fn connect(servers: &str, prefix: &str) -> Result<Self> {
        let admin = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .create()
            .context(|| format!("no admin client for {servers}"))?;
        let runtime = Builder::new_current_thread().enable_all().build().context(|| "no runtime".to_owned())?;
        Ok(Self { servers: servers.to_owned(), prefix: prefix.to_owned(), admin, runtime })
    }

    /// The name of something that ends with this run.
    pub fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub fn create_topic(&self, name: &str) -> Result<()> {
        self.create_topic_with(name, &[])
    }

    pub fn create_topic_with(&self, name: &str, config: &[(&str, &str)]) -> Result<()> {
        // What a program writes has the time of its events, which may be long ago.
        let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let topic = config.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let results = self
            .runtime
            .block_on(self.admin.create_topics([&topic], &options()))
            .context(|| format!("topic {name} could not be created"))?;
        for result in results {
            result.map_err(|(_, code)| code).context(|| format!("topic {name} could not be created"))?;
        }
        Ok(())
    }

    /// All topics whose names begin so, with their partitions.
    pub fn topics(&self, prefix: &str) -> Result<Vec<(String, i32)>> {
        let metadata = self
            .admin
            .inner()
            .fetch_metadata(None, TIMEOUT)
            .context(|| format!("{} does not tell its topics", self.servers))?;
        let ours = metadata.topics().iter().filter(|topic| topic.name().starts_with(prefix));
        Ok(ours.map(|topic| (topic.name().to_owned(), topic.partitions().len() as i32)).collect())
    }

    /// A consumer that reads, and joins no group.
    pub fn reader(&self, group: &str, settings: &[(&str, &str)]) -> Result<BaseConsumer> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers).set("group.id", group).set("enable.auto.commit", "false");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config.create().context(|| "no consumer".to_owned())
    }

    /// Deletes the topics whose names begin so.
    pub fn delete_topics(&self, prefix: &str) -> Result<()> {
        let topics = self.topics(prefix)?;
        let names: Vec<_> = topics.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let deleted = self.runtime.block_on(self.admin.delete_topics(&names, &options()));
        first_error(deleted.context(|| "topics could not be deleted".to_owned())?)
    }

    /// Deletes what this run has created: topics of the programs included, which bear the prefix through the application id.
    pub fn clean_up(&self) -> Result<()> {
        let prefix = format!("{}-", self.prefix);
        self.delete_topics(&prefix)?;
        let groups = self
            .admin
            .inner()
            .fetch_group_list(None, TIMEOUT)
            .context(|| format!("{} does not tell its groups", self.servers))?;
        let names: Vec<_> =
            groups.groups().iter().map(|group| group.name()).filter(|name| name.starts_with(&prefix)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let deleted = self.runtime.block_on(self.admin.delete_groups(&names, &options()));
        first_error(deleted.context(|| "groups could not be deleted".to_owned())?)
    }
}

fn first_error(results: Vec<std::result::Result<String, (String, RDKafkaErrorCode)>>) -> Result<()> {
    match results.into_iter().find_map(|result| result.err()) {
        Some((name, code)) => Err(Failure::new(format!("{name} could not be deleted: {code}"))),
        None => Ok(()),
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}
