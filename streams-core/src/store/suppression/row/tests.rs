//! Bytes that the buffer of Kafka Streams 4.3.1 wrote to its changelog.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A first update with headers `h` = 1 and `n` = null; a second; a deletion; an old value that equals the prior one; an equal one after that.
const GOLDEN: [&str; 5] = [
    "000000000000000500000000000000000000000174000000000000000200000001680000000131000000016effffffffffffffffffffffff00000001410000000000000005",
    "0000000000000006000000000000000100000001740000000000000000ffffffff000000014100000001420000000000000005",
    "0000000000000008000000000000000300000001740000000000000000ffffffff0000000143ffffffff0000000000000005",
    "00000000000000650000000000000006000000017400000000000000000000000145fffffffe00000001440000000000000065",
    "00000000000000660000000000000007000000017400000000000000000000000145000000014400000001450000000000000065",
];

#[test]
fn kafka_streams_rows_are_read() {
    let rows = GOLDEN.map(bytes);
    let rows = rows.each_ref().map(|row| Row::parse(row).unwrap());
    let seen = rows.each_ref().map(|row| (row.timestamp, row.offset, row.prior, row.old, row.new, row.time));
    let some = |text: &'static str| Some(text.as_bytes());
    assert_eq!(
        seen,
        [
            (5, 0, None, None, some("A"), 5),
            (6, 1, None, some("A"), some("B"), 5),
            (8, 3, None, some("C"), None, 5),
            (101, 6, some("E"), None, some("D"), 101),
            (102, 7, some("E"), some("D"), some("E"), 101),
        ]
    );
    assert!(rows.iter().all(|row| (row.topic, row.partition) == ("t", 0)));
    let headers: Headers = [("h", Some(&b"1"[..])), ("n", None)].into_iter().collect();
    assert_eq!((rows[0].headers(), rows[1].headers()), (headers, Headers::default()));
    // Each row of a key of one byte: 8 + 1, 8 + 8 + 1 + 4, headers, values.
    assert_eq!(rows.each_ref().map(|row| row.size(1)), [30 + 3 + 1, 30 + 2, 30 + 1, 30 + 2, 30 + 3]);
}

#[test]
fn what_is_no_row_is_refused() {
    for hex in GOLDEN {
        let row = bytes(hex);
        for length in 0..row.len() {
            assert_eq!(Row::parse(&row[..length]), None, "{length} of {hex}");
        }
        assert_eq!(Row::parse(&[&row[..], &[0]].concat()), None, "{hex} and more");
    }
    assert_eq!(Row::parse(&[0xff; 100]), None);
}

#[test]
fn headers_are_counted_in_javas_characters() {
    let mut out = Vec::new();
    let headers = Headers::default().with("ä😀", Some(b"12"));
    write_origin(&RecordContext { topic: "tö".into(), partition: 3, offset: 9 }, 5, &headers, &mut out);
    (0..3).for_each(|_| write_null(&mut out));
    out.extend_from_slice(&7i64.to_be_bytes());
    let row = Row::parse(&out).unwrap();
    assert_eq!((row.topic, row.partition, row.offset, row.headers()), ("tö", 3, 9, headers));
    assert_eq!(row.size(2), 30 - 1 + 1 + 2 + 3 + 2);
}
