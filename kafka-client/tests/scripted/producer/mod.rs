//! The producer against a broker that does what each test says.

mod cluster;
mod idle;
mod marks;
mod records;
mod transactions;
