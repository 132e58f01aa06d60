use bytes::{BufMut, Bytes};

use super::codec::{CodecError, Reader, Writer};
use crate::task::TaskId;

/// The most texts that an error carries: it goes to every member.
const DETAILS_LIMIT: usize = 100;

/// What the leader tells a member: the user data of its assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskAssignment {
    /// All tasks that the member has from now on. With an error these are the ones that it had.
    pub tasks: Vec<TaskId>,
    /// Why there is no new distribution of tasks, or none for this member.
    pub error: Option<AssignmentError>,
    /// Fingerprint of the leader's topology.
    pub topology: u64,
    /// Whether tasks are withheld in the group until others have given them up, so that the next rebalance is near.
    pub unsettled: bool,
    /// The number of threads that the member was counted with. A static member that comes back gets the assignment of its former self, which may
    /// have had another number.
    pub threads: u32,
}

/// Why the leader has not distributed the tasks.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// Input topics do not exist.
    #[error("source topics do not exist: {}; create them and start again", .0.join(", "))]
    MissingSourceTopics(Vec<String>),
    /// The member's topology is another one than the leader's. Only this member is told so; the others work on.
    #[error("{0}")]
    IncompatibleTopology(String),
    /// The leader cannot read what this member says. Only this member is told so; the others work on.
    #[error("{0}")]
    IncompatibleVersion(String),
    /// A member has asked for the whole application to be shut down.
    #[error("{0}")]
    ShutdownRequested(String),
    /// An internal topic does not fit the topology, or cannot be created.
    #[error("{0}")]
    InternalTopic(String),
    /// Topics whose records are to meet by key have different partition counts.
    #[error("{0}")]
    NotCopartitioned(String),
    /// The leader lacks something for the moment. It tries again by itself; members keep their tasks running.
    #[error("the leader cannot assign tasks at present: {0}; it will try again")]
    PlanFailed(String),
    /// A newer release's error.
    #[error("the leader reports error {code} of a newer release: {}", details.join(", "))]
    Unknown {
        /// Its number.
        code: u8,
        /// What it is about.
        details: Vec<String>,
    },
}

impl AssignmentError {
    fn to_code(&self) -> (u8, &[String]) {
        match self {
            Self::MissingSourceTopics(topics) => (1, topics),
            Self::IncompatibleTopology(message) => (2, std::slice::from_ref(message)),
            Self::IncompatibleVersion(message) => (3, std::slice::from_ref(message)),
            Self::ShutdownRequested(message) => (4, std::slice::from_ref(message)),
            Self::InternalTopic(message) => (5, std::slice::from_ref(message)),
            Self::PlanFailed(message) => (6, std::slice::from_ref(message)),
            Self::NotCopartitioned(message) => (7, std::slice::from_ref(message)),
            Self::Unknown { code, details } => (*code, details),
        }
    }

    fn from_code(code: u8, details: Vec<String>) -> Option<Self> {
        Some(match code {
            0 => return None,
            1 => Self::MissingSourceTopics(details),
            2 => Self::IncompatibleTopology(details.concat()),
            3 => Self::IncompatibleVersion(details.concat()),
            4 => Self::ShutdownRequested(details.concat()),
            5 => Self::InternalTopic(details.concat()),
            6 => Self::PlanFailed(details.concat()),
            7 => Self::NotCopartitioned(details.concat()),
            _ => Self::Unknown { code, details },
        })
    }
}

impl TaskAssignment {
    /// The user data of the assignment.
    pub fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        let (code, details) = self.error.as_ref().map_or((0, &[][..]), AssignmentError::to_code);
        let details = &details[..details.len().min(DETAILS_LIMIT)];
        writer.bytes.put_u8(code);
        writer.count(details.len());
        details.iter().for_each(|text| writer.string(text));
        writer.bytes.put_u64(self.topology);
        writer.bytes.put_u8(self.unsettled.into());
        writer.bytes.put_u32(self.threads);
        writer.tasks(&self.tasks);
        writer.bytes.freeze()
    }

    /// Reads the user data of an assignment.
    ///
    /// # Errors
    /// If the bytes are malformed, or come from a newer release that this one does not understand.
    pub fn decode(bytes: &Bytes) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes.clone())?;
        let code = reader.u8()?;
        let details = reader.list(Reader::string)?;
        Ok(Self {
            error: AssignmentError::from_code(code, details),
            topology: reader.u64()?,
            unsettled: reader.flag()?,
            threads: reader.u32()?,
            tasks: reader.tasks()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn example(error: Option<AssignmentError>) -> TaskAssignment {
        let tasks = vec![TaskId::new(1, 2), TaskId::new(1, 3)];
        TaskAssignment { tasks, error, topology: 9, unsettled: true, threads: 4 }
    }

    #[test]
    fn golden_bytes() {
        let golden = [
            &[1, 1, 1, 0, 0, 0, 1, 0, 2, b'i', b'n'][..],
            &[0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 4],
            &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3],
        ]
        .concat();
        assert_eq!(example(Some(AssignmentError::MissingSourceTopics(vec!["in".into()]))).encode(), golden);
    }

    #[test]
    fn every_error_survives() {
        let text = || "what and where".to_owned();
        let errors = [
            AssignmentError::MissingSourceTopics(vec!["a".into(), "b".into()]),
            AssignmentError::IncompatibleTopology(text()),
            AssignmentError::IncompatibleVersion(text()),
            AssignmentError::ShutdownRequested(text()),
            AssignmentError::InternalTopic(text()),
            AssignmentError::NotCopartitioned(text()),
            AssignmentError::PlanFailed(text()),
            AssignmentError::Unknown { code: 200, details: vec![text()] },
        ];
        for error in errors.map(Some).into_iter().chain([None]) {
            assert_eq!(TaskAssignment::decode(&example(error.clone()).encode()), Ok(example(error)));
        }
    }

    #[test]
    fn texts_too_long_are_cut_between_characters() {
        let written = example(Some(AssignmentError::PlanFailed("é".repeat(40_000))));
        let Some(AssignmentError::PlanFailed(read)) = TaskAssignment::decode(&written.encode()).unwrap().error else {
            panic!("another error");
        };
        assert_eq!(read, "é".repeat(32_767));
    }

    #[test]
    fn truncated_bytes_are_an_error_at_every_length() {
        let bytes = example(Some(AssignmentError::PlanFailed("x".into()))).encode();
        for length in 0..bytes.len() {
            assert!(TaskAssignment::decode(&bytes.slice(..length)).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in vec(any::<u8>(), 0..200), versions: bool) {
            if versions && bytes.len() > 1 {
                bytes[..2].fill(1);
            }
            if let Ok(read) = TaskAssignment::decode(&bytes.into()) {
                prop_assert_eq!(read.error.as_ref().map(AssignmentError::to_code).map_or(0, |(code, _)| code) == 0, read.error.is_none());
            }
        }
    }
}
