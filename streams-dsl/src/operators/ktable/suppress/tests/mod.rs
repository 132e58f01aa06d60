//! Suppression of windowed tables.

mod cases;
mod idle;
mod restart;
mod windowed;
