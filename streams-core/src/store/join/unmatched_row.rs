//! The bytes of a record without partner: those of Kafka Streams' `TimestampedKeyAndJoinSideSerde`, and of a list of what its `LeftOrRightValueSerde`
//! writes.
//!
//! ```text
//! key     time, 8 bytes | 1 for the left side, else 0 | key
//! value   1 | number of entries, 4 bytes | for each: length, 4 bytes | 1 for the left side, else 0 | value
//! ```

use super::JoinSide;
use crate::record::Written;
use crate::serde::SerdeError;

/// Time and side.
const KEY_HEAD: usize = 9;
/// Kafka's `SerializationStrategy.VARIABLE_SIZE`, and the number of entries.
const LIST_HEAD: usize = 5;
const VARIABLE_SIZE: u8 = 1;
const LENGTH: usize = size_of::<i32>();

/// Replaces `row` with the key of a row; `key` appends the record's key.
pub(super) fn write_key(timestamp: i64, side: JoinSide, key: &[u8], row: &mut Vec<u8>) {
    row.clear();
    row.extend_from_slice(&timestamp.to_be_bytes());
    row.push(flag(side));
    row.extend_from_slice(key);
}

/// Time, side and key.
pub(super) fn parse_key(row: &[u8]) -> Option<(i64, JoinSide, &[u8])> {
    let (head, key) = row.split_at_checked(KEY_HEAD)?;
    let timestamp = i64::from_be_bytes(*head.first_chunk()?);
    Some((timestamp, side(head[KEY_HEAD - 1]), key))
}

/// Writes the list `present` with one entry more, which `write` appends. Answers no where that is a null, which has no entry.
pub(super) fn write_appended(
    present: Option<&[u8]>,
    side: JoinSide,
    write: impl FnOnce(&mut Vec<u8>) -> Result<Written, SerdeError>,
    out: &mut Vec<u8>,
) -> Result<bool, SerdeError> {
    match present {
        Some(list) => out.extend_from_slice(list),
        None => out.extend_from_slice(&[VARIABLE_SIZE, 0, 0, 0, 0]),
    }
    let count = count(out)?.checked_add(1).ok_or_else(|| invalid("it has too many entries"))?;
    out[1..LIST_HEAD].copy_from_slice(&count.to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    out.push(flag(side));
    if write(out)? == Written::Null {
        return Ok(false);
    }
    let length = i32::try_from(out.len() - start - LENGTH).map_err(|_| invalid("an entry is longer than 2 GiB"))?;
    out[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
    Ok(true)
}

/// The entries of a list.
pub(super) fn entries(list: &[u8]) -> Result<Entries<'_>, SerdeError> {
    let left = count(list)?;
    Ok(Entries { left, rest: &list[LIST_HEAD..] })
}

pub(super) struct Entries<'a> {
    left: i32,
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(JoinSide, &'a [u8]), SerdeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        let entry = self.entry().ok_or_else(|| invalid("it ends within an entry"));
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Option<(JoinSide, &'a [u8])> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        let (entry, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        let (flag, value) = entry.split_first()?;
        Some((side(*flag), value))
    }
}

fn count(list: &[u8]) -> Result<i32, SerdeError> {
    match list.split_first_chunk::<LIST_HEAD>() {
        Some(([VARIABLE_SIZE, count @ ..], _)) => Ok(i32::from_be_bytes(*count)),
        _ => Err(invalid("it is no list of entries of any length")),
    }
}

fn flag(side: JoinSide) -> u8 {
    u8::from(side == JoinSide::Left)
}

fn side(flag: u8) -> JoinSide {
    if flag == 1 { JoinSide::Left } else { JoinSide::Right }
}

fn invalid(why: &str) -> SerdeError {
    SerdeError::Invalid(format!("not the records of a join that have no partner: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(present: Option<&[u8]>, side: JoinSide, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(value);
            Ok(Written::Bytes)
        };
        assert!(write_appended(present, side, write, &mut out).unwrap());
        out
    }

    #[test]
    fn the_bytes_of_kafka_streams() {
        let mut row = Vec::new();
        write_key(5, JoinSide::Left, b"k", &mut row);
        assert_eq!(row, b"\0\0\0\0\0\0\0\x05\x01k");
        assert_eq!(parse_key(&row), Some((5, JoinSide::Left, b"k".as_slice())));
        let one = appended(None, JoinSide::Left, b"ab");
        assert_eq!(one, b"\x01\0\0\0\x01\0\0\0\x03\x01ab");
        let two = appended(Some(&one), JoinSide::Right, b"");
        assert_eq!(two, b"\x01\0\0\0\x02\0\0\0\x03\x01ab\0\0\0\x01\0");
        let read: Result<Vec<_>, _> = entries(&two).unwrap().collect();
        assert_eq!(read.unwrap(), [(JoinSide::Left, b"ab".as_slice()), (JoinSide::Right, b"".as_slice())]);
    }

    #[test]
    fn whatever_is_no_row_is_an_error() {
        assert_eq!(parse_key(b"\0\0\0\0\0\0\0\x05"), None);
        let list = appended(None, JoinSide::Left, b"abc");
        for end in 0..list.len() {
            assert!(entries(&list[..end]).and_then(Iterator::collect::<Result<Vec<_>, _>>).is_err(), "{end} bytes");
        }
        assert!(entries(b"\0\0\0\0\x01").is_err());
        assert!(entries(b"\x01\0\0\0\x01\xff\xff\xff\xff").unwrap().next().unwrap().is_err());
    }

    #[test]
    fn a_null_is_no_entry() {
        let mut out = Vec::new();
        assert!(!write_appended(None, JoinSide::Left, |_| Ok(Written::Null), &mut out).unwrap());
    }
}
