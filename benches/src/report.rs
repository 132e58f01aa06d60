//! The table of results.

use crate::implementation::Implementation;
use crate::options::Options;
use crate::programs::Program;
use crate::run::{Run, warm_up};
use std::fmt::Write;

const HEADER: [&str; 10] = [
    "program",
    "implementation",
    "CPU s per million records: min / median / max",
    "to Java",
    "after warm-up: min / median / max",
    "to Java",
    "whole to Java after warm-up",
    "peak MiB: median",
    "to Java",
    "wall s: median",
];

/// A table in Markdown, which reads well on a terminal too; one row per implementation that ran.
pub fn table(program: Program, options: &Options, runs: &[Run]) -> String {
    let millions = options.records(program) as f64 / 1e6;
    let of = |implementation: Implementation, value: fn(&Run) -> f64| {
        Summary::of(runs.iter().filter(|run| run.implementation == implementation).map(value).collect())
    };
    let cpu: fn(&Run) -> f64 = |run| run.cost.cpu.as_secs_f64();
    let memory: fn(&Run) -> f64 = |run| run.cost.memory as f64 / f64::from(1 << 20);
    let wall: fn(&Run) -> f64 = |run| run.wall.as_secs_f64();
    // Per million records all of them, as only a part comes after the warm-up.
    let records = options.records(program);
    let share = (records - warm_up(records)) as f64 / records as f64;
    let warm = |implementation: Implementation| {
        let own = runs.iter().filter(|run| run.implementation == implementation);
        Summary::of(own.filter_map(|run| Some(run.warm?.as_secs_f64() / share)).collect())
    };
    let (java_cpu, java_warm) = (of(Implementation::Java, cpu), warm(Implementation::Java));
    let java_memory = of(Implementation::Java, memory);
    let per_million = |summary: &Summary| {
        let Summary { min, median, max } = summary;
        format!("{:.2} / {:.2} / {:.2}", min / millions, median / millions, max / millions)
    };

    let mut rows = vec![HEADER.map(str::to_owned)];
    for implementation in Implementation::ALL {
        let warm = warm(implementation);
        let (Some(cpu), Some(memory), Some(wall)) =
            (of(implementation, cpu), of(implementation, memory), of(implementation, wall))
        else {
            continue;
        };
        rows.push([
            program.name().to_owned(),
            implementation.title().to_owned(),
            per_million(&cpu),
            ratio(&cpu, java_cpu.as_ref()),
            warm.as_ref().map_or_else(none, per_million),
            warm.as_ref().map_or_else(none, |warm| ratio(warm, java_warm.as_ref())),
            ratio(&cpu, java_warm.as_ref()),
            format!("{:.0}", memory.median),
            ratio(&memory, java_memory.as_ref()),
            format!("{:.1}", wall.median),
        ]);
    }
    aligned(&rows)
}

/// Of some runs.
pub struct Summary {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Summary {
    /// None of no runs.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Self { min, median, max })
    }
}

/// Of the medians.
pub fn ratio(ours: &Summary, java: Option<&Summary>) -> String {
    match java {
        Some(java) if java.median > 0.0 => format!("{:.3}", ours.median / java.median),
        _ => none(),
    }
}

fn none() -> String {
    "-".to_owned()
}

/// Rows, the first of them the header, in Markdown.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            widths.iter().for_each(|width| {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            });
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Cost;
    use std::time::Duration;

    fn run(implementation: Implementation, cpu: u64, mebibytes: u64) -> Run {
        let cost = Cost { cpu: Duration::from_secs(cpu), memory: mebibytes << 20 };
        let warm = (!implementation.is_bare()).then(|| Duration::from_secs(cpu) / 2);
        Run { implementation, cost, warm, wall: Duration::from_secs(9) }
    }

    #[test]
    fn shows_medians_and_their_ratio_to_java() {
        let runs = [
            run(Implementation::Ours, 3, 10),
            run(Implementation::Java, 10, 400),
            run(Implementation::Ours, 1, 30),
            run(Implementation::Java, 8, 500),
            run(Implementation::Ours, 2, 20),
            run(Implementation::Bare, 1, 10),
        ];
        let options = Options { messages: 600_000, ..Options::default() };
        let table = table(Program::Filter, &options, &runs);
        let cells = |line: usize| -> Vec<_> { table.lines().nth(line).unwrap().split('|').map(str::trim).collect() };
        // Half of the time for the last two thirds: three quarters of the whole per record.
        let ours = ["1.67 / 3.33 / 5.00", "0.222", "1.25 / 2.50 / 3.75", "0.222", "0.296", "20", "0.044", "9.0"];
        assert_eq!(cells(2)[3..11], ours);
        assert_eq!(cells(4)[3..8], ["1.67 / 1.67 / 1.67", "0.111", "-", "-", "0.148"]);
        assert_eq!(table.lines().count(), 5, "{table}");
    }
}
