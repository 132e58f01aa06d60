//! Reading the stores of a running instance (interactive queries), from any thread.
//!
//! By default a query sees what is still in the write buffer: it is carried out by the thread that owns the task, between two rounds of
//! processing, so that processing takes no lock. [`ReadOnlyKeyValueView::committed`] reads what has been committed, without asking that thread.

mod key_value;
mod pages;

pub use key_value::{ReadOnlyKeyValueView, ViewScan};
