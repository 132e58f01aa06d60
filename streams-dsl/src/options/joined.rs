use super::{SerdeChoice, common_options};

/// How a stream is joined with a table: the join's name, and the serdes of the stream's keys and values where they go through a repartition
/// topic before it.
pub struct Joined<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
}

common_options!(
    Joined,
    "the join's node is called so, and the repartition topic before it, if one is needed, `<application id>-<name>-repartition`",
    {}
);
