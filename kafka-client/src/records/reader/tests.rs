use super::*;
use crate::records::{BatchWriter, Compressor, EncodedHeaders, ProducerStamp, RecordView, last_batch, restamp};
use proptest::prelude::*;

/// Builds what a broker might store: batches at offsets, with records where they are wanted.
#[derive(Debug, Clone)]
struct Batch {
    base: i64,
    deltas: Vec<i32>,
    last_delta: i32,
    compression: Compression,
    producer: i64,
    control: bool,
}

impl Batch {
    fn new(base: i64, count: i32) -> Self {
        let deltas = (0..count).collect();
        Self {
            base,
            deltas,
            last_delta: (count - 1).max(0),
            compression: Compression::None,
            producer: -1,
            control: false,
        }
    }

    fn of(self, producer: i64) -> Self {
        Self { producer, ..self }
    }

    fn compressed(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    fn marker(base: i64, producer: i64) -> Self {
        Self { control: true, producer, ..Self::new(base, 1) }
    }

    fn build(&self) -> Vec<u8> {
        let mut writer = BatchWriter::new(0);
        let abort = [0u8; 4];
        for delta in 0..=self.deltas.last().copied().unwrap_or(0) {
            let text = format!("{}", self.base + i64::from(delta));
            let key = if self.control { &abort[..] } else { text.as_bytes() };
            let value = "of a length that makes compression worth its while ".repeat(4);
            writer.append(i64::from(delta), Some(key), Some(value.as_bytes()), EncodedHeaders::NONE).unwrap();
        }
        let stamp = ProducerStamp {
            producer_id: self.producer,
            producer_epoch: 0,
            base_sequence: 0,
            transactional: self.producer >= 0,
        };
        let batch = writer.finish(&mut Compressor::new(Compression::None, None).unwrap(), &stamp).unwrap();
        let records = self.keep(&batch);
        let mut compressor = Compressor::new(self.compression, None).unwrap();
        let records = compressor.compress(&records).unwrap().map_or(records.clone(), <[u8]>::to_vec);
        let mut batch = [&batch[..HEADER], &records].concat();
        let length = batch.len() as i32 - 12;
        batch[..8].copy_from_slice(&self.base.to_be_bytes());
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[22] |= self.compression.code() | if self.control { 1 << 5 } else { 0 };
        batch[23..27].copy_from_slice(&self.last_delta.to_be_bytes());
        batch[57..61].copy_from_slice(&(self.deltas.len() as i32).to_be_bytes());
        stamped(batch)
    }

    /// Only the records that compaction has left.
    fn keep(&self, batch: &[u8]) -> Vec<u8> {
        let mut at = HEADER;
        let mut records = Vec::new();
        for delta in 0..=self.deltas.last().copied().unwrap_or(0) {
            let start = at;
            let length = super::super::varint::read_i32(batch, &mut at).unwrap();
            at += length as usize;
            if self.deltas.contains(&delta) {
                records.extend_from_slice(&batch[start..at]);
            }
        }
        records
    }
}

/// With the right checksum.
fn stamped(mut batch: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

fn log(batches: &[Batch]) -> Bytes {
    batches.iter().flat_map(Batch::build).collect()
}

fn offsets(records: &[Records]) -> Vec<i64> {
    let check = |record: RecordView<'_>| {
        assert_eq!(record.key, Some(record.offset.to_string().as_bytes()));
        record.offset
    };
    records.iter().flat_map(Records::iter).map(check).collect()
}

fn decode(bytes: Bytes, options: &DecodeOptions<'_>) -> (Vec<Records>, Result<Decoded, RecordsError>) {
    let mut records = Vec::new();
    let result = RecordsReader::new().decode(bytes, options, &mut records);
    (records, result)
}

fn from(from: i64) -> DecodeOptions<'static> {
    DecodeOptions { from, ..DecodeOptions::default() }
}

fn error(bytes: Vec<u8>) -> RecordsError {
    decode(bytes.into(), &DecodeOptions::default()).1.unwrap_err()
}

#[test]
fn uncompressed_batches_share_a_buffer_and_compressed_ones_have_their_own() {
    let zstd = |base| Batch::new(base, 2).compressed(Compression::Zstd);
    let bytes = log(&[Batch::new(0, 2), Batch::new(2, 3), zstd(5), zstd(7), Batch::new(9, 1)]);
    let (records, decoded) = decode(bytes.clone(), &from(0));
    assert_eq!(offsets(&records), (0..10).collect::<Vec<_>>());
    assert_eq!(records.iter().map(|records| records.spans.len()).collect::<Vec<_>>(), [5, 2, 2, 1]);
    assert_eq!(records.iter().map(|records| records.next_offset).collect::<Vec<_>>(), [5, 7, 9, 10]);
    assert_eq!(records[3].data.as_ptr(), bytes.as_ptr());
    assert_eq!(decoded, Ok(Decoded { next_offset: 10, last_leader_epoch: Some(-1), needs: None }));
}

