/// The input of an example on the embedded broker.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    /// Values without keys, partition after partition, with timestamps of now.
    Values(&'static [&'static str]),
    /// Key and value, with timestamps of now.
    Keyed(&'static [(&'static str, &'static str)]),
    /// Timestamp in milliseconds, key and value.
    Timed(&'static [(i64, &'static str, &'static str)]),
}

/// A record of it.
pub(crate) struct SampleRecord<'a> {
    pub timestamp: Option<i64>,
    pub key: Option<&'a str>,
    pub value: &'a str,
}

impl Sample {
    /// The values, in order.
    pub fn values(self) -> Vec<&'static str> {
        self.records().into_iter().map(|record| record.value).collect()
    }

    pub(crate) fn records(self) -> Vec<SampleRecord<'static>> {
        match self {
            Self::Values(values) => {
                values.iter().map(|value| SampleRecord { timestamp: None, key: None, value }).collect()
            }
            Self::Keyed(records) => {
                records.iter().map(|(key, value)| SampleRecord { timestamp: None, key: Some(key), value }).collect()
            }
            Self::Timed(records) => {
                let record =
                    |&(timestamp, key, value)| SampleRecord { timestamp: Some(timestamp), key: Some(key), value };
                records.iter().map(record).collect()
            }
        }
    }
}
