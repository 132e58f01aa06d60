//! Records as lines of text, as `Peer.java` has them.

use std::fmt::Write;

use kafka_client::records::RecordView;

/// Headers as they are in a record; each length below 64.
pub fn encode(headers: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(name.len() as u8 * 2);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(value.map_or(1, |value| value.len() as u8 * 2));
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    bytes
}

/// A record that is visible.
pub fn line(partition: usize, record: &RecordView<'_>) -> String {
    let RecordView { offset, timestamp, key, value, mut headers } = *record;
    let mut line = format!("committed {partition} {offset} {timestamp} {} {}", hex(key), hex(value));
    while !headers.is_empty() {
        let name = field(&mut headers);
        let value = field(&mut headers);
        write!(line, " {}={}", hex(name), hex(value)).unwrap();
    }
    line
}

/// A length, zigzag in one byte (that is: below 64, and -1 for null), and so many bytes.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first().unwrap();
    assert!(*length < 128);
    let (field, rest) = rest.split_at(if *length == 1 { 0 } else { usize::from(*length / 2) });
    *bytes = rest;
    (*length != 1).then_some(field)
}

fn hex(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    bytes.iter().fold("x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
