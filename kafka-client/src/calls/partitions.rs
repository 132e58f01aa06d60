use std::collections::HashMap;
use std::rc::Rc;

use crate::wire::{Reader, WireError};

/// One partition in a request to its leader, with what it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) topic: Rc<str>,
    pub(crate) partition: i32,
    /// The leader's epoch as far as is known: a broker that knows better says so (KIP-320).
    pub(crate) leader_epoch: i32,
    /// An offset, a timestamp or an epoch, whatever the request is about.
    pub(crate) value: i64,
}

/// What the leader answered about one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Error code; 0 is none.
    pub(crate) code: i16,
    pub(crate) offset: i64,
    /// The epoch of the record at the offset, or of the leader before it; -1 where there is none or it is not told.
    pub(crate) leader_epoch: i32,
}

/// The partitions of a request by topic, in order.
pub(super) fn grouped(asked: &[Asked]) -> Vec<(String, Vec<&Asked>)> {
    super::by_topic(asked.iter().map(|asked| (asked.topic.as_ref().to_owned(), asked)))
}

/// Reads the topics of an answer that has nothing but an error code for each partition: topic, partition and code.
pub(super) fn read_codes(body: &mut Reader) -> Result<Vec<(String, i32, i16)>, WireError> {
    let mut codes = Vec::new();
    body.compact_array(|topic| {
        let name = topic.compact_string()?;
        topic.compact_array(|partition| {
            codes.push((name.clone(), partition.i32()?, partition.i16()?));
            partition.tags()
        })?;
        topic.tags()
    })?;
    Ok(codes)
}

/// Reads the topics of an answer and puts their partitions into the order of the request.
pub(super) fn read_in_order(
    asked: &[Asked],
    body: &mut Reader,
    mut partition: impl FnMut(&mut Reader) -> Result<(i32, Answered), WireError>,
) -> Result<Vec<Answered>, WireError> {
    let topics = body.compact_array(|topic| {
        let name = topic.compact_string()?;
        let partitions = topic.compact_array(&mut partition)?;
        topic.tags()?;
        Ok((name, partitions))
    })?;
    body.tags()?;
    let mut answered = HashMap::with_capacity(asked.len());
    for (name, partitions) in &topics {
        answered.extend(partitions.iter().map(|(index, answer)| ((name.as_str(), *index), *answer)));
    }
    let in_order: Option<_> =
        asked.iter().map(|asked| answered.get(&(asked.topic.as_ref(), asked.partition)).copied()).collect();
    in_order.ok_or(WireError("an answer about partitions lacks one that was asked for"))
}
