//! Input lines, and a count of their words that shares nothing with the application.

use super::Random;
use std::collections::HashMap;

/// Words with their counts, as the output topic spells them.
pub type Counts = HashMap<String, i64>;

const WORDS_PER_LINE: usize = 8;
const VOCABULARY: f64 = 20_000.0;

/// Lines of 8 words `Word<k>`, `k` being the product of two uniform numbers times 20,000: few words are frequent, many are rare.
/// The same seed gives the same lines.
pub struct Lines {
    random: Random,
}

impl Lines {
    /// The endless sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let words: Vec<_> = (0..WORDS_PER_LINE)
            .map(|_| format!("Word{}", (self.random.uniform() * self.random.uniform() * VOCABULARY) as u32))
            .collect();
        Some(words.join(" "))
    }
}

/// Adds the words of a line, which are separated by single spaces here.
pub fn count_line(counts: &mut Counts, line: &str) {
    for word in line.split(' ') {
        let word = word.to_ascii_lowercase();
        *counts.entry(word).or_default() += 1;
    }
}

/// Asserts that both are the same, and names some differences where they are not.
///
/// # Panics
/// Where they differ.
pub fn assert_exact(what: &str, counts: &Counts, expected: &Counts) {
    assert_counts(what, counts, expected, |count, expected| count == expected);
}

/// Asserts that no word is missing, none is foreign, and no count is too small: what at-least-once promises after a crash.
///
/// # Panics
/// Where that does not hold.
pub fn assert_at_least(what: &str, counts: &Counts, expected: &Counts) {
    assert_counts(what, counts, expected, |count, expected| count >= expected);
}

fn assert_counts(what: &str, counts: &Counts, expected: &Counts, good: impl Fn(i64, i64) -> bool) {
    let words: std::collections::BTreeSet<_> = counts.keys().chain(expected.keys()).collect();
    let of = |counts: &Counts, word: &str| counts.get(word).copied().unwrap_or(0);
    let wrong: Vec<_> = words
        .into_iter()
        .map(|word| (word, of(counts, word), of(expected, word)))
        .filter(|&(_, count, expected)| expected == 0 || !good(count, expected))
        .map(|(word, count, expected)| format!("{word}: {count} instead of {expected}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{what}: {} of {} words are wrong (sum {} instead of {}), such as {:?}",
        wrong.len(),
        expected.len(),
        counts.values().sum::<i64>(),
        expected.values().sum::<i64>(),
        &wrong[..wrong.len().min(5)]
    );
}
