//! What the examples share: their options, and how they run, on the embedded broker or on Kafka.
//!
//! An example is a topology with the names of its topics and some input. Without `--bootstrap-servers` it runs on the embedded broker: it
//! reads its own sample input, prints the output, and ends; with `--sample` it does the same on Kafka. Without that it runs on Kafka until SIGINT or SIGTERM.

pub mod date_time;
mod kafka;
mod options;
mod rows;
mod sample;
mod sample_run;
mod topics;

pub use options::Options;
pub use rows::{Row, read, text};
pub use sample::Sample;
pub use sample_run::{Rows, SampleRun};

use std::error::Error;
use std::process::ExitCode;
use streams_dsl::{KafkaStreams, StreamsBuilder, StreamsConfig, StreamsError, Topology};

/// One example.
pub struct Example {
    /// Its name: that of its folder, and the default application id.
    pub name: &'static str,
    /// Its input topic, where the options name none.
    pub input: &'static str,
    /// Its output topic, where the options name none.
    pub output: &'static str,
    /// Its input on the embedded broker.
    pub sample: Sample,
    /// Further input topics with what they hold on the embedded broker before the input comes. `{input}` in a name stands for the input topic.
    pub tables: &'static [(&'static str, Sample)],
    /// Builds the topology for an input and an output topic.
    pub topology: fn(&str, &str) -> Result<Topology, StreamsError>,
    /// How a record of the output is shown.
    pub row: Row,
    /// Adds what the example needs to the configuration; what the options set still wins.
    pub config: fn(StreamsConfig) -> StreamsConfig,
}

impl Example {
    /// What an example need not say: text in, text out, nothing configured.
    pub const DEFAULT: Self = Self {
        name: "",
        input: "input-topic",
        output: "output-topic",
        sample: Sample::Values(&[]),
        tables: &[],
        topology: |_, _| StreamsBuilder::new().build(),
        row: |key, value| Ok((text(key), text(value))),
        config: |config| config,
    };

    /// The further input topics, by their names beside this input topic.
    fn tables(&self, input: &str) -> impl Iterator<Item = (String, Sample)> {
        self.tables.iter().map(move |(topic, sample)| (topic.replace("{input}", input), *sample))
    }

    /// Runs the example with the program's arguments.
    pub fn main(&self) -> ExitCode {
        self.main_with(std::env::args().skip(1))
    }

    /// Runs the example with these arguments.
    pub fn main_with(&self, arguments: impl Iterator<Item = String>) -> ExitCode {
        log_to_stderr();
        let options = match Options::parse(self, arguments) {
            Ok(options) => options,
            Err(message) => {
                eprintln!("{message}\n\n{}", Options::usage(self));
                return ExitCode::from(2);
            }
        };
        end(self.run(&options))
    }

    fn run(&self, options: &Options) -> Result<(), Box<dyn Error>> {
        match &options.bootstrap_servers {
            Some(servers) if options.sample => sample_run::show(SampleRun::kafka(self, options, servers)?, self.sample),
            Some(servers) => kafka::run(self, options, servers),
            None => sample_run::show(SampleRun::embedded(self, options)?, self.sample),
        }
    }
}

/// Records that an instance has dropped so far: late, without key, or undecodable.
pub(crate) fn dropped<B: streams_dsl::broker::Broker>(streams: &KafkaStreams<B>) -> u64 {
    streams.metrics().sum("stream-thread-metrics", "dropped-records-total").map_or(0, |records| records as u64)
}

/// The exit code of a program that has ended like this; says what went wrong.
pub fn end(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to stderr what `RUST_LOG` asks for; warnings by default.
pub fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
