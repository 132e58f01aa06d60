//! The key of a session's row, as its changelog has it.

const SUFFIX_LEN: usize = 16;

/// A session of a key. Its bytes in the changelog are `key | end | start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionKey<'a> {
    /// Bytes of the key.
    pub key: &'a [u8],
    /// The first millisecond of the session.
    pub start: i64,
    /// The last millisecond of the session.
    pub end: i64,
}

impl<'a> SessionKey<'a> {
    /// Takes the bytes of a changelog key apart; `None` if they are too few.
    pub fn decode(changelog_key: &'a [u8]) -> Option<Self> {
        let (key, suffix) = changelog_key.split_last_chunk::<SUFFIX_LEN>()?;
        let (end, start) = suffix.split_first_chunk()?;
        let start = i64::from_be_bytes(start.try_into().ok()?);
        Some(Self { key, start, end: i64::from_be_bytes(*end) })
    }

    /// Appends the bytes of the changelog key.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.key.len() + SUFFIX_LEN);
        out.extend_from_slice(self.key);
        out.extend_from_slice(&self.end.to_be_bytes());
        out.extend_from_slice(&self.start.to_be_bytes());
    }
}
