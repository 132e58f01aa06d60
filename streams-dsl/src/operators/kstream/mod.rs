//! Nodes of streams: records in, records out, nothing remembered.

mod branch;
mod filter;
mod flat_map;
mod flat_map_values;
mod for_each;
mod global_table_join;
pub(crate) mod join;
mod map;
mod map_values;
mod null_key_filter;
mod pass_through;
mod peek;
mod print;
mod select_key;
mod table_join;

pub(crate) use branch::{Branch, Predicate};
pub(crate) use filter::Filter;
pub(crate) use flat_map::FlatMap;
pub(crate) use flat_map_values::FlatMapValues;
pub(crate) use for_each::ForEach;
pub(crate) use global_table_join::GlobalTableJoin;
pub(crate) use map::Map;
pub(crate) use map_values::MapValues;
pub(crate) use null_key_filter::NullKeyFilter;
pub(crate) use pass_through::PassThrough;
pub(crate) use peek::Peek;
pub(crate) use print::Print;
pub(crate) use select_key::SelectKey;
pub(crate) use table_join::StreamTableJoin;
