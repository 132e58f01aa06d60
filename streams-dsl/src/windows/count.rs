/// The last records of each key, a fixed number of them, in the order in which they come. Not in Kafka Streams, whose windows are all of time.
///
/// ```
/// # use streams_dsl::{StreamsBuilder, windows::CountWindows};
/// # let builder = StreamsBuilder::new();
/// let readings = builder.stream::<String, f64>("readings");
/// let of_last_ten = readings.group_by_key().windowed_by(CountWindows::last(10));
/// of_last_ten.aggregate(|| (0.0, 0), |(sum, count), reading| (sum + reading, count + 1)).map_values(|(sum, count)| sum / f64::from(count));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountWindows {
    pub(crate) records: usize,
}

impl CountWindows {
    /// The last `records` records of each key: one at least.
    pub fn last(records: usize) -> Self {
        Self { records }
    }

    /// What cannot be, if anything.
    pub(crate) fn mistake(&self) -> Option<String> {
        (self.records == 0).then(|| "a window of the last records holds one at least; set a larger number".to_owned())
    }
}
