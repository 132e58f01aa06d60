//! The programs that `./dev bench` measures beside Java, on the same input.

use crate::case::{Amount, Case, Failure};
use crate::one_task::{self, Input, Settings, Take};
use generator::Random;
use std::fmt::Write;
use streams_dsl::{StreamsError, Topology};

#[path = "../../../examples/filter/main.rs"]
#[allow(dead_code, reason = "only its topology is run here")]
mod filter;
#[path = "../../src/generator.rs"]
#[allow(unused_imports, reason = "its tests run with the harness it belongs to")]
mod generator;
#[path = "../../../examples/page-views/main.rs"]
#[allow(dead_code, reason = "only its topology is run here")]
mod page_views;
#[path = "../../../examples/word-count/main.rs"]
#[allow(dead_code, reason = "only its topology is run here")]
mod word_count;

pub const LINES: &str = "word count, first part: lines of 8 words into words, per line";
pub const WORDS: &str = "word count, second part: words into counts, per word";

const SEED: u64 = 7;
const PER_COMMIT: u64 = 100_000;
/// Large against the number of keys: the records before the first commit cost more.
const FEW: u64 = 100_000;
const MANY: u64 = 300_000;

type Build = fn() -> Result<Topology, StreamsError>;

pub fn cases() -> Vec<Case> {
    let words: Build = || word_count::topology("lines", "counts");
    let views: Build = || page_views::topology("views", "counts", false);
    vec![
        case(LINES, words, 0, true, (FEW / 10, MANY / 10), lines),
        case(WORDS, words, 1, true, (FEW, MANY), single_words),
        case(
            "filter: half of the messages pass, in upper case",
            || filter::topology("in", "out"),
            0,
            true,
            (FEW, MANY),
            messages,
        ),
        case("page views: JSON, counted per page and minute", views, 0, true, (FEW, MANY), page_views_input),
        case("page views, every update sent on", views, 0, false, (FEW, MANY), page_views_input),
    ]
}

fn case(
    name: &str,
    topology: Build,
    subtopology: u32,
    cached: bool,
    (few, many): (u64, u64),
    input: fn(u64, Take<'_>),
) -> Case {
    let run = move |amount: Amount| -> Result<(), Failure> {
        let settings = Settings { subtopology, cached, per_commit: PER_COMMIT };
        one_task::run(&topology()?, settings, amount, input)
    };
    Case { group: "program", name: name.to_owned(), few, many, run: Box::new(run) }
}

fn lines(records: u64, take: Take<'_>) {
    let mut random = Random::new(SEED);
    let mut line = String::new();
    for timestamp in 0..records as i64 {
        line.clear();
        for _ in 0..8 {
            let separator = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{separator}Word{}", word(&mut random));
        }
        take(Input { key: None, value: &line, timestamp });
    }
}

/// As they come from the repartition topic: key and value are the same.
fn single_words(records: u64, take: Take<'_>) {
    let mut random = Random::new(SEED);
    for timestamp in 0..records as i64 {
        let word = format!("word{}", word(&mut random));
        take(Input { key: Some(&word), value: &word, timestamp });
    }
}

/// The product of two uniform numbers: few are frequent, many are rare.
fn word(random: &mut Random) -> u64 {
    (random.fraction() * random.fraction() * 20_000.0) as u64
}

fn messages(records: u64, take: Take<'_>) {
    let mut random = Random::new(SEED);
    for timestamp in 0..records as i64 {
        let kind = if random.next() & 1 == 1 { "important" } else { "ordinary" };
        let key = format!("c{:05}", random.below(50_000));
        let room = random.below(1000);
        let value =
            format!("message {timestamp:09} to room {room:03} is an {kind} one and waits for a reader since noon");
        take(Input { key: Some(&key), value: &value, timestamp });
    }
}

fn page_views_input(records: u64, take: Take<'_>) {
    let mut random = Random::new(SEED);
    for timestamp in 0..records as i64 {
        let page = (random.fraction() * random.fraction() * 1000.0) as u64;
        let time = 1_735_689_600_000 + timestamp;
        let (key, user) = (format!("/page/{page:03}"), random.below(100_000));
        let value = format!(r#"{{"user_id":"user-{user:05}","page":"{key}","timestamp":{time}}}"#);
        take(Input { key: Some(&key), value: &value, timestamp });
    }
}
