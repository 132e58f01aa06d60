//! A broker that crashes, is stopped and comes back.

use std::time::Instant;

use kafka_client::producer::ProducerConfig;

use crate::brokers::Brokers;
use crate::chance::{number, seed};
use crate::load::{self, Goal};

/// Records between two restarts: more than wait in the producer and on the consumer's way.
const MORE: usize = 300_000;

#[test]
fn a_broker_that_comes_back_has_everything_once() {
    let (restarts, start) = (number("FAULT_RESTARTS", 3), Instant::now());
    let broker = Brokers::one("faults");
    let topic = load::create_topic(&broker.servers, 1, &[]);
    let goal = Goal::until_enough();
    let mut back_after = Vec::new();
    let records = load::run(&broker.servers, &topic, seed(), &goal, ProducerConfig::default(), || {
        goal.wait_for(MORE);
        for restart in 0..restarts {
            broker.restart(0, restart % 2 == 0);
            back_after.push(goal.wait_for(MORE));
        }
        goal.enough();
    });
    println!("3 times {records} records, {restarts} restarts in {:?}; back after {back_after:?}", start.elapsed());
}
