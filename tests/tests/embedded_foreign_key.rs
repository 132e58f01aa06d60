//! Tables joined by a foreign key on several instances: the result follows the last rows of both tables, also when instances die in the middle.

use std::collections::BTreeMap;
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::{KafkaStreams, Materialized, StreamsBuilder, StreamsConfig, TableJoined, Topology, partitioner};
use tests::embedded::{Site, last_values, wait};

const LEFT_PARTITIONS: i32 = 3;
const RIGHT_PARTITIONS: i32 = 2;
const REGISTRATIONS: &str = "app-orders-subscription-registration-topic";
const RESPONSES: &str = "app-orders-subscription-response-topic";
/// One task per partition of each table.
const TASKS: usize = (LEFT_PARTITIONS + RIGHT_PARTITIONS) as usize;

type Rows = BTreeMap<String, String>;

fn foreign_key(row: &str) -> Option<String> {
    row.split_once(':').map(|(key, _)| key.to_owned())
}

/// Without optimization, and with all of it: the tables' topics are their changelogs then.
const OPTIMIZATIONS: [&str; 2] = ["none", "all"];

fn topology() -> Topology {
    topology_with("none")
}

/// The inner join to `out`, the left join to `out-left`.
fn topology_with(optimization: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.table::<String, String>("left"), builder.table::<String, String>("right"));
    let key = |_: &String, row: &String| foreign_key(row);
    let joined = left.join_on_foreign_key_with(
        &right,
        key,
        |left, right| format!("{left} {right}"),
        TableJoined::named("orders"),
        Materialized::named("joined"),
    );
    joined.to_stream().to("out");
    let maybe = |left, right: Option<String>| format!("{left} {}", right.unwrap_or_else(|| "-".to_owned()));
    left.left_join_on_foreign_key(&right, key, maybe).to_stream().to("out-left");
    let config = StreamsConfig::new(Site::APP, "unused:9092").set("topology.optimization", optimization);
    builder.build_with(&config).unwrap()
}

fn site() -> Site {
    Site::new(&[("left", LEFT_PARTITIONS), ("right", RIGHT_PARTITIONS), ("out", 1), ("out-left", 1)])
}

/// Random changes of both tables, and what is in them.
struct Tables {
    random: u64,
    time: i64,
    left: Rows,
    right: Rows,
}

impl Tables {
    fn new(seed: u64) -> Self {
        Self { random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), time: 0, left: Rows::new(), right: Rows::new() }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % end
    }

    fn change(&mut self, site: &Site, count: usize) {
        for _ in 0..count {
            self.time += 1;
            let is_left = self.below(4) > 0;
            let (side, keys, partitions) =
                if is_left { ("left", 60, LEFT_PARTITIONS) } else { ("right", 12, RIGHT_PARTITIONS) };
            let key = format!("{side}{}", self.below(keys));
            let row = match (is_left, self.below(8)) {
                (_, 0) => None,
                (true, 1) => Some(format!("none{}", self.below(2))),
                (true, _) => Some(format!("right{}:{}", self.below(13), self.below(3))),
                (false, _) => Some(format!("row{}", self.below(1000))),
            };
            let rows = if is_left { &mut self.left } else { &mut self.right };
            match &row {
                Some(row) => rows.insert(key.clone(), row.clone()),
                None => rows.remove(&key),
            };
            let partition = partitioner::partition_for_key(key.as_bytes(), partitions);
            let row = row.as_deref().map(str::as_bytes);
            site.broker.produce(side, partition, Some(key.as_bytes()), row, self.time).unwrap();
        }
    }

    /// The join by its definition.
    fn joined(&self, left_join: bool) -> Rows {
        let joined = |(key, row): (&String, &String)| {
            let other = foreign_key(row).and_then(|key| self.right.get(&key));
            let other = other.map(String::as_str).or(left_join.then_some("-"))?;
            Some((key.clone(), format!("{row} {other}")))
        };
        self.left.iter().filter_map(joined).collect()
    }

    /// Waits until both results are those of the tables.
    #[track_caller]
    fn wait_for_results(&self, site: &Site) {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let written = |topic: &str| -> Rows {
            let rows = last_values(&site.broker, topic).into_iter();
            rows.filter_map(|(key, row)| Some((key, text(row?)))).collect()
        };
        wait("the inner join is that of the tables", || written("out") == self.joined(false));
        wait("the left join is that of the tables", || written("out-left") == self.joined(true));
    }
}

fn task_count<B: Broker>(streams: &KafkaStreams<B>) -> usize {
    streams.tasks().iter().filter(|task| task.running).count()
}

