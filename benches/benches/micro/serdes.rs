use crate::case::Case;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use streams_core::serde::{DefaultSerde, JsonSerde, Payload, SerdeRef, SharedStr};

const FEW: u64 = 1000;
const MANY: u64 = 11_000;
const TEXT: &str = "an important message";

#[derive(Clone, Serialize, Deserialize)]
struct PageView {
    user_id: SharedStr,
    page: SharedStr,
    timestamp: i64,
}

impl DefaultSerde for PageView {
    type Serde = JsonSerde<Self>;
}

pub fn cases() -> Vec<Case> {
    let view = PageView { user_id: "user-00123".into(), page: "/page/123".into(), timestamp: 1_735_689_600_000 };
    let long = TEXT.repeat(4);
    let mut cases = Vec::new();
    add(&mut cases, "i64", 1_735_689_600_000_i64);
    add(&mut cases, "f64", 21.5_f64);
    add(&mut cases, "Bytes, 20 bytes", Bytes::from_static(TEXT.as_bytes()));
    add(&mut cases, "Vec<u8>, 20 bytes", TEXT.as_bytes().to_vec());
    add(&mut cases, "String, 20 bytes", TEXT.to_owned());
    add(&mut cases, "String, 80 bytes", long.clone());
    add(&mut cases, "SharedStr, 20 bytes", SharedStr::from(TEXT));
    add(&mut cases, "SharedStr, 80 bytes", SharedStr::from(long));
    add(&mut cases, "Option<SharedStr>, 20 bytes", Some(SharedStr::from(TEXT)));
    add(&mut cases, "JSON of three fields, 72 bytes", view);
    cases
}

/// The value is dropped after it is read: that is part of its cost.
fn add<T: DefaultSerde + Clone + 'static>(cases: &mut Vec<Case>, name: &str, value: T) {
    let serde: SerdeRef<T> = T::default_serde();
    let mut encoded = Vec::new();
    let written = serde.serialize("topic", &value, &mut encoded);
    // Records lie in the buffer of their batch, which is shared already.
    let buffer = Bytes::from(encoded);
    let (reader, shared) = (serde.clone(), buffer.clone());
    cases.push(case(format!("{name}: decode"), move |records| {
        for _ in 0..records {
            let payload = Payload::in_buffer(black_box(&shared), &shared);
            drop(black_box(reader.deserialize("topic", Some(payload))?));
        }
        Ok(())
    }));
    cases.push(case(format!("{name}: encode"), move |records| {
        let mut out = Vec::with_capacity(buffer.len());
        for _ in 0..records {
            out.clear();
            black_box(serde.serialize("topic", black_box(&value), &mut out)?);
        }
        Ok(())
    }));
    debug_assert!(written.is_ok(), "{name} cannot be encoded");
}

fn case(name: String, run: impl Fn(u64) -> Result<(), streams_core::serde::SerdeError> + 'static) -> Case {
    let run = Box::new(move |amount: crate::Amount| Ok(run(amount.records)?));
    Case { group: "serde", name, few: FEW, many: MANY, run }
}
