//! Transactions of clusters before KIP-890, and of records that fail.

use kafka_client::producer::{ProducerConfig, ProducerErrorKind};
use kafka_protocol::messages::ApiKey;

use super::cluster::*;

/// A flush does not wait for what cannot go out any more.
#[test]
fn records_behind_a_failed_one_fail_with_the_transaction() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "invalid").then_some(Reply::Code(87)));
    let transactional =
        ProducerConfig { transactional_id: Some("tx".into()), batch_size: 1, ..ProducerConfig::default() };
    let mut producer = cluster.producer(&reactor(), transactional);
    producer.init_transactions(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    for value in ["invalid", "b", "c"] {
        append(&mut producer, 0, value);
    }
    producer.flush(DEADLINE).unwrap();
    let failed: u32 = failures(&mut producer).iter().map(|failed| failed.2).sum();
    assert_eq!((failed, cluster.got().len()), (3, 1));
    assert_eq!(producer.commit_transaction(DEADLINE).unwrap_err().kind, ProducerErrorKind::AbortTransaction);
    producer.abort_transaction(DEADLINE).unwrap();
}

/// Before KIP-890: partitions are added first, and an abort after a failure gets another epoch.
#[test]
fn transactions_of_older_clusters_add_partitions_and_renew_the_epoch() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "invalid").then_some(Reply::Code(87)));
    let transactional = ProducerConfig { transactional_id: Some("tx".into()), ..at_once() };
    let mut producer = cluster.producer(&reactor(), transactional);
    producer.init_transactions(DEADLINE).unwrap();
    for value in ["a", "b"] {
        producer.begin_transaction().unwrap();
        send(&mut producer, 0, value);
        producer.commit_transaction(DEADLINE).unwrap();
    }
    producer.begin_transaction().unwrap();
    send(&mut producer, 0, "invalid");
    assert_eq!(producer.commit_transaction(DEADLINE).unwrap_err().kind, ProducerErrorKind::AbortTransaction);
    producer.abort_transaction(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    send(&mut producer, 0, "c");
    producer.commit_transaction(DEADLINE).unwrap();
    let sent: Vec<_> = cluster.got().into_iter().map(|got| (got.epoch, got.sequence, got.values.concat())).collect();
    let expected = [(0, 0, "a"), (0, 1, "b"), (0, 2, "invalid"), (1, 0, "c")];
    assert_eq!(sent, expected.map(|(epoch, sequence, value)| (epoch, sequence, value.to_owned())));
    let counts = [ApiKey::AddPartitionsToTxn, ApiKey::EndTxn, ApiKey::InitProducerId].map(|key| cluster.asked(key));
    assert_eq!(counts, [4, 4, 2]);
}
