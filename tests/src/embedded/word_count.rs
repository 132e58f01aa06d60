use std::collections::BTreeMap;
use streams_core::query::ReadOnlyKeyValueView;
use streams_dsl::broker::Broker;
use streams_dsl::{KafkaStreams, Materialized, StreamsBuilder, StreamsError, Topology};

/// The store of [`word_count`].
pub const STORE: &str = "counts";

/// Counts by word.
pub type Counts = BTreeMap<String, i64>;

/// Word count from topic `in` to topic `out`, through a repartition topic.
///
/// # Panics
/// Never: the topology is right.
pub fn word_count() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>("in")
        .flat_map_values(|line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named(STORE))
        .to_stream()
        .to("out");
    builder.build().expect("the topology is right")
}

/// The counts that an instance can be asked for.
///
/// # Errors
/// As a query: while tasks move or are restored.
pub fn counts_of<B: Broker>(streams: &KafkaStreams<B>) -> Result<Counts, StreamsError> {
    let view: ReadOnlyKeyValueView<B, String, i64> = streams.store(STORE)?;
    view.all()?.collect()
}
