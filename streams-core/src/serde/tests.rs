use super::*;
use std::fmt::Debug;
use uuid::Uuid;

fn round_trip<T: DefaultSerde + PartialEq + Debug>(value: T, expected: Option<&[u8]>) {
    let serde = T::default_serde();
    let mut out = b"before".to_vec();
    let written = serde.serialize("topic", &value, &mut out).unwrap();
    let bytes = (written == Written::Bytes).then_some(&out[6..]);
    assert_eq!(bytes, expected);
    assert_eq!(serde.deserialize("topic", bytes.map(Payload::new)).unwrap(), value);
}

#[test]
fn bytes_equal_those_of_kafkas_serializers() {
    round_trip("wörd".to_owned(), Some("wörd".as_bytes()));
    round_trip(String::new(), Some(b""));
    round_trip(vec![1u8, 0, 255], Some(&[1, 0, 255]));
    round_trip(Bytes::from_static(b"xy"), Some(b"xy"));
    round_trip(-2i16, Some(&[0xff, 0xfe]));
    round_trip(258i32, Some(&[0, 0, 1, 2]));
    round_trip(i64::MIN, Some(&[0x80, 0, 0, 0, 0, 0, 0, 0]));
    round_trip(1.5f32, Some(&[0x3f, 0xc0, 0, 0]));
    round_trip(-0.1f64, Some(&[0xbf, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]));
    let uuid = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
    round_trip(Uuid::parse_str(uuid).unwrap(), Some(uuid.as_bytes()));
    round_trip((), None);
    round_trip(None::<i64>, None);
    round_trip(Some(1i64), Some(&[0, 0, 0, 0, 0, 0, 0, 1]));
}

#[test]
fn wrong_bytes_are_errors_that_say_what_was_expected() {
    fn error<T: DefaultSerde>(bytes: Option<&[u8]>) -> String {
        T::default_serde().deserialize("topic", bytes.map(Payload::new)).err().unwrap().to_string()
    }
    assert!(error::<String>(Some(&[0xff])).starts_with("not UTF-8"));
    assert_eq!(error::<i64>(Some(&[1, 2, 3])), "3 bytes where a i64 has 8");
    assert!(error::<i32>(None).contains("Option<i32>"));
    assert!(error::<Uuid>(Some(b"no")).starts_with("not a UUID"));
    assert!(error::<()>(Some(b"")).contains("null"));
}

#[test]
fn bytes_are_shared_with_the_buffer_they_came_in() {
    let buffer = Bytes::from(b"key-value".to_vec());
    let payload = Payload::in_buffer(&buffer[4..], &buffer);
    let value = BytesSerde.deserialize("topic", Some(payload)).unwrap();
    assert_eq!(value.as_ptr(), buffer[4..].as_ptr());
}
