//! The text of `describe()` of global stores equals that of Kafka Streams 4.3.1 for the same declarations: the files in `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;
#[path = "common/pass.rs"]
mod pass;

use described::check;
use pass::Pass;
use streams_dsl::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, StoreBuilder, Stores};
use streams_dsl::serde::StringSerde;
use streams_dsl::{Consumed, Materialized, Record, StreamsBuilder};

struct Keep;

impl Processor<String, String, (), ()> for Keep {
    fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, _: Record<String, String>) -> ProcessorResult {
        Ok(())
    }
}

fn prices() -> StoreBuilder<KeyValueStore<String, String>> {
    Stores::key_value_store("prices")
}

fn named(name: &str) -> Consumed<String, String> {
    Consumed::named(name).with_key_serde(StringSerde).with_value_serde(StringSerde)
}

fn pass(builder: &StreamsBuilder) {
    builder.stream::<String, String>("left").process_values(|| Pass, ()).to("out");
}

#[test]
fn global_stores_are_subtopologies_without_tasks() {
    check("global_store", |b| {
        b.add_global_store(prices(), "product-prices", || Keep);
        pass(b);
    });
    check("global_store_named", |b| {
        pass(b);
        b.add_global_store_with(prices(), "product-prices", named("prices-kept"), || Keep);
        b.global_table_with("right", Consumed::new(), Materialized::<String, String>::named("right-store"));
    });
}

#[test]
fn what_cannot_be_is_said_at_the_end() {
    let builder = StreamsBuilder::new();
    let prices = builder.add_global_store(prices(), "product-prices", || Keep);
    builder.stream::<String, String>("left").process_values(|| Pass, &prices).to("out");
    builder.stream::<String, String>("product-prices").to("out");
    let error = builder.build().map(drop).unwrap_err().to_string();
    for expected in
        ["topic product-prices is read by two sources", "do not connect KSTREAM-PROCESSVALUES-0000000003 to it"]
    {
        assert!(error.contains(expected), "{error}\ninstead of\n{expected}");
    }
}
