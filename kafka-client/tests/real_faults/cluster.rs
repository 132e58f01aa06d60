//! Three brokers, each partition on all of them; leaders move while records are produced and consumed.

use std::thread;
use std::time::Instant;

use kafka_client::producer::ProducerConfig;

use crate::brokers::Brokers;
use crate::chance::{number, seed};
use crate::load::{self, Goal};
use crate::transfers;

/// Records between two restarts.
const MORE: usize = 200_000;

/// Each broker in turn crashes or is stopped; its partitions' leaders are others meanwhile, and come back with it.
#[test]
fn leaders_that_move_take_everything_along() {
    let (restarts, start) = (number("FAULT_RESTARTS", 3), Instant::now());
    let cluster = Brokers::three("faults-cluster");
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
