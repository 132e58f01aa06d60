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

pub const DEVIATIONS: &[Deviation] = &[
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
