use std::fmt;
use std::str::FromStr;

/// A task: partition `partition` of every input topic of subtopology `subtopology`. Shown as `<subtopology>_<partition>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// Number of the subtopology.
    pub subtopology: u32,
    /// Number of the partition.
    pub partition: i32,
}

impl TaskId {
    /// Task `partition` of subtopology `subtopology`.
    pub fn new(subtopology: u32, partition: i32) -> Self {
        Self { subtopology, partition }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

impl FromStr for TaskId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (subtopology, partition) = text.split_once('_').ok_or(())?;
        let partition = partition.parse().map_err(|_| ())?;
        if partition < 0 {
            return Err(());
        }
        Ok(Self { subtopology: subtopology.parse().map_err(|_| ())?, partition })
    }
}
