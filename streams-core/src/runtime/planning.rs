//! What the group's leader does before it assigns tasks: find partition counts, create and check internal topics.

use super::instance::Instance;
use super::internal_topics::{existing_topics, missing_sources, prepare};
use crate::broker::Broker;
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::membership::{PlanError, PlannedSubtopology, PlannedTopology, SubtopologySources, TaskGroup, plan};
use crate::processor::TopicPartitions;
use crate::task::{TaskId, input_partitions, task_count};
use crate::topology::Topology;
use bytes::Bytes;
use kafka_client::group::GroupMember;

/// The assignments of all members, with the topics that they rest on.
pub(crate) struct Planned {
    pub(super) assignments: Vec<(String, Bytes)>,
    pub(super) task_counts: Vec<i32>,
}

/// Makes the plan. Blocks on the cluster, so it runs on a thread of its own.
pub(super) fn make_plan<B: Broker>(instance: &Instance<B>, members: &[GroupMember]) -> Result<Planned, PlanError> {
    let admin = instance.broker.admin(&instance.config.client_properties(ClientRole::Admin));
    let admin = admin.map_err(|error| PlanError::Unavailable(error.to_string()))?;
    let mut topics = existing_topics(&admin, instance.settings.request_timeout).map_err(plan_error)?;
    let missing = missing_sources(&instance.topology, &topics);
    if !missing.is_empty() {
        return Err(PlanError::MissingSourceTopics(missing));
    }
    prepare(&instance.topology, &instance.settings, &admin, &mut topics).map_err(plan_error)?;
    let application_id = &instance.settings.application_id;
    let planned = PlannedTopology {
        fingerprint: fingerprint(&instance.topology),
        subtopologies: planned_subtopologies(&instance.topology, application_id, &topics),
    };
    let plan = plan(members, &planned)?;
    plan.problems.iter().for_each(|problem| tracing::warn!("assignment: {problem}"));
    Ok(Planned { assignments: plan.assignments, task_counts: task_counts(&instance.topology, application_id, &topics) })
}

/// The number of tasks of each subtopology, as the topics stand now.
pub(super) fn task_counts(topology: &Topology, application_id: &str, topics: &TopicPartitions) -> Vec<i32> {
    topology
        .subtopologies()
        .iter()
        .map(|subtopology| task_count(topology, application_id, subtopology, topics))
        .collect()
}

fn planned_subtopologies(
    topology: &Topology,
    application_id: &str,
    topics: &TopicPartitions,
) -> Vec<PlannedSubtopology> {
    let planned = topology.subtopologies().iter().map(|subtopology| {
        let partitions = task_count(topology, application_id, subtopology, topics);
        let stateful = !subtopology.stores.is_empty();
        let first = TaskId::new(subtopology.id, 0);
        let inputs = input_partitions(topology, application_id, first, topics);
        let topics = inputs.iter().map(|input| {
            let name = input.partition.topic.to_string();
            let count = topics.get(&name).unwrap_or(0);
            (name, count)
        });
        PlannedSubtopology {
            tasks: TaskGroup { subtopology: subtopology.id, partitions, stateful },
            topics: topics.collect(),
        }
    });
    planned.collect()
}

/// The topics that each subtopology reads, as the group's members subscribe to them.
pub(super) fn sources(topology: &Topology, application_id: &str) -> Vec<SubtopologySources> {
    let named = |nodes: &[usize]| {
        let mut names = Vec::new();
        for &node in nodes {
            if let crate::topology::NodeKind::Source { topics: crate::topology::SourceTopics::Names(topics), .. } =
                &topology.nodes()[node].kind
            {
                names.extend(topics.iter().map(|topic| topology.topic_name(application_id, topic)));
            }
        }
        names
    };
    let sources = topology.subtopologies().iter();
    sources
        .map(|subtopology| SubtopologySources { subtopology: subtopology.id, topics: named(&subtopology.nodes) })
        .collect()
}

/// A number by which members see whether they run the same topology: names and links of nodes, and stores. Written out (FNV-1a) rather than
/// left to the standard library's hashing, which may change from one compiler to the next, and members are not all built by the same.
pub(super) fn fingerprint(topology: &Topology) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for node in topology.nodes() {
        add(&node.name);
        node.parents.iter().for_each(|&parent| add(&topology.nodes()[parent].name));
        add("");
        node.stores.iter().for_each(|store| add(store));
        add("");
    }
    hash
}

fn plan_error(error: StreamsError) -> PlanError {
    match error {
        StreamsError::MissingSourceTopics(topics) => PlanError::MissingSourceTopics(topics),
        error if error.is_retriable() => PlanError::Unavailable(error.to_string()),
        StreamsError::NotCopartitioned(message) => PlanError::NotCopartitioned(message),
        error => PlanError::InternalTopic(error.to_string()),
    }
}
