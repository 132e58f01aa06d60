use super::*;
use crate::serde::{DefaultSerde, Payload, Serde};

fn subscription(hash: Option<RowHash>, instruction: Instruction, partition: Option<i32>) -> Subscription<String> {
    Subscription { hash, instruction, primary_key: "pk".to_owned(), partition }
}

fn bytes<T>(serde: &impl Serde<T>, value: &T) -> Vec<u8> {
    let mut out = b"before".to_vec();
    serde.serialize("t", value, &mut out).unwrap();
    out.split_off(6)
}

fn subscriptions() -> SubscriptionSerde<String> {
    SubscriptionSerde::new(&String::default_serde(), "t-pk")
}

fn responses() -> SubscriptionResponseSerde<String> {
    SubscriptionResponseSerde::new(&String::default_serde())
}

#[test]
fn subscriptions_of_both_versions_are_read_as_they_were_written() {
    let hash = RowHash::of(b"row");
    for hash in [Some(hash), None] {
        for (number, instruction) in [
            Instruction::DeleteKeyNoPropagate,
            Instruction::DeleteKeyAndPropagate,
            Instruction::PropagateNullIfNoForeignValue,
            Instruction::PropagateOnlyIfForeignValue,
        ]
        .into_iter()
        .enumerate()
        {
            for partition in [None, Some(0), Some(7)] {
                let message = subscription(hash, instruction, partition);
                let written = bytes(&subscriptions(), &message);
                let mut expected = vec![u8::from(partition.is_some()) | if hash.is_none() { 0x80 } else { 0 }];
                expected.push(number as u8);
                expected.extend(hash.iter().flat_map(|hash| *hash.as_bytes()));
                expected.extend_from_slice(b"pk");
                expected.extend(partition.iter().flat_map(|partition| partition.to_be_bytes()));
                assert_eq!(written, expected);
                assert_eq!(subscriptions().deserialize("t", Some(Payload::new(&written))).unwrap(), message);
            }
        }
    }
}

#[test]
fn responses_are_read_as_they_were_written_but_for_their_partition() {
    for hash in [Some(RowHash::of(b"row")), None] {
        for row in [Some("right".to_owned()), None] {
            let response = SubscriptionResponse { hash, row, partition: None };
            let written = bytes(&responses(), &SubscriptionResponse { partition: Some(3), ..response.clone() });
            assert_eq!(responses().deserialize("t", Some(Payload::new(&written))).unwrap(), response);
        }
    }
}

#[test]
fn other_bytes_are_refused() {
    let long = [0; 20];
    let mut unknown_instruction = long;
    unknown_instruction[1] = 4;
    for bytes in
        [&[][..], &[1], &[1, 3], &[0x81, 3, 0, 0, 0], &long[..17], &unknown_instruction, &[0x82, 0, 0, 0, 0, 0]]
    {
        assert!(subscriptions().deserialize("t", Some(Payload::new(bytes))).is_err(), "{bytes:?}");
    }
    for bytes in [&[][..], &[0], &long[..16], &[0x81]] {
        assert!(responses().deserialize("t", Some(Payload::new(bytes))).is_err(), "{bytes:?}");
    }
    assert!(subscriptions().deserialize("t", None).is_err());
    assert!(responses().deserialize("t", None).is_err());
}

#[test]
fn a_null_primary_key_is_refused() {
    let serde = SubscriptionSerde::new(&Option::<String>::default_serde(), "t");
    let message = Subscription {
        hash: None,
        instruction: Instruction::PropagateOnlyIfForeignValue,
        primary_key: None,
        partition: None,
    };
    assert!(serde.serialize("t", &message, &mut Vec::new()).is_err());
}

/// What `Murmur3.hash128` of Kafka Streams 4.3.1 says of as many bytes, each 37 more than the one before, from 200 on.
#[test]
fn hashes_are_those_of_kafka_streams() {
    for (length, hash) in [
        (0, 0x9d2764a018e329428c3cf3b035938518),
        (1, 0xbff2166f25d4e3caad76f90042c32eb7),
        (7, 0xe2c12aaa37615c8d78e8fff449acd2e3),
        (8, 0x5376fe5d8752a4802bcfb922970c534c),
        (9, 0xb79cc91e67eb164f7285936d18b5c4c8),
        (15, 0x8541440932df88a8133781906f758397),
        (16, 0x3b1ca826ba2a8ab100ff368af7e15570),
        (17, 0x14606ec89b0c68c720e38f08a941bbdf),
        (31, 0x0fc8bff6b4d635a2db8b6c0ce90a3cd8),
        (32, 0x271fc7adca25c66d69f499a2c53fd088),
        (33, 0xc811ac0257c06b43de4815d1c281354e),
        (100, 0xac5e6f34f01858a4773258770366c397_u128),
    ] {
        let bytes: Vec<u8> = (0..length).map(|place: u8| place.wrapping_mul(37).wrapping_add(200)).collect();
        assert_eq!(RowHash::of(&bytes).as_bytes(), &hash.to_be_bytes(), "{length}");
    }
}
