//! Three brokers, each partition on all of them; leaders move while records are produced and consumed.

use std::thread;
use std::time::Instant;

use kafka_client::Reactor;
use kafka_client::consumer::{Assignment, Consumer, ConsumerConfig, Event};
use kafka_client::producer::{Delivery, Producer, ProducerConfig};
use kafka_client::records::EncodedHeaders;

use crate::brokers::Brokers;
use crate::chance::{number, seed};
use crate::load::{self, Goal};
use crate::transfers;

/// Records between two restarts.
const MORE: usize = 200_000;

#[test]
fn a_cluster_of_three() {
    let cluster = Brokers::three("faults-cluster");
    leaders_that_move_take_everything_along(&cluster);
    what_a_log_has_lost_is_told(&cluster);
}

/// Each broker in turn crashes or is stopped; its partitions' leaders are others meanwhile, and come back with it.
fn leaders_that_move_take_everything_along(cluster: &Brokers) {
    let (restarts, start) = (number("FAULT_RESTARTS", 3), Instant::now());
    let topic = load::create_topic(&cluster.servers, 3, &[("min.insync.replicas", "2")]);
    let transferred = load::create_topic(&cluster.servers, 3, &[("min.insync.replicas", "2")]);
    let (goal, transactions) = (Goal::until_enough(), Goal::until_enough());
    thread::scope(|scope| {
        let transfers = scope.spawn(|| {
            let _guard = goal.guard();
            transfers::run(&cluster.servers, &transferred, seed(), &transactions)
        });
        let records = load::run(&cluster.servers, &topic, seed(), &goal, ProducerConfig::default(), || {
            let _guard = transactions.guard();
            for restart in 0..restarts {
                goal.wait_for(MORE);
                cluster.restart(1 + restart % 3, restart % 2 == 0);
            }
            goal.wait_for(MORE);
            transactions.enough();
            goal.enough();
        });
        let (transactions, repeated) = transfers.join().expect("see above");
        println!(
            "3 times {records} records, {transactions} transactions, {repeated} of them repeated, {restarts} restarts in {:?}",
            start.elapsed()
        );
        assert!(transactions > 0);
    });
}

/// A follower that has missed records becomes the leader, as the topic allows: who has read them learns from where on they are gone.
fn what_a_log_has_lost_is_told(cluster: &Brokers) {
    const KEPT: i64 = 1000;
    const LOST: i64 = 500;
    let config = [("min.insync.replicas", "1"), ("unclean.leader.election.enable", "true")];
    let topic = load::create_topic(&cluster.servers, 2, &config);
    let [leader, follower] = cluster.replicas(&topic)[..] else { panic!("not two replicas") };

    let reactor = Reactor::start("faults-truncation").unwrap();
    let config = ProducerConfig { delivery_timeout: load::PATIENCE, ..ProducerConfig::default() };
    let mut producer = Producer::start(&reactor, load::client(&cluster.servers), config).unwrap();
    let user = thread::current();
    let config = ConsumerConfig::default();
    let mut consumer =
        Consumer::start(&reactor, load::client(&cluster.servers), config, move || user.unpark()).unwrap();
    let (assignment, mut events) = (consumer.assign(&topic, 0, 0), Vec::new());

    append(&mut producer, &topic, KEPT);
    cluster.kill(follower);
    // Acknowledged once the follower is not counted any more.
    append(&mut producer, &topic, LOST);
    while consumer.position(assignment) != Some(KEPT + LOST) {
        let event = next(&mut consumer, &mut events);
        assert!(matches!(event, Event::Records(_)), "{event:?}");
    }
    drop(producer);
    cluster.kill(leader);
    cluster.up(follower);
    let event = next(&mut consumer, &mut events);
    let Event::Truncated { position, end } = event else { panic!("{event:?}") };
    assert_eq!((position, end), (KEPT + LOST, KEPT));
    cluster.up(leader);
}

fn append(producer: &mut Producer, topic: &str, records: i64) {
    let id = producer.topic(topic);
    for number in 0..records {
        let value = load::value(0, number as usize);
        let headers = EncodedHeaders::NONE;
        producer
            .appender()
            .unwrap()
            .append(id, 0, load::timestamp(0), None, Some(&value), headers)
            .expect("there is room");
    }
    producer.flush(load::PATIENCE).unwrap();
    let mut told = Vec::new();
    producer.deliveries(&mut told);
    assert!(told.iter().all(|told| matches!(told, Delivery::Acknowledged { .. })), "{told:?}");
}

fn next(consumer: &mut Consumer, events: &mut Vec<(Assignment, Event)>) -> Event {
    let start = Instant::now();
    while events.is_empty() {
        consumer.poll(events);
        assert!(start.elapsed() < load::PATIENCE, "nothing came");
        if events.is_empty() {
            thread::park_timeout(std::time::Duration::from_millis(100));
        }
    }
    events.remove(0).1
}
