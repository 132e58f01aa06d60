//! Global tables of instances: whole before the first task, followed afterwards, read by queries, and gone on with after a restart.

use std::time::Duration;
use streams_core::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::{Consumed, KafkaStreams, Materialized, State, StoreEngine, StreamsBuilder, Topology};
use tests::embedded::{Site, wait};

const STORE: &str = "countries";

/// Visits, each with a country's code as value, become visits with the country's name.
fn visits_by_name(engine: StoreEngine) -> Topology {
    let builder = StreamsBuilder::new();
    let countries = Materialized::<String, String>::named(STORE).with_store_type(engine);
    let countries = builder.global_table_with("names", Consumed::new(), countries);
    let visits = builder.stream::<String, String>("visits");
    visits.join_global_table(&countries, |_, code| code.clone(), |_, name| name).to("out");
    builder.build().unwrap()
}

fn site() -> Site {
    Site::new(&[("names", 4), ("visits", 2), ("out", 1)])
}

fn name(site: &Site, code: usize, name: Option<&str>) {
    let key = format!("c{code}");
    site.broker.produce("names", code as i32 % 4, Some(key.as_bytes()), name.map(str::as_bytes), 1).unwrap();
}

fn visit(site: &Site, user: usize, code: usize) {
    let (key, value) = (format!("u{user}"), format!("c{code}"));
    site.broker.produce("visits", user as i32 % 2, Some(key.as_bytes()), Some(value.as_bytes()), 1).unwrap();
}

fn query(streams: &KafkaStreams<EmbeddedBroker>, code: usize) -> Option<String> {
    streams.store::<String, String>(STORE).unwrap().get(&format!("c{code}")).unwrap()
}

fn outputs(site: &Site) -> Vec<String> {
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()).collect()
}

#[test]
fn a_global_table_is_whole_before_the_first_record_and_followed_by_every_instance() {
    let site = site();
    for code in 0..5000 {
        name(&site, code, Some(&format!("name{code}")));
    }
    visit(&site, 0, 4999);
    visit(&site, 1, 4998);
    let one = site.start(visits_by_name(StoreEngine::RocksDb), "one");
    wait("the first visits", || outputs(&site).len() == 2);
    let mut first = outputs(&site);
    first.sort();
    assert_eq!(first, ["name4998", "name4999"]);
    let two = site.start(visits_by_name(StoreEngine::RocksDb), "two");
    name(&site, 7, Some("seven"));
    name(&site, 8, None);
    for streams in [&one, &two] {
        wait("the table to be followed", || {
            query(streams, 7).as_deref() == Some("seven") && query(streams, 8).is_none()
        });
        assert_eq!(streams.store::<String, String>(STORE).unwrap().all().unwrap().count(), 4999);
    }
    visit(&site, 0, 7);
    visit(&site, 1, 8);
    visit(&site, 0, 9);
    wait("the visits after that", || outputs(&site).len() == 4);
    assert_eq!(outputs(&site)[2..], ["seven", "name9"]);
}

#[test]
fn a_restart_goes_on_from_the_store_and_one_in_memory_is_read_anew() {
    for engine in [StoreEngine::RocksDb, StoreEngine::InMemory] {
        let site = site();
        (0..100).for_each(|code| name(&site, code, Some("before")));
        let streams = site.start(visits_by_name(engine), "one");
        assert_eq!(query(&streams, 99).as_deref(), Some("before"));
        assert!(streams.close());
        drop(streams);
        (0..50).for_each(|code| name(&site, code, Some("meanwhile")));
        name(&site, 99, None);
        let streams = site.start(visits_by_name(engine), "one");
        let found = [query(&streams, 0), query(&streams, 49), query(&streams, 50), query(&streams, 99)];
        let expected = [Some("meanwhile"), Some("meanwhile"), Some("before"), None].map(|name| name.map(str::to_owned));
        assert_eq!(found, expected);
    }
}

#[test]
fn a_store_whose_topic_was_made_anew_is_rebuilt() {
    let site = site();
    (0..100).for_each(|code| name(&site, code, Some("before")));
    let streams = site.start(visits_by_name(StoreEngine::RocksDb), "one");
    assert!(streams.close());
    drop(streams);
    assert!(site.broker.delete_topic("names"));
    site.broker.create_topic("names", 4).unwrap();
    name(&site, 1, Some("after"));
    let streams = site.start(visits_by_name(StoreEngine::RocksDb), "one");
    assert_eq!((query(&streams, 1).as_deref(), query(&streams, 2)), (Some("after"), None));
}

#[test]
fn a_global_topic_that_does_not_exist_ends_the_instance_by_name() {
    let site = Site::new(&[("visits", 2), ("out", 1)]);
    let streams = site.make(visits_by_name(StoreEngine::RocksDb), site.config("one"));
    assert!(streams.wait_until_ended(Duration::from_secs(30)));
    assert_eq!(streams.state(), State::Error);
    assert!(streams.last_error().unwrap().contains("names"), "{:?}", streams.last_error());
}

#[test]
fn an_instance_closes_while_its_global_tables_are_being_read() {
    let site = site();
    name(&site, 1, Some("one"));
    site.broker.set_unreachable(true);
    let streams = site.make(visits_by_name(StoreEngine::RocksDb), site.config("one"));
    assert!(!streams.wait_until_running(Duration::from_millis(300)));
    site.broker.set_unreachable(false);
    assert!(streams.close());
    assert_eq!(streams.state(), State::NotRunning);
}
