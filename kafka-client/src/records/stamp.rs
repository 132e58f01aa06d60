use super::header::{ATTRIBUTES, CHECKED, CRC, Frame, PRODUCER_ID, TRANSACTIONAL};
use super::{RecordsError, WriteError};

/// Who sends a batch, and its place among what they send: how the broker recognizes duplicates and transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer's id, -1 without idempotence.
    pub producer_id: i64,
    /// Its epoch, -1 without idempotence.
    pub producer_epoch: i16,
    /// Number of the batch's first record among those that the producer sends to the partition, -1 without idempotence.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
}

impl ProducerStamp {
    /// A producer that is neither idempotent nor transactional.
    pub const NONE: Self = Self { producer_id: -1, producer_epoch: -1, base_sequence: -1, transactional: false };

    /// This stamp for a batch that comes `records` later. Sequences begin again at 0 after 2³¹−1.
    #[must_use]
    pub fn after(self, records: u32) -> Self {
        if self.base_sequence < 0 {
            return self;
        }
        let sequence = (i64::from(self.base_sequence) + i64::from(records)) % (1 << 31);
        Self { base_sequence: sequence as i32, ..self }
    }
}

/// Writes `stamp` into a sealed batch and computes its checksum anew: apart from sealing, so that a batch can be compressed
/// before its sequence is known, and sent again under another epoch. Costs one pass of CRC32C.
///
/// # Errors
/// `batch` is not one whole batch.
pub fn restamp(batch: &mut [u8], stamp: &ProducerStamp) -> Result<(), WriteError> {
    whole(batch)?;
    let mut put = |at: usize, bytes: &[u8]| batch[at..at + bytes.len()].copy_from_slice(bytes);
    put(PRODUCER_ID, &stamp.producer_id.to_be_bytes());
    put(PRODUCER_ID + 8, &stamp.producer_epoch.to_be_bytes());
    put(PRODUCER_ID + 10, &stamp.base_sequence.to_be_bytes());
    let mut attributes = u16::from_be_bytes([batch[ATTRIBUTES], batch[ATTRIBUTES + 1]]) & !TRANSACTIONAL;
    if stamp.transactional {
        attributes |= TRANSACTIONAL;
    }
    batch[ATTRIBUTES..ATTRIBUTES + 2].copy_from_slice(&attributes.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CHECKED..]);
    batch[CRC..CHECKED].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

/// The header of `batch`, which has to be one batch and nothing else.
pub(super) fn whole(batch: &[u8]) -> Result<super::header::Header, WriteError> {
    match Frame::read(batch) {
        Ok(Frame::Batch(header, whole)) if whole.len() == batch.len() => Ok(header),
        Ok(Frame::Batch(..)) => Err(WriteError::NotABatch("more bytes follow it")),
        Ok(Frame::Partial(_)) => Err(WriteError::NotABatch("its end is missing")),
        Err(RecordsError::Invalid { problem, .. }) => Err(WriteError::NotABatch(problem)),
        Err(_) => Err(WriteError::NotABatch("its message format is not 2")),
    }
}
