//! Nodes of tables: changes in, changes out.

mod filter;
pub(crate) mod foreign_key;
mod forms;
mod join;
mod join_merge;
mod joined_rows;
mod map_values;
mod source;
mod suppress;
mod to_stream;
mod transform_values;
mod transformed_rows;

pub(crate) use filter::TableFilter;
pub(crate) use forms::{RowTimestamp, TopicRecord, Upsert, UpsertOrDelete};
pub(crate) use join::TableJoin;
pub(crate) use join_merge::TableJoinMerge;
pub(crate) use joined_rows::JoinedRows;
pub(crate) use map_values::TableMapValues;
pub(crate) use source::{TableRecord, TableSourceNode};
pub(crate) use suppress::{Rule, Suppress, SuppressedRows};
pub(crate) use to_stream::ToStream;
pub(crate) use transform_values::TableTransformValues;
pub(crate) use transformed_rows::TransformedRows;
