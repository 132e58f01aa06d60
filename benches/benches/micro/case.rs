use std::error::Error;

pub type Failure = Box<dyn Error + Send + Sync>;

/// Something to be measured.
pub struct Case {
    pub group: &'static str,
    /// Unique in its group.
    pub name: String,
    /// Numbers of records of the two runs.
    pub few: u64,
    pub many: u64,
    pub run: Box<dyn Fn(Amount) -> Result<(), Failure>>,
}

/// How much a run does.
#[derive(Clone, Copy)]
pub struct Amount {
    /// Records to process.
    pub records: u64,
    /// Records of input to prepare: the same in both runs, so that preparing them is no part of the difference.
    pub prepared: u64,
}
