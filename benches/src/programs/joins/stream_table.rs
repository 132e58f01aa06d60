//! Payments, each with the row of its account.

use super::{START, joined};
use crate::digest::Digest;
use crate::failure::Result;
use crate::generator::Random;
use crate::programs::{Expected, Record, Side};
use std::fmt::Write;

/// One of so many records is a row of the table; those come first.
const RECORDS_PER_ROW: u64 = 11;

/// How many of the records are rows of the table, each with a key of its own.
pub fn rows(records: u64) -> u64 {
    records / RECORDS_PER_ROW
}

/// One in twenty payments is of an account that has no row.
fn accounts(records: u64) -> u64 {
    let rows = rows(records);
    rows + rows / 19 + 1
}

pub fn input(seed: u64, records: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    let mut random = Random::new(seed);
    let (mut key, mut value) = (String::new(), String::new());
    for number in 0..records {
        let row = number < rows(records);
        let account = if row { number } else { random.below(accounts(records)) };
        write_key(&mut key, account);
        if row {
            write_row(&mut value, account);
        } else {
            write_payment(&mut value, number);
        }
        let side = if row { Side::Right } else { Side::Left };
        take(Record { side, key: Some(&key), value: &value, timestamp: Some(START + number.cast_signed()) })?;
    }
    Ok(())
}

pub fn expected(seed: u64, records: u64) -> Result<Expected> {
    let mut random = Random::new(seed);
    let [mut key, mut payment, mut row] = [(); 3].map(|()| String::new());
    let mut digest = Digest::default();
    for number in rows(records)..records {
        let account = random.below(accounts(records));
        if account < rows(records) {
            write_key(&mut key, account);
            write_payment(&mut payment, number);
            write_row(&mut row, account);
            digest.add(Some(key.as_bytes()), Some(joined(&payment, &row).as_bytes()));
        }
    }
    Ok(Expected::All(digest))
}

fn write_key(key: &mut String, account: u64) {
    key.clear();
    let _ = write!(key, "account-{account:07}");
}

fn write_payment(value: &mut String, number: u64) {
    value.clear();
    let _ = write!(value, "payment {number:09} of some cents for this and that");
}

fn write_row(value: &mut String, account: u64) {
    value.clear();
    let _ = write!(value, "owner {:07}, open since last year, no limit", account.wrapping_mul(7919) % 1_000_000);
}
