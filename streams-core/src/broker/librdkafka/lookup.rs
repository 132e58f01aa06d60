use super::assigned::Assigned;
use super::ffi::NativeMessage;
use crate::record::TopicPartition;
use hashbrown::HashMap;

/// A message's topic, by the number that librdkafka has for it, and partition.
type NativeKey = (usize, i32);

/// Finds assigned partitions: by name, and cheaply by what a message carries.
#[derive(Default)]
pub(super) struct Lookup {
    by_id: HashMap<TopicPartition, usize>,
    /// Filled as messages come, emptied when the assignment changes: a topic's number means the topic only while it is
    /// assigned.
    by_native: HashMap<NativeKey, usize>,
    /// The last one found: messages of one partition come in runs.
    last: Option<(NativeKey, usize)>,
}

impl Lookup {
    /// Indexes a new assignment.
    pub(super) fn rebuild(&mut self, partitions: &[Assigned]) {
        self.by_id = partitions.iter().enumerate().map(|(index, partition)| (partition.id.clone(), index)).collect();
        self.forget_native();
    }

    /// Forgets librdkafka's numbers of topics.
    pub(super) fn forget_native(&mut self) {
        self.by_native.clear();
        self.last = None;
    }

    /// The index of a partition.
    pub(super) fn get(&self, id: &TopicPartition) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The index of a message's partition.
    pub(super) fn of_message(&mut self, message: &NativeMessage<'_>) -> Option<usize> {
        let key = (message.topic_key(), message.partition());
        if let Some((last, index)) = self.last
            && last == key
        {
            return Some(index);
        }
        let index = match self.by_native.get(&key) {
            Some(&index) => index,
            None => {
                let index = self.get(&TopicPartition::new(message.topic(), key.1))?;
                self.by_native.insert(key, index);
                index
            }
        };
        self.last = Some((key, index));
        Some(index)
    }
}
