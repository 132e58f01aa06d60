//! Repartition and changelog topics: how many partitions they need, creation, and validation of those that exist.

use super::partition_counts::repartition_counts;
use crate::broker::{Admin, BrokerErrorKind, NewTopic, TopicDescription};
use crate::config::Settings;
use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::task::task_count;
use crate::topology::{NodeKind, SourceTopics, StoreSpec, Topology};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is set for repartition topics: kept until purged after a commit, in the order of their own timestamps.
const REPARTITION_CONFIG: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("segment.bytes", "52428800"),
    ("retention.ms", "-1"),
    ("message.timestamp.type", "CreateTime"),
];

/// What is set for the changelog of a store: windowed ones forget what has expired.
fn changelog_config(spec: &StoreSpec, additional_retention: i64) -> Vec<(&'static str, String)> {
    let time = ("message.timestamp.type", "CreateTime".to_owned());
    if let Some(lag) = spec.changelog_compaction_lag() {
        return vec![("cleanup.policy", "compact".to_owned()), ("min.compaction.lag.ms", lag.to_string()), time];
    }
    match spec.changelog_retention(additional_retention) {
        None => vec![("cleanup.policy", "compact".to_owned()), time],
        Some(retention) => {
            vec![("cleanup.policy", "compact,delete".to_owned()), ("retention.ms", retention.to_string()), time]
        }
    }
}

/// The topics that exist, by name, with their partition counts.
pub(crate) fn existing_topics(admin: &impl Admin, timeout: Duration) -> Result<TopicPartitions, StreamsError> {
    let mut topics = TopicPartitions::default();
    for TopicDescription { name, partitions, internal } in admin.describe_topics(None, timeout)? {
        if !internal {
            topics.set(name, partitions);
        }
    }
    Ok(topics)
}

/// The named input topics of the topology that do not exist.
pub(crate) fn missing_sources(topology: &Topology, topics: &TopicPartitions) -> Vec<String> {
    let names = topology.nodes().iter().filter_map(|node| match &node.kind {
        NodeKind::Source { topics: SourceTopics::Names(names), .. } => Some(names),
        _ => None,
    });
    let missing = names.flatten().filter(|name| !topology.is_repartition_topic(name) && topics.get(name).is_none());
    missing.cloned().collect()
}

/// Creates the internal topics that are missing and checks those that exist. `topics` then knows all of them.
///
/// # Errors
/// An existing topic has another partition count than the topology needs, or a topic cannot be created.
pub(crate) fn prepare(
    topology: &Topology,
    settings: &Settings,
    admin: &impl Admin,
    topics: &mut TopicPartitions,
) -> Result<(), StreamsError> {
    let repartition = repartition_counts(topology, &settings.application_id, topics)?;
    let wanted =
        repartition.into_iter().map(|(name, count)| new_topic(settings, name, count, REPARTITION_CONFIG, None));
    ensure(admin, settings, topics, wanted.collect())?;
    let mut changelogs = Vec::new();
    for subtopology in topology.subtopologies() {
        let count = task_count(topology, &settings.application_id, subtopology, topics);
        for spec in subtopology.stores.iter().filter_map(|name| topology.store(name)) {
            if let Some(own) = &spec.logging
                && count > 0
            {
                let name = spec.changelog_topic(&settings.application_id);
                let defaults = changelog_config(spec, settings.windowstore_additional_retention_ms);
                changelogs.push(new_topic(settings, name, count, &defaults, Some(own)));
            }
        }
    }
    ensure(admin, settings, topics, changelogs)
}

fn new_topic(
    settings: &Settings,
    name: String,
    partitions: i32,
    defaults: &[(&str, impl AsRef<str>)],
    own: Option<&BTreeMap<String, String>>,
) -> NewTopic {
    let mut config: BTreeMap<String, String> =
        defaults.iter().map(|(key, value)| ((*key).to_owned(), value.as_ref().to_owned())).collect();
    config.extend(settings.topic_config.clone());
    config.extend(own.cloned().unwrap_or_default());
    NewTopic { name, partitions, replication_factor: settings.replication_factor, config }
}

fn ensure(
    admin: &impl Admin,
    settings: &Settings,
    topics: &mut TopicPartitions,
    wanted: Vec<NewTopic>,
) -> Result<(), StreamsError> {
    let mut missing = Vec::new();
    for topic in wanted {
        match topics.get(&topic.name) {
            None => missing.push(topic),
            Some(count) if count == topic.partitions => {}
            Some(count) => return Err(wrong_count(&topic, count)),
        }
    }
    let deadline = Instant::now() + settings.request_timeout;
    while !missing.is_empty() {
        let results = admin.create_topics(&missing, settings.request_timeout)?;
        let mut again = Vec::new();
        for (topic, result) in missing.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    tracing::info!("created topic {} with {} partitions", topic.name, topic.partitions);
                    topics.set(topic.name, topic.partitions);
                }
                Err(error) if error.kind == BrokerErrorKind::TopicExists => {
                    let count = existing_topics(admin, settings.request_timeout)?.get(&topic.name);
                    match count {
                        Some(count) if count == topic.partitions => topics.set(topic.name, count),
                        Some(count) => return Err(wrong_count(&topic, count)),
                        None => again.push(topic),
                    }
                }
                Err(error) if error.is_retriable() && Instant::now() < deadline => again.push(topic),
                Err(error) => {
                    let message = format!("cannot be created: {error}");
                    return Err(StreamsError::InternalTopic { topic: topic.name, message });
                }
            }
        }
        missing = again;
    }
    Ok(())
}

fn wrong_count(topic: &NewTopic, count: i32) -> StreamsError {
    StreamsError::InternalTopic {
        topic: topic.name.clone(),
        message: format!(
            "has {count} partitions where the topology needs {}: the partition count of an input topic, or the topology, has changed. \
             Its records are spread by the old count, so the state cannot be used as it is: use a new application.id, or reset the \
             application (delete its internal topics and local state)",
            topic.partitions
        ),
    }
}
