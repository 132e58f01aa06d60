//! Joins by a foreign key: messages that were under way while rows changed, those of older versions, and what is refused.

use streams_dsl::serde::{ByteVecSerde, StringSerde};
use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::{
    KTable, Materialized, Partitioning, Record, StreamPartitioner, StreamsBuilder, StreamsError, TableJoined, Topology,
};

const REGISTRATIONS: &str = "test-application-orders-subscription-registration-topic";
const RESPONSES: &str = "test-application-orders-subscription-response-topic";
const CHANGELOG: &str = "test-application-orders-subscription-store-changelog";
/// The instruction to answer in any case.
const PROPAGATE_NULL: u8 = 2;

type Row = Option<String>;

fn foreign_key(row: &str) -> Option<String> {
    row.split_once(':').map(|(key, _)| key.to_owned())
}

fn topology_with(left_join: bool, joined: TableJoined<String, String>) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.table::<String, String>("left"), builder.table::<String, String>("right"));
    let key = |_: &String, row: &String| foreign_key(row);
    let store = Materialized::with(StringSerde, StringSerde);
    let result = match left_join {
        true => {
            let maybe = |left, right: Row| format!("{left} {}", right.as_deref().unwrap_or("-"));
            left.left_join_on_foreign_key_with(&right, key, maybe, joined, store)
        }
        false => left.join_on_foreign_key_with(&right, key, |left, right| format!("{left} {right}"), joined, store),
    };
    result.to_stream().to("out");
    builder.build()
}

fn driver(left_join: bool) -> TopologyTestDriver {
    TopologyTestDriver::new(&topology_with(left_join, TableJoined::named("orders")).unwrap())
}

fn pipe(driver: &TopologyTestDriver, topic: &str, key: &str, row: Option<&str>, timestamp: i64) {
    let input = driver.create_input_topic::<String, Row>(topic);
    input.pipe_input_at(key.to_owned(), row.map(str::to_owned), timestamp).unwrap();
}

/// `key=row@timestamp` of all that came out since the last call.
fn output(driver: &TopologyTestDriver) -> Vec<String> {
    let records = driver.create_output_topic::<String, Row>("out").read_records_to_list().unwrap();
    let line = |Record { key, value, timestamp, .. }: Record<String, Row>| {
        format!("{key}={}@{timestamp}", value.as_deref().unwrap_or("-"))
    };
    records.into_iter().map(line).collect()
}

/// The values that were written to one of the join's topics since the last call.
fn messages(driver: &TopologyTestDriver, topic: &str) -> Vec<Option<Vec<u8>>> {
    driver.create_output_topic::<String, Option<Vec<u8>>>(topic).read_values_to_list().unwrap()
}

fn pipe_message(driver: &TopologyTestDriver, topic: &str, key: &str, message: &[u8]) -> Result<(), StreamsError> {
    let input = driver.create_input_topic_with::<String, Vec<u8>>(topic, StringSerde, ByteVecSerde);
    input.pipe_input_at(key.to_owned(), message.to_vec(), 90)
}

#[test]
fn a_response_to_a_row_that_has_changed_is_dropped() {
    for left_join in [true, false] {
        let driver = driver(left_join);
        pipe(&driver, "right", "r", Some("one"), 1);
        pipe(&driver, "left", "l", Some("r:1"), 2);
        pipe(&driver, "left", "l", Some("r:2"), 3);
        assert_eq!(output(&driver), ["l=r:1 one@2", "l=r:2 one@3"]);
        let responses = messages(&driver, RESPONSES);
        // The response to the first row comes once more, late.
        pipe_message(&driver, RESPONSES, "l", responses[0].as_ref().unwrap()).unwrap();
        assert_eq!((output(&driver), driver.dropped_records()), (vec![], 1));
        assert_eq!(messages(&driver, REGISTRATIONS).len(), 2);
        pipe_message(&driver, RESPONSES, "l", responses[1].as_ref().unwrap()).unwrap();
        assert_eq!((output(&driver), driver.dropped_records()), (vec!["l=r:2 one@90".to_owned()], 1));
    }
}

/// Unlike Kafka Streams, which takes no notice: then the joined row would stay for ever.
#[test]
fn where_the_end_of_a_joined_row_comes_too_late_an_inner_join_asks_anew() {
    let driver = driver(false);
    pipe(&driver, "left", "l", Some("r:1"), 1);
    assert_eq!(output(&driver), [""; 0]);
    let mut subscription = messages(&driver, REGISTRATIONS)[0].clone().unwrap();
    // That there is no right row, said to a row before.
    let stale = [&[0][..], &[7; 16]].concat();
    pipe_message(&driver, RESPONSES, "l", &stale).unwrap();
    assert_eq!(output(&driver), ["l=-@90"]);
    subscription[1] = PROPAGATE_NULL;
    assert_eq!(messages(&driver, REGISTRATIONS), [Some(subscription)]);
    // Rows without foreign key, and rows that are gone, have no joined row whatever comes.
    pipe(&driver, "left", "l", Some("none"), 2);
    assert_eq!(output(&driver), ["l=-@2"]);
    pipe_message(&driver, RESPONSES, "l", &stale).unwrap();
    pipe_message(&driver, RESPONSES, "gone", &stale).unwrap();
    assert_eq!(output(&driver), ["l=-@90", "gone=-@90"]);
    assert_eq!(driver.dropped_records(), 4);
}

