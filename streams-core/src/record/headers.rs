use super::{read_varint, write_varint};
use bytes::Bytes;
use std::fmt;

/// The headers of a record: an ordered list of names and values, names may repeat.
///
/// Kept in the encoding of Kafka's record format (per header: zigzag varint length and name, zigzag varint
/// length or -1 and value) and read where they lie, so that carrying headers through a topology costs a
/// reference count, and no headers cost nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    encoded: Bytes,
}

impl Headers {
    /// Headers from their encoded form (no leading count). What does not parse ends the iteration.
    pub fn from_encoded(encoded: Bytes) -> Self {
        Self { encoded }
    }

    /// The encoded form.
    pub fn as_encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// The headers in their order.
    pub fn iter(&self) -> HeaderIter<'_> {
        HeaderIter { rest: &self.encoded }
    }

    /// The value of the last header of this name, as Kafka's `lastHeader` (KIP-82); `Some(None)` where it is null.
    pub fn last(&self, name: &str) -> Option<Option<&[u8]>> {
        self.iter().filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }

    /// These headers and one more at the end.
    #[must_use]
    pub fn with(&self, name: &str, value: Option<&[u8]>) -> Self {
        let mut builder = HeadersBuilder { encoded: self.encoded.to_vec() };
        builder.push(name, value);
        builder.build()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<(&'a str, Option<&'a [u8]>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, Option<&'a [u8]>)>>(headers: I) -> Self {
        let mut builder = HeadersBuilder::default();
        for (name, value) in headers {
            builder.push(name, value);
        }
        builder.build()
    }
}

/// Encodes headers one by one.
#[derive(Default)]
pub struct HeadersBuilder {
    encoded: Vec<u8>,
}

impl HeadersBuilder {
    /// Appends one header.
    pub fn push(&mut self, name: &str, value: Option<&[u8]>) {
        write_header(&mut self.encoded, name, value);
    }

    /// The headers so far.
    pub fn build(self) -> Headers {
        Headers { encoded: self.encoded.into() }
    }
}

/// Appends one encoded header to `out`.
pub(crate) fn write_header(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    write_varint(out, name.len() as i64);
    out.extend_from_slice(name.as_bytes());
    match value {
        None => write_varint(out, -1),
        Some(value) => {
            write_varint(out, value.len() as i64);
            out.extend_from_slice(value);
        }
    }
}

/// Reads encoded headers where they lie; ends at the first byte that does not parse.
pub struct HeaderIter<'a> {
    rest: &'a [u8],
}

impl<'a> HeaderIter<'a> {
    /// Reads the encoded form of [`Headers`].
    pub fn over(encoded: &'a [u8]) -> Self {
        Self { rest: encoded }
    }

    fn take(&mut self, length: i64) -> Option<&'a [u8]> {
        let length = usize::try_from(length).ok()?;
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn parse(&mut self) -> Option<(&'a str, Option<&'a [u8]>)> {
        let length = read_varint(&mut self.rest)?;
        let name = std::str::from_utf8(self.take(length)?).ok()?;
        let value = match read_varint(&mut self.rest)? {
            -1 => None,
            length => Some(self.take(length)?),
        };
        Some((name, value))
    }
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let header = self.parse();
        if header.is_none() {
            self.rest = &[];
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_order_repeats_and_null_values() {
        let headers: Headers = [("a", Some(&b"1"[..])), ("b", None), ("a", Some(&b""[..]))].into_iter().collect();
        let read: Vec<_> = headers.iter().collect();
        assert_eq!(read, [("a", Some(&b"1"[..])), ("b", None), ("a", Some(&b""[..]))]);
        assert_eq!(headers.last("a"), Some(Some(&b""[..])));
        assert_eq!(headers.last("b"), Some(None));
        assert_eq!(headers.last("c"), None);
    }

    #[test]
    fn bytes_of_kafkas_record_format() {
        let headers: Headers = [("h", Some(&b"v"[..])), ("n", None)].into_iter().collect();
        assert_eq!(headers.as_encoded(), [2, b'h', 2, b'v', 2, b'n', 1]);
    }

    #[test]
    fn hostile_bytes_end_the_iteration() {
        for encoded in [&[0xff; 20][..], &[200, 1, b'x'], &[2, 0xff, 2, b'v'], &[1], &[2, b'h']] {
            assert_eq!(Headers::from_encoded(Bytes::copy_from_slice(encoded)).iter().count(), 0);
        }
    }
}
