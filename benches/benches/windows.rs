//! Instructions per record of each kind of window: `./dev cargo bench -p benches --bench windows`. Needs valgrind.
//!
//! Each program runs as one task, without broker or threads: a batch of encoded records goes in, the output is thrown away, and a commit follows
//! every 10,000 records, all as in an instance. It is run twice under cachegrind, with different numbers of records: the difference is what records
//! cost once everything is set up. Instructions hardly depend on what else the machine does; they are no times.

use state_stores::{StorageEnvironment, StorageLimits, TaskStores};
use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;
use streams_core::processor::TopicPartitions;
use streams_core::record::{RecordBatch, RecordBatchBuilder, RecordRef, TopicPartition};
use streams_core::task::{OffsetMetadata, Task, TaskId, TaskInput, TaskParts, TaskSettings, input_partitions};
use streams_dsl::serde::SharedStr;
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows, Windows};
use streams_dsl::{KGroupedStream, Materialized, StreamsBuilder, StreamsError, Topology};

const KEYS: i64 = 1000;
/// Milliseconds between two records: a key has one each 10 s.
const STEP: i64 = 10;
const PER_COMMIT: i64 = 10_000;
const PER_BATCH: i64 = 1000;
/// Records of the two runs.
const FEW: i64 = 30_000;
const MANY: i64 = 90_000;
const MINUTE: Duration = Duration::from_secs(60);
const INPUT: &str = "input";

type Grouped = KGroupedStream<SharedStr, SharedStr>;

struct Kind {
    name: &'static str,
    is: &'static str,
    count: fn(&Grouped, Materialized<SharedStr, i64>),
}

const KINDS: [Kind; 8] = [
    Kind {
        name: "none",
        is: "a count by key, without windows",
        count: |grouped, store| write(grouped.count_with(store)),
    },
    Kind {
        name: "unlimited",
        is: "one window per key",
        count: |grouped, store| time(grouped, UnlimitedWindows::of(), store),
    },
    Kind { name: "tumbling", is: "1 minute", count: |grouped, store| time(grouped, minutes(1), store) },
    Kind {
        name: "hopping",
        is: "5 minutes by 1: each record is in 5 windows",
        count: |grouped, store| time(grouped, minutes(5).advance_by(MINUTE), store),
    },
    Kind {
        name: "hopping-20",
        is: "5 minutes by 15 s: each record is in 20 windows",
        count: |grouped, store| time(grouped, minutes(5).advance_by(MINUTE / 4), store),
    },
    Kind {
        name: "sliding",
        is: "1 minute, which holds 7 records of a key",
        count: |grouped, store| {
            let windows = SlidingWindows::of_time_difference_with_no_grace(MINUTE);
            write(grouped.windowed_by(windows).count_with(store));
        },
    },
    Kind {
        name: "session",
        is: "sessions that never end: the gap is 1 minute",
        count: |grouped, store| {
            let windows = SessionWindows::of_inactivity_gap_with_no_grace(MINUTE);
            write(grouped.windowed_by(windows).count_with(store));
        },
    },
    Kind {
        name: "session-short",
        is: "sessions of one record: the gap is 5 s",
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

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--run", kind, cache, records] => run(kind, cache == "cached", records),
        [] => measure_all(),
        _ => Err("usage: ./dev cargo bench -p benches --bench windows".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all() -> Result<(), Box<dyn Error>> {
    println!("| windows | | instructions per record | every update sent on |\n|---|---|---|---|");
    for kind in KINDS {
        let (cached, uncached) = (measure(kind.name, "cached")?, measure(kind.name, "uncached")?);
        println!("| {} | {} | {cached} | {uncached} |", kind.name, kind.is);
    }
    Ok(())
}

fn measure(kind: &str, cache: &str) -> Result<u64, Box<dyn Error>> {
    let many = instructions(kind, cache, MANY)?;
    Ok(many.saturating_sub(instructions(kind, cache, FEW)?) / (MANY - FEW) as u64)
}

/// As cachegrind counts them, of a process of its own.
fn instructions(kind: &str, cache: &str, records: i64) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe()?).args(["--run", kind, cache, &records.to_string()]);
    let output = command.output().map_err(|error| format!("valgrind cannot be run: {error}; is it installed?"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let counted = log.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "I", "refs:", count] => count.replace(',', "").parse().ok(),
        _ => None,
    });
    match counted {
        Some(counted) if output.status.success() => Ok(counted),
        _ => Err(format!("{kind} {cache} failed under valgrind:\n{log}").into()),
    }
}

/// What is measured.
fn run(kind: &str, caching: bool, records: &str) -> Result<(), Box<dyn Error>> {
    let kind = KINDS.into_iter().find(|known| known.name == kind).ok_or_else(|| format!("no windows {kind}"))?;
    let folder = tempfile::tempdir()?;
    let environment = StorageEnvironment::new(StorageLimits::default())?;
    let mut task = task(&topology(&kind, caching)?, folder.path(), &environment)?;
    let (records, mut done) = (records.parse::<i64>()?, 0);
    while done < records {
        task.add_records(0, batch(done));
        while task.process(PER_BATCH as usize, 0)? > 0 {
            task.output().clear();
        }
        done += PER_BATCH;
        if done % PER_COMMIT == 0 {
            let offsets = task.prepare_commit()?;
            task.output().clear();
            task.complete_commit(&offsets, |_| Some(done))?;
        }
    }
    if task.processed_records() != done as u64 || task.dropped_records() != 0 {
        return Err(
            format!("{} processed, {} dropped of {done}", task.processed_records(), task.dropped_records()).into()
        );
    }
    task.close()?;
    Ok(())
}

fn topology(kind: &Kind, caching: bool) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let store = Materialized::named("store");
    let store = if caching { store } else { store.with_caching_disabled() };
    (kind.count)(&builder.stream::<SharedStr, SharedStr>(INPUT).group_by_key(), store);
    builder.build()
}

fn task(
    topology: &Topology,
    folder: &std::path::Path,
    environment: &StorageEnvironment,
) -> Result<Task, Box<dyn Error>> {
    let id = TaskId::new(0, 0);
    let specs = topology.subtopologies()[0].stores.iter().filter_map(|store| topology.store(store));
    let stores = TaskStores::open(folder, specs.map(|spec| spec.engine_spec(true)).collect(), environment)?;
    let topics = TopicPartitions::with_default(1);
    let inputs = input_partitions(topology, "windows", id, &topics).into_iter();
    let inputs = inputs.map(|input| TaskInput { input, position: 0, metadata: OffsetMetadata::default() }).collect();
    Ok(Task::new(topology, TaskSettings::new("windows"), TaskParts { id, inputs, stores, topics })?)
}

/// Records from number `first` on, of each key in turn.
fn batch(first: i64) -> RecordBatch {
    let mut batch = RecordBatchBuilder::new(TopicPartition::new(INPUT, 0));
    for number in first..first + PER_BATCH {
        let key = format!("/page/{:03}", number % KEYS);
        let (key, value, timestamp) = (Some(key.as_bytes()), Some(&b"view"[..]), number * STEP);
        batch.push_encoded(RecordRef { offset: number, timestamp, key, value, headers: &[] });
    }
    batch.finish(None)
}
