use crate::failure::{Context, Failure, Result};
use crate::implementation::Implementation;
use crate::programs::Program;

pub const USAGE: &str = "\
usage: ./dev bench [NAME]... [OPTIONS]
       ./dev bench latency [--rounds N] [--set KEY=VALUE]
       ./dev bench restore [--rounds N] [--records N] [--set KEY=VALUE] [--markdown]
       ./dev bench micro [GROUP]... | restore-store
NAME: word-count, filter, page-views, page-views-uncached; without any: the first three
  --lines N            lines of word count's input (1000000)
  --messages N         messages of the others' input (3000000)
  --records N          changelog records of restore (3000000)
  --rounds N           runs of each implementation (5)
  --only A,B           implementations to run, of ours, java, bare, bare-native (all)
  --set KEY=VALUE      a setting for ours and java; again for more
  --commit-interval MS commit interval of all (5000)
  --seed N             another input (1)
  --markdown           write the results into docs/BENCHMARKS.md";

/// What to run, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub what: What,
    pub programs: Vec<Program>,
    pub lines: u64,
    pub messages: u64,
    /// Changelog records.
    pub records: u64,
    pub rounds: usize,
    pub implementations: Vec<Implementation>,
    pub settings: Vec<String>,
    pub commit_interval_ms: u64,
    pub seed: u64,
    pub markdown: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What programs cost.
    Programs,
    Latency,
    Restore,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            what: What::Programs,
            programs: vec![Program::WordCount, Program::Filter, Program::PageViews],
            lines: 1_000_000,
            messages: 3_000_000,
            records: 3_000_000,
            rounds: 5,
            implementations: Implementation::ALL.to_vec(),
            settings: Vec::new(),
            commit_interval_ms: 5000,
            seed: 1,
            markdown: false,
        }
    }
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut named = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| Failure::new(format!("{argument} needs a value\n\n{USAGE}")));
            match argument.as_str() {
                "--lines" => options.lines = size(argument, value()?)?,
                "--messages" => options.messages = size(argument, value()?)?,
                "--records" => options.records = size(argument, value()?)?,
                "--rounds" => options.rounds = positive(argument, value()?)? as usize,
                "--only" => options.implementations = implementations(value()?)?,
                "--set" => options.settings.push(setting(value()?)?),
                "--commit-interval" => options.commit_interval_ms = positive(argument, value()?)?,
                "--seed" => options.seed = positive(argument, value()?)?,
                "--markdown" => options.markdown = true,
                "latency" => options.what = What::Latency,
                "restore" => options.what = What::Restore,
                name => named.push(program(name)?),
            }
        }
        if !named.is_empty() {
            options.programs = Program::ALL.into_iter().filter(|program| named.contains(program)).collect();
        }
        Ok(options)
    }

    /// The size of a program's input.
    pub fn records(&self, program: Program) -> u64 {
        match program {
            Program::WordCount => self.lines,
            Program::Filter | Program::PageViews | Program::PageViewsUncached => self.messages,
        }
    }
}

fn program(name: &str) -> Result<Program> {
    let known = Program::ALL.into_iter().find(|program| program.name() == name);
    known.ok_or_else(|| Failure::new(format!("unknown benchmark or option: {name}\n\n{USAGE}")))
}

fn implementations(names: &str) -> Result<Vec<Implementation>> {
    let find = |name: &str| {
        let known = Implementation::ALL.into_iter().find(|implementation| implementation.name() == name);
        known.ok_or_else(|| Failure::new(format!("--only {names}: there is no implementation '{name}'\n\n{USAGE}")))
    };
    let named = names.split(',').map(find).collect::<Result<Vec<_>>>()?;
    Ok(Implementation::ALL.into_iter().filter(|implementation| named.contains(implementation)).collect())
}

fn setting(text: &str) -> Result<String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.to_owned()),
        _ => Err(Failure::new(format!("--set {text} is not KEY=VALUE"))),
    }
}

fn positive(option: &str, text: &str) -> Result<u64> {
    match text.parse().context(|| format!("{option} {text}"))? {
        0 => Err(Failure::new(format!("{option} 0: at least 1 is needed"))),
        number => Ok(number),
    }
}

/// A part of the input is for the warm-up.
fn size(option: &str, text: &str) -> Result<u64> {
    match positive(option, text)? {
        number @ ..10 => Err(Failure::new(format!("{option} {number}: at least 10 are needed"))),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn without_arguments_everything_runs() {
        assert_eq!(parse("").unwrap(), Options::default());
    }

    #[test]
    fn arguments_are_taken() {
        let options =
            parse("filter --lines 50 --messages 60 --rounds 2 --only bare,java --set a=b=c --markdown").unwrap();
        assert_eq!((options.what, options.programs), (What::Programs, vec![Program::Filter]));
        assert_eq!((options.lines, options.messages, options.rounds), (50, 60, 2));
        assert_eq!(options.implementations, [Implementation::Java, Implementation::Bare]);
        assert_eq!(options.settings, ["a=b=c"]);
        assert!(options.markdown);
    }

    #[test]
    fn programs_run_in_their_own_order_whatever_that_of_the_arguments() {
        let options = parse("page-views-uncached filter").unwrap();
        assert_eq!(options.programs, [Program::Filter, Program::PageViewsUncached]);
        assert_eq!((options.records(Program::WordCount), options.records(Program::Filter)), (1_000_000, 3_000_000));
    }

    #[test]
    fn restoring_has_a_size_of_its_own() {
        let options = parse("restore --records 1000").unwrap();
        assert_eq!((options.what, options.records), (What::Restore, 1000));
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, named) in [
            ("filters", "filters"),
            ("--lines", "--lines"),
            ("--lines 0", "--lines 0"),
            ("--messages 9", "at least 10"),
            ("--only c", "'c'"),
            ("--set x", "--set x"),
        ] {
            let failure = parse(arguments).unwrap_err().to_string();
            assert!(failure.contains(named), "{failure}");
        }
    }
}
