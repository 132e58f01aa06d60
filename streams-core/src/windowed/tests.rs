//! Bytes and texts are those that Kafka Streams 4.3.1 wrote and read.

use super::*;
use crate::serde::{DefaultSerde, NumberSerde, Payload, Serde, StringSerde, Written};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
/// A time in 2023.
const LATER: i64 = 1_700_000_000_000;

fn write<T: 'static>(serde: &impl Serde<T>, value: &T) -> String {
    let mut out = Vec::new();
    assert_eq!(serde.serialize("topic", value, &mut out).unwrap(), Written::Bytes);
    out.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read<T: 'static>(serde: &impl Serde<T>, hex: &str) -> Result<T, String> {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    serde.deserialize("topic", Some(Payload::new(&bytes))).map_err(|error| error.to_string())
}

#[test]
fn keys_of_time_windows_have_javas_bytes() {
    let serde = TimeWindowedSerde::new(StringSerde, MINUTE);
    for (key, start, hex, shown) in [
        ("page", 0, "706167650000000000000000", "[page@0/60000]"),
        ("page", LATER, "706167650000018bcfe56800", "[page@1700000000000/1700000060000]"),
        ("", 1, "0000000000000001", "[@1/60001]"),
        ("p", i64::MAX - 10, "707ffffffffffffff5", "[p@9223372036854775797/9223372036854775807]"),
    ] {
        let windowed = Windowed::new(key.to_owned(), TimeWindow::of_size(start, 60_000));
        assert_eq!(write(&serde, &windowed), hex);
        let back = read(&serde, hex).unwrap();
        assert_eq!(back, windowed);
        assert_eq!(back.to_string(), shown);
    }
    let number = Windowed::new(258i32, TimeWindow::new(1, 2));
    assert_eq!(write(&TimeWindowedSerde::new(NumberSerde::default(), MINUTE), &number), "000001020000000000000001");
}

#[test]
fn keys_of_sessions_have_javas_bytes() {
    let serde = SessionWindowedSerde::new(StringSerde);
    for (start, end, hex, shown) in [
        (0, 0, "7061676500000000000000000000000000000000", "[page@0/0]"),
        (5, LATER, "706167650000018bcfe568000000000000000005", "[page@5/1700000000000]"),
    ] {
        let windowed = Windowed::new("page".to_owned(), SessionWindow::new(start, end));
        assert_eq!(write(&serde, &windowed), hex);
        let back = read(&serde, hex).unwrap();
        assert_eq!(back, windowed);
        assert_eq!(back.to_string(), shown);
    }
}

#[test]
fn keys_of_a_changelog_end_with_a_sequence_number() {
    let serde = TimeWindowedSerde::new(StringSerde, MINUTE).for_changelog();
    assert_eq!(read(&serde, "70616765000000000000000900000003").unwrap().to_string(), "[page@9/60009]");
    assert!(read(&serde, "0000000000000009000003").unwrap_err().contains("11 bytes, where one has 12 or more"));
}

#[test]
fn what_is_no_windowed_key_is_an_error() {
    let time = TimeWindowedSerde::new(StringSerde, MINUTE);
    let session = SessionWindowedSerde::new(StringSerde);
    // answer of the serde, part of the message
    let cases: [(Result<String, String>, &str); 8] = [
        (read(&time, "").map(|key| key.to_string()), "0 bytes, where one has 8 or more"),
        (read(&time, "000000").map(|key| key.to_string()), "3 bytes, where one has 8 or more"),
        (read(&time, "ffffffffffffffff").map(|key| key.to_string()), "start of its window would be -1"),
        (read(&time, "ff0000000000000000").map(|key| key.to_string()), "not UTF-8"),
        (read(&session, "0000000000000000").map(|key| key.to_string()), "8 bytes, where one has 16 or more"),
        (read(&session, "00000000000000010000000000000002").map(|key| key.to_string()), "end (1) before it starts (2)"),
        (read(&session, "80000000000000000000000000000002").map(|key| key.to_string()), "end of its window would be -"),
        (
            read(&TimeWindowedSerde::<String>::default(), "0000000000000000").map(|key| key.to_string()),
            "name TimeWindowedSerde::new",
        ),
    ];
    for (answer, part) in cases {
        let error = answer.unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    let null = time.deserialize("topic", None).unwrap_err().to_string();
    assert!(null.contains("Option<Windowed>"), "{null}");
    let keyless = Windowed::new(None::<String>, TimeWindow::new(0, 1));
    let serde = Windowed::<Option<String>>::default_serde();
    assert!(serde.serialize("topic", &keyless, &mut Vec::new()).unwrap_err().to_string().contains("is null"));
}

#[test]
fn the_end_belongs_to_a_session_but_not_to_a_time_window() {
    let time = TimeWindow::new(10, 20);
    assert_eq!([9, 10, 19, 20].map(|t| time.contains(t)), [false, true, true, false]);
    let session = SessionWindow::new(10, 20);
    assert_eq!([9, 10, 20, 21].map(|t| session.contains(t)), [false, true, true, false]);
    // other window => overlap as time windows, as sessions
    for (start, end, times, sessions) in [
        (20, 30, false, true),
        (0, 10, false, true),
        (19, 30, true, true),
        (0, 11, true, true),
        (12, 15, true, true),
        (21, 30, false, false),
    ] {
        assert_eq!(time.overlaps(&TimeWindow::new(start, end)), times, "{start} {end}");
        assert_eq!(session.overlaps(&SessionWindow::new(start, end)), sessions, "{start} {end}");
    }
    assert_eq!(session.union(&SessionWindow::new(15, 30)), SessionWindow::new(10, 30));
    assert_eq!((time.to_string(), session.to_string()), ("[10, 20)".to_owned(), "[10, 20]".to_owned()));
}
