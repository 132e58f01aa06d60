//! Where to read on when there is no valid offset.

use super::wall_time;
use crate::broker::{Admin, OffsetSpec};
use crate::config::Settings;
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::task::InputPartition;
use crate::topology::{AutoOffsetReset, NodeKind, Topology};

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
            OffsetSpec::Timestamp(wall_time().saturating_sub_unsigned(age.as_millis() as u64).max(0))
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
