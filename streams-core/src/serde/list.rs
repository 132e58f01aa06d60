use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef, Written, non_null};
use std::sync::Arc;

/// Kafka's `SerializationStrategy.VARIABLE_SIZE`: each entry has its length before it.
const VARIABLE_SIZE: u8 = 1;
/// The length of an entry that is null.
const NULL: i32 = -1;
/// Flag and number of entries.
const HEAD: usize = 5;

/// A list of values, in the format of Kafka's `ListSerde` for entries of any length: a flag, the number of entries, and each entry behind its
/// length, big endian.
///
/// For entries of a fixed length (numbers, UUIDs) Java's `ListSerde` writes without lengths; it reads what this writes, but not the other
/// way round.
pub struct ListSerde<T> {
    inner: SerdeRef<T>,
}

impl<T: 'static> ListSerde<T> {
    /// Lists of what `inner` writes.
    pub fn new(inner: impl Serde<T>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Lists of what a serde writes that is shared already.
    pub fn shared(inner: SerdeRef<T>) -> Self {
        Self { inner }
    }
}

impl<T: DefaultSerde> Default for ListSerde<T> {
    fn default() -> Self {
        Self { inner: T::default_serde() }
    }
}

impl<T: 'static> Serde<Vec<T>> for ListSerde<T> {
    fn serialize(&self, topic: &str, value: &Vec<T>, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        out.push(VARIABLE_SIZE);
        out.extend_from_slice(&length(value.len())?.to_be_bytes());
        for entry in value {
            let start = out.len();
            out.extend_from_slice(&NULL.to_be_bytes());
            if self.inner.serialize(topic, entry, out)? == Written::Bytes {
                let written = length(out.len() - start - size_of::<i32>())?;
                out[start..start + size_of::<i32>()].copy_from_slice(&written.to_be_bytes());
            }
        }
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<Vec<T>, SerdeError> {
        let bytes = non_null(data, "list")?.as_slice();
        let (head, mut rest) = bytes.split_at_checked(HEAD).ok_or_else(|| invalid("it is too short"))?;
        if head[0] != VARIABLE_SIZE {
            return Err(invalid("its entries have no lengths: it is one of Java's lists of entries of a fixed length"));
        }
        let count = usize::try_from(i32_at(head, 1)).map_err(|_| invalid("its number of entries is negative"))?;
        // Each entry has four bytes at least, so a hostile number reserves no memory.
        let mut entries = Vec::with_capacity(count.min(rest.len() / size_of::<i32>()));
        for _ in 0..count {
            let (length, after) =
                rest.split_at_checked(size_of::<i32>()).ok_or_else(|| invalid("it ends within an entry"))?;
            let entry = match i32_at(length, 0) {
                NULL => {
                    rest = after;
                    None
                }
                length => {
                    let length = usize::try_from(length).map_err(|_| invalid("an entry has a negative length"))?;
                    let (entry, after) =
                        after.split_at_checked(length).ok_or_else(|| invalid("it ends within an entry"))?;
                    rest = after;
                    Some(Payload::new(entry))
                }
            };
            entries.push(self.inner.deserialize(topic, entry)?);
        }
        if rest.is_empty() { Ok(entries) } else { Err(invalid("there are bytes behind its last entry")) }
    }
}

fn i32_at(bytes: &[u8], place: usize) -> i32 {
    bytes[place..].first_chunk().map_or(0, |chunk| i32::from_be_bytes(*chunk))
}

fn length(length: usize) -> Result<i32, SerdeError> {
    i32::try_from(length).map_err(|_| invalid("it is longer than 2 GiB"))
}

fn invalid(why: &str) -> SerdeError {
    SerdeError::Invalid(format!("not a list: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::{OptionSerde, StringSerde};

    fn serde() -> ListSerde<Option<String>> {
        ListSerde::new(OptionSerde::new(StringSerde))
    }

    fn written(list: &[Option<&str>]) -> Vec<u8> {
        let list: Vec<_> = list.iter().map(|entry| entry.map(str::to_owned)).collect();
        let mut out = Vec::new();
        assert_eq!(serde().serialize("t", &list, &mut out).unwrap(), Written::Bytes);
        out
    }

    fn read(bytes: &[u8]) -> Result<Vec<Option<String>>, SerdeError> {
        serde().deserialize("t", Some(Payload::new(bytes)))
    }

    #[test]
    fn the_bytes_of_kafkas_list_serde() {
        // By `Serdes.ListSerde(ArrayList.class, Serdes.String())` of Kafka 4.3.1.
        let golden = b"\x01\0\0\0\x03\0\0\0\x01a\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(written(&[Some("a"), None, Some("")]), golden);
        assert_eq!(read(golden).unwrap(), [Some("a".to_owned()), None, Some(String::new())]);
        assert_eq!(written(&[]), b"\x01\0\0\0\0");
    }

    #[test]
    fn whatever_is_no_list_is_an_error() {
        let golden = written(&[Some("abc"), Some("d")]);
        for end in 0..golden.len() {
            assert!(read(&golden[..end]).is_err(), "{end} bytes");
        }
        assert!(read(&[golden.as_slice(), b"x"].concat()).is_err());
        assert!(read(b"\0\0\0\0\0\0\0\0\0").unwrap_err().to_string().contains("fixed length"));
        assert!(read(b"\x01\x7f\xff\xff\xff").is_err());
        assert!(read(b"\x01\xff\xff\xff\xff").is_err());
        assert!(read(b"\x01\0\0\0\x01\xff\xff\xff\xfe").is_err());
        assert!(serde().deserialize("t", None).is_err());
    }
}
