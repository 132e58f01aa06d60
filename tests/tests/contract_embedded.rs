//! The embedded broker keeps the contract of the broker traits.

use streams_core::broker::embedded::EmbeddedBroker;
use tests::contract::Setup;

fn setup() -> Setup<EmbeddedBroker> {
    Setup::new(EmbeddedBroker::new())
        .with_forced_compaction(|broker, topic| broker.compact(topic).expect("the topic is compacted"))
}

tests::contract_tests!(setup);
