use super::{Expected, Record};
use crate::failure::Result;
use crate::generator::Random;
use std::collections::HashMap;
use std::fmt::Write;

const PAGES: f64 = 1000.0;
const USERS: u64 = 100_000;
/// 2025-01-01. Event time comes from the views, so that all runs have the same windows.
const START: i64 = 1_735_689_600_000;
const MINUTE: i64 = 60_000;

/// A view each millisecond, of a page that is the product of two uniform numbers: few pages have many views, many have few.
fn views(seed: u64, views: u64) -> impl Iterator<Item = (usize, u64, i64)> {
    let mut random = Random::new(seed);
    (0..views as i64).map(move |number| {
        let page = (random.fraction() * random.fraction() * PAGES) as usize;
        (page, random.below(USERS), START + number)
    })
}

pub fn input(seed: u64, messages: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    let (mut key, mut value) = (String::new(), String::new());
    for (page, user, timestamp) in views(seed, messages) {
        key.clear();
        let _ = write!(key, "/page/{page:03}");
        value.clear();
        let _ = write!(value, r#"{{"user_id":"user-{user:05}","page":"{key}","timestamp":{timestamp}}}"#);
        take(Record::new(Some(&key), &value))?;
    }
    Ok(())
}

pub fn expected(seed: u64, messages: u64) -> Result<Expected> {
    let mut counts = HashMap::<(usize, i64), u64>::new();
    for (page, _, timestamp) in views(seed, messages) {
        *counts.entry((page, timestamp - timestamp % MINUTE)).or_default() += 1;
    }
    let row = |((page, start), count)| {
        let (page, end) = (format!("/page/{page:03}"), start + MINUTE);
        let value = format!(r#"{{"page":"{page}","count":{count},"window_start":{start},"window_end":{end}}}"#);
        (window_of(&page, &value), value)
    };
    Ok(Expected::Last(counts.into_iter().map(row).collect(), window_of))
}

/// A count is about a page and a window: all that stands in the value but the count.
fn window_of(page: &str, value: &str) -> String {
    let window = value.split_once(r#""window_start":"#).map_or(value, |(_, window)| window);
    format!("{page} {window}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_counts_are_those_of_the_views() {
        const VIEWS: u64 = 130_000;
        let mut windows = HashMap::<String, u64>::new();
        input(7, VIEWS, |view| {
            let page = view.key.unwrap();
            assert!(view.value.contains(&format!(r#""page":"{page}""#)), "{}", view.value);
            let (_, timestamp) = view.value.trim_end_matches('}').split_once(r#""timestamp":"#).unwrap();
            let start = timestamp.parse::<i64>().unwrap() / MINUTE * MINUTE;
            *windows.entry(format!("{page} {start},\"window_end\":{}}}", start + MINUTE)).or_default() += 1;
            Ok(())
        })
        .unwrap();
        let Expected::Last(expected, _) = expected(7, VIEWS).unwrap() else { panic!("counts are last values") };
        assert_eq!(expected.len(), windows.len());
        assert!(windows.len() > 2000, "three minutes of 1000 pages have {} windows", windows.len());
        for (window, count) in windows {
            assert!(expected[&window].contains(&format!(r#""count":{count},"#)), "{window}: {}", expected[&window]);
        }
    }
}
