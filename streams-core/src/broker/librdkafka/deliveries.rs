use super::errors::from_code;
use super::ffi::DeliveryReport;
use crate::broker::Delivery;
use crate::record::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::mem;

/// Failures kept until they are asked for; beyond it they are only counted.
const MAX_FAILURES: usize = 1000;

/// What the broker said about records, by destination. A destination's number travels with each record, so that a
/// report costs an index and a comparison.
#[derive(Default)]
pub(super) struct Deliveries {
    destinations: Vec<Destination>,
    /// Numbers of the destinations with news.
    news: Vec<usize>,
    failures: Vec<(usize, Code)>,
    unreported: usize,
}

struct Destination {
    id: TopicPartition,
    /// Highest offset acknowledged since the last report; -1 for none.
    acknowledged: i64,
}

impl Deliveries {
    /// Adds a destination and answers with its number.
    pub(super) fn add(&mut self, id: TopicPartition) -> usize {
        self.destinations.push(Destination { id, acknowledged: -1 });
        self.destinations.len() - 1
    }

    /// Moves the news out.
    pub(super) fn take(&mut self, deliveries: &mut Vec<Delivery>) {
        for number in self.news.drain(..) {
            let Destination { id, acknowledged } = &mut self.destinations[number];
            let offset = mem::replace(acknowledged, -1);
            deliveries.push(Delivery::Acknowledged { partition: id.clone(), offset });
        }
        for (number, code) in self.failures.drain(..) {
            let partition = self.destinations[number].id.clone();
            let error = from_code(code, format_args!("producing to {partition}"));
            deliveries.push(Delivery::Failed { partition, error });
        }
        let unreported = mem::take(&mut self.unreported);
        if unreported > 0 {
            tracing::warn!(unreported, "more records failed than are reported one by one");
        }
    }

    /// Forgets the news: they concern records of a transaction that is aborted.
    pub(super) fn forget(&mut self) {
        for number in self.news.drain(..) {
            self.destinations[number].acknowledged = -1;
        }
        self.failures.clear();
        self.unreported = 0;
    }
}

impl DeliveryReport for Deliveries {
    fn acknowledged(&mut self, tag: usize, offset: i64) {
        if let Some(destination) = self.destinations.get_mut(tag) {
            if destination.acknowledged < 0 {
                self.news.push(tag);
            }
            destination.acknowledged = destination.acknowledged.max(offset).max(0);
        }
    }

    fn failed(&mut self, tag: usize, code: Code) {
        if self.failures.len() < MAX_FAILURES && tag < self.destinations.len() {
            self.failures.push((tag, code));
        } else {
            self.unreported += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_offset_of_each_partition_and_every_failure_are_told_once() {
        let mut book = Deliveries::default();
        let (a, b) = (book.add(TopicPartition::new("t", 0)), book.add(TopicPartition::new("t", 1)));
        for (tag, offset) in [(a, 0), (b, 7), (a, 2), (a, 1)] {
            book.acknowledged(tag, offset);
        }
        book.failed(b, Code::MessageSizeTooLarge);
        let mut told = Vec::new();
        book.take(&mut told);
        let told: Vec<_> = told.iter().map(|delivery| format!("{delivery:?}")).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("t-0, offset: 2") && told[1].contains("t-1, offset: 7"), "{told:?}");
        assert!(told[2].contains("RecordTooLarge"), "{told:?}");
        book.acknowledged(a, 3);
        book.forget();
        let mut nothing = Vec::new();
        book.take(&mut nothing);
        assert!(nothing.is_empty());
    }
}
