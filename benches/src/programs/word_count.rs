use super::{Expected, Record};
use crate::failure::Result;
use crate::generator::Random;
use std::fmt::Write;

const WORDS_PER_LINE: usize = 8;
const WORDS: f64 = 20_000.0;

pub fn input(seed: u64, lines: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    let mut random = Random::new(seed);
    let mut line = String::new();
    for _ in 0..lines {
        line.clear();
        for number in words(&mut random) {
            let separator = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{separator}Word{number}");
        }
        take(Record::new(None, &line))?;
    }
    Ok(())
}

pub fn expected(seed: u64, lines: u64) -> Result<Expected> {
    let mut random = Random::new(seed);
    let mut counts = vec![0_u64; WORDS as usize];
    for _ in 0..lines {
        for number in words(&mut random) {
            counts[number] += 1;
        }
    }
    let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let counts = counted.map(|(number, count)| (format!("word{number}"), count.to_string())).collect();
    Ok(Expected::Last(counts, |word, _| word.to_owned()))
}

/// The product of two uniform numbers: few words are frequent, many are rare.
fn words(random: &mut Random) -> [usize; WORDS_PER_LINE] {
    std::array::from_fn(|_| (random.fraction() * random.fraction() * WORDS) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_expected_counts_are_those_of_the_lines() {
        let mut counts = HashMap::<String, u64>::new();
        input(7, 1000, |line| {
            assert_eq!(line.value.split(' ').count(), WORDS_PER_LINE);
            for word in line.value.split(' ') {
                *counts.entry(word.to_lowercase()).or_default() += 1;
            }
            Ok(())
        })
        .unwrap();
        let Expected::Last(expected, _) = expected(7, 1000).unwrap() else { panic!("counts are last values") };
        let counts = counts.into_iter().map(|(word, count)| (word, count.to_string())).collect::<HashMap<_, _>>();
        assert_eq!(expected, counts);
    }
}
