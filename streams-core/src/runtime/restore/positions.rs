use crate::broker::{Admin, OffsetSpec};
use crate::config::Settings;
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::runtime::group_call::{self, fetch_offsets};
use crate::task::{InputPartition, OffsetMetadata, TaskInput};
use crate::topology::{AutoOffsetReset, NodeKind, Topology};
use kafka_client::group::{FetchOffsets, GroupCoordinator};
use std::time::{SystemTime, UNIX_EPOCH};

/// The policy of a source for partitions without a valid committed offset.
pub(crate) fn reset_policy(topology: &Topology, settings: &Settings, input: &InputPartition) -> AutoOffsetReset {
    let NodeKind::Source { reset, .. } = &topology.nodes()[input.source].kind else {
        return settings.auto_offset_reset;
    };
    let prefix = format!("{}-", settings.application_id);
    let internal = input.partition.topic.strip_prefix(&prefix).is_some_and(|name| topology.is_repartition_topic(name));
    // What a repartition topic holds is always wanted: the records were read from the input already.
    if internal { AutoOffsetReset::Earliest } else { reset.unwrap_or(settings.auto_offset_reset) }
}

/// The offset that a policy stands for.
///
/// # Errors
/// Where the policy is to have none, or the cluster does not answer.
pub(crate) fn reset_offset(
    admin: &impl Admin,
    settings: &Settings,
    partition: &TopicPartition,
    policy: AutoOffsetReset,
    reason: &str,
) -> Result<i64, StreamsError> {
    let spec = match policy {
        AutoOffsetReset::Earliest => OffsetSpec::Earliest,
        AutoOffsetReset::Latest => OffsetSpec::Latest,
        AutoOffsetReset::ByDuration(age) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            OffsetSpec::Timestamp(now.saturating_sub(age).as_millis() as i64)
        }
        AutoOffsetReset::None => {
            return Err(StreamsError::InvalidState(format!(
                "{partition}: {reason}, and the reset policy is none; commit an offset for group {} or set auto.offset.reset",
                settings.application_id
            )));
        }
    };
    let offsets = admin.list_offsets(&[(partition.clone(), spec)], settings.request_timeout)?;
    let offset = offsets.first().copied().unwrap_or(0);
    tracing::info!("{partition}: {reason}; starting at offset {offset} ({policy:?})");
    Ok(offset)
}

/// Where a task starts in each of its inputs: the group's committed offset, else what the reset policy says.
pub(super) fn starting_positions(
    topology: &Topology,
    settings: &Settings,
    admin: &impl Admin,
    coordinator: &dyn GroupCoordinator,
    inputs: Vec<InputPartition>,
) -> Result<Vec<TaskInput>, StreamsError> {
    let partitions = inputs.iter().map(|input| (input.partition.topic.to_string(), input.partition.partition));
    let request = FetchOffsets {
        group_id: settings.application_id.clone(),
        member: None,
        partitions: partitions.collect(),
        // The former owner's last commit may be under way still; its outcome must be known before going on from it.
        require_stable: true,
    };
    let fetched = fetch_offsets(coordinator, request, settings.request_timeout).map_err(group_call::streams_error)?;
    let mut starting = Vec::with_capacity(inputs.len());
    for input in inputs {
        let partition = &input.partition;
        let committed = fetched
            .iter()
            .find(|offset| *offset.topic == *partition.topic && offset.partition == partition.partition)
            .and_then(|found| {
                Some((found.offset.filter(|&offset| offset >= 0)?, OffsetMetadata::decode(&found.metadata)))
            });
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
