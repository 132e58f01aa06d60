/// Where decompressed bytes go: a buffer that is kept from batch to batch, up to a limit.
pub(super) struct Output<'a> {
    /// Initialized in all its length, so that it need not be cleared for every batch.
    buffer: &'a mut Vec<u8>,
    filled: usize,
    limit: usize,
}

/// Why decompression stopped: `None` at the limit, else what is wrong with the bytes.
pub(super) type Stopped = Option<&'static str>;

impl<'a> Output<'a> {
    pub(super) fn new(buffer: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { buffer, filled: 0, limit }
    }

    /// Room for at least one byte, as long as the limit has not been reached, and for `wanted` where the limit allows; the
    /// buffer doubles when it grows.
    pub(super) fn room(&mut self, wanted: usize) -> Result<&mut [u8], Stopped> {
        if self.filled >= self.limit {
            return Err(None);
        }
        let needed = self.filled.saturating_add(wanted).min(self.limit);
        if needed > self.buffer.len() {
            let length = needed.max(self.buffer.len().saturating_mul(2)).min(self.limit);
            self.buffer.reserve_exact(length - self.buffer.len());
            self.buffer.resize(length, 0);
        }
        let end = self.buffer.len().min(self.limit);
        Ok(&mut self.buffer[self.filled..end])
    }

    /// Room for exactly `length` bytes.
    pub(super) fn exact(&mut self, length: usize) -> Result<&mut [u8], Stopped> {
        if length == 0 {
            return Ok(&mut []);
        }
        self.room(length)?.get_mut(..length).ok_or(None)
    }

    /// Counts `length` bytes of the room as filled.
    pub(super) fn advance(&mut self, length: usize) {
        self.filled += length;
    }

    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}