#[test]
fn records_below_the_position_are_left_out() {
    let bytes = log(&[Batch::new(0, 4), Batch::new(4, 4).compressed(Compression::Lz4), Batch::new(8, 4)]);
    for position in 0..12 {
        let (records, decoded) = decode(bytes.clone(), &from(position));
        assert_eq!(offsets(&records), (position..12).collect::<Vec<_>>());
        assert_eq!(decoded.unwrap().next_offset, 12);
    }
    let (records, decoded) = decode(bytes, &from(20));
    assert_eq!((records.len(), decoded.unwrap().next_offset), (0, 20));
}

#[test]
fn compaction_leaves_gaps_and_empty_batches() {
    let gaps = Batch { deltas: vec![2, 5], last_delta: 9, ..Batch::new(100, 0) };
    let empty = Batch { last_delta: 4, ..Batch::new(110, 0) };
    let compressed = empty.clone().compressed(Compression::Gzip);
    let bytes = log(&[gaps.clone(), empty, Batch { base: 115, ..compressed }, gaps.compressed(Compression::Zstd)][..3]);
    let (records, decoded) = decode(bytes, &from(90));
    assert_eq!(offsets(&records), [102, 105]);
    assert_eq!((records[0].next_offset, decoded.unwrap().next_offset), (120, 120));
}

#[test]
fn a_batch_that_is_not_whole_is_left_for_the_next_fetch() {
    let (first, second) = (Batch::new(0, 2).build(), Batch::new(2, 2).build());
    let both = [first.clone(), second].concat();
    for length in 0..both.len() {
        let (records, decoded) = decode(Bytes::copy_from_slice(&both[..length]), &from(0));
        let decoded = decoded.unwrap();
        if length < first.len() {
            assert_eq!((records.len(), decoded.next_offset, last_batch(&both[..length])), (0, 0, None));
            let needs = if length < 17 { HEADER } else { first.len() };
            assert_eq!(decoded.needs, (length > 0).then_some(needs));
        } else {
            assert_eq!((offsets(&records), decoded.next_offset, decoded.needs), (vec![0, 1], 2, None));
            assert_eq!(last_batch(&both[..length]).unwrap().last_offset, 1);
        }
    }
}

#[test]
fn aborted_transactions_are_left_out_until_their_marker() {
    let bytes = log(&[
        Batch::new(0, 2).of(1),
        Batch::new(2, 1).of(2).compressed(Compression::Zstd),
        Batch::new(3, 1),
        Batch::new(4, 2).of(2),
        Batch::marker(6, 2),
        Batch::new(7, 1).of(2),
        Batch::new(8, 1).of(1),
        Batch::marker(9, 1),
        Batch::new(10, 1).of(1),
        Batch::new(11, 2).of(2),
        Batch::marker(13, 2),
    ]);
    let transaction = |producer_id, first_offset| AbortedTransaction { producer_id, first_offset };
    let aborted = [transaction(2, 11), transaction(2, 2), transaction(1, 8)];
    let (records, decoded) = decode(bytes, &DecodeOptions { aborted: &aborted, ..from(0) });
    assert_eq!(offsets(&records), [0, 1, 3, 7, 10]);
    assert_eq!((records[0].next_offset, decoded.unwrap().next_offset), (14, 14));
}

#[test]
fn what_precedes_a_damaged_batch_is_handed_out() {
    let mut bytes =
        log(&[Batch::new(0, 2), Batch::new(2, 2).compressed(Compression::Snappy), Batch::new(4, 2)]).to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let (records, result) = decode(bytes.clone().into(), &from(0));
    assert_eq!((offsets(&records), records[1].next_offset), (vec![0, 1, 2, 3], 4));
    assert!(matches!(result, Err(RecordsError::Checksum { base_offset: 4, .. })), "{result:?}");
    let unchecked = DecodeOptions { check_crcs: false, ..from(0) };
    assert!(decode(bytes.into(), &unchecked).1.is_err(), "the last byte is a number of headers");
}

#[test]
fn checksums_may_be_left_unchecked() {
    let mut bytes = Batch::new(0, 2).build();
    bytes[18] ^= 1;
    let unchecked = DecodeOptions { check_crcs: false, ..from(0) };
    assert_eq!(offsets(&decode(bytes.into(), &unchecked).0), [0, 1]);
}

