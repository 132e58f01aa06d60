//! The key of a window's row, as its changelog has it.

const SUFFIX_LEN: usize = 12;

/// A window of a key. Its bytes in the changelog are `key | start | sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowKey<'a> {
    /// Bytes of the key.
    pub key: &'a [u8],
    /// The first millisecond of the window.
    pub start: i64,
    /// Tells duplicates apart; 0 in a store without duplicates.
    pub sequence: i32,
}

impl<'a> WindowKey<'a> {
    /// Takes the bytes of a changelog key apart; `None` if they are too few.
    pub fn decode(changelog_key: &'a [u8]) -> Option<Self> {
        let (key, suffix) = changelog_key.split_last_chunk::<SUFFIX_LEN>()?;
        let (start, sequence) = suffix.split_first_chunk()?;
        let sequence = i32::from_be_bytes(sequence.try_into().ok()?);
        Some(Self { key, start: i64::from_be_bytes(*start), sequence })
    }

    /// Appends the bytes of the changelog key.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.key.len() + SUFFIX_LEN);
        out.extend_from_slice(self.key);
        out.extend_from_slice(&self.start.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
    }
}
