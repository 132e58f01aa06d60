use super::errors::from_code;
use super::ffi::DeliveryReport;
use crate::broker::Delivery;
use crate::record::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::mem;

/// Failures kept until they are asked for; beyond it they are only counted.
const MAX_FAILURES: usize = 1000;

/// Bits of a tag, the highest, that say before which mark its record was taken over. Of so many marks the first is long forgotten when its number
/// comes again: all records before a mark are told before whoever set it sets another, as a rule.
const MARK_BITS: u32 = 8;
const DESTINATION_BITS: u32 = usize::BITS - MARK_BITS;
const DESTINATIONS: usize = (1 << DESTINATION_BITS) - 1;

/// What the broker said about records, by destination. A destination's number travels with each record, and so does that of the mark, so that a
/// report costs an index and two comparisons.
#[derive(Default)]
pub(super) struct Deliveries {
    destinations: Vec<Destination>,
    /// Number of the last mark, in the place that it has in tags.
    mark: usize,
    /// Whether it is still there: acknowledgements of what came after it are held back.
    is_marked: bool,
    /// Records before it that are not told yet.
    before_mark: u64,
    /// Records told so far.
    told: u64,
    /// Numbers of the destinations with news.
    news: Vec<usize>,
    /// Numbers of the destinations with news of what came after the mark.
    held_back: Vec<usize>,
    failures: Vec<(usize, Code)>,
    unreported: usize,
    /// The first failure since the transaction began: it must not be committed.
    in_transaction: Option<(usize, Code)>,
}

struct Destination {
    id: TopicPartition,
    /// Highest offset acknowledged since the last report; -1 for none.
    acknowledged: i64,
    /// The same of what came after the mark.
    held_back: i64,
}

impl Deliveries {
    /// Adds a destination and answers with its number.
    pub(super) fn add(&mut self, id: TopicPartition) -> usize {
        self.destinations.push(Destination { id, acknowledged: -1, held_back: -1 });
        self.destinations.len() - 1
    }

    /// Sets a mark behind the records taken over so far, of this number, and answers what tags begin with from now on. It takes the place of a
    /// mark that was there.
    pub(super) fn mark(&mut self, taken: u64) -> usize {
        self.remove_mark();
        self.mark = self.mark.wrapping_add(1 << DESTINATION_BITS);
        self.is_marked = true;
        self.before_mark = taken.saturating_sub(self.told);
        self.mark
    }

    /// Whether all records before the mark are told.
    pub(super) fn is_mark_reached(&self) -> bool {
        self.before_mark == 0
    }

    /// Lets what came after the mark be told, too.
    pub(super) fn remove_mark(&mut self) {
        self.is_marked = false;
        for number in self.held_back.drain(..) {
            let destination = &mut self.destinations[number];
            if destination.acknowledged < 0 {
                self.news.push(number);
            }
            destination.acknowledged = destination.acknowledged.max(mem::replace(&mut destination.held_back, -1));
        }
    }

    /// Notes that a record is told; answers its destination, and whether it came after the mark.
    fn note(&mut self, tag: usize) -> (usize, bool) {
        self.told += 1;
        let is_later = tag & !DESTINATIONS == self.mark;
        if !is_later {
            self.before_mark = self.before_mark.saturating_sub(1);
        }
        (tag & DESTINATIONS, is_later && self.is_marked)
    }

    /// Moves the news out.
    pub(super) fn take(&mut self, deliveries: &mut Vec<Delivery>) {
        for number in self.news.drain(..) {
            let Destination { id, acknowledged, .. } = &mut self.destinations[number];
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
        self.remove_mark();
        for number in self.news.drain(..) {
            self.destinations[number].acknowledged = -1;
        }
        self.failures.clear();
        self.unreported = 0;
        self.in_transaction = None;
    }

    /// A transaction begins: failures so far are not its own.
    pub(super) fn begin(&mut self) {
        self.in_transaction = None;
    }

    /// A record of the present transaction that has failed, and why.
    pub(super) fn failed_in_transaction(&self) -> Option<(TopicPartition, Code)> {
        self.in_transaction.map(|(number, code)| (self.destinations[number].id.clone(), code))
    }
}

impl DeliveryReport for Deliveries {
    fn acknowledged(&mut self, tag: usize, offset: i64) {
        let (number, is_held_back) = self.note(tag);
        let Some(destination) = self.destinations.get_mut(number) else { return };
        let (news, highest) = match is_held_back {
            true => (&mut self.held_back, &mut destination.held_back),
            false => (&mut self.news, &mut destination.acknowledged),
        };
        if *highest < 0 {
            news.push(number);
        }
        *highest = (*highest).max(offset).max(0);
    }

    fn failed(&mut self, tag: usize, code: Code) {
        let (number, _) = self.note(tag);
        if number >= self.destinations.len() {
            return;
        }
        self.in_transaction.get_or_insert((number, code));
        if self.failures.len() < MAX_FAILURES {
            self.failures.push((number, code));
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

    #[test]
    fn what_comes_after_a_mark_is_told_when_the_mark_is_gone() {
        let mut book = Deliveries::default();
        let a = book.add(TopicPartition::new("t", 0));
        book.acknowledged(a, 0);
        let later = book.mark(3) | a;
        assert!(!book.is_mark_reached());
        book.acknowledged(a, 1);
        book.acknowledged(later, 3);
        book.failed(a, Code::MessageTimedOut);
        assert!(book.is_mark_reached());
        let offsets = |book: &mut Deliveries| {
            let mut told = Vec::new();
            book.take(&mut told);
            told.retain(|told| matches!(told, Delivery::Acknowledged { .. }));
            told.iter().map(|told| format!("{told:?}").split("offset: ").nth(1).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(offsets(&mut book), ["1 }"]);
        book.remove_mark();
        assert_eq!(offsets(&mut book), ["3 }"]);
        // Numbers of marks come again.
        for _ in 0..1 << MARK_BITS {
            book.mark(4);
            assert!(book.is_mark_reached());
        }
        assert_eq!(book.mark(5) >> DESTINATION_BITS, 2);
        book.acknowledged(later, 4);
        assert!(book.is_mark_reached(), "the mark before that of `later` has the same number as it had");
    }
}
