use super::header::Header;
use super::span::{ByteRange, RecordSpan};
use super::{RecordsError, headers, varint};

/// The shortest record: length, attributes, two deltas, null key, null value and no headers, a byte each.
const SHORTEST_RECORD: usize = 7;

/// Reads the records of one batch, `data[start..]`, and appends those from offset `from` on to `spans`.
///
/// `data` is at most 4 GiB, so that positions fit into spans. On an error `spans` may have more than before.
pub(super) fn parse(
    header: &Header,
    data: &[u8],
    start: usize,
    from: i64,
    spans: &mut Vec<RecordSpan>,
) -> Result<(), RecordsError> {
    let invalid = |problem| RecordsError::Invalid { base_offset: header.base_offset, problem };
    if header.count as usize > (data.len() - start) / SHORTEST_RECORD {
        return Err(invalid("it claims more records than its bytes can hold"));
    }
    spans.reserve(header.count as usize);
    let log_append_time = header.log_append_time();
    let (mut at, mut least_offset) = (start, header.base_offset);
    for index in 0..header.count {
        let invalid = |problem| RecordsError::InvalidRecord { base_offset: header.base_offset, index, problem };
        let record = parse_record(data, &mut at).map_err(invalid)?;
        let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
        // Ascending, as the broker keeps them; gaps come from compaction.
        if offset < least_offset || offset > header.last_offset {
            return Err(invalid("its offset does not ascend within those of the batch"));
        }
        least_offset = offset + 1;
        if offset < from {
            continue;
        }
        let timestamp = match log_append_time {
            None => header.base_timestamp.wrapping_add(record.timestamp_delta),
            Some(timestamp) => timestamp,
        };
        spans.push(RecordSpan { offset, timestamp, key: record.key, value: record.value, headers: record.headers });
    }
    if at != data.len() {
        return Err(invalid("bytes are left over behind its records"));
    }
    Ok(())
}

struct Parsed {
    offset_delta: i32,
    timestamp_delta: i64,
    key: ByteRange,
    value: ByteRange,
    headers: ByteRange,
}

#[inline(always)]
fn parse_record(data: &[u8], position: &mut usize) -> Result<Parsed, &'static str> {
    let mut at = *position;
    let length = varint::read_i32(data, &mut at)?;
    if length < 0 {
        return Err("its length is negative");
    }
    let end = at + length as usize;
    if end > data.len() {
        return Err("it reaches beyond the batch");
    }
    // The attributes of a record have no meaning yet.
    at += 1;
    let timestamp_delta = varint::read_i64(data, &mut at)?;
    let offset_delta = varint::read_i32(data, &mut at)?;
    // Positions only grow and what follows each is read within `data`, so one comparison with the end at the end suffices.
    let key = read_bytes(data, &mut at)?;
    let value = read_bytes(data, &mut at)?;
    let header_count = varint::read_i32(data, &mut at)?;
    let headers = ByteRange { start: at as u32, len: end.wrapping_sub(at) as u32 };
    if header_count == 0 {
        if at != end {
            return Err("its length is not that of its contents");
        }
    } else {
        let count = u32::try_from(header_count).map_err(|_| "its number of headers is negative")?;
        headers::validate(data.get(at..end).ok_or("its length is not that of its contents")?, count)?;
    }
    *position = end;
    Ok(Parsed { offset_delta, timestamp_delta, key, value, headers })
}

#[inline(always)]
fn read_bytes(data: &[u8], at: &mut usize) -> Result<ByteRange, &'static str> {
    let length = varint::read_i32(data, at)?;
    let start = *at as u32;
    if length >= 0 {
        *at += length as usize;
        return Ok(ByteRange { start, len: length as u32 });
    }
    if length == -1 {
        Ok(ByteRange { start, len: ByteRange::NULL.len })
    } else {
        Err("the length of its key or value is negative")
    }
}
