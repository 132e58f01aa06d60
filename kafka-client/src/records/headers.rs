use super::varint;

/// The headers of one record as Kafka's format has them, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncodedHeaders<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> EncodedHeaders<'a> {
    /// No headers.
    pub const NONE: Self = Self { count: 0, bytes: &[] };

    /// Headers one after the other without a leading number: per header the length and name, the length or -1 and value. They
    /// are counted and checked here, which costs nothing where there are none.
    ///
    /// # Errors
    /// What is wrong with the bytes: they end too early, a name is not UTF-8.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, &'static str> {
        if bytes.is_empty() {
            return Ok(Self::NONE);
        }
        let (mut at, mut count) = (0, 0);
        while at < bytes.len() {
            skip_header(bytes, &mut at)?;
            count += 1;
        }
        Ok(Self { count, bytes })
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Their bytes, without the number.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Checks that `bytes` are `count` headers and nothing more.
#[inline(never)]
pub(super) fn validate(bytes: &[u8], count: u32) -> Result<(), &'static str> {
    let mut at = 0;
    for _ in 0..count {
        skip_header(bytes, &mut at)?;
    }
    if at != bytes.len() {
        return Err("bytes are left over behind its headers");
    }
    Ok(())
}

fn skip_header(bytes: &[u8], at: &mut usize) -> Result<(), &'static str> {
    let length = varint::read_i32(bytes, at)?;
    let name = take(bytes, at, length)?;
    if std::str::from_utf8(name).is_err() {
        return Err("the name of a header is not UTF-8");
    }
    match varint::read_i32(bytes, at)? {
        -1 => Ok(()),
        length => take(bytes, at, length).map(drop),
    }
}

fn take<'a>(bytes: &'a [u8], at: &mut usize, length: i32) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).map_err(|_| "the length of a header is negative")?;
    let taken = bytes[*at..].get(..length).ok_or("a header reaches beyond its record")?;
    *at += length;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_counted_and_checked() {
        assert_eq!(EncodedHeaders::new(b""), Ok(EncodedHeaders::NONE));
        assert_eq!(EncodedHeaders::new(b"\x02a\x04xy\x00\x01").map(|headers| headers.count()), Ok(2));
        for wrong in [&b"\x02"[..], b"\x02a", b"\x02a\x04x", b"\x01", b"\x02\xff\x00", b"\x02a\x03"] {
            assert!(EncodedHeaders::new(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(validate(b"\x02a\x01", 1), Ok(()));
        assert!(validate(b"\x02a\x01", 0).is_err());
        assert!(validate(b"\x02a\x01", 2).is_err());
    }
}
