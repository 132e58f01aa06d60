use super::{SerdeChoice, common_options};

/// How a stream is grouped: the serdes of its keys and values where they go through a repartition topic, and that topic's name.
pub struct Grouped<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
}

common_options!(Grouped, "a repartition topic, if one is needed, is called `<application id>-<name>-repartition`", {});
