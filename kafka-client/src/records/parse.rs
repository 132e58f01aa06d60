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
        let record = match parse_short(data, &mut at) {
            Some(record) => record,
            None => parse_record(data, &mut at).map_err(invalid)?,
        };
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

/// Bytes that the numbers before a record's key have at most, as far as [`parse_short`] reads them.
const WINDOW: usize = 16;
const _: () = assert!(2 + 1 + 3 + 3 + 3 <= WINDOW);

/// Reads a record as nearly all are: short numbers, no headers, not at the very end of the batch. `None` for others, which
/// [`parse_record`] reads or finds wrong; so nothing here need tell errors apart, which halves the work per record.
#[inline(always)]
fn parse_short(data: &[u8], position: &mut usize) -> Option<Parsed> {
    let start = *position;
    let window = data.get(start..)?.first_chunk::<WINDOW>()?;
    let mut read = 0;
    let length = short(window, &mut read)?;
    let end = start + read + (length >> 1) as usize;
    read += 1;
    let timestamp_delta = short(window, &mut read)?;
    let offset_delta = short(window, &mut read)?;
    let key_length = short(window, &mut read)?;
    let mut at = start + read;
    let key = short_range(key_length, &mut at)?;
    let window = data.get(at..)?.first_chunk::<4>()?;
    let mut read = 0;
    let value_length = short(window, &mut read)?;
    at += read;
    let value = short_range(value_length, &mut at)?;
    if *data.get(at)? != 0 || at + 1 != end || length & 1 != 0 {
        return None;
    }
    *position = end;
    Some(Parsed {
        offset_delta: varint::unzigzag32(offset_delta),
        timestamp_delta: i64::from(varint::unzigzag32(timestamp_delta)),
        key,
        value,
        headers: ByteRange { start: end as u32, len: 0 },
    })
}

/// A number of at most three bytes, still zigzagged. The masks never change an index that is within the window.
#[inline(always)]
fn short<const N: usize>(window: &[u8; N], at: &mut usize) -> Option<u32> {
    let first = u32::from(window[*at & (N - 1)]);
    if first < 0x80 {
        *at += 1;
        return Some(first);
    }
    let second = u32::from(window[(*at + 1) & (N - 1)]);
    if second < 0x80 {
        *at += 2;
        return Some(first & 0x7f | second << 7);
    }
    let third = u32::from(window[(*at + 2) & (N - 1)]);
    if third < 0x80 {
        *at += 3;
        return Some(first & 0x7f | (second & 0x7f) << 7 | third << 14);
    }
    None
}

/// The bytes of a zigzagged length, or null.
#[inline(always)]
fn short_range(length: u32, at: &mut usize) -> Option<ByteRange> {
    let start = *at as u32;
    if length & 1 == 0 {
        *at += (length >> 1) as usize;
        return Some(ByteRange { start, len: length >> 1 });
    }
    (length == 1).then_some(ByteRange { start, len: ByteRange::NULL.len })
}

/// Reads any record.
#[inline(never)]
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
