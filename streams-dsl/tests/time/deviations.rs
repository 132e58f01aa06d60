//! The cases in which we answer otherwise than Kafka Streams, with the reason, and what we answer instead.

use super::Expected;
use super::case::Case;

/// A case whose answers are not Kafka Streams'.
pub struct Deviation {
    /// The case's name.
    pub case: &'static str,
    pub reason: &'static str,
    instead: Instead,
}

enum Instead {
    /// What Kafka Streams itself answers to the same rows in this case.
    As(&'static str),
    /// The same, with the last line of each windowed key only: what a cache lets through.
    Squashed(&'static str),
    /// The topology is refused.
    Refused,
    /// Other lines after some rows; all else is Kafka Streams'. Rows are counted from 0.
    Rows(&'static [(usize, &'static [&'static str])]),
}

use Instead::{As, Refused, Rows, Squashed};

impl Deviation {
    /// What we answer to `case`, where `cases` are all.
    pub(super) fn expected(&self, case: &Case, cases: &[Case]) -> Expected {
        match self.instead {
            As(name) => self.follow(case, name, cases),
            Squashed(name) => {
                let mut expected = self.follow(case, name, cases);
                expected.rows.iter_mut().for_each(squash);
                expected
            }
            Refused => Expected { refused: true, rows: Vec::new() },
            Rows(rows) => {
                let mut expected = Expected::of(case);
                for &(row, lines) in rows {
                    expected.rows[row] = lines.iter().map(|&line| line.to_owned()).collect();
                }
                expected
            }
        }
    }

    /// What Kafka Streams answers in another case of the same rows.
    fn follow(&self, case: &Case, name: &str, cases: &[Case]) -> Expected {
        let other = cases.iter().find(|other| other.name == name);
        let other = other.unwrap_or_else(|| panic!("{}: no case {name}", self.case));
        let same = case.rows.len() == other.rows.len()
            && case.rows.iter().zip(&other.rows).all(|(row, other)| row.input == other.input);
        assert!(same, "{} and {name} have other rows", self.case);
        assert!(!other.settings.contains_key("java"), "{name} is no case to follow");
        Expected::of(other)
    }
}

fn squash(lines: &mut Vec<String>) {
    let key = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
    let keys: Vec<_> = lines.iter().map(key).collect();
    let mut place = 0;
    lines.retain(|_| {
        place += 1;
        !keys[place..].contains(&keys[place - 1])
    });
}

const EDGE: &str = "a session is accepted as long as it is open, but in the last millisecond Kafka Streams' store does not show it any more: \
                    a second one takes its place, or late records that belong to it are dropped. Ours shows it";
const SHORT: &str = "Kafka Streams loses final results whose windows the store forgets with the record that closes them; ours come before that";
const ORDER: &str = "sessions with one end close in the order of starts, then keys, as Kafka Streams has them on disk; its store in memory \
                     has another order. Ours have one";
const FORGETS: &str = "Kafka Streams' store in memory drops what its store on disk keeps; ours keep the same";
const CACHE: &str = "Kafka Streams' cache shows sessions that have expired, so that they are merged, and no deletion says so; ours answers the same with \
                     and without cache";
const PREVIOUS: &str = "Kafka Streams forgets which record came before where a window ends with the present one, and so does not make a window";

const fn deviation(case: &'static str, reason: &'static str, instead: Instead) -> Deviation {
    Deviation { case, reason, instead }
}

/// The last updates that `retention-kept-session` has of each session, when it closes.
const SESSIONS_AT_MINIMUM: &[(usize, &[&str])] = &[
    (7, &["a@0..119999 6 119999"]),
    (11, &["a@90000..130000 2 130000", "b@120000..150000 2 150000", "a@240000..240000 1 240000"]),
];

/// The window at 41 begins after record 18, and is missing; without it the one at 45 is made of an earlier one, with record 18 (at 40) in it.
const WINDOW_41: &[(usize, &[&str])] = &[(
    26,
    &[
        "a@34..44 0+11+22 44",
        "a@36..46 0+18+19+22 46",
        "a@37..47 0+18+19+22+23 47",
        "b@38..48 0+24 48",
        "b@39..49 0+21+24 49",
        "a@40..50 0+18+19+22+23+25 50",
        "a@41..51 0+19+22+23+25 50",
        "b@41..51 0+16+20+21+24 51",
        "a@45..55 0+19+23+25 50",
        "a@47..57 0+23+25 50",
        "a@48..58 0+25 50",
        "b@49..59 0+16+20+21 51",
        "b@50..60 0+16+20 51",
    ],
)];

/// The window at 19 begins after record 5, and is missing.
const WINDOW_19: &[(usize, &[&str])] = &[
    (5, &["a@20..30 0+4+6 30", "a@17..27 0+5+6 26", "a@16..26 0+1+5+6 26", "a@19..29 0+6 26", "a@27..37 0+4 30"]),
    (6, &["a@27..37 0+4+7 30", "a@20..30 0+4+6+7 30", "a@19..29 0+6+7 27", "a@17..27 0+5+6+7 27", "a@28..38 0+4 30"]),
];

/// All of them.
pub const DEVIATIONS: &[Deviation] = &[
    deviation("close-loses-hopping-in-memory", SHORT, As("close-kept-hopping")),
    deviation("close-loses-hopping-rocksdb", SHORT, As("close-kept-hopping")),
    deviation("close-loses-session-in-memory", SHORT, As("close-keeps-session-rocksdb")),
    deviation("close-loses-sliding-in-memory", SHORT, As("close-kept-sliding")),
    deviation("close-loses-sliding-rocksdb", SHORT, As("close-kept-sliding")),
    deviation("close-loses-tumbling-in-memory", SHORT, As("close-kept-tumbling")),
    deviation("close-loses-tumbling-rocksdb", SHORT, As("close-kept-tumbling")),
    deviation("retention-minimum-session-in-memory", EDGE, As("retention-kept-session")),
    deviation("retention-minimum-session-in-memory-close", SHORT, Rows(SESSIONS_AT_MINIMUM)),
    deviation("retention-minimum-session-rocksdb", EDGE, As("retention-kept-session")),
    deviation("retention-minimum-session-rocksdb-close", SHORT, Rows(SESSIONS_AT_MINIMUM)),
    deviation("retention-minimum-sliding-in-memory-close", SHORT, As("retention-long-sliding-in-memory-close")),
    deviation("retention-minimum-sliding-rocksdb-close", SHORT, As("retention-long-sliding-rocksdb-close")),
    deviation("retention-minimum-tumbling-in-memory-close", SHORT, As("retention-long-tumbling-in-memory-close")),
    deviation("retention-minimum-tumbling-rocksdb-close", SHORT, As("retention-long-tumbling-rocksdb-close")),
    deviation("random-session-cache", CACHE, Squashed("random-session-uncached-kept")),
    deviation("random-sliding-grace-8-close", PREVIOUS, Rows(WINDOW_41)),
    deviation("session-cache", CACHE, As("session-grace-5-update-kept")),
    deviation("session-closed-session-hit", EDGE, As("session-closed-session-hit-kept")),
    deviation("session-edge-in-memory", FORGETS, As("session-edge-kept")),
    deviation("session-edge-rocksdb", EDGE, As("session-edge-kept")),
    deviation("session-equal-ends-in-memory", ORDER, As("session-equal-ends-rocksdb")),
    deviation("session-grace-5-update", EDGE, As("session-grace-5-update-kept")),
    deviation("session-in-memory", EDGE, As("session-grace-5-update-kept")),
    deviation("session-merged-too-late", EDGE, As("session-merged-too-late-kept")),
    deviation("sliding-after-partly-late", PREVIOUS, Rows(WINDOW_19)),
    deviation(
        "sliding-difference-0",
        "no two records can differ by nothing; Kafka Streams fails at the first record",
        Refused,
    ),
];
