//! Instructions per record of what the library does with it: `./dev bench micro [GROUP...]`. Needs valgrind.
//!
//! Everything runs in one thread, without broker: a batch of encoded records goes in, encoded output comes out and is thrown away, commits
//! come at regular places. Each case is run twice under cachegrind, with different numbers of records: the difference is what records cost once
//! everything is set up. Instructions hardly depend on what else the machine does, and are the same from run to run; they are no times.
//!
//! `counting` runs cachegrind; `case` is what a case is; `one_task` runs a topology as one task. The other modules are the groups of
//! cases.

mod case;
mod counting;
mod one_task;
mod operators;
mod programs;
mod serdes;
mod stores;
mod windows;

use case::{Amount, Case, Failure};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;

const USAGE: &str = "usage: ./dev bench micro [GROUP...]; groups: serde, operator, store, window, program";

/// A run that is not measured ends in an error message.
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--run", group, name, records] => run(group, name, records),
        ref groups => measure_all(groups),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn cases() -> Vec<Case> {
    let groups = [serdes::cases(), operators::cases(), stores::cases(), windows::cases(), programs::cases()];
    groups.into_iter().flatten().collect()
}

/// What is measured: one case, in a process of its own.
fn run(group: &str, name: &str, records: &str) -> Result<(), Failure> {
    let case = cases().into_iter().find(|case| case.group == group && case.name == name);
    let case = case.ok_or_else(|| format!("no case {group} {name}"))?;
    (case.run)(Amount { records: records.parse()?, prepared: case.many })
}

fn measure_all(groups: &[&str]) -> Result<(), Failure> {
    let cases: Vec<_> = cases().into_iter().filter(|case| groups.is_empty() || groups.contains(&case.group)).collect();
    if let Some(unknown) = groups.iter().find(|&&group| cases.iter().all(|case| case.group != group)) {
        return Err(format!("no group {unknown}. {USAGE}").into());
    }
    let measured = measure(cases.iter().map(|case| (case.group, case.name.as_str(), case.few, case.many)).collect())?;
    println!("| group | case | instructions per record |\n|---|---|---|");
    for (case, count) in cases.iter().zip(&measured) {
        println!("| {} | {} | {count} |", case.group, case.name);
    }
    let of = |name: &str| cases.iter().position(|case| case.name == name).map(|place| measured[place]);
    if let (Some(lines), Some(words)) = (of(programs::LINES), of(programs::WORDS)) {
        println!("| program | word count, both parts, per line of 8 words | {} |", lines + 8 * words);
    }
    Ok(())
}

/// Several at a time: what is counted does not depend on it.
fn measure(cases: Vec<(&str, &str, u64, u64)>) -> Result<Vec<u64>, Failure> {
    let waiting = Mutex::new(cases.iter().enumerate());
    let measured = Mutex::new(BTreeMap::new());
    let work = || loop {
        let Some((place, &(group, name, few, many))) = waiting.lock().ok().and_then(|mut waiting| waiting.next())
        else {
            return;
        };
        let count = counting::per_record(group, name, few, many).map_err(|error| error.to_string());
        if let Ok(mut measured) = measured.lock() {
            measured.insert(place, count);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| {
            scope.spawn(work);
        });
    });
    let measured = measured.into_inner().map_err(|_| "a measuring thread has died")?;
    Ok(measured.into_values().collect::<Result<_, _>>()?)
}
