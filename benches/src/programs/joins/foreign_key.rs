//! Orders, each with the row of the customer that it names.

use super::{START, joined};
use crate::failure::Result;
use crate::generator::Random;
use crate::programs::{Expected, Record, Side};
use std::collections::HashMap;
use std::fmt::Write;

const CHANGES_PER_ORDER: u64 = 5;
const ORDERS_PER_CUSTOMER: u64 = 10;
/// One in so many changes is of a customer.
const CHANGES_PER_CUSTOMER_CHANGE: u64 = 10;
/// One in so many changes of an order names another customer.
const CHANGES_PER_MOVE: u64 = 10;

enum Change {
    Customer { customer: u64 },
    Order { order: u64, customer: u64 },
}

/// Customers have their first row one after the other, and change at random then.
fn changes(seed: u64, records: u64) -> impl Iterator<Item = (u64, Change)> {
    let mut random = Random::new(seed);
    let orders = (records / CHANGES_PER_ORDER).max(1);
    let customers = (orders / ORDERS_PER_CUSTOMER).max(1);
    let mut customer_of = HashMap::<u64, u64>::new();
    (0..records).map(move |number| {
        if number % CHANGES_PER_CUSTOMER_CHANGE == 0 {
            let first = number / CHANGES_PER_CUSTOMER_CHANGE;
            let customer = if first < customers { first } else { random.below(customers) };
            return (number, Change::Customer { customer });
        }
        let order = random.below(orders);
        let moved = random.below(CHANGES_PER_MOVE) == 0;
        let another = random.below(customers);
        let customer = customer_of.entry(order).or_insert(another);
        if moved {
            *customer = another;
        }
        (number, Change::Order { order, customer: *customer })
    })
}

pub fn input(seed: u64, records: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    for (number, change) in changes(seed, records) {
        let (side, key, value) = match change {
            Change::Customer { customer } => (Side::Right, customer_key(customer), customer_row(number)),
            Change::Order { order, customer } => (Side::Left, order_key(order), order_row(number, customer)),
        };
        take(Record { side, key: Some(&key), value: &value, timestamp: Some(START + number.cast_signed()) })?;
    }
    Ok(())
}

pub fn expected(seed: u64, records: u64) -> Result<Expected> {
    let (mut customers, mut orders) = (HashMap::new(), HashMap::new());
    for (number, change) in changes(seed, records) {
        match change {
            Change::Customer { customer } => drop(customers.insert(customer, number)),
            Change::Order { order, customer } => drop(orders.insert(order, (number, customer))),
        }
    }
    let row = |(order, (number, customer)): (u64, (u64, u64))| {
        let customer_number = *customers.get(&customer)?;
        Some((order_key(order), joined(&order_row(number, customer), &customer_row(customer_number))))
    };
    Ok(Expected::Last(orders.into_iter().filter_map(row).collect(), |key, _| key.to_owned()))
}

fn customer_key(customer: u64) -> String {
    format!("customer-{customer:06}")
}

fn order_key(order: u64) -> String {
    format!("order-{order:07}")
}

/// Its first word is the customer's key.
fn order_row(number: u64, customer: u64) -> String {
    let mut row = customer_key(customer);
    let _ = write!(row, " orders as of change {number:09}");
    row
}

fn customer_row(number: u64) -> String {
    format!("address as of change {number:09}, somewhere in the country")
}
