//! A count by key, without input: it restores. Once it runs it prints "restored" and what that took; for each line that it reads then, what its
//! store holds. The counterpart of `bench.Restoring`, and as that one, ended by SIGTERM; `./dev bench restore` runs both.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use streams_dsl::serde::SharedStr;
use streams_dsl::{
    KafkaStreams, Materialized, RestoreListener, State, StoreRestore, StreamsBuilder, StreamsConfig, StreamsError,
    Topology,
};

fn main() -> ExitCode {
    examples::log_to_stderr();
    examples::end(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let (config, input) = arguments(std::env::args().skip(1))?;
    let streams = Arc::new(KafkaStreams::new(topology(&input)?, config)?);
    let progress = Arc::new(Mutex::new(Progress::default()));
    streams.set_restore_listener(Listener(Arc::clone(&progress)));
    streams.set_state_listener(move |state, _| {
        println!("state {state}");
        if state == State::Running {
            progress.lock().unwrap_or_else(PoisonError::into_inner).print();
        }
    });
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    streams.start()?;
    let (asked, signalled) = (Arc::clone(&streams), Arc::clone(&streams));
    thread::spawn(move || examples::end(answer(&asked)));
    thread::spawn(move || signals.forever().next().map(|_| signalled.close()));
    while !streams.wait_until_ended(Duration::from_secs(3600)) {}
    match streams.state() {
        State::Error => Err(streams.last_error().unwrap_or_else(|| "the instance failed".to_owned()).into()),
        _ => Ok(()),
    }
}

/// The options that all programs of the benchmarks take: the configuration, and the input topic.
fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<(StreamsConfig, String), String> {
    let (mut servers, mut id, mut input, mut settings) = (None, None, None, Vec::new());
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--bootstrap-servers" => servers = Some(value),
            "--application-id" => id = Some(value),
            "--input" => input = Some(value),
            // There is no output.
            "--output" => {}
            "--state-dir" => settings.push(("state.dir".to_owned(), value)),
            "--set" => match value.split_once('=') {
                Some((key, value)) => settings.push((key.to_owned(), value.to_owned())),
                None => return Err(format!("--set {value} is not KEY=VALUE")),
            },
            _ => return Err(format!("unknown option {option}")),
        }
    }
    let (Some(servers), Some(id), Some(input)) = (servers, id, input) else {
        return Err("--bootstrap-servers, --application-id and --input are needed".to_owned());
    };
    let config = StreamsConfig::new(id.as_str(), servers.as_str());
    Ok((settings.into_iter().fold(config, |config, (key, value)| config.set(key.as_str(), value)), input))
}

fn topology(input: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder.stream::<SharedStr, SharedStr>(input).group_by_key().count_with(Materialized::named("counts"));
    builder.build()
}

/// What was restored, and when that began.
#[derive(Default)]
struct Progress {
    start: Option<(Instant, Duration)>,
    records: u64,
}

impl Progress {
    fn print(&self) {
        let Some((start, cpu_before)) = self.start else { return };
        let (wall, cpu) = (start.elapsed().as_millis(), cpu());
        println!(
            "restored {} records, ms: {wall}, CPU ms: {}, CPU ms since the process began: {}",
            self.records,
            cpu.saturating_sub(cpu_before).as_millis(),
            cpu.as_millis()
        );
    }
}

struct Listener(Arc<Mutex<Progress>>);

impl RestoreListener for Listener {
    fn on_restore_start(&self, _: &StoreRestore<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).start.get_or_insert_with(|| (Instant::now(), cpu()));
    }

    fn on_restore_end(&self, _: &StoreRestore<'_>, total: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).records += total;
    }
}

/// User and system time of this process.
fn cpu() -> Duration {
    let micros = getrusage(UsageWho::RUSAGE_SELF)
        .map(|usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
    Duration::from_micros(micros.unwrap_or_default().cast_unsigned())
}

/// Until nobody asks any more.
fn answer(streams: &KafkaStreams) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        line?;
        let (mut rows, mut sum) = (0_u64, 0_i64);
        for row in streams.store::<SharedStr, i64>("counts")?.committed().all()? {
            let (key, count) = row?;
            let number: i64 = key.strip_prefix("customer-").ok_or("a key that nobody wrote")?.parse()?;
            rows += 1;
            sum = sum.wrapping_add(number.wrapping_mul(count));
        }
        println!("holds {rows} rows, sum {sum}");
    }
    Ok(())
}
