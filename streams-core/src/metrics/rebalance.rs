use super::counter::Counter;
use super::samples::Samples;
use super::snapshot::Metrics;
use super::thread::add_average_and_max;
use crate::runtime::lock;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// How often and how long the instance took part in a rebalance of its group.
#[derive(Debug, Default)]
pub(crate) struct RebalanceMetrics {
    total: Counter,
    latency: Samples,
    /// When the rebalance began that is under way.
    since: Mutex<Option<Instant>>,
}

impl RebalanceMetrics {
    /// The instance asks to join. Asking again belongs to the same rebalance.
    pub(crate) fn begin(&self, now: Instant) {
        lock(&self.since).get_or_insert(now);
    }

    /// The instance has its assignment.
    pub(crate) fn end(&self, now: Instant) {
        if let Some(since) = lock(&self.since).take() {
            self.total.add(1);
            self.latency.record(now, now.saturating_duration_since(since).as_secs_f64() * 1000.0);
        }
    }

    pub(super) fn collect(&self, client_id: &Arc<str>, metrics: &mut Metrics) {
        let mut scope = metrics.scope("consumer-coordinator-metrics", &[("client-id", client_id)]);
        scope.add("rebalance-total", "Rebalances that gave this instance an assignment", self.total.get());
        add_average_and_max(
            &mut scope,
            ["rebalance-latency-avg", "rebalance-latency-max"],
            [
                "Milliseconds from the request to join until the assignment, on average of late",
                "Milliseconds from the request to join until the assignment, the longest of late",
            ],
            self.latency.average_and_max(Instant::now()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_join_that_is_repeated_is_one_rebalance_and_an_assignment_without_join_none() {
        let rebalances = RebalanceMetrics::default();
        let start = Instant::now();
        rebalances.end(start);
        assert_eq!(rebalances.total.get(), 0);
        rebalances.begin(start);
        rebalances.begin(start + Duration::from_millis(30));
        rebalances.end(start + Duration::from_millis(40));
        assert_eq!(rebalances.total.get(), 1);
        assert_eq!(rebalances.latency.average_and_max(start).1, 40.0);
    }
}
