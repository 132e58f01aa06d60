use bytes::{Buf, Bytes};

/// What is wrong with some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WireError(pub(crate) &'static str);

const TRUNCATED: WireError = WireError("the bytes end too early");

/// Reads Kafka's primitive types from bytes that may be anything.
///
/// Never panics and allocates no more than the bytes present justify. Byte strings are slices of the input.
pub(crate) struct Reader {
    bytes: Bytes,
}

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(crate) fn bool(&mut self) -> Result<bool, WireError> {
        self.bytes.try_get_i8().map(|byte| byte != 0).map_err(|_| TRUNCATED)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, WireError> {
        self.bytes.try_get_i8().map_err(|_| TRUNCATED)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, WireError> {
        self.bytes.try_get_i16().map_err(|_| TRUNCATED)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, WireError> {
        self.bytes.try_get_i32().map_err(|_| TRUNCATED)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, WireError> {
        self.bytes.try_get_i64().map_err(|_| TRUNCATED)
    }

    fn unsigned_varint(&mut self) -> Result<u32, WireError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.bytes.try_get_u8().map_err(|_| TRUNCATED)?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError("a variable-length integer is too long"))
    }

    fn take(&mut self, length: usize) -> Result<Bytes, WireError> {
        if length > self.bytes.len() {
            return Err(TRUNCATED);
        }
        Ok(self.bytes.split_to(length))
    }

    /// The length that a compact type starts with: none for null.
    fn compact_length(&mut self) -> Result<Option<usize>, WireError> {
        Ok((self.unsigned_varint()? as usize).checked_sub(1))
    }

    pub(crate) fn compact_bytes(&mut self) -> Result<Bytes, WireError> {
        match self.compact_length()? {
            Some(length) => self.take(length),
            None => Err(WireError("null bytes where some are required")),
        }
    }

    pub(crate) fn compact_nullable_string(&mut self) -> Result<Option<String>, WireError> {
        match self.compact_length()? {
            Some(length) => utf8(self.take(length)?).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn compact_string(&mut self) -> Result<String, WireError> {
        self.compact_nullable_string()?.ok_or(WireError("a null string where one is required"))
    }

    /// An array; null reads as empty. `element` must consume at least one byte.
    pub(crate) fn compact_array<T>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let length = self.compact_length()?.unwrap_or(0);
        self.elements(length, element)
    }

    /// A string of the older, non-compact kind.
    pub(crate) fn string(&mut self) -> Result<String, WireError> {
        let length = usize::try_from(self.i16()?).map_err(|_| WireError("a string has a negative length"))?;
        utf8(self.take(length)?)
    }

    /// Nullable bytes of the older, non-compact kind.
    pub(crate) fn nullable_bytes(&mut self) -> Result<Option<Bytes>, WireError> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| WireError("bytes have a negative length"))?;
                self.take(length).map(Some)
            }
        }
    }

    /// An array of the older, non-compact kind; null reads as empty. `element` must consume at least one byte.
    pub(crate) fn array<T>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        match self.i32()? {
            -1 => Ok(Vec::new()),
            length => {
                let length = usize::try_from(length).map_err(|_| WireError("an array has a negative length"))?;
                self.elements(length, element)
            }
        }
    }

    fn elements<T>(
        &mut self,
        length: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        if length > self.bytes.len() {
            return Err(WireError("an array claims more elements than there are bytes"));
        }
        // Not reserved at once: the claimed length is only trusted as far as elements really follow.
        let mut elements = Vec::with_capacity(length.min(64));
        for _ in 0..length {
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    /// Skips the tagged fields that end a structure.
    pub(crate) fn tags(&mut self) -> Result<(), WireError> {
        self.tags_with(|_, _| Ok(()))
    }

    /// Reads the tagged fields that end a structure: each field's tag, and its bytes.
    pub(crate) fn tags_with(
        &mut self,
        mut field: impl FnMut(u32, Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            field(tag, Self { bytes: self.take(length)? })?;
        }
        Ok(())
    }

    /// A topic's id, or any other universally unique one.
    pub(crate) fn uuid(&mut self) -> Result<[u8; 16], WireError> {
        let bytes = self.take(16)?;
        bytes.as_ref().try_into().map_err(|_| TRUNCATED)
    }

    pub(crate) fn compact_nullable_bytes(&mut self) -> Result<Option<Bytes>, WireError> {
        self.compact_length()?.map(|length| self.take(length)).transpose()
    }
}

fn utf8(bytes: Bytes) -> Result<String, WireError> {
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(WireError("a string is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader {
        Reader::new(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_variable_length_integer_spans_up_to_32_bits() {
        assert_eq!(reader(&[0x7f]).unsigned_varint(), Ok(127));
        assert_eq!(reader(&[0x80, 0x01]).unsigned_varint(), Ok(128));
        assert_eq!(reader(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unsigned_varint(), Ok(u32::MAX));
        assert!(reader(&[0xff, 0xff, 0xff, 0xff, 0x1f]).unsigned_varint().is_err());
        assert!(reader(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).unsigned_varint().is_err());
        assert_eq!(reader(&[0x80]).unsigned_varint(), Err(TRUNCATED));
    }

    #[test]
    fn a_claimed_array_length_is_not_trusted() {
        assert!(reader(&[0xff, 0xff, 0xff, 0xff, 0x0f]).compact_array(Reader::i32).is_err());
        assert!(reader(&[0x7f, 0xff, 0xff, 0xff, 1]).array(Reader::i32).is_err());
        assert!(reader(&[0x80, 0, 0, 0]).array(Reader::i32).is_err());
        assert_eq!(reader(&[0]).compact_array(Reader::i32), Ok(vec![]));
    }

    #[test]
    fn tags_are_skipped_within_the_bytes() {
        let mut tagged = reader(&[1, 5, 2, 9, 9, 0, 7]);
        tagged.tags().unwrap();
        assert_eq!(tagged.i16(), Ok(7));
        assert_eq!(reader(&[1, 5, 9, 9]).tags(), Err(TRUNCATED));
    }
}