/// Number of partitions and configuration of a topic.
fn topic(broker: &EmbeddedBroker, name: &str) -> (i32, BTreeMap<String, String>) {
    let admin = broker.admin(&Properties::new()).unwrap();
    let timeout = std::time::Duration::from_secs(1);
    let described = admin.describe_topics(Some(&[name]), timeout).unwrap();
    (described[0].partitions, admin.topic_config(name, timeout).unwrap())
}

#[test]
fn topics_of_a_join_have_the_counts_and_the_settings_of_kafka_streams() {
    let site = site();
    let mut tables = Tables::new(1);
    tables.change(&site, 300);
    let streams = site.start(topology(), "one");
    tables.wait_for_results(&site);
    for (name, partitions) in [(REGISTRATIONS, RIGHT_PARTITIONS), (RESPONSES, LEFT_PARTITIONS)] {
        let (count, config) = topic(&site.broker, name);
        assert_eq!(count, partitions, "{name}");
        assert_eq!(config["cleanup.policy"], "delete", "{name}");
        assert_eq!(config["retention.ms"], "-1", "{name}");
    }
    let (count, config) = topic(&site.broker, "app-orders-subscription-store-changelog");
    assert_eq!((count, config["cleanup.policy"].as_str()), (RIGHT_PARTITIONS, "compact"));
    // Responses go to the partition of the row that they are about.
    for record in site.broker.read_all(RESPONSES, Isolation::ReadUncommitted).unwrap() {
        let key = record.key.unwrap();
        assert!(key.starts_with(b"left"));
    }
    let shown: Rows = streams.store::<String, String>("joined").unwrap().all().unwrap().map(Result::unwrap).collect();
    assert_eq!(shown, tables.joined(false));
    assert!(streams.close());
}

#[test]
fn what_the_result_is_joined_with_must_be_partitioned_as_the_left_table() {
    let site = site();
    site.broker.create_topic("third", LEFT_PARTITIONS + 1).unwrap();
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.table::<String, String>("left"), builder.table::<String, String>("right"));
    let joined = left.join_on_foreign_key(&right, |_, row| foreign_key(row), |left, _| left);
    joined.join(&builder.table::<String, String>("third"), |left, _| left).to_stream().to("out");
    let streams = site.make(builder.build().unwrap(), site.config("one"));
    wait("it fails", || streams.last_error().is_some());
    let error = streams.last_error().unwrap().to_string();
    assert!(error.contains("have different partition counts: ") && error.contains("third has 4"), "{error}");
    streams.close();
}

#[test]
fn the_result_follows_the_tables_when_an_instance_dies_and_comes_back() {
    OPTIMIZATIONS.into_iter().for_each(the_result_follows_the_tables_when_an_instance_dies_and_comes_back_with);
}

fn the_result_follows_the_tables_when_an_instance_dies_and_comes_back_with(optimization: &str) {
    let site = site();
    let mut tables = Tables::new(2);
    tables.change(&site, 400);
    let link = site.link();
    let one = site.start(topology_with(optimization), "one");
    let two = site.start_linked(topology_with(optimization), site.config("two"), &link);
    wait("tasks are shared", || task_count(&one) + task_count(&two) == TASKS && task_count(&two) > 0);
    tables.change(&site, 1000);
    wait("both are busy", || one.processed_records() > 0 && two.processed_records() > 0);
    // From here on nothing comes from it, as from a host that lost its power.
    link.set_cut(true);
    tables.change(&site, 1000);
    wait("the other has all tasks", || task_count(&one) == TASKS);
    tables.wait_for_results(&site);
    // It comes back on another disk, and, later, to its senses.
    let again = site.make(topology_with(optimization), site.config("two again"));
    tables.change(&site, 500);
    wait("tasks are shared again", || task_count(&one) + task_count(&again) == TASKS && task_count(&again) > 0);
    tables.change(&site, 500);
    tables.wait_for_results(&site);
    link.set_cut(false);
    tables.change(&site, 500);
    wait("the zombie works again", || task_count(&two) > 0);
    tables.wait_for_results(&site);
    assert!(one.close());
    assert!(two.close());
    tables.change(&site, 500);
    tables.wait_for_results(&site);
    assert!(again.close());
}

#[test]
fn state_that_is_lost_is_restored_with_the_subscriptions() {
    OPTIMIZATIONS.into_iter().for_each(state_that_is_lost_is_restored_with_the_subscriptions_with);
}

fn state_that_is_lost_is_restored_with_the_subscriptions_with(optimization: &str) {
    let site = site();
    let mut tables = Tables::new(3);
    tables.change(&site, 400);
    let streams = site.start(topology_with(optimization), "one");
    tables.wait_for_results(&site);
    assert!(streams.close());
    tables.change(&site, 200);
    let streams = site.start(topology_with(optimization), "on another disk");
    // Right rows change whose subscribers came before.
    tables.change(&site, 200);
    tables.wait_for_results(&site);
    assert!(streams.close());
}
