use super::config::{Role, client_config};
use super::errors::{from_code, from_kafka, from_transaction};
use super::ffi;
use super::wait::wait_for;
use crate::broker::{Admin, BrokerError, BrokerErrorKind, NewTopic, OffsetSpec, Properties, TopicDescription};
use crate::record::TopicPartition;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::collections::{BTreeMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

/// Topics that Kafka keeps for itself.
const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];
/// Up to so many topics are asked for by name; for more, the whole cluster's metadata is one answer.
const ASK_BY_NAME: usize = 8;
/// Between two looks at whether a new topic can be seen.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Topics and offsets through librdkafka. Never creates a topic by asking for it.
pub struct LibrdkafkaAdmin {
    client: AdminClient<DefaultClientContext>,
}

impl LibrdkafkaAdmin {
    pub(super) fn new(bootstrap_servers: &str, properties: &Properties) -> Result<Self, BrokerError> {
        let config = client_config(Role::Admin, bootstrap_servers, properties)?;
        let client = config.create().map_err(|error| from_kafka(&error, Role::Admin))?;
        Ok(Self { client })
    }

    /// Looks at the metadata of topics.
    fn look(
        &self,
        name: Option<&str>,
        timeout: Duration,
        mut see: impl FnMut(&MetadataTopic) -> Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let context = || name.map_or_else(|| "describing topics".to_owned(), |name| format!("describing topic {name}"));
        let metadata =
            self.client.inner().fetch_metadata(name, timeout).map_err(|error| from_kafka(&error, context()))?;
        for topic in metadata.topics() {
            match topic.error().map(Code::from) {
                None => see(topic)?,
                Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownTopicId) => {}
                // A leader on the move does not unmake the topic.
                Some(Code::LeaderNotAvailable) if !topic.partitions().is_empty() => see(topic)?,
                Some(code) => return Err(from_code(code, context())),
            }
        }
        Ok(())
    }

    /// Waits until the topic can be seen with a leader for each partition.
    fn wait_until_visible(&self, topic: &NewTopic, deadline: Instant) -> Result<(), BrokerError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut led = 0;
            let looked = self.look(Some(&topic.name), left.max(LOOK_AGAIN), |seen| {
                led = seen.partitions().iter().filter(|partition| partition.leader() >= 0).count();
                Ok(())
            });
            match looked {
                Ok(()) if led >= usize::try_from(topic.partitions).unwrap_or(0) => return Ok(()),
                Err(error) if !error.is_retriable() => return Err(error),
                _ if left.is_zero() => {
                    let context = format_args!("creating topic {}", topic.name);
                    let message = "created, but its partitions cannot be seen in time";
                    return Err(BrokerError::new(BrokerErrorKind::Retriable, context, message));
                }
                _ => thread::sleep(LOOK_AGAIN.min(left)),
            }
        }
    }

    /// Asks for offsets, each partition at most once.
    fn ask_offsets(
        &self,
        partitions: &[(&TopicPartition, i64)],
        committed: bool,
        deadline: Instant,
    ) -> Result<Vec<i64>, BrokerError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let answers = ffi::list_offsets(self.client.inner(), partitions, committed, left)
            .map_err(|error| from_transaction(&error, "listing offsets"))?;
        let named = answers.into_iter().zip(partitions);
        named
            .map(|(answer, (id, _))| answer.map_err(|code| from_code(code, format_args!("listing the offset of {id}"))))
            .collect()
    }
}

/// librdkafka takes no longer timeout for a request.
const LONGEST: Duration = Duration::from_secs(3600);

fn deadline_of(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(LONGEST)
}

fn options(timeout: Duration) -> AdminOptions {
    let timeout = timeout.clamp(Duration::from_millis(1), LONGEST);
    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout))
}

/// What a partition is asked for, and whether it is about committed records.
fn native_spec(spec: OffsetSpec) -> (i64, bool) {
    match spec {
        OffsetSpec::Earliest => (-2, false),
        OffsetSpec::Latest => (-1, false),
        OffsetSpec::LatestStable => (-1, true),
        // Before the epoch lies everything.
        OffsetSpec::Timestamp(timestamp) => (timestamp.max(0), false),
    }
}

impl Admin for LibrdkafkaAdmin {
    fn describe_topics(&self, names: Option<&[&str]>, timeout: Duration) -> Result<Vec<TopicDescription>, BrokerError> {
        let mut described = Vec::new();
        let mut describe = |topic: &MetadataTopic| {
            let name = topic.name().to_owned();
            let internal = INTERNAL_TOPICS.contains(&name.as_str());
            let partitions = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
            described.push(TopicDescription { name, partitions, internal });
            Ok(())
        };
        match names {
            Some(names) if names.len() <= ASK_BY_NAME => {
                let deadline = deadline_of(timeout);
                for name in names {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.look(Some(name), left, &mut describe)?;
                }
            }
            names => {
                self.look(None, timeout, describe)?;
                if let Some(names) = names {
                    let wanted: HashSet<&str> = names.iter().copied().collect();
                    described.retain(|topic| wanted.contains(topic.name.as_str()));
                }
            }
        }
        Ok(described)
    }

    fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = deadline_of(timeout);
        let native: Vec<_> = topics.iter().map(native_topic).collect();
        let results = wait_for(self.client.create_topics(&native, &options(timeout)))
            .map_err(|error| from_kafka(&error, "creating topics"))?;
        let mut answers: BTreeMap<String, Result<(), Code>> = BTreeMap::new();
        for result in results {
            match result {
                Ok(name) => answers.insert(name, Ok(())),
                Err((name, code)) => answers.insert(name, Err(code)),
            };
        }
        let answer = |topic: &NewTopic| match answers.get(&topic.name) {
            Some(Ok(())) => self.wait_until_visible(topic, deadline),
            Some(Err(code)) => Err(from_code(*code, format_args!("creating topic {}", topic.name))),
            None => {
                let context = format_args!("creating topic {}", topic.name);
                Err(BrokerError::new(BrokerErrorKind::Fatal, context, "the broker said nothing about it"))
            }
        };
        Ok(topics.iter().map(answer).collect())
    }

    fn delete_topics(&self, names: &[&str], timeout: Duration) -> Result<(), BrokerError> {
        if names.is_empty() {
            return Ok(());
        }
        let results = wait_for(self.client.delete_topics(names, &options(timeout)))
            .map_err(|error| from_kafka(&error, "deleting topics"))?;
        for result in results {
            match result {
                Ok(_) | Err((_, Code::UnknownTopicOrPartition)) => {}
                Err((name, code)) => return Err(from_code(code, format_args!("deleting topic {name}"))),
            }
        }
        Ok(())
    }

    fn topic_config(&self, name: &str, timeout: Duration) -> Result<BTreeMap<String, String>, BrokerError> {
        let context = format_args!("reading the configuration of topic {name}");
        let results = wait_for(self.client.describe_configs([&ResourceSpecifier::Topic(name)], &options(timeout)))
            .map_err(|error| from_kafka(&error, context))?;
        let unknown = || from_code(Code::UnknownTopicOrPartition, context);
        let config = results.into_iter().next().ok_or_else(unknown)?.map_err(|code| from_code(code, context))?;
        if config.entries.is_empty() {
            // rdkafka drops the error of the topic. A topic that can be seen may only be described by others.
            let seen = !self.describe_topics(Some(&[name]), timeout)?.is_empty();
            return Err(if seen { from_code(Code::TopicAuthorizationFailed, context) } else { unknown() });
        }
        Ok(config.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        timeout: Duration,
    ) -> Result<Vec<i64>, BrokerError> {
        let deadline = deadline_of(timeout);
        let mut offsets = vec![-1; partitions.len()];
        let mut open: Vec<usize> = (0..partitions.len()).collect();
        while let Some(&first) = open.first() {
            let (_, committed) = native_spec(partitions[first].1);
            // One request holds a partition once, and is either about committed records or not.
            let mut named = HashSet::new();
            let (asked, rest): (Vec<usize>, Vec<usize>) = open.into_iter().partition(|&index| {
                native_spec(partitions[index].1).1 == committed && named.insert(&partitions[index].0)
            });
            let round: Vec<_> = asked.iter().map(|&at| (&partitions[at].0, native_spec(partitions[at].1).0)).collect();
            let answers = self.ask_offsets(&round, committed, deadline)?;
            asked.iter().zip(answers).for_each(|(&index, offset)| offsets[index] = offset);
            open = rest;
        }
        let after_all: Vec<usize> = (0..offsets.len()).filter(|&index| offsets[index] < 0).collect();
        if !after_all.is_empty() {
            let ends: Vec<_> = after_all.iter().map(|&at| (partitions[at].0.clone(), OffsetSpec::Latest)).collect();
            let left = deadline.saturating_duration_since(Instant::now());
            let ends = self.list_offsets(&ends, left)?;
            after_all.into_iter().zip(ends).for_each(|(index, end)| offsets[index] = end);
        }
        Ok(offsets)
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)], timeout: Duration) -> Result<(), BrokerError> {
        if before.is_empty() {
            return Ok(());
        }
        let deadline = deadline_of(timeout);
        let beyond = self.delete_below(before, deadline)?;
        if beyond.is_empty() {
            return Ok(());
        }
        // -1 means all there are.
        let all: Vec<_> = beyond.into_iter().map(|id| (id, -1)).collect();
        self.delete_below(&all, deadline).map(drop)
    }
}

impl LibrdkafkaAdmin {
    /// Deletes records; answers with the partitions whose end lies before the offset.
    fn delete_below(
        &self,
        before: &[(TopicPartition, i64)],
        deadline: Instant,
    ) -> Result<Vec<TopicPartition>, BrokerError> {
        let context = "deleting records";
        let mut list = TopicPartitionList::with_capacity(before.len());
        for (id, offset) in before {
            let offset = if *offset < 0 { Offset::End } else { Offset::Offset(*offset) };
            list.add_partition_offset(&id.topic, id.partition, offset).map_err(|error| from_kafka(&error, context))?;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let answered =
            wait_for(self.client.delete_records(&list, &options(left))).map_err(|error| from_kafka(&error, context))?;
        let mut beyond = Vec::new();
        for element in answered.elements() {
            let id = TopicPartition::new(element.topic(), element.partition());
            match element.error() {
                Ok(()) => {}
                Err(error) => match error.rdkafka_error_code() {
                    Some(Code::OffsetOutOfRange) => beyond.push(id),
                    _ => return Err(from_kafka(&error, format_args!("deleting records of {id}"))),
                },
            }
        }
        Ok(beyond)
    }
}

fn native_topic(topic: &NewTopic) -> rdkafka::admin::NewTopic<'_> {
    let replication = TopicReplication::Fixed(topic.replication_factor.into());
    let native = rdkafka::admin::NewTopic::new(&topic.name, topic.partitions, replication);
    topic.config.iter().fold(native, |native, (key, value)| native.set(key, value))
}