#[test]
fn subscriptions_of_version_0_are_kept_and_answered() {
    let driver = driver(true);
    pipe(&driver, "left", "l", Some("r:1"), 1);
    assert_eq!(output(&driver), ["l=r:1 -@1"]);
    let subscription = messages(&driver, REGISTRATIONS)[0].clone().unwrap();
    let mut old = subscription[..subscription.len() - 4].to_vec();
    old[0] = 0;
    pipe_message(&driver, REGISTRATIONS, "r", &old).unwrap();
    assert_eq!(output(&driver), ["l=r:1 -@90"]);
    let logged = driver.create_output_topic::<Vec<u8>, Option<Vec<u8>>>(CHANGELOG).read_values_to_list().unwrap();
    assert_eq!(logged, [Some(subscription), Some(old)]);
    pipe(&driver, "right", "r", Some("one"), 91);
    assert_eq!(output(&driver), ["l=r:1 one@91"]);
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    for (topic, message, part) in [
        (REGISTRATIONS, &[2, 0][..], "a subscription of version 2; known are 0 and 1"),
        (REGISTRATIONS, &[0x80, 9, 1], "a subscription with the unknown instruction 9"),
        (REGISTRATIONS, &[1, 2, 3], "a subscription of too few bytes"),
        (RESPONSES, &[1], "a response of version 1; known is 0"),
        (RESPONSES, &[], "a response of too few bytes"),
    ] {
        let error = pipe_message(&driver(true), topic, "r", message).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(topic), "{error}");
    }
}

fn refused(topology: Result<Topology, StreamsError>, part: &str) {
    let error = topology.err().expect("it is refused").to_string();
    assert!(error.contains(part), "{error}");
}

#[test]
fn what_cannot_be_joined_is_refused_when_it_is_built() {
    #[derive(Clone)]
    struct Plain;
    let key = |_: &String, _: &_| "r".to_owned();
    let builder = StreamsBuilder::new();
    let left = builder.table::<String, String>("left");
    let plain: KTable<String, Plain> = builder.table::<String, String>("right").map_values(|_| Plain);
    let store = || Materialized::with(StringSerde, StringSerde);
    plain.join_on_foreign_key_with(&left, key, |_, right| right, TableJoined::new(), store());
    refused(builder.build(), "knows no serde for the rows of the left table, of type foreign_key_messages");
    let (one, other) = (StreamsBuilder::new(), StreamsBuilder::new());
    let (left, right) = (one.table::<String, String>("left"), other.table::<String, String>("right"));
    left.join_on_foreign_key(&right, |_, row| row.clone(), |left, _| left);
    refused(one.build(), "brings together streams of two builders");
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.table::<String, String>("left"), builder.table::<String, String>("right"));
    for _ in 0..2 {
        let key = |_: &String, row: &String| foreign_key(row);
        left.join_on_foreign_key_with(&right, key, |left, _| left, TableJoined::named("orders"), store());
    }
    refused(builder.build(), "two nodes are named orders-subscription-registration-processor");
}

#[test]
fn a_partitioner_that_chooses_several_partitions_is_refused() {
    let several = |_: &str, _: &String, _: &(), _: i32| Partitioning::Multicast(vec![0, 0]);
    fn is_partitioner(_: &impl StreamPartitioner<String, ()>) {}
    is_partitioner(&several);
    for joined in [TableJoined::new().with_partitioner(several), TableJoined::new().with_other_partitioner(several)] {
        let driver = TopologyTestDriver::new(&topology_with(true, joined).unwrap());
        let input = driver.create_input_topic::<String, Row>("left");
        let error = input.pipe_input_at("l".to_owned(), Some("r:1".to_owned()), 1).unwrap_err().to_string();
        assert!(error.contains("the partitioner of a foreign-key join chose 2 partitions"), "{error}");
    }
}

#[test]
fn functions_may_fail() {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.table::<String, String>("left"), builder.table::<String, i64>("right"));
    let store = || Materialized::with(StringSerde, StringSerde);
    let number =
        |_: &String, row: &String| row.split(':').next().unwrap().parse::<i64>().map(|number| number.to_string());
    let joined = |left: String, right: i64| if right < 0 { "x".parse::<i64>().map(|_| left) } else { Ok(left) };
    left.try_join_on_foreign_key(&right, number, joined, TableJoined::new(), store()).to_stream().to("out");
    let topology = builder.build().unwrap();
    let driver = TopologyTestDriver::new(&topology);
    let left = driver.create_input_topic::<String, String>("left");
    left.pipe_input_at("l".to_owned(), "7:1".to_owned(), 1).unwrap();
    let error = driver.create_input_topic::<String, i64>("right").pipe_input_at("7".to_owned(), -1, 2).unwrap_err();
    assert!(error.to_string().contains("KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR"), "{error}");
    let driver = TopologyTestDriver::new(&topology);
    let left = driver.create_input_topic::<String, String>("left");
    let error = left.pipe_input_at("l".to_owned(), "seven:1".to_owned(), 1).unwrap_err();
    assert!(error.to_string().contains("KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION"), "{error}");
}
