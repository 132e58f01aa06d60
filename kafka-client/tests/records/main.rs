//! Record batches that Kafka's own library wrote (`Golden.java` beside this file) are read.
//!
//! The other direction: with the variable `GOLDEN_OUT` set to a directory, the last test leaves its batches there for
//! `Golden.java check`.

use bytes::Bytes;
use kafka_client::records::{
    AbortedTransaction, BatchWriter, Compression, Compressor, DecodeOptions, Decoded, EncodedHeaders, LastBatch,
    ProducerStamp, RecordView, Records, RecordsReader, last_batch,
};

const RECORDS: i64 = 300;

fn timestamp(i: i64) -> i64 {
    1_700_000_000_000 + (i * 37 % 101) - 50 * (i % 3)
}

fn key(i: i64) -> Option<Vec<u8>> {
    (i % 7 != 0).then(|| format!("key-{}", i % 50).into_bytes())
}

fn value(i: i64) -> Option<Vec<u8>> {
    (i % 11 != 0).then(|| format!("value {i} of the golden records, ").repeat(i as usize % 5).into_bytes())
}

fn headers(i: i64) -> Vec<u8> {
    if i % 10 != 0 {
        return Vec::new();
    }
    let value = format!("x{i}");
    let mut encoded = vec![2, b'h', value.len() as u8 * 2];
    encoded.extend_from_slice(value.as_bytes());
    encoded.extend_from_slice(b"\x08null\x01");
    encoded
}

fn check(i: i64, record: RecordView<'_>) {
    assert_eq!(record.key, key(i).as_deref(), "{i}");
    assert_eq!(record.value, value(i).as_deref(), "{i}");
    assert_eq!(record.headers, headers(i), "{i}");
}

fn decode(bytes: &'static [u8], options: &DecodeOptions<'_>) -> (Vec<Records>, Decoded) {
    let mut records = Vec::new();
    let decoded = RecordsReader::new().decode(Bytes::from_static(bytes), options, &mut records).unwrap();
    (records, decoded)
}

const FILES: [(Compression, &[u8]); 5] = [
    (Compression::None, include_bytes!("none.bin")),
    (Compression::Gzip, include_bytes!("gzip.bin")),
    (Compression::Snappy, include_bytes!("snappy.bin")),
    (Compression::Lz4, include_bytes!("lz4.bin")),
    (Compression::Zstd, include_bytes!("zstd.bin")),
];

#[test]
fn batches_of_every_compression_are_read() {
    for (compression, bytes) in FILES {
        assert_eq!(bytes[22] & 7, compression.code());
        let (records, decoded) = decode(bytes, &DecodeOptions::default());
        assert_eq!(records.len(), 1, "{compression}");
        assert_eq!(records[0].spans.len() as i64, RECORDS, "{compression}");
        for (i, record) in (0..).zip(records[0].iter()) {
            check(i, record);
            assert_eq!((record.offset, record.timestamp), (1000 + i, timestamp(i)));
        }
        assert_eq!(decoded, Decoded { next_offset: 1300, last_leader_epoch: Some(9), needs: None });
        assert_eq!(last_batch(bytes), Some(LastBatch { last_offset: 1299, leader_epoch: 9 }));
    }
}

#[test]
fn uncompressed_records_lie_in_the_fetched_bytes() {
    let bytes = Bytes::from_static(FILES[0].1);
    let mut records = Vec::new();
    RecordsReader::new().decode(bytes.clone(), &DecodeOptions::default(), &mut records).unwrap();
    assert_eq!(records[0].data.as_ptr(), bytes.as_ptr());
}

#[test]
fn the_broker_sets_the_time_of_arrival() {
    let (records, _) = decode(include_bytes!("log_append_time.bin"), &DecodeOptions::default());
    for (i, record) in (0..).zip(records[0].iter()) {
        check(i, record);
        assert_eq!(record.timestamp, 1_800_000_000_000);
    }
}

#[test]
fn aborted_transactions_are_left_out() {
    const BYTES: &[u8] = include_bytes!("transactions.bin");
    let read = |aborted: &[AbortedTransaction]| {
        let (records, decoded) = decode(BYTES, &DecodeOptions { aborted, ..DecodeOptions::default() });
        assert_eq!(decoded.next_offset, 43);
        assert_eq!(records.last().unwrap().next_offset, 43);
        // After the two markers at 30 and 31, offsets are two more than the numbers of records.
        let number = |offset: i64| if offset < 30 { offset } else { offset - 2 };
        records
            .iter()
            .flat_map(Records::iter)
            .map(|record| {
                check(number(record.offset), record);
                number(record.offset)
            })
            .collect::<Vec<_>>()
    };
    let aborted = [AbortedTransaction { producer_id: 1, first_offset: 0 }];
    assert_eq!(read(&aborted), (10..40).collect::<Vec<_>>());
    assert_eq!(read(&[]), (0..40).collect::<Vec<_>>());
}

#[test]
fn the_uncompressed_batch_of_java_is_written_to_the_byte() {
    for (compression, java) in FILES {
        let mut writer = BatchWriter::new(1024);
        for i in 0..RECORDS {
            let headers = headers(i);
            let headers = EncodedHeaders::new(&headers).unwrap();
            writer.append(timestamp(i), key(i).as_deref(), value(i).as_deref(), headers).unwrap();
        }
        let mut compressor = Compressor::new(compression, None).unwrap();
        let batch = writer.finish(&mut compressor, &ProducerStamp::NONE).unwrap();
        // Base offset and leader epoch are for the broker to fill in; checksums do not cover them.
        assert_eq!(batch[21..61], java[21..61], "{compression}");
        if compression == Compression::None {
            assert_eq!((&batch[8..12], &batch[16..]), (&java[8..12], &java[16..]));
        }
        if let Some(directory) = std::env::var_os("GOLDEN_OUT") {
            std::fs::write(std::path::Path::new(&directory).join(format!("{compression}.bin")), &batch).unwrap();
        }
    }
}
