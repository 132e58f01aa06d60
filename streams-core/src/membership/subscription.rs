use bytes::{BufMut, Bytes};
use uuid::Uuid;

use super::codec::{CodecError, Reader, Writer};
use crate::task::TaskId;

/// The most tasks of which a member tells its local state: 64 KiB, of the 1 MiB that a group's metadata may have in all.
const LOCAL_STATE_LIMIT: usize = 4096;

/// What a member tells the leader about itself: the user data of its subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The process, for as long as its state directory lives.
    pub process_id: Uuid,
    /// Its processing threads.
    pub threads: u32,
    /// Changes with every join, so that the broker takes each for a change of the member.
    pub counter: u32,
    /// Asks the leader to shut the whole application down.
    pub shutdown: bool,
    /// Fingerprint of the member's topology. All members must have the same.
    pub topology: u64,
    /// The generation in which the tasks were given to it; -1 for none.
    pub generation: i32,
    /// The tasks that it holds or may hold.
    pub owned: Vec<TaskId>,
    /// Tasks with a state directory, and the sum of the changelog offsets that it reaches. The first 4096 are told.
    pub local_state: Vec<(TaskId, i64)>,
}

impl Subscription {
    /// The user data of the subscription.
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.bytes.put_u128(self.process_id.as_u128());
        writer.bytes.put_u32(self.threads);
        writer.bytes.put_u32(self.counter);
        writer.bytes.put_u8(self.shutdown.into());
        writer.bytes.put_u64(self.topology);
        writer.bytes.put_i32(self.generation);
        writer.tasks(&self.owned);
        let told = &self.local_state[..self.local_state.len().min(LOCAL_STATE_LIMIT)];
        writer.count(told.len());
        for &(task, offset) in told {
            writer.task(task);
            writer.bytes.put_i64(offset);
        }
        writer.bytes.freeze()
    }

    /// Reads the user data of a subscription.
    ///
    /// # Errors
    /// If the bytes are malformed, or come from a newer release that this one does not understand.
    pub fn decode(bytes: &Bytes) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes.clone())?;
        Ok(Self {
            process_id: reader.uuid()?,
            threads: reader.u32()?,
            counter: reader.u32()?,
            shutdown: reader.flag()?,
            topology: reader.u64()?,
            generation: reader.i32()?,
            owned: reader.tasks()?,
            local_state: reader.list(|reader| Ok((reader.task()?, reader.i64()?)))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn example() -> Subscription {
        Subscription {
            process_id: Uuid::from_u128(7),
            threads: 3,
            counter: 4,
            shutdown: true,
            topology: 5,
            generation: 6,
            owned: vec![TaskId::new(0, 1), TaskId::new(2, 0)],
            local_state: vec![(TaskId::new(2, 9), 10)],
        }
    }

    fn task() -> impl Strategy<Value = TaskId> {
        (any::<u32>(), 0..i32::MAX).prop_map(|(subtopology, partition)| TaskId { subtopology, partition })
    }

    #[test]
    fn golden_bytes() {
        let golden = [
            &[1, 1][..],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
            &[0, 0, 0, 3, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6],
            &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0],
            &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 10],
        ]
        .concat();
        assert_eq!(example().encode(), golden);
    }

    #[test]
    fn a_newer_version_is_read_as_far_as_it_is_known() {
        let mut bytes = example().encode().to_vec();
        bytes[0] = 9;
        bytes.extend_from_slice(b"something new");
        assert_eq!(Subscription::decode(&bytes.into()), Ok(example()));
    }

    #[test]
    fn a_version_that_is_too_new_is_refused_by_its_numbers() {
        let mut bytes = example().encode().to_vec();
        bytes[..2].copy_from_slice(&[9, 8]);
        let error = Subscription::decode(&bytes.into()).unwrap_err();
        assert_eq!(error, CodecError::Unsupported { version: 9, readable_from: 8 });
        assert!(error.to_string().contains("run the same release"), "{error}");
    }

    #[test]
    fn truncated_bytes_are_an_error_at_every_length() {
        let bytes = example().encode();
        for length in 0..bytes.len() {
            assert!(Subscription::decode(&bytes.slice(..length)).is_err(), "{length}");
        }
    }

    #[test]
    fn a_negative_partition_is_an_error() {
        let mut bytes = example().encode().to_vec();
        let at = bytes.len() - 12;
        bytes[at] = 0x80;
        assert_eq!(Subscription::decode(&bytes.into()), Err(CodecError::Malformed("a partition is negative")));
    }

    #[test]
    fn local_state_beyond_the_limit_is_not_told() {
        let local_state = (0..5000).map(|partition| (TaskId::new(0, partition), 1)).collect();
        let read = Subscription::decode(&Subscription { local_state, ..example() }.encode()).unwrap();
        assert_eq!(read.local_state.len(), LOCAL_STATE_LIMIT);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            owned in btree_set(task(), 0..20),
            local_state in vec((task(), any::<i64>()), 0..20),
            (threads, counter, generation, topology) in any::<(u32, u32, i32, u64)>(),
        ) {
            let owned = owned.into_iter().collect();
            let written = Subscription { owned, local_state, threads, counter, generation, topology, ..example() };
            prop_assert_eq!(Subscription::decode(&written.encode()), Ok(written));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in vec(any::<u8>(), 0..200), versions: bool) {
            if versions && bytes.len() > 1 {
                bytes[..2].fill(1);
            }
            if let Ok(read) = Subscription::decode(&bytes.into()) {
                prop_assert_eq!(Subscription::decode(&read.encode()), Ok(read));
            }
        }

        #[test]
        fn a_changed_byte_is_read_or_refused(at: prop::sample::Index, value: u8) {
            let mut bytes = example().encode().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = value;
            if let Ok(read) = Subscription::decode(&bytes.into()) {
                prop_assert!(read.owned.len() <= 2 && read.local_state.len() <= 1);
            }
        }
    }
}
