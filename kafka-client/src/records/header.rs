use super::{Compression, RecordsError};

/// Bytes before the records of a batch.
pub(super) const HEADER: usize = 61;
/// Bytes that the length of a batch does not count: base offset and the length itself.
pub(super) const UNCOUNTED: usize = 12;
/// Where the checksum lies, and where the bytes begin that it covers.
pub(super) const CRC: usize = 17;
pub(super) const CHECKED: usize = 21;
pub(super) const ATTRIBUTES: usize = 21;
pub(super) const PRODUCER_ID: usize = 43;

const TIMESTAMP_TYPE: u16 = 1 << 3;
pub(super) const TRANSACTIONAL: u16 = 1 << 4;
const CONTROL: u16 = 1 << 5;
const COMPRESSION: u16 = 0b111;

/// What a batch says of itself before its records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub crc: u32,
    pub attributes: u16,
    pub last_offset: i64,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub count: u32,
}

/// What lies at the start of some bytes.
pub(super) enum Frame<'a> {
    /// A whole batch: header, and all its bytes.
    Batch(Header, &'a [u8]),
    /// The beginning of a batch that has so many bytes in all, or at least so many.
    Partial(usize),
}

impl<'a> Frame<'a> {
    /// Reads the batch that `bytes` begin with.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, RecordsError> {
        let Some(fixed) = bytes.first_chunk::<CRC>() else { return Ok(Self::Partial(HEADER)) };
        let base_offset = i64_at(fixed, 0);
        let invalid = |problem| RecordsError::Invalid { base_offset, problem };
        match fixed[CRC - 1] as i8 {
            2 => {}
            magic @ 0..=1 => return Err(RecordsError::OldFormat { base_offset, magic }),
            magic => return Err(RecordsError::UnknownFormat { base_offset, magic }),
        }
        let length = usize::try_from(i32_at(fixed, 8)).map_err(|_| invalid("its length is negative"))? + UNCOUNTED;
        if length < HEADER {
            return Err(invalid("its length is less than that of a batch header"));
        }
        let Some(batch) = bytes.get(..length) else { return Ok(Self::Partial(length)) };
        let Some(fixed) = batch.first_chunk::<HEADER>() else { return Ok(Self::Partial(length)) };
        Ok(Self::Batch(Header::read(fixed)?, batch))
    }
}

impl Header {
    fn read(bytes: &[u8; HEADER]) -> Result<Self, RecordsError> {
        let base_offset = i64_at(bytes, 0);
        let invalid = |problem| RecordsError::Invalid { base_offset, problem };
        if base_offset < 0 {
            return Err(invalid("its offset is negative"));
        }
        let last_offset_delta = i32_at(bytes, 23);
        if last_offset_delta < 0 {
            return Err(invalid("its last offset lies before its first"));
        }
        // The position after the batch has to exist too.
        let last_offset = base_offset
            .checked_add(i64::from(last_offset_delta))
            .filter(|&offset| offset < i64::MAX)
            .ok_or_else(|| invalid("its last offset exceeds 64 bits"))?;
        Ok(Self {
            base_offset,
            leader_epoch: i32_at(bytes, 12),
            crc: i32_at(bytes, CRC) as u32,
            attributes: i16_at(bytes, ATTRIBUTES) as u16,
            last_offset,
            last_offset_delta,
            base_timestamp: i64_at(bytes, 27),
            max_timestamp: i64_at(bytes, 35),
            producer_id: i64_at(bytes, PRODUCER_ID),
            producer_epoch: i16_at(bytes, 51),
            base_sequence: i32_at(bytes, 53),
            count: u32::try_from(i32_at(bytes, 57)).map_err(|_| invalid("its number of records is negative"))?,
        })
    }

    /// Writes the header into the first bytes of `batch`, whose length it takes; the checksum is left out.
    pub(super) fn write(&self, batch: &mut [u8; HEADER], length: i32) {
        let mut put = |at: usize, bytes: &[u8]| batch[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.base_offset.to_be_bytes());
        put(8, &length.to_be_bytes());
        put(12, &self.leader_epoch.to_be_bytes());
        put(16, &[2]);
        put(CRC, &self.crc.to_be_bytes());
        put(ATTRIBUTES, &self.attributes.to_be_bytes());
        put(23, &self.last_offset_delta.to_be_bytes());
        put(27, &self.base_timestamp.to_be_bytes());
        put(35, &self.max_timestamp.to_be_bytes());
        put(PRODUCER_ID, &self.producer_id.to_be_bytes());
        put(51, &self.producer_epoch.to_be_bytes());
        put(53, &self.base_sequence.to_be_bytes());
        put(57, &self.count.to_be_bytes());
    }

    pub(super) fn next_offset(&self) -> i64 {
        self.last_offset + 1
    }

    pub(super) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// The timestamp of all records, where the broker sets it on arrival (`message.timestamp.type=LogAppendTime`).
    pub(super) fn log_append_time(&self) -> Option<i64> {
        (self.attributes & TIMESTAMP_TYPE != 0).then_some(self.max_timestamp)
    }

    pub(super) fn compression(&self) -> Result<Compression, RecordsError> {
        let code = (self.attributes & COMPRESSION) as u8;
        Compression::from_code(code).ok_or(RecordsError::UnknownCompression { base_offset: self.base_offset, code })
    }

    /// Compares the checksum with the bytes of the whole batch.
    pub(super) fn check_crc(&self, batch: &[u8]) -> Result<(), RecordsError> {
        let computed = crc32c::crc32c(&batch[CHECKED..]);
        if computed == self.crc {
            return Ok(());
        }
        Err(RecordsError::Checksum { base_offset: self.base_offset, stored: self.crc, computed })
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(array(bytes, at))
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(array(bytes, at))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(array(bytes, at))
}
