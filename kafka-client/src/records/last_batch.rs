use super::header::Frame;

/// The last whole batch in the records of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastBatch {
    /// Offset of its last record; the next fetch begins one behind it.
    pub last_offset: i64,
    /// Epoch of the leader that appended it, -1 where unknown.
    pub leader_epoch: i32,
}

/// The last whole batch in `records`, found by batch headers alone: work per batch, none per record.
///
/// Neither checksums nor records are looked at. Where the bytes stop making sense the batch before counts; the error is found
/// by the [`RecordsReader`](super::RecordsReader). `None` without a whole batch.
pub fn last_batch(records: &[u8]) -> Option<LastBatch> {
    let (mut rest, mut last) = (records, None::<LastBatch>);
    while let Ok(Frame::Batch(header, batch)) = Frame::read(rest) {
        if last.is_some_and(|last| header.base_offset <= last.last_offset) {
            break;
        }
        last = Some(LastBatch { last_offset: header.last_offset, leader_epoch: header.leader_epoch });
        rest = &rest[batch.len()..];
    }
    last
}
