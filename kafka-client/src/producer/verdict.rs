//! What a broker's answer says about a batch.

use crate::error::is_retriable;

/// Whether a batch may be in the log although nobody said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// It is not.
    None,
    /// An answer left it open. That attempt is over: what the log says now is final.
    Answered,
    /// No answer came: the request may still be on its way.
    Unanswered,
}

/// What follows from an error code for a batch. The number of each code is Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in the log.
    Appended,
    /// Send it again.
    Retry(Doubt),
    /// Send it again soon: the end of the last transaction is still being written.
    RetrySoon,
    /// Its sequence does not follow that of the last batch in the log.
    OutOfOrder,
    /// The broker knows nothing of the producer any more.
    UnknownProducer,
    /// The epoch is behind the one that the broker knows.
    StaleEpoch,
    /// Too large as it is.
    TooLarge,
    /// It was refused for good.
    Refused,
}

impl Verdict {
    pub(super) fn of(code: i16) -> Self {
        match code {
            // 46: a repetition of a batch that is in the log.
            0 | 46 => Self::Appended,
            10 => Self::TooLarge,
            // A log segment would have to be larger than it may be.
            18 => Self::TooLarge,
            45 => Self::OutOfOrder,
            59 => Self::UnknownProducer,
            47 | 90 => Self::StaleEpoch,
            51 => Self::RetrySoon,
            // Damaged on the way, or too few replicas: refused before appending.
            2 | 19 => Self::Retry(Doubt::None),
            // Whatever else may pass may also have come after appending: a leader that stops being one answers what waits for replicas.
            code if is_retriable(code) => Self::Retry(Doubt::Answered),
            _ => Self::Refused,
        }
    }
}

/// Whether an error code says that the partition's leader is not, or no longer, where it was thought to be.
pub(super) fn is_elsewhere(code: i16) -> bool {
    matches!(code, 3 | 5 | 6 | 9 | 13 | 56 | 74 | 75 | 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_as_the_java_client_sorts_them() {
        let cases = [
            (0, Verdict::Appended),
            (46, Verdict::Appended),
            (10, Verdict::TooLarge),
            (45, Verdict::OutOfOrder),
            (59, Verdict::UnknownProducer),
            (47, Verdict::StaleEpoch),
            (90, Verdict::StaleEpoch),
            (51, Verdict::RetrySoon),
            (2, Verdict::Retry(Doubt::None)),
            (19, Verdict::Retry(Doubt::None)),
            (3, Verdict::Retry(Doubt::Answered)),
            (6, Verdict::Retry(Doubt::Answered)),
            (7, Verdict::Retry(Doubt::Answered)),
            (20, Verdict::Retry(Doubt::Answered)),
            (56, Verdict::Retry(Doubt::Answered)),
            (-1, Verdict::Refused),
            (29, Verdict::Refused),
            (87, Verdict::Refused),
            (9999, Verdict::Refused),
        ];
        for (code, verdict) in cases {
            assert_eq!(Verdict::of(code), verdict, "{code}");
        }
    }
}
