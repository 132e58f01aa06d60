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
