//! Word count to look at: counts as they change, queries by key and by range while it runs, the final table.

use examples::{Example, Options, SampleRun};
use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use streams_dsl::broker::embedded::EmbeddedBroker;
use streams_dsl::query::ReadOnlyKeyValueView;
use streams_dsl::serde::SharedStr;

/// Rows of the final table, at the most.
const TABLE_ROWS: usize = 40;

type CountView = ReadOnlyKeyValueView<EmbeddedBroker, SharedStr, i64>;

/// The arguments after `--demo`, where the program was called so.
pub fn arguments() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip(1);
    (arguments.next().as_deref() == Some("--demo")).then(|| arguments.collect())
}

/// Runs the demonstration; `--text FILE` gives the lines.
pub fn main(example: &Example, arguments: Vec<String>) -> ExitCode {
    examples::log_to_stderr();
    examples::end(run(example, &arguments))
}

fn run(example: &Example, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let lines: Vec<String> = match arguments {
        [] => example.sample.values().into_iter().map(str::to_owned).collect(),
        [option, file] if option == "--text" => {
            let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
        }
        _ => return Err("usage: word-count --demo [--text FILE]".into()),
    };
    let options = Options::of(example);
    let mut run = SampleRun::embedded(example, &options)?;
    println!("word count on the embedded broker: {} lines, 3 partitions\n", lines.len());
    let steps = lines.len().div_ceil(5).max(1);
    let mut shown = BTreeMap::new();
    for part in lines.chunks(steps) {
        for line in part {
            run.produce(line)?;
        }
        run.drain()?;
        show_changes(part, &run, &mut shown)?;
    }
    let counts: CountView = run.streams.store("word-count-store")?;
    show_queries(&counts)?;
    show_table(&counts)?;
    run.streams.close();
    Ok(())
}

/// Prints what has come to the output topic since the last call.
fn show_changes(
    lines: &[String],
    run: &SampleRun<EmbeddedBroker>,
    shown: &mut BTreeMap<String, usize>,
) -> Result<(), Box<dyn Error>> {
    match lines {
        [line] => println!("> {line}"),
        lines => println!("> {} lines", lines.len()),
    }
    let mut changes = Vec::new();
    for (word, counts) in run.output()? {
        let before = shown.insert(word.clone(), counts.len()).unwrap_or(0);
        changes.extend(counts[before..].iter().flatten().map(|count| format!("{word} {count}")));
    }
    let more = changes.len().saturating_sub(12);
    changes.truncate(12);
    println!("    {}{}\n", changes.join(", "), if more > 0 { format!(", and {more} more") } else { String::new() });
    Ok(())
}

/// Asks the running instance.
fn show_queries(counts: &CountView) -> Result<(), Box<dyn Error>> {
    println!("queries of word-count-store, while it runs:");
    // Some words of the text, whatever it is.
    let words = counts.all()?.take(2).map(|row| Ok(row?.0)).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    for word in words.iter().map(SharedStr::as_str).chain(["absent"]) {
        match counts.get(&word.into())? {
            Some(count) => println!("    get(\"{word}\") = {count}"),
            None => println!("    get(\"{word}\") = none"),
        }
    }
    let (from, to) = ("k".into(), "s".into());
    let mut rows = counts.range(Some(&from), Some(&to))?.collect::<Result<Vec<_>, _>>()?;
    rows.sort();
    let rows: Vec<_> = rows.iter().take(10).map(|(word, count)| format!("{word} {count}")).collect();
    println!("    range(\"k\", \"s\") = {}", rows.join(", "));
    println!();
    Ok(())
}

fn show_table(counts: &CountView) -> Result<(), Box<dyn Error>> {
    let mut rows = counts.all()?.collect::<Result<Vec<_>, _>>()?;
    rows.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
    println!("final counts:");
    for (word, count) in rows.iter().take(TABLE_ROWS) {
        println!("    {word:<20} {count:>6}");
    }
    if rows.len() > TABLE_ROWS {
        println!("    ... and {} more words", rows.len() - TABLE_ROWS);
    }
    Ok(())
}
