//! Prices and stock of the same products, both changing.

use super::{START, joined};
use crate::failure::Result;
use crate::generator::Random;
use crate::programs::{Expected, Record, Side};
use std::collections::HashMap;
use std::fmt::Write;

/// So many that with the usual input all products' rows lie in the record caches: where they do not, Kafka Streams answers some last rows wrong (see
/// benches/README.md), and there is nothing to compare.
const CHANGES_PER_PRODUCT: u64 = 100;

/// The sides take turns; number and product of each change.
fn changes(seed: u64, records: u64) -> impl Iterator<Item = (Side, u64, u64)> {
    let mut random = Random::new(seed);
    let products = (records / CHANGES_PER_PRODUCT).max(1);
    (0..records).map(move |number| {
        let side = if number % 2 == 0 { Side::Left } else { Side::Right };
        (side, number, random.below(products))
    })
}

pub fn input(seed: u64, records: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    let (mut key, mut value) = (String::new(), String::new());
    for (side, number, product) in changes(seed, records) {
        key.clear();
        write_key(&mut key, product);
        value.clear();
        write_row(&mut value, side, number);
        take(Record { side, key: Some(&key), value: &value, timestamp: Some(START + number.cast_signed()) })?;
    }
    Ok(())
}

pub fn expected(seed: u64, records: u64) -> Result<Expected> {
    let mut last = HashMap::<u64, [Option<u64>; 2]>::new();
    for (side, number, product) in changes(seed, records) {
        last.entry(product).or_default()[usize::from(side == Side::Right)] = Some(number);
    }
    let row = |(product, [left, right]): (u64, [Option<u64>; 2])| {
        let [mut key, mut one, mut other] = [(); 3].map(|()| String::new());
        write_key(&mut key, product);
        write_row(&mut one, Side::Left, left?);
        write_row(&mut other, Side::Right, right?);
        Some((key, joined(&one, &other)))
    };
    Ok(Expected::Last(last.into_iter().filter_map(row).collect(), |key, _| key.to_owned()))
}

fn write_key(key: &mut String, product: u64) {
    let _ = write!(key, "product-{product:07}");
}

fn write_row(value: &mut String, side: Side, number: u64) {
    let _ = match side {
        Side::Left => write!(value, "price as of change {number:09}, in cents, with tax"),
        Side::Right => write!(value, "stock as of change {number:09}, in pieces"),
    };
}
