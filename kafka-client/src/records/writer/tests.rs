use super::*;
use crate::records::{Compression, DecodeOptions, RecordView, Records, RecordsReader, split};
use bytes::Bytes;
use proptest::prelude::*;

type Record = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

fn compressor(compression: Compression) -> Compressor {
    Compressor::new(compression, None).unwrap()
}

fn read(batch: &[u8]) -> Vec<Records> {
    let mut records = Vec::new();
    RecordsReader::new().decode(Bytes::copy_from_slice(batch), &DecodeOptions::default(), &mut records).unwrap();
    records
}

fn owned(record: RecordView<'_>) -> Record {
    (record.timestamp, record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), record.headers.to_vec())
}

fn write_bytes(bytes: &Option<Vec<u8>>) -> impl FnOnce(&mut Vec<u8>) -> Result<Written, &'static str> {
    move |out| {
        // What is written before null is to vanish.
        out.extend_from_slice(bytes.as_deref().unwrap_or(b"partial"));
        Ok(if bytes.is_some() { Written::Bytes } else { Written::Null })
    }
}

#[test]
fn an_uncompressed_batch_has_the_bytes_of_the_format() {
    let mut writer = BatchWriter::new(0);
    writer.append(1000, Some(b"k"), Some(b"value"), EncodedHeaders::new(b"\x02h\x02x").unwrap()).unwrap();
    writer.append(999, None, None, EncodedHeaders::NONE).unwrap();
    assert_eq!((writer.count(), writer.max_timestamp(), writer.size()), (2, 1000, 61 + 17 + 7));
    let stamp = ProducerStamp { producer_id: 7, producer_epoch: 3, base_sequence: 40, transactional: true };
    let batch = writer.finish(&mut compressor(Compression::None), &stamp).unwrap();
    let mut expected = vec![0; 8]; // base offset
    expected.extend_from_slice(&73i32.to_be_bytes());
    expected.extend_from_slice(&(-1i32).to_be_bytes());
    expected.push(2);
    expected.extend_from_slice(&batch[17..21]); // checksum
    expected.extend_from_slice(&0x10i16.to_be_bytes());
    expected.extend_from_slice(&1i32.to_be_bytes());
    expected.extend_from_slice(&1000i64.to_be_bytes());
    expected.extend_from_slice(&1000i64.to_be_bytes());
    expected.extend_from_slice(&7i64.to_be_bytes());
    expected.extend_from_slice(&3i16.to_be_bytes());
    expected.extend_from_slice(&40i32.to_be_bytes());
    expected.extend_from_slice(&2i32.to_be_bytes());
    expected.extend_from_slice(b"\x20\x00\x00\x00\x02k\x0avalue\x02\x02h\x02x");
    expected.extend_from_slice(b"\x0c\x00\x01\x02\x01\x01\x00");
    assert_eq!(batch, expected);
    assert_eq!(batch[17..21], crc32c::crc32c(&batch[21..]).to_be_bytes());
    assert!(writer.is_empty());
}

#[test]
fn a_batch_without_records_is_not_handed_out() {
    let mut writer = BatchWriter::new(100);
    assert_eq!(writer.seal(&mut compressor(Compression::Zstd)), Err(WriteError::Empty));
    assert_eq!((writer.size(), writer.max_timestamp()), (61, -1));
}

#[test]
fn a_function_that_fails_leaves_the_batch_unchanged() {
    let mut writer = BatchWriter::new(100);
    let written = |out: &mut Vec<u8>| {
        out.push(1);
        Ok(Written::Bytes)
    };
    let fails = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"half");
        Err("refused")
    };
    assert_eq!(writer.append_with(1, fails, written, EncodedHeaders::NONE), Err(AppendError::Write("refused")));
    assert_eq!(writer.seal(&mut compressor(Compression::None)), Err(WriteError::Empty));
    writer.append_with(5, written, written, EncodedHeaders::NONE).unwrap();
    assert_eq!(writer.append_with(9, written, fails, EncodedHeaders::NONE), Err(AppendError::Write("refused")));
    let batch = writer.finish(&mut compressor(Compression::None), &ProducerStamp::NONE).unwrap();
    assert_eq!(read(&batch)[0].iter().map(owned).collect::<Vec<_>>(), [(5, Some(vec![1]), Some(vec![1]), vec![])]);
}

