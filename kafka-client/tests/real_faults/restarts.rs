//! A broker that crashes, is stopped and comes back.

use std::time::Instant;

use kafka_client::producer::ProducerConfig;

use crate::brokers::Brokers;
use crate::chance::{number, seed};
use crate::load::{self, Goal};

#[test]
fn a_broker_that_comes_back_has_everything_once() {
    let (restarts, start) = (number("FAULT_RESTARTS", 3), Instant::now());
    let broker = Brokers::one("faults");
    let topic = load::create_topic(&broker.servers, 1, &[]);
    let goal = Goal::until_enough();
    let records = load::run(&broker.servers, &topic, seed(), &goal, ProducerConfig::default(), || {
        for restart in 0..restarts {
            broker.restart(0, restart % 2 == 0);
        }
        goal.enough();
    });
    println!("3 times {records} records, {restarts} restarts in {:?}", start.elapsed());
    assert!(records > 0);
}
