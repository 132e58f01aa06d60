//! Real Kafka through rdkafka.
use super::*;
/// Stub.
#[derive(Clone)]
pub struct Librdkafka;
impl Librdkafka {
    #[allow(missing_docs)]
    pub fn new(_: &str) -> Self {
        Self
    }
}
/// Stub.
pub struct X;
impl Consumer for X {
    fn assign(&mut self, _: &[(crate::record::TopicPartition, i64)]) -> Result<(), BrokerError> {
        todo!()
    }
    fn unassign(&mut self, _: &[crate::record::TopicPartition]) -> Result<(), BrokerError> {
        todo!()
    }
    fn pause(&mut self, _: &[crate::record::TopicPartition]) -> Result<(), BrokerError> {
        todo!()
    }
    fn resume(&mut self, _: &[crate::record::TopicPartition]) -> Result<(), BrokerError> {
        todo!()
    }
    fn poll(&mut self, _: std::time::Duration, _: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        todo!()
    }
    fn position(&self, _: &crate::record::TopicPartition) -> Option<i64> {
        todo!()
    }
    fn end_offset(&self, _: &crate::record::TopicPartition) -> Option<i64> {
        todo!()
    }
    fn waker(&self) -> Waker {
        todo!()
    }
}
impl Producer for X {
    fn send(&mut self, _: &mut crate::record::OutputBatch) -> Result<(), BrokerError> {
        todo!()
    }
    fn flush(&mut self, _: std::time::Duration) -> Result<(), BrokerError> {
        todo!()
    }
    fn deliveries(&mut self, _: &mut Vec<Delivery>) {
        todo!()
    }
    fn init_transactions(&mut self, _: std::time::Duration) -> Result<(), BrokerError> {
        todo!()
    }
    fn begin_transaction(&mut self) -> Result<(), BrokerError> {
        todo!()
    }
    fn send_offsets_to_transaction(
        &mut self,
        _: &[kafka_client::group::CommittedOffset],
        _: &kafka_client::group::MemberIdentity,
        _: std::time::Duration,
    ) -> Result<(), BrokerError> {
        todo!()
    }
    fn commit_transaction(&mut self, _: std::time::Duration) -> Result<(), BrokerError> {
        todo!()
    }
    fn abort_transaction(&mut self, _: std::time::Duration) -> Result<(), BrokerError> {
        todo!()
    }
}
impl Admin for X {
    fn describe_topics(
        &self,
        _: Option<&[&str]>,
        _: std::time::Duration,
    ) -> Result<Vec<TopicDescription>, BrokerError> {
        todo!()
    }
    fn create_topics(
        &self,
        _: &[NewTopic],
        _: std::time::Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        todo!()
    }
    fn delete_topics(&self, _: &[&str], _: std::time::Duration) -> Result<(), BrokerError> {
        todo!()
    }
    fn topic_config(
        &self,
        _: &str,
        _: std::time::Duration,
    ) -> Result<std::collections::BTreeMap<String, String>, BrokerError> {
        todo!()
    }
    fn list_offsets(
        &self,
        _: &[(crate::record::TopicPartition, OffsetSpec)],
        _: std::time::Duration,
    ) -> Result<Vec<i64>, BrokerError> {
        todo!()
    }
    fn delete_records(
        &self,
        _: &[(crate::record::TopicPartition, i64)],
        _: std::time::Duration,
    ) -> Result<(), BrokerError> {
        todo!()
    }
}
impl Broker for Librdkafka {
    type Consumer = X;
    type Producer = X;
    type Admin = X;
    fn consumer(&self, _: &Properties) -> Result<X, BrokerError> {
        todo!()
    }
    fn producer(&self, _: &Properties) -> Result<X, BrokerError> {
        todo!()
    }
    fn admin(&self, _: &Properties) -> Result<X, BrokerError> {
        todo!()
    }
    fn group_coordinator(&self, _: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
        todo!()
    }
}
