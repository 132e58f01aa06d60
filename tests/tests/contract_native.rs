//! What the broker traits promise, on real Kafka through the native client. Needs a broker that allows deleting topics, at the
//! address in `KAFKA_BOOTSTRAP_SERVERS`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streams_core::broker::native::Native;
use streams_core::broker::{Broker, Producer, Properties};
use streams_core::record::OutputBatch;
use tests::contract::Setup;

fn broker() -> Native {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS");
    let servers = servers.expect("set KAFKA_BOOTSTRAP_SERVERS to the address of a broker, as localhost:9092");
    Native::new(servers).expect("a thread starts")
}

fn setup() -> Setup<Native> {
    let mut setup = Setup::new(broker()).with_forced_compaction(|broker, topic| {
        // Kafka compacts closed segments only; a record with a later timestamp closes one.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let mut batch = OutputBatch::default();
        let index = batch.topic_index(topic);
        batch.push(index, 0, now, Some(b"later"), Some(b"x"), b"");
        let mut producer = broker.producer(&Properties::new()).unwrap();
        producer.send(&mut batch).unwrap();
        producer.flush(Duration::from_secs(20)).unwrap();
    });
    let config = [("segment.ms", "100"), ("min.cleanable.dirty.ratio", "0.0001"), ("max.compaction.lag.ms", "100")];
    setup.compaction_config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    setup.properties.set("topic.metadata.propagation.max.ms", "1000");
    setup
}

tests::contract_tests!(setup);
