use super::StreamThread;
use crate::broker::{Broker, Consumer, Fetched, Producer};
use std::time::{Duration, Instant};

/// How often it is looked how far the inputs are behind: that asks the consumer for each partition.
const LAG_INTERVAL: Duration = Duration::from_secs(1);

impl<B: Broker> StreamThread<B> {
    /// Publishes what the thread and its tasks have counted, and what they hold: once per round, as nothing is counted for it per record.
    pub(super) fn publish(&mut self) {
        self.tasks.iter().for_each(|running| running.metrics.publish(&running.task));
        self.metrics.producer_outstanding.set_size(self.producer.outstanding());
        self.metrics.consumer_held_bytes.set_size(self.consumer.held_bytes());
        let now = Instant::now();
        if now >= self.lag_due && self.publish_lags() {
            self.lag_due = now + LAG_INTERVAL;
        }
    }

    /// Publishes what waits to be processed.
    pub(super) fn publish_queues(&self) {
        self.tasks.iter().for_each(|running| running.metrics.publish_queues(&running.task));
    }

    pub(super) fn note_fetched(&self, fetched: &[Fetched]) {
        let records = fetched.iter().map(|item| match item {
            Fetched::Batch(batch) => batch.len(),
            _ => 0,
        });
        self.metrics.polled(records.sum());
    }

    /// Says whether all are known. Before the first fetch an end is not.
    fn publish_lags(&self) -> bool {
        let mut all_known = true;
        for running in &self.tasks {
            for (input, partition) in running.partitions.iter().enumerate() {
                let end = self.consumer.end_offset(partition);
                all_known &= end.is_some();
                running.metrics.set_lag(input, end.map(|end| end - running.task.fetch_position(input)));
            }
        }
        all_known
    }
}
