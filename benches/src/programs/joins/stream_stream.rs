//! Clicks and views of the same visitor, no more than ten seconds apart.

use super::{START, joined};
use crate::digest::Digest;
use crate::failure::Result;
use crate::generator::Random;
use crate::programs::{Expected, Record, Side};
use std::fmt::Write;

/// With a record a millisecond on each side, as many as lie within a window: one partner for each record on average.
const VISITORS: u64 = 20_000;
const WINDOW: i64 = 10_000;

#[derive(Clone)]
struct Event {
    side: Side,
    visitor: u64,
    number: u64,
}

impl Event {
    fn time(&self) -> i64 {
        START + self.number.cast_signed()
    }

    fn write_key(&self, key: &mut String) {
        key.clear();
        let _ = write!(key, "visitor-{:05}", self.visitor);
    }

    fn write_value(&self, value: &mut String) {
        value.clear();
        let number = self.number;
        let _ = match self.side {
            Side::Left => write!(value, "view {number:08} of a page that shows some products"),
            Side::Right => write!(value, "click {number:08} on one of the products shown"),
        };
    }
}

/// The sides take turns.
fn events(seed: u64, records: u64) -> impl Iterator<Item = Event> {
    let mut random = Random::new(seed);
    (0..records).map(move |record| Event {
        side: if record % 2 == 0 { Side::Left } else { Side::Right },
        visitor: random.below(VISITORS),
        number: record / 2,
    })
}

pub fn input(seed: u64, records: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    let (mut key, mut value) = (String::new(), String::new());
    for event in events(seed, records) {
        event.write_key(&mut key);
        event.write_value(&mut value);
        take(Record { side: event.side, key: Some(&key), value: &value, timestamp: Some(event.time()) })?;
    }
    Ok(())
}

/// Every pair that is near enough: the grace period is too long for any record to be late.
pub fn expected(seed: u64, records: u64) -> Result<Expected> {
    let mut sides = [(); 2].map(|()| vec![Vec::new(); VISITORS as usize]);
    for event in events(seed, records) {
        sides[usize::from(event.side == Side::Right)][event.visitor as usize].push(event);
    }
    let [left, right] = sides;
    let mut digest = Digest::default();
    let [mut key, mut one, mut other] = [(); 3].map(|()| String::new());
    for (left, right) in left.iter().zip(&right) {
        for event in left {
            event.write_key(&mut key);
            event.write_value(&mut one);
            let first = right.partition_point(|right| right.time() < event.time() - WINDOW);
            for partner in right[first..].iter().take_while(|right| right.time() <= event.time() + WINDOW) {
                partner.write_value(&mut other);
                digest.add(Some(key.as_bytes()), Some(joined(&one, &other).as_bytes()));
            }
        }
    }
    Ok(Expected::All(digest))
}
