//! Topics and their offsets.

use super::Setup;
use super::scenario::{DEADLINE, Scenario, eventually, partition, read, texts};
use std::collections::BTreeMap;
use streams_core::broker::{Admin, Broker, BrokerErrorKind, OffsetSpec};

/// Created topics are described with their partitions; missing ones are left out.
pub fn topics_are_created_and_described<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "describe");
    let (one, three) = (scenario.topic(), scenario.topic_with(3, &[]));
    let missing = format!("{}-missing", scenario.id);
    let mut described = scenario.admin.describe_topics(Some(&[&three, &missing, &one]), DEADLINE).unwrap();
    described.sort_by(|a, b| a.name.cmp(&b.name));
    let seen: Vec<_> = described.iter().map(|topic| (topic.name.as_str(), topic.partitions, topic.internal)).collect();
    assert_eq!(seen, [(one.as_str(), 1, false), (three.as_str(), 3, false)]);
    let all = scenario.admin.describe_topics(None, DEADLINE).unwrap();
    assert!(all.iter().any(|topic| topic.name == three && topic.partitions == 3));
}

/// A topic that exists is a kind of its own, so that two instances may race.
pub fn creating_twice_says_so<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "twice");
    let topic = scenario.topic();
    let error = scenario.create(&topic, 1, BTreeMap::new()).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::TopicExists);
}

/// Names, counts and configuration that cannot be are refused, by topic.
pub fn bad_topics_are_refused<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "bad");
    let name = |suffix: &str| format!("{}-{suffix}", scenario.id);
    let config = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    for (name, partitions, config) in [
        (name("no partitions"), 1, BTreeMap::new()),
        (name("zero"), 0, BTreeMap::new()),
        (name("key"), 1, config("no.such.key", "1")),
        (name("value"), 1, config("cleanup.policy", "shred")),
    ] {
        let error = scenario.create(&name, partitions, config).unwrap_err();
        assert!(!error.is_retriable(), "{error}");
        assert!(scenario.admin.describe_topics(Some(&[&name]), DEADLINE).unwrap().is_empty());
    }
}

/// The configuration shows what was set, and defaults beside it.
pub fn configuration_comes_back<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "config");
    let topic = scenario.topic_with(1, &[("cleanup.policy", "compact"), ("min.compaction.lag.ms", "1234")]);
    let config = scenario.admin.topic_config(&topic, DEADLINE).unwrap();
    assert_eq!(config["cleanup.policy"], "compact");
    assert_eq!(config["min.compaction.lag.ms"], "1234");
    assert_eq!(config["message.timestamp.type"], "CreateTime");
    let missing = format!("{}-missing", scenario.id);
    let error = scenario.admin.topic_config(&missing, DEADLINE).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::UnknownTopicOrPartition);
}

/// All four specs, of an empty partition and of one with records and an open transaction.
pub fn offsets_are_listed<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "offsets");
    let topic = scenario.topic_with(2, &[]);
    let list = |number, spec| scenario.admin.list_offsets(&[(partition(&topic, number), spec)], DEADLINE).unwrap()[0];
    let mut producer = scenario.producer();
    for timestamp in [100, 300, 200, 400] {
        producer.add(&topic, 0, None, Some(b"v"), timestamp);
    }
    producer.send();
    scenario.transactional("open").open(&topic, &["pending"]);
    scenario.admin.delete_records(&[(partition(&topic, 0), 1)], DEADLINE).unwrap();
    assert_eq!(list(0, OffsetSpec::Earliest), 1);
    assert_eq!(list(0, OffsetSpec::Latest), 5);
    assert_eq!(list(0, OffsetSpec::LatestStable), 4);
    for (timestamp, offset) in [(150, 1), (300, 1), (301, 3), (400, 3), (5_000, 5)] {
        assert_eq!(list(0, OffsetSpec::Timestamp(timestamp)), offset, "of {timestamp}");
    }
    for spec in [OffsetSpec::Earliest, OffsetSpec::Latest, OffsetSpec::LatestStable, OffsetSpec::Timestamp(0)] {
        assert_eq!(list(1, spec), 0, "{spec:?}");
    }
    let missing = [(partition(&topic, 2), OffsetSpec::Latest)];
    let error = scenario.admin.list_offsets(&missing, DEADLINE).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::UnknownTopicOrPartition);
}

/// Records below the offset go, the others stay where they are; an offset above the end deletes all.
pub fn records_are_deleted<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "delete");
    let topic = scenario.topic();
    let start = || scenario.admin.list_offsets(&[(partition(&topic, 0), OffsetSpec::Earliest)], DEADLINE).unwrap()[0];
    let mut producer = scenario.producer();
    producer.texts(&topic, &["0", "1", "2"]);
    scenario.admin.delete_records(&[(partition(&topic, 0), 2)], DEADLINE).unwrap();
    assert_eq!(start(), 2);
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 2)]);
    assert_eq!(texts(&read(&mut consumer, 1)), ["2"]);
    scenario.admin.delete_records(&[(partition(&topic, 0), 1_000)], DEADLINE).unwrap();
    assert_eq!(start(), 3);
    producer.texts(&topic, &["3"]);
    assert_eq!(read(&mut consumer, 1)[0].offset, 3);
    let missing = partition(&format!("{}-missing", scenario.id), 0);
    let error = scenario.admin.delete_records(&[(missing, 0)], DEADLINE).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::UnknownTopicOrPartition);
}

/// Deleted topics disappear; deleting what is not there is no error.
pub fn deleted_topics_are_gone<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "gone");
    let topic = scenario.topic();
    scenario.admin.delete_topics(&[&topic], DEADLINE).unwrap();
    eventually("the topic is gone", || {
        scenario.admin.describe_topics(Some(&[&topic]), DEADLINE).unwrap().is_empty().then_some(())
    });
    scenario.admin.delete_topics(&[&topic], DEADLINE).unwrap();
}
