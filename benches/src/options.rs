use crate::failure::{Context, Failure, Result};
use crate::implementation::Implementation;
use crate::programs::Program;

pub const USAGE: &str = "\
usage: ./dev bench [NAME]... [OPTIONS]
       ./dev bench latency [--rounds N] [--set KEY=VALUE] | micro [GROUP]... | restore
NAME: word-count, filter, page-views (also page-views-uncached alone); without any: all
  --lines N            lines of word count's input (200000)
  --messages N         messages of the others' input (filter: 1000000, page views: 3000000)
  --rounds N           runs of each implementation (3)
  --only A,B           implementations to run, of ours, java, bare, bare-native (all)
  --set KEY=VALUE      a setting for ours and java; again for more
  --commit-interval MS commit interval of all (5000)
  --seed N             another input (1)
  --markdown           write the results into docs/BENCHMARKS.md";

/// What to run, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub programs: Vec<Program>,
    /// Latency instead of cost.
    pub latency: bool,
    pub lines: u64,
    /// None: the program's own.
    pub messages: Option<u64>,
    pub rounds: usize,
    pub implementations: Vec<Implementation>,
    pub settings: Vec<String>,
    pub commit_interval_ms: u64,
    pub seed: u64,
    pub markdown: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            programs: Program::ALL.to_vec(),
            latency: false,
            lines: 200_000,
            messages: None,
            rounds: 3,
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
                "--lines" => options.lines = positive(argument, value()?)?,
                "--messages" => options.messages = Some(positive(argument, value()?)?),
                "--rounds" => options.rounds = positive(argument, value()?)? as usize,
                "--only" => options.implementations = implementations(value()?)?,
                "--set" => options.settings.push(setting(value()?)?),
                "--commit-interval" => options.commit_interval_ms = positive(argument, value()?)?,
                "--seed" => options.seed = positive(argument, value()?)?,
                "--markdown" => options.markdown = true,
                "latency" => options.latency = true,
                name => named.extend(programs(name)?),
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
            Program::Filter => self.messages.unwrap_or(1_000_000),
            Program::PageViews | Program::PageViewsUncached => self.messages.unwrap_or(3_000_000),
        }
    }
}

/// The program of this name; the name of an example stands for all that is measured of it.
fn programs(name: &str) -> Result<Vec<Program>> {
    let named = |program: &Program| program.name() == name || program.example() == name;
    let known: Vec<_> = Program::ALL.into_iter().filter(named).collect();
    if known.is_empty() {
        return Err(Failure::new(format!("unknown benchmark or option: {name}\n\n{USAGE}")));
    }
    Ok(known)
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
            parse("filter --lines 5 --messages 6 --rounds 2 --only bare,java --set a=b=c --markdown").unwrap();
        assert_eq!(options.programs, [Program::Filter]);
        assert_eq!((options.lines, options.messages, options.rounds), (5, Some(6), 2));
        assert_eq!(options.implementations, [Implementation::Java, Implementation::Bare]);
        assert_eq!(options.settings, ["a=b=c"]);
        assert!(options.markdown);
    }

    #[test]
    fn the_name_of_an_example_stands_for_all_that_is_measured_of_it() {
        assert_eq!(parse("page-views").unwrap().programs, [Program::PageViews, Program::PageViewsUncached]);
        let options = parse("page-views-uncached filter").unwrap();
        assert_eq!(options.programs, [Program::Filter, Program::PageViewsUncached]);
        assert_eq!((options.records(Program::Filter), options.records(Program::PageViews)), (1_000_000, 3_000_000));
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, named) in [
            ("filters", "filters"),
            ("--lines", "--lines"),
            ("--lines 0", "--lines 0"),
            ("--only c", "'c'"),
            ("--set x", "--set x"),
        ] {
            let failure = parse(arguments).unwrap_err().to_string();
            assert!(failure.contains(named), "{failure}");
        }
    }
}
