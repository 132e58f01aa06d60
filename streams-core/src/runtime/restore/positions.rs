use super::changelog::Committed;
use crate::broker::Admin;
use crate::config::Settings;
use crate::error::StreamsError;
use crate::record::{NO_TIMESTAMP, TopicPartition};
use crate::runtime::group_call::{self, fetch_offsets};
use crate::runtime::reset::{reset_offset, reset_policy};
use crate::task::{InputPartition, OffsetMetadata, TaskInput};
use crate::topology::Topology;
use kafka_client::group::{FetchOffsets, GroupCoordinator};

/// Where a task starts in each of its inputs: the group's committed offset, else what the reset policy says.
pub(super) fn starting_positions(
    topology: &Topology,
    settings: &Settings,
    admin: &impl Admin,
    coordinator: &dyn GroupCoordinator,
    inputs: Vec<InputPartition>,
) -> Result<Vec<TaskInput>, StreamsError> {
    let committed = committed(settings, coordinator, inputs.iter().map(|input| &input.partition))?;
    let mut starting = Vec::with_capacity(inputs.len());
    for (input, committed) in inputs.into_iter().zip(committed) {
        let partition = &input.partition;
        let (position, metadata) = match committed {
            Some(committed) => committed,
            None => {
                let policy = reset_policy(topology, settings, &input);
                let offset = reset_offset(admin, settings, partition, policy, "the group has no committed offset")?;
                (offset, OffsetMetadata::default())
            }
        };
        starting.push(TaskInput { input, position, metadata });
    }
    Ok(starting)
}

/// The stream time up to which the input of a task was processed, as of its last commit; [`NO_TIMESTAMP`] before the first.
pub(super) fn committed_stream_time(
    settings: &Settings,
    coordinator: &dyn GroupCoordinator,
    inputs: &[InputPartition],
) -> Result<i64, StreamsError> {
    let committed = committed(settings, coordinator, inputs.iter().map(|input| &input.partition))?;
    let times = committed.iter().flatten().map(|(_, metadata)| metadata.partition_time);
    Ok(times.max().unwrap_or(NO_TIMESTAMP))
}

/// The group's committed offset of each partition.
pub(super) fn committed_offsets<'p>(
    settings: &Settings,
    coordinator: &dyn GroupCoordinator,
    partitions: impl Iterator<Item = &'p TopicPartition> + Clone,
) -> Result<Vec<Committed>, StreamsError> {
    let committed = committed(settings, coordinator, partitions)?;
    Ok(committed.into_iter().map(|committed| Some(committed?.0)).collect())
}

/// The group's committed offset of each partition, and what was committed with it.
fn committed<'p>(
    settings: &Settings,
    coordinator: &dyn GroupCoordinator,
    partitions: impl Iterator<Item = &'p TopicPartition> + Clone,
) -> Result<Vec<Option<(i64, OffsetMetadata)>>, StreamsError> {
    let named = partitions.clone().map(|partition| (partition.topic.to_string(), partition.partition));
    let request = FetchOffsets {
        group_id: settings.application_id.clone(),
        member: None,
        partitions: named.collect(),
        // The former owner's last commit may be under way still; its outcome must be known before going on from it.
        require_stable: true,
    };
    let fetched = fetch_offsets(coordinator, request, settings.request_timeout).map_err(group_call::streams_error)?;
    let committed = |partition: &TopicPartition| {
        let same = |topic: &str, number| *topic == *partition.topic && number == partition.partition;
        let found = fetched.iter().find(|offset| same(&offset.topic, offset.partition))?;
        Some((found.offset.filter(|&offset| offset >= 0)?, OffsetMetadata::decode(&found.metadata)))
    };
    Ok(partitions.map(committed).collect())
}
