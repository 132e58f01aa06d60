use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::operation::Operation;
use crate::ClientError;
use crate::calls::{CreateTopics, DeleteTopics, DescribeTopicConfig, Metadata, TopicMetadata};

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Whether Kafka keeps it for itself (`__consumer_offsets` and its like).
    pub internal: bool,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions, at least 1; -1 for the broker's default.
    pub partitions: i32,
    /// Replicas of each partition; -1 for the broker's default.
    pub replication_factor: i16,
    /// Configuration by Kafka's keys.
    pub config: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with so many partitions; everything else is the broker's default.
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self { name: name.into(), partitions, replication_factor: -1, config: BTreeMap::new() }
    }
}

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const LEADER_NOT_AVAILABLE: i16 = 5;
const INVALID_TOPIC: i16 = 17;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// The topics of these names that exist, or all.
async fn look(operation: &mut Operation, names: Option<Vec<Rc<str>>>) -> Result<Vec<TopicMetadata>, ClientError> {
    let call = Metadata { topics: names };
    loop {
        match existing(operation.any(&call).await?.topics) {
            Ok(topics) => return Ok(topics),
            Err(error) => operation.again(error).await?,
        }
    }
}

fn existing(topics: Vec<TopicMetadata>) -> Result<Vec<TopicMetadata>, ClientError> {
    let mut existing = Vec::with_capacity(topics.len());
    for topic in topics {
        match topic.code {
            0 => existing.push(topic),
            // A leader on the move does not unmake the topic.
            LEADER_NOT_AVAILABLE if !topic.partitions.is_empty() => existing.push(topic),
            // No topic can have a name that is not valid.
            UNKNOWN_TOPIC_OR_PARTITION | UNKNOWN_TOPIC_ID | INVALID_TOPIC => {}
            code => {
                return Err(ClientError::Refused { code, context: format!("describing topic {}", topic.name) });
            }
        }
    }
    Ok(existing)
}

pub(super) async fn describe(
    mut operation: Operation,
    names: Option<Vec<String>>,
) -> Result<Vec<TopicDescription>, ClientError> {
    // A broker answers a name as often as it is asked.
    let names = names.map(|names| {
        let mut seen = HashSet::new();
        names.into_iter().map(Rc::<str>::from).filter(|name| seen.insert(Rc::clone(name))).collect()
    });
    let described = look(&mut operation, names).await?.into_iter().map(|topic| TopicDescription {
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
        internal: topic.internal,
        name: topic.name,
    });
    Ok(described.collect())
}

pub(super) async fn create(
    mut operation: Operation,
    topics: Vec<NewTopic>,
) -> Result<Vec<Result<(), ClientError>>, ClientError> {
    let mut results: Vec<Result<(), ClientError>> = topics.iter().map(|_| Ok(())).collect();
    let mut open: Vec<usize> = (0..topics.len()).collect();
    while !open.is_empty() {
        let asked = open.iter().map(|&at| topics[at].clone()).collect();
        let call = CreateTopics { topics: asked, timeout: operation.left() };
        let mut retriable = None;
        for (at, answer) in std::mem::take(&mut open).into_iter().zip(operation.controller(&call).await?) {
            results[at] = answer.map_err(ClientError::from);
            if let Err(error) = &results[at]
                && error.is_retriable()
            {
                retriable = Some(error.clone());
                open.push(at);
            }
        }
        if let Some(error) = retriable
            && operation.again_elsewhere(error).await.is_err()
        {
            break;
        }
    }
    for (topic, result) in topics.iter().zip(&mut results) {
        if result.is_ok() {
            *result = until_led(&mut operation, topic).await;
        }
    }
    Ok(results)
}

/// Waits until the topic can be seen with a leader for each partition.
async fn until_led(operation: &mut Operation, topic: &NewTopic) -> Result<(), ClientError> {
    let waiting_for = || format!("waiting for the leaders of topic {}, which has been created", topic.name);
    let expected = usize::try_from(topic.partitions).unwrap_or(0).max(1);
    let name: Rc<str> = topic.name.as_str().into();
    let look_for_leaders = async |operation: &mut Operation| {
        let seen = look(operation, Some(vec![Rc::clone(&name)])).await?;
        let led = |topic: &TopicMetadata| topic.partitions.iter().filter(|partition| partition.leader >= 0).count();
        Ok(seen.iter().any(|topic| led(topic) >= expected).then_some(()))
    };
    operation.until(waiting_for, look_for_leaders).await
}

pub(super) async fn delete(mut operation: Operation, mut names: Vec<String>) -> Result<(), ClientError> {
    names.sort_unstable();
    names.dedup();
    let mut deleted = HashMap::new();
    while !names.is_empty() {
        let call = DeleteTopics { names, timeout: operation.left() };
        let answers = operation.controller(&call).await?;
        names = Vec::new();
        let mut retriable = None;
        for (name, answer) in call.names.into_iter().zip(answers) {
            match answer.map_err(ClientError::from) {
                Ok(id) => drop(deleted.insert(name, id)),
                Err(error) if matches!(error.code(), Some(UNKNOWN_TOPIC_OR_PARTITION | INVALID_TOPIC)) => {}
                Err(error) if error.is_retriable() => {
                    retriable = Some(error);
                    names.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = retriable {
            operation.again_elsewhere(error).await?;
        }
    }
    until_gone(&mut operation, &deleted).await
}

/// Waits until none of the topics can be seen; one of the same name that somebody has created since is another one.
async fn until_gone(operation: &mut Operation, deleted: &HashMap<String, [u8; 16]>) -> Result<(), ClientError> {
    if deleted.is_empty() {
        return Ok(());
    }
    let names: Vec<Rc<str>> = deleted.keys().map(|name| name.as_str().into()).collect();
    let waiting_for = || format!("waiting for the end of {}, deleted", names.join(", "));
    let look_for_remains = async |operation: &mut Operation| {
        let seen = look(operation, Some(names.clone())).await?;
        let remains = seen.iter().any(|topic| deleted.get(&topic.name).is_some_and(|id| *id == topic.id));
        Ok((!remains).then_some(()))
    };
    operation.until(waiting_for, look_for_remains).await
}

pub(super) async fn config(mut operation: Operation, topic: String) -> Result<BTreeMap<String, String>, ClientError> {
    operation.any(&DescribeTopicConfig { topic }).await
}
