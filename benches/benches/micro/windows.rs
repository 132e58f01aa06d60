use crate::case::{Amount, Case, Failure};
use crate::one_task::{self, Settings, Take};
use std::time::Duration;
use streams_dsl::serde::SharedStr;
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows, Windows};
use streams_dsl::{KGroupedStream, Materialized, StreamsBuilder};

const KEYS: u64 = 1000;
/// Milliseconds between two records: a key has one each 10 s.
const STEP: i64 = 10;
const PER_COMMIT: u64 = 10_000;
const FEW: u64 = 30_000;
const MANY: u64 = 90_000;
const MINUTE: Duration = Duration::from_secs(60);

type Grouped = KGroupedStream<SharedStr, SharedStr>;

struct Kind {
    name: &'static str,
    count: fn(&Grouped, Materialized<SharedStr, i64>),
}

const KINDS: [Kind; 8] = [
    Kind { name: "none: a count by key, without windows", count: |grouped, store| write(grouped.count_with(store)) },
    Kind {
        name: "unlimited: one window per key",
        count: |grouped, store| time(grouped, UnlimitedWindows::of(), store),
    },
    Kind { name: "tumbling: 1 minute", count: |grouped, store| time(grouped, minutes(1), store) },
    Kind {
        name: "hopping: 5 minutes by 1: each record is in 5 windows",
        count: |grouped, store| time(grouped, minutes(5).advance_by(MINUTE), store),
    },
    Kind {
        name: "hopping-20: 5 minutes by 15 s: each record is in 20 windows",
        count: |grouped, store| time(grouped, minutes(5).advance_by(MINUTE / 4), store),
    },
    Kind {
        name: "sliding: 1 minute, which holds 7 records of a key",
        count: |grouped, store| {
            let windows = SlidingWindows::of_time_difference_with_no_grace(MINUTE);
            write(grouped.windowed_by(windows).count_with(store));
        },
    },
    Kind {
        name: "session: sessions that never end: the gap is 1 minute",
        count: |grouped, store| {
            let windows = SessionWindows::of_inactivity_gap_with_no_grace(MINUTE);
            write(grouped.windowed_by(windows).count_with(store));
        },
    },
    Kind {
        name: "session-short: sessions of one record: the gap is 5 s",
        count: |grouped, store| {
            let windows = SessionWindows::of_inactivity_gap_with_no_grace(MINUTE / 12);
            write(grouped.windowed_by(windows).count_with(store));
        },
    },
];

fn minutes(number: u32) -> TimeWindows {
    TimeWindows::of_size_with_no_grace(MINUTE * number)
}

fn time(grouped: &Grouped, windows: impl Windows, store: Materialized<SharedStr, i64>) {
    write(grouped.windowed_by(windows).count_with(store));
}

fn write<K: streams_dsl::Data + streams_dsl::serde::DefaultSerde>(counts: streams_dsl::KTable<K, i64>) {
    counts.to_stream().to("output");
}

pub fn cases() -> Vec<Case> {
    let both = |kind: Kind| {
        [(kind.name.to_owned(), true), (format!("{}, every update sent on", kind.name), false)]
            .map(|(name, cached)| case(name, kind.count, cached))
    };
    KINDS.into_iter().flat_map(both).collect()
}

fn case(name: String, count: fn(&Grouped, Materialized<SharedStr, i64>), cached: bool) -> Case {
    let run = move |amount: Amount| -> Result<(), Failure> {
        let builder = StreamsBuilder::new();
        count(&builder.stream::<SharedStr, SharedStr>("input").group_by_key(), Materialized::named("store"));
        let settings = Settings { subtopology: 0, cached, per_commit: PER_COMMIT };
        one_task::run(&builder.build()?, settings, amount, input)
    };
    Case { group: "window", name, few: FEW, many: MANY, run: Box::new(run) }
}

/// Records of each key in turn.
fn input(records: u64, take: Take<'_>) {
    for number in 0..records {
        let key = format!("/page/{:03}", number % KEYS);
        take(one_task::Input { key: Some(&key), value: "view", timestamp: number as i64 * STEP });
    }
}
