//! Aggregations of tables: of a changed row, the old one is taken out and the new one put in.

mod aggregate;
mod reduce;
mod select;

pub(crate) use aggregate::{Functions, TableAggregate};
pub(crate) use reduce::TableReduce;
pub(crate) use select::TableSelect;
