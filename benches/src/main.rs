//! Runs our examples, the same topologies on Kafka Streams in Java, and bare consume-and-produce loops in turn, on the same input on a real
//! Kafka, and compares what they cost. `./dev bench` starts it; benches/README.md says how it measures.

mod bare;
mod bare_native;
mod child;
mod cluster;
mod digest;
mod drained;
mod failure;
mod generator;
mod implementation;
mod input;
mod interrupt;
mod latency;
mod machine;
mod markdown;
mod options;
mod producing;
mod programs;
mod report;
mod restore;
mod run;
mod verify;

use bare::Bare;
use cluster::Cluster;
use failure::{Context, Result};
use implementation::Environment;
use interrupt::Interrupt;
use latency::Latency;
use options::{Options, What};
use restore::Restore;
use run::Bench;
use std::env;
use std::process::{self, ExitCode};
use std::time::SystemTime;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == "--bare" => bare(rest, Bare::run),
        Some((first, rest)) if first == "--bare-native" => bare(rest, Bare::run_native),
        Some((first, _)) if first == "--help" => {
            println!("{}", options::USAGE);
            Ok(())
        }
        _ => benchmarks(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn bare(arguments: &[String], run: fn(&Bare, &Interrupt) -> Result<()>) -> Result<()> {
    run(&Bare::parse(arguments)?, &Interrupt::install()?)
}

fn benchmarks(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let environment = Environment::read()?;
    let interrupt = Interrupt::install()?;
    let cluster = Cluster::connect(&environment.servers, &prefix()?)?;
    let bench = Bench { cluster: &cluster, environment: &environment, options: &options, interrupt: &interrupt };
    let command = format!("./dev bench {}", arguments.join(" "));
    let result = measure(&bench, command.trim_end());
    // Also after a failure; that failure is then the one to tell.
    let cleaned = cluster.clean_up();
    result.and(cleaned)
}

fn measure(bench: &Bench<'_>, command: &str) -> Result<()> {
    let facts = machine::facts(bench.environment);
    for (name, value) in &facts {
        println!("{name}: {value}");
    }
    let write = |name: &str, records: u64, table: &str| {
        if !bench.options.markdown {
            return Ok(());
        }
        let file = bench.environment.dev.with_file_name("docs").join("BENCHMARKS.md");
        markdown::update(&file, name, records, &markdown::section(command, &facts, table))
    };
    let Bench { cluster, environment, options, interrupt } = *bench;
    let settings = &options.settings;
    match options.what {
        What::Programs => {
            for &program in &options.programs {
                let (runs, records) = (bench.measure(program)?, options.records(program));
                let table = report::table(program, options, &runs);
                println!("\n{records} {}\n\n{table}", program.unit());
                write(program.name(), records, &table)?;
            }
        }
        What::Latency => {
            let latency = Latency { cluster, environment, interrupt, rounds: options.rounds, settings };
            println!("\n{}", latency.measure()?);
        }
        What::Restore => {
            let (records, rounds) = (options.records, options.rounds);
            let table = Restore { cluster, environment, interrupt, records, rounds, settings }.measure()?;
            println!("\n{records} changelog records\n\n{table}");
            write("restore", records, &table)?;
        }
    }
    Ok(())
}

/// Different for every run of the harness, so that one that was killed disturbs none after it.
fn prefix() -> Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context(|| "the clock is wrong".to_owned())?;
    Ok(format!("bench-{}-{}", now.as_secs(), process::id()))
}
