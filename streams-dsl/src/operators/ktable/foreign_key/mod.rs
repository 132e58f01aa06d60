//! Nodes of a join of tables by a foreign key: two on the side of the left table, three on that of the right one.

mod foreign_table;
mod receive;
mod resolve;
mod respond;
mod resubscribe;
mod row_hasher;
mod send;
mod subscription_join;

pub(crate) use foreign_table::ForeignTableJoin;
pub(crate) use receive::SubscriptionReceive;
pub(crate) use resolve::{ResponseJoin, ResponseKind};
pub(crate) use respond::{Responder, ResponsePartitioner, single};
pub(crate) use resubscribe::{Extractor, Resubscriber};
pub(crate) use row_hasher::RowHasher;
pub(crate) use send::{ForeignKeys, SubscriptionPartitioner, SubscriptionSend};
pub(crate) use subscription_join::SubscriptionJoin;