#[test]
fn contradictions_are_errors_that_name_the_batch() {
    let with = |at: usize, bytes: &[u8]| {
        let mut batch = Batch::new(7, 3).build();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        error(stamped(batch)).to_string()
    };
    for (at, bytes, message) in [
        (16, &[1u8][..], "the record batch at offset 7 has message format 1, older than Kafka 0.11"),
        (16, &[3], "the record batch at offset 7 has the unknown message format 3"),
        (8, &[0xff; 4], "the record batch at offset 7 is not valid: its length is negative"),
        (8, &[0, 0, 0, 48], "the record batch at offset 7 is not valid: its length is less than"),
        (0, &[0xff], "is not valid: its offset is negative"),
        (0, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], "its last offset exceeds 64 bits"),
        (22, &[5], "the record batch at offset 7 is compressed with the unknown code 5"),
        (22, &[4], "the records of the batch at offset 7 cannot be decompressed: "),
        (23, &[0xff; 4], "its last offset lies before its first"),
        (23, &[0, 0, 0, 1], "record number 2 of the record batch at offset 7 is not valid: its offset does not ascend"),
        (57, &[0xff; 4], "its number of records is negative"),
        (57, &[0x7f, 0, 0, 0], "it claims more records than its bytes can hold"),
        (57, &[0, 0, 0, 2], "bytes are left over behind its records"),
        (57, &[0, 0, 0, 4], "record number 3 of the record batch at offset 7 is not valid: its bytes end too early"),
        (HEADER, &[0x01], "record number 0 of the record batch at offset 7 is not valid: its length is negative"),
        (HEADER, &[0xfe, 0x7f], "it reaches beyond the batch"),
        (HEADER + 5, &[0x03], "the length of its key or value is negative"),
    ] {
        let error = with(at, bytes);
        assert!(error.contains(message), "{error}");
    }
    let overlapping = [Batch::new(0, 3).build(), Batch::new(2, 3).build()].concat();
    assert!(error(overlapping).to_string().contains("at offset 2 is not valid: its offset is not above"));
    assert!(error([0; 17].to_vec()).to_string().contains("message format 0"));
}

#[test]
fn decompression_is_limited() {
    let bytes = log(&[Batch::new(3, 100).compressed(Compression::Gzip)]);
    let limited = DecodeOptions { max_decompressed: 1000, ..from(0) };
    let result = decode(bytes, &limited).1;
    let expected = RecordsError::DecompressedTooLarge { base_offset: 3, compression: Compression::Gzip, limit: 1000 };
    assert_eq!(result, Err(expected));
}

#[test]
fn header_names_have_to_be_utf_8() {
    let mut writer = BatchWriter::new(0);
    writer.append(0, None, None, EncodedHeaders::new(b"\x02a\x01").unwrap()).unwrap();
    let mut batch =
        writer.finish(&mut Compressor::new(Compression::None, None).unwrap(), &ProducerStamp::NONE).unwrap();
    let name = batch.len() - 2;
    batch[name] = 0xff;
    restamp(&mut batch, &ProducerStamp::NONE).unwrap();
    assert!(error(batch).to_string().contains("the name of a header is not UTF-8"));
}

fn small_batch() -> impl Strategy<Value = Batch> {
    let code = 0u8..5;
    (0i32..4, code, -1i64..3, any::<bool>()).prop_map(|(count, code, producer, control)| {
        let control = control && count > 0 && producer >= 0;
        let compression = if control { Compression::None } else { Compression::from_code(code).unwrap() };
        Batch { control, producer, compression, ..Batch::new(0, count) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_batches_never_panic_and_what_is_read_is_consistent(
        batches in prop::collection::vec(small_batch(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length in any::<prop::sample::Index>(),
        position in 0i64..12,
        check_crcs in prop::bool::weighted(0.2),
        restamped in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        let mut base = 0;
        for batch in batches {
            let batch = Batch { base, ..batch };
            base += i64::from(batch.last_delta) + 1;
            let mut built = batch.build();
            for (at, byte) in &damage {
                let at = at.index(built.len());
                built[at] = *byte;
            }
            bytes.extend(if restamped { stamped(built) } else { built });
        }
        bytes.truncate(length.index(bytes.len() + 1));
        let aborted = [AbortedTransaction { producer_id: 1, first_offset: 1 }];
        let options = DecodeOptions { from: position, check_crcs, max_decompressed: 100_000, aborted: &aborted };
        let mut records = Vec::new();
        let mut reader = RecordsReader::new();
        let result = reader.decode(bytes.clone().into(), &options, &mut records);
        let mut last = position - 1;
        for record in records.iter().flat_map(Records::iter) {
            prop_assert!(record.offset > last);
            prop_assert!(EncodedHeaders::new(record.headers).is_ok());
            last = record.offset;
        }
        for records in &records {
            prop_assert!(!records.spans.is_empty());
            prop_assert!(records.spans.capacity() <= 2 * (bytes.len() + 100_000) / 7);
            prop_assert!(records.next_offset > records.spans.last().unwrap().offset);
        }
        if let Ok(decoded) = result {
            prop_assert!(decoded.next_offset > last);
            let walked = last_batch(&bytes).map_or(position, |batch| position.max(batch.last_offset + 1));
            prop_assert_eq!(decoded.next_offset, walked);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        let mut bytes = bytes;
        if magic && bytes.len() > 16 {
            bytes[..11].fill(0);
            bytes[16] = 2;
        }
        let _ = last_batch(&bytes);
        let unchecked = DecodeOptions { check_crcs: false, ..from(0) };
        drop(decode(bytes.into(), &unchecked));
    }
}
