//! Versioned tables over restarts: the past is state like the present, and so are records that wait for it.

use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::record::VersionedRecord;
use streams_dsl::{Consumed, Joined, Materialized, StreamsBuilder, Topology};
use tests::embedded::{Site, wait};

const HISTORY: Duration = Duration::from_secs(100);

/// Orders with the price of their time, for which they wait so long.
fn priced(grace: Option<Duration>) -> Topology {
    let builder = StreamsBuilder::new();
    let prices = Materialized::persistent_versioned_key_value_store("prices", HISTORY);
    let prices = builder.table_with::<String, String>("prices", Consumed::named("prices"), prices);
    let joined = grace.map_or(Joined::named("priced"), |grace| Joined::named("priced").with_grace_period(grace));
    let orders = builder.stream::<String, String>("orders");
    orders
        .left_join_table_with(&prices, |_, order, price| format!("{order}:{}", price.unwrap_or_default()), joined)
        .to("out");
    builder.build().unwrap()
}

fn site() -> Site {
    Site::new(&[("prices", 1), ("orders", 1), ("out", 1)])
}

fn produce(site: &Site, topic: &str, records: &[(&str, &str, i64)]) {
    for (key, value, timestamp) in records {
        let value = (*value != "-").then_some(value.as_bytes());
        site.broker.produce(topic, 0, Some(key.as_bytes()), value, *timestamp).unwrap();
    }
}

fn output(site: &Site) -> Vec<String> {
    let records = site.broker.read_all("out", Isolation::ReadCommitted).unwrap();
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"-")).into_owned();
    records.iter().map(|record| format!("{}@{}", text(record.value.as_deref()), record.timestamp)).collect()
}

#[test]
fn the_past_is_the_same_on_another_machine_and_can_be_asked_for() {
    let site = site();
    let streams = site.start(priced(None), "one");
    produce(&site, "prices", &[("tea", "1", 1_000), ("tea", "4", 4_000), ("tea", "2", 2_000), ("tea", "-", 3_000)]);
    produce(&site, "prices", &[("tea", "5", 5_000), ("milk", "9", 9_000), ("milk", "-", 9_500)]);
    site.drain(&["prices"]);
    let asked = |streams: &streams_dsl::KafkaStreams<_>| {
        let prices = streams.versioned_store::<String, String>("prices").unwrap();
        let [tea, milk] = ["tea", "milk"].map(str::to_owned);
        for view in [prices.clone(), prices.committed()] {
            let five = VersionedRecord { value: "5".to_owned(), timestamp: 5_000, valid_to: None };
            assert_eq!(view.get(&tea).unwrap(), Some(five));
            let two = VersionedRecord { value: "2".to_owned(), timestamp: 2_000, valid_to: Some(3_000) };
            assert_eq!(view.get_as_of(&tea, 2_999).unwrap(), Some(two));
            assert_eq!(view.get_as_of(&tea, 3_999).unwrap(), None);
            assert_eq!(view.get_as_of(&milk, 9_499).unwrap().unwrap().valid_to, Some(9_500));
            assert_eq!(view.get(&milk).unwrap(), None);
        }
        let error = streams.store::<String, String>("prices").err().unwrap().to_string();
        assert!(error.contains("a versioned key-value store, not a key-value store: use versioned_store()"), "{error}");
    };
    asked(&streams);
    assert!(streams.close());
    // Restored from the changelog, in the order in which it was put; then from what is on disk.
    for (number, instance) in ["another", "another", "one"].into_iter().enumerate() {
        let streams = site.start(priced(None), instance);
        asked(&streams);
        let (order, time) = (format!("order-{number}"), 2_500 + number as i64);
        produce(&site, "orders", &[("tea", &order, time)]);
        site.drain(&["orders"]);
        assert_eq!(output(&site).last(), Some(&format!("{order}:2@{time}")));
        assert!(streams.close());
    }
    let admin = site.broker.admin(&Properties::new()).unwrap();
    let config = admin.topic_config("app-prices-changelog", Duration::from_secs(5)).unwrap();
    assert_eq!(config.get("cleanup.policy").map(String::as_str), Some("compact"));
    let lag = (HISTORY + Duration::from_secs(86_400)).as_millis().to_string();
    assert_eq!(config.get("min.compaction.lag.ms"), Some(&lag));
}

#[test]
fn what_waits_for_a_table_goes_on_once_wherever_it_is_restored() {
    let site = site();
    let grace = Some(Duration::from_secs(10));
    let streams = site.start(priced(grace), "one");
    produce(&site, "prices", &[("tea", "1", 1_000)]);
    site.drain(&["prices"]);
    produce(&site, "orders", &[("tea", "a", 1_500), ("tea", "b", 2_500), ("tea", "b", 2_500), ("tea", "c", 5_000)]);
    site.drain(&["orders"]);
    assert!(streams.close());
    assert_eq!(output(&site), [""; 0]);
    let streams = site.start(priced(grace), "another");
    produce(&site, "prices", &[("tea", "2", 2_000)]);
    site.drain(&["prices"]);
    // Too late to wait by the time before the restart: the stream was at 5000.
    produce(&site, "orders", &[("tea", "d", 12_500)]);
    wait("some go on", || output(&site) == ["a:1@1500", "b:2@2500", "b:2@2500"]);
    site.drain(&["orders"]);
    assert!(streams.close());
    let streams = site.start(priced(grace), "a-third");
    produce(&site, "orders", &[("tea", "late", 1_600), ("tea", "e", 30_000)]);
    wait("the rest goes on", || output(&site)[3..] == ["late:1@1600", "c:2@5000", "d:2@12500"]);
    site.drain(&["orders"]);
    assert!(streams.close());
}
