//! The rows of suppression buffers as they stand in changelog topics: like those in the store, marked by a header with their version.

use crate::error::StreamsError;
use crate::record::{HeaderIter, TopicPartition};

/// The header `v` = 3, encoded: Kafka Streams' version 3 of these rows.
pub(in crate::store) const VERSION_3: [u8; 4] = [2, b'v', 2, 3];

/// Refuses a row to be restored that is not of version 3.
pub(crate) fn check_version(partition: &TopicPartition, offset: i64, headers: &[u8]) -> Result<(), StreamsError> {
    if headers == VERSION_3 {
        return Ok(());
    }
    let version = HeaderIter::over(headers).filter(|(name, _)| *name == "v").last().and_then(|(_, value)| value);
    let version = match version {
        Some([3]) => return Ok(()),
        Some([version]) => version.to_string(),
        None => "0".to_owned(),
        Some(other) => format!("{other:?}"),
    };
    Err(StreamsError::InvalidState(format!(
        "{partition} has a row of a suppression buffer in version {version} of its format at offset {offset}, as old versions of Kafka \
         Streams wrote it; only version 3 can be read. Let a Kafka Streams of today empty or rewrite the buffer first, or reset the application"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    fn check(headers: &Headers) -> Result<(), String> {
        check_version(&TopicPartition::new("t", 2), 7, headers.as_encoded()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_of_other_versions_are_refused() {
        let version = |version: &[u8]| Headers::default().with("v", Some(version));
        assert_eq!(version(&[3]).as_encoded(), VERSION_3);
        assert_eq!(check(&version(&[3])), Ok(()));
        assert_eq!(check(&version(&[2]).with("v", Some(&[3]))), Ok(()));
        for (headers, text) in [(version(&[2]), "in version 2 "), (Headers::default(), "in version 0 ")] {
            let error = check(&headers).unwrap_err();
            assert!(error.contains(text) && error.contains("t-2") && error.contains("offset 7"), "{error}");
        }
    }
}