#[test]
fn a_function_that_removes_earlier_bytes_is_refused_and_the_writer_usable() {
    let mut writer = BatchWriter::new(100);
    writer.append(1, Some(b"k"), None, EncodedHeaders::NONE).unwrap();
    let clears = |out: &mut Vec<u8>| {
        out.clear();
        Ok::<_, &str>(Written::Null)
    };
    let result = writer.append_with(1, clears, write_bytes(&None), EncodedHeaders::NONE);
    assert_eq!((result, writer.is_empty()), (Err(AppendError::Shrunk), true));
    writer.append(2, Some(b"k"), None, EncodedHeaders::NONE).unwrap();
    let batch = writer.finish(&mut compressor(Compression::None), &ProducerStamp::NONE).unwrap();
    assert_eq!(read(&batch)[0].get(0).unwrap().timestamp, 2);
}

#[test]
fn only_whole_batches_are_stamped_and_split() {
    let mut writer = BatchWriter::new(100);
    writer.append(1, Some(b"k"), None, EncodedHeaders::NONE).unwrap();
    let mut batch = writer.finish(&mut compressor(Compression::None), &ProducerStamp::NONE).unwrap();
    assert_eq!(split(&batch, &mut compressor(Compression::None)), Ok(None));
    let end = batch.len() - 1;
    assert_eq!(restamp(&mut batch[..end], &ProducerStamp::NONE), Err(WriteError::NotABatch("its end is missing")));
    batch.push(0);
    assert_eq!(restamp(&mut batch, &ProducerStamp::NONE), Err(WriteError::NotABatch("more bytes follow it")));
    batch[16] = 1;
    assert!(split(&batch, &mut compressor(Compression::None)).is_err());
    assert!(restamp(&mut [], &ProducerStamp::NONE).is_err());
}

#[test]
fn sequences_begin_again_at_zero() {
    let stamp = ProducerStamp { base_sequence: i32::MAX - 1, ..ProducerStamp::NONE };
    assert_eq!([1, 2, 3].map(|records| stamp.after(records).base_sequence), [i32::MAX, 0, 1]);
    assert_eq!(ProducerStamp::NONE.after(5), ProducerStamp::NONE);
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    // Lengths around those where their encoding becomes longer.
    let length = prop_oneof![0usize..5, 60usize..68, 8188usize..8196];
    prop::option::weighted(0.8, length.prop_map(|length| vec![b'x'; length]))
}

fn record() -> impl Strategy<Value = Record> {
    let headers = prop::sample::select(vec![&b""[..], b"\x02a\x01", b"\x04ab\x02c\x02a\x00"]);
    let timestamp = prop_oneof![Just(-1i64), any::<i64>(), 0i64..1000];
    (timestamp, bytes(), bytes(), headers).prop_map(|(time, key, value, headers)| (time, key, value, headers.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn records_come_back(
        records in prop::collection::vec(record(), 1..20),
        code in 0u8..5,
        transactional in any::<bool>(),
    ) {
        let mut writers = [BatchWriter::new(10), BatchWriter::new(10_000)];
        for (time, key, value, headers) in &records {
            let headers = EncodedHeaders::new(headers).unwrap();
            let (key_len, value_len) = (key.as_ref().map(Vec::len), value.as_ref().map(Vec::len));
            writers[1].append_with(*time, write_bytes(key), write_bytes(value), headers).unwrap();
            let size = writers[1].size();
            let fits = |limit| writers[0].would_fit(*time, key_len, value_len, headers, limit);
            prop_assert_eq!([fits(size), fits(size - 1)], [true, writers[0].is_empty()]);
            writers[0].append(*time, key.as_deref(), value.as_deref(), headers).unwrap();
            prop_assert_eq!(writers[0].size(), size);
        }
        let mut compressor = compressor(Compression::from_code(code).unwrap());
        let stamp = ProducerStamp { producer_id: 5, producer_epoch: 1, base_sequence: 100, transactional };
        prop_assert_eq!(writers[0].max_timestamp(), records.iter().map(|record| record.0).max().unwrap());
        let [one, other] = writers.each_mut().map(|writer| writer.finish(&mut compressor, &stamp).unwrap());
        prop_assert_eq!(&one, &other);
        let came_back = read(&one).iter().flat_map(Records::iter).map(owned).collect::<Vec<_>>();
        prop_assert_eq!(&came_back, &records);

        match split(&one, &mut compressor).unwrap() {
            None => prop_assert_eq!(records.len(), 1),
            Some([first, second]) => {
                let halves = [&first, &second].map(|half| read(half).iter().flat_map(Records::iter).map(owned).collect::<Vec<_>>());
                prop_assert_eq!(halves[0].len(), records.len() / 2);
                prop_assert_eq!(halves.concat(), records.clone());
                let mut restamped = second.clone();
                restamp(&mut restamped, &stamp.after(records.len() as u32 / 2)).unwrap();
                prop_assert_eq!(restamped, second);
            }
        }
    }
}
