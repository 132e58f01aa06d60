//! Where we answer otherwise than Kafka Streams.

/// A row of a case to which our answer is another.
pub struct Deviation {
    pub case: &'static str,
    /// Number of the row, from 0.
    pub row: usize,
    pub answer: &'static [&'static str],
    pub reason: &'static str,
}

impl Deviation {
    /// Puts our answer in the place of Kafka Streams'.
    pub fn apply(&self, expected: &mut [Vec<String>]) {
        expected[self.row] = self.answer.iter().map(|&line| line.to_owned()).collect();
    }
}

const LAST_MOMENT: &str = "Kafka Streams remembers records as long as the window is and the grace. Where before or after is zero or less, that ends \
    just when the last partner comes, or earlier, if the record's own stream has come as far. We remember it until then.";
const NULL_VALUE: &str = "A null value is dropped, and not remembered by any store. Kafka Streams' store in memory counts it once more where it \
    would be too late to be remembered.";

const FIRST_MOMENT: &str = "A join of a stream with itself of one store: the earliest record that is remembered meets itself, as it does with two stores. In \
    Kafka Streams it does not.";
const ITSELF: &str = "A join of a stream with itself of one store: where left and right record must be apart, a record does not meet itself. In Kafka Streams it \
    does, other than with two stores.";

const GONE_AGAIN: &str = "A record that has waited for a partner and found one before the commit is not in the changelog of those that wait. Kafka Streams logs \
    that it comes and goes.";

pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        case: "self-join-after-0-inner-one-store",
        row: 3,
        answer: &["a 4+1 15", "a 4+2 15", "a 2+4 15", "a 4+4 15", "a 3+4 20"],
        reason: LAST_MOMENT,
    },
    Deviation {
        case: "self-join-after-0-inner-two-stores",
        row: 3,
        answer: &["a 4+1 15", "a 4+2 15", "a 2+4 15", "a 4+4 15", "a 3+4 20"],
        reason: LAST_MOMENT,
    },
    Deviation {
        case: "self-join-before-0-inner-one-store",
        row: 3,
        answer: &["a 4+2 15", "a 4+3 20", "a 1+4 15", "a 2+4 15", "a 4+4 15"],
        reason: LAST_MOMENT,
    },
    Deviation {
        case: "self-join-before-0-inner-two-stores",
        row: 2,
        answer: &["a 1+3 20", "a 2+3 20", "a 3+3 20"],
        reason: LAST_MOMENT,
    },
    Deviation {
        case: "self-join-before-0-inner-two-stores",
        row: 3,
        answer: &["a 4+2 15", "a 4+3 20", "a 1+4 15", "a 2+4 15", "a 4+4 15"],
        reason: LAST_MOMENT,
    },
    Deviation {
        case: "self-join-changelog-left-two-stores",
        row: 0,
        answer: &[
            "a 1+1 10",
            "logged store-this-join-store 61000000000000000a00000001 31 10",
            "logged store-outer-other-join-store 61000000000000000a00000001 31 10",
        ],
        reason: GONE_AGAIN,
    },
    Deviation {
        case: "self-join-changelog-left-two-stores",
        row: 3,
        answer: &[
            "b 4+4 40",
            "logged store-this-join-store 62000000000000002800000004 34 40",
            "logged store-outer-other-join-store 62000000000000002800000004 34 40",
        ],
        reason: GONE_AGAIN,
    },
    Deviation {
        case: "self-join-changelog-outer-two-stores",
        row: 0,
        answer: &[
            "a 1+1 10",
            "logged store-outer-this-join-store 61000000000000000a00000001 31 10",
            "logged store-outer-other-join-store 61000000000000000a00000001 31 10",
        ],
        reason: GONE_AGAIN,
    },
    Deviation {
        case: "self-join-changelog-outer-two-stores",
        row: 3,
        answer: &[
            "b 4+4 40",
            "logged store-outer-this-join-store 62000000000000002800000004 34 40",
            "logged store-outer-other-join-store 62000000000000002800000004 34 40",
        ],
        reason: GONE_AGAIN,
    },
    Deviation { case: "self-join-in-memory-inner-one-store", row: 4, answer: &["a 5+5 81"], reason: FIRST_MOMENT },
    Deviation { case: "self-join-late-grace-inner-one-store", row: 3, answer: &["a 4+4 71"], reason: FIRST_MOMENT },
    Deviation { case: "self-join-late-inner-one-store", row: 3, answer: &["a 4+4 81"], reason: FIRST_MOMENT },
    Deviation { case: "self-join-late-left-one-store", row: 3, answer: &["a 4+4 81"], reason: FIRST_MOMENT },
    Deviation { case: "self-join-late-outer-one-store", row: 3, answer: &["a 4+4 81"], reason: FIRST_MOMENT },
    Deviation { case: "self-join-later-only-inner-one-store", row: 0, answer: &[], reason: ITSELF },
    Deviation { case: "self-join-later-only-inner-one-store", row: 1, answer: &[], reason: ITSELF },
    Deviation { case: "self-join-later-only-inner-one-store", row: 2, answer: &["a 1+3 14"], reason: ITSELF },
    Deviation {
        case: "self-join-later-only-inner-one-store",
        row: 3,
        answer: &["a 1+4 20", "a 2+4 20", "a 3+4 20"],
        reason: ITSELF,
    },
    Deviation { case: "self-join-later-only-inner-one-store", row: 4, answer: &["a 4+5 25"], reason: ITSELF },
    Deviation {
        case: "self-join-later-only-inner-two-stores",
        row: 3,
        answer: &["a 1+4 20", "a 2+4 20", "a 3+4 20"],
        reason: LAST_MOMENT,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-one-store",
        row: 21,
        answer: &["dropped 1"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-one-store",
        row: 34,
        answer: &["dropped 1"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-one-store",
        row: 46,
        answer: &["dropped 1"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-one-store",
        row: 54,
        answer: &["a 54+49 104", "a 54+54 100", "a 49+54 104"],
        reason: FIRST_MOMENT,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-one-store",
        row: 59,
        answer: &["dropped 1"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-two-stores",
        row: 21,
        answer: &["dropped 2"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-two-stores",
        row: 34,
        answer: &["dropped 2"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-two-stores",
        row: 46,
        answer: &["dropped 2"],
        reason: NULL_VALUE,
    },
    Deviation {
        case: "self-join-random-in-memory-inner-two-stores",
        row: 59,
        answer: &["dropped 2"],
        reason: NULL_VALUE,
    },
    Deviation { case: "self-join-zero-inner-one-store", row: 0, answer: &["a 1+1 10"], reason: LAST_MOMENT },
    Deviation {
        case: "self-join-zero-inner-one-store",
        row: 1,
        answer: &["a 2+1 10", "a 1+2 10", "a 2+2 10"],
        reason: LAST_MOMENT,
    },
    Deviation { case: "self-join-zero-inner-one-store", row: 2, answer: &["a 3+3 11"], reason: LAST_MOMENT },
    Deviation { case: "self-join-zero-inner-two-stores", row: 0, answer: &["a 1+1 10"], reason: LAST_MOMENT },
    Deviation {
        case: "self-join-zero-inner-two-stores",
        row: 1,
        answer: &["a 2+1 10", "a 1+2 10", "a 2+2 10"],
        reason: LAST_MOMENT,
    },
    Deviation { case: "self-join-zero-inner-two-stores", row: 2, answer: &["a 3+3 11"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-last-moment-inner", row: 2, answer: &["a 1+3 20"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-last-moment-left", row: 2, answer: &["a 1+3 20"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-last-moment-left", row: 4, answer: &["x 2+- 20", "b 4+- 30"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-last-moment-outer", row: 2, answer: &["a 1+3 20"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-last-moment-outer", row: 4, answer: &["x 2+- 20", "b 4+- 30"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-later-only-kept-inner", row: 2, answer: &["a 1+3 19"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-later-only-kept-left", row: 2, answer: &["a 1+3 19"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-later-only-kept-left", row: 3, answer: &["x 2+- 18"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-later-only-kept-outer", row: 2, answer: &["a 1+3 19"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-later-only-kept-outer", row: 3, answer: &["x 2+- 18"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-random-in-memory-inner", row: 16, answer: &["dropped 1"], reason: NULL_VALUE },
    Deviation { case: "stream-join-random-in-memory-left", row: 16, answer: &["dropped 1"], reason: NULL_VALUE },
    Deviation { case: "stream-join-random-in-memory-outer", row: 16, answer: &["dropped 1"], reason: NULL_VALUE },
    Deviation { case: "stream-join-zero-inner", row: 1, answer: &["a 1+2 10"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-inner", row: 2, answer: &["a 3+2 10"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-inner", row: 4, answer: &["b 5+4 11"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-left", row: 1, answer: &["a 1+2 10"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-left", row: 2, answer: &["a 3+2 10"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-left", row: 3, answer: &[], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-left", row: 4, answer: &["b 5+4 11"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-left", row: 5, answer: &[], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-outer", row: 1, answer: &["a 1+2 10"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-outer", row: 2, answer: &["a 3+2 10"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-outer", row: 3, answer: &[], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-outer", row: 4, answer: &["b 5+4 11"], reason: LAST_MOMENT },
    Deviation { case: "stream-join-zero-outer", row: 5, answer: &[], reason: LAST_MOMENT },
];
