//! Processors written by hand: what their context offers, their stores, and how they are put together.

mod context;
mod custom;
mod fixed_key;
mod mistakes;
mod probe;
mod punctuation;
mod sharing;
mod stores;
mod topology;
