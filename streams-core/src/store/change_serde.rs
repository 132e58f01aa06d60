use super::Change;
use crate::record::{Written, read_varint, write_varint};
use crate::serde::{Payload, Serde, SerdeError, SerdeRef};
use std::sync::Arc;

/// Changes as Kafka Streams writes them to the repartition topics of grouped tables (KIP-904): the old row, or the new one, or the length of the new
/// one and both; then a byte that says which.
pub struct ChangeSerde<V> {
    rows: SerdeRef<V>,
}

const OLD: u8 = 0;
const NEW: u8 = 1;
const NEW_AND_OLD: u8 = 2;
/// The same three with a byte before that says whether the change is the latest of its key; reserved, and not written.
const WITH_IS_LATEST: u8 = 3;

impl<V: 'static> ChangeSerde<V> {
    /// Changes of rows of this serde.
    pub fn new(rows: &SerdeRef<V>) -> Self {
        Self { rows: Arc::clone(rows) }
    }

    /// Appends a row; false where it is none.
    fn write(&self, topic: &str, row: Option<&V>, out: &mut Vec<u8>) -> Result<bool, SerdeError> {
        let Some(row) = row else { return Ok(false) };
        Ok(self.rows.serialize(topic, row, out)? == Written::Bytes)
    }

    fn read(&self, topic: &str, row: Payload<'_>) -> Result<Option<V>, SerdeError> {
        self.rows.deserialize(topic, Some(row)).map(Some)
    }
}

impl<V: 'static> Serde<Change<V>> for ChangeSerde<V> {
    fn serialize(&self, topic: &str, change: &Change<V>, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        let start = out.len();
        let new = self.write(topic, change.new.as_ref(), out)?;
        let length = out.len() - start;
        let old = self.write(topic, change.old.as_ref(), out)?;
        let flag = match (old, new) {
            (true, true) => {
                let mut varint = Vec::with_capacity(5);
                write_varint(&mut varint, length as i64);
                out.splice(start..start, varint);
                NEW_AND_OLD
            }
            (true, false) => OLD,
            (false, true) => NEW,
            (false, false) => return Err(SerdeError::Invalid("a change without old and new row".to_owned())),
        };
        out.push(flag);
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<Change<V>, SerdeError> {
        let data = crate::serde::non_null(data, "change of a row")?;
        let (mut rows, flag) = match data.split_last(1) {
            Some((rows, &[flag])) => (rows, flag),
            _ => return Err(SerdeError::Invalid("a change of no bytes".to_owned())),
        };
        let mut kind = flag;
        if kind >= WITH_IS_LATEST {
            kind -= WITH_IS_LATEST;
            (rows, _) = rows.split_last(1).ok_or_else(|| unknown(flag))?;
        }
        match kind {
            OLD => Ok(Change { old: self.read(topic, rows)?, new: None }),
            NEW => Ok(Change { old: None, new: self.read(topic, rows)? }),
            NEW_AND_OLD => {
                let (new, old) = split(rows).ok_or_else(|| unknown(flag))?;
                Ok(Change { old: self.read(topic, old)?, new: self.read(topic, new)? })
            }
            _ => Err(unknown(flag)),
        }
    }
}

/// The new and the old row.
fn split(rows: Payload<'_>) -> Option<(Payload<'_>, Payload<'_>)> {
    let mut rest = rows.as_slice();
    let length = usize::try_from(read_varint(&mut rest)?).ok()?;
    let (_, rows) = rows.split_first(rows.as_slice().len() - rest.len())?;
    rows.split_first(length)
}

#[cold]
fn unknown(flag: u8) -> SerdeError {
    SerdeError::Invalid(format!("not a change of a row: its last byte is {flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::DefaultSerde;

    fn serde() -> ChangeSerde<String> {
        ChangeSerde::new(&String::default_serde())
    }

    fn change(old: Option<&str>, new: Option<&str>) -> Change<String> {
        Change { old: old.map(str::to_owned), new: new.map(str::to_owned) }
    }

    #[test]
    fn bytes_are_kafka_streams() {
        for (change, bytes) in [
            (change(Some("old"), None), &b"old\0"[..]),
            (change(None, Some("new")), b"new\x01"),
            (change(Some("old"), Some("n")), b"\x02nold\x02"),
            (change(Some(""), Some("")), b"\0\x02"),
        ] {
            let mut out = b"before".to_vec();
            serde().serialize("t", &change, &mut out).unwrap();
            assert_eq!(&out[6..], bytes);
            assert_eq!(serde().deserialize("t", Some(Payload::new(bytes))).unwrap(), change);
        }
    }

    #[test]
    fn what_says_whether_it_is_the_latest_is_read() {
        let read = |bytes| serde().deserialize("t", Some(Payload::new(bytes))).unwrap();
        assert_eq!(read(b"old\x01\x03"), change(Some("old"), None));
        assert_eq!(read(b"new\0\x04"), change(None, Some("new")));
        assert_eq!(read(b"\x02nold\x01\x05"), change(Some("old"), Some("n")));
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        assert!(serde().serialize("t", &change(None, None), &mut Vec::new()).is_err());
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [&b""[..], b"\x06", b"\x02", b"\x08n\x02", b"\xff\xff\x02", b"\x03", b"\x01\x02"] {
            assert!(serde().deserialize("t", Some(Payload::new(bytes))).is_err(), "{bytes:?}");
        }
    }
}
