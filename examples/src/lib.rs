//! What the examples share: their options, and how they run, on the embedded broker or on Kafka.
//!
//! An example is a topology with the names of its topics and some input. Without `--bootstrap-servers` it runs on the embedded broker: it
//! reads its own sample input, prints the output, and ends. On Kafka it runs until SIGINT or SIGTERM.

mod embedded;
mod kafka;
mod options;

pub use embedded::EmbeddedRun;
pub use options::Options;

use std::error::Error;
use std::process::ExitCode;
use streams_dsl::{StreamsError, Topology};

/// One example.
pub struct Example {
    /// Its name: that of its folder, and the default application id.
    pub name: &'static str,
    /// Its input topic, where the options name none.
    pub input: &'static str,
    /// Its output topic, where the options name none.
    pub output: &'static str,
    /// Values of the sample input; their keys are null.
    pub sample: &'static [&'static str],
    /// Builds the topology for an input and an output topic.
    pub topology: fn(&str, &str) -> Result<Topology, StreamsError>,
}

impl Example {
    /// Runs the example with the program's arguments.
    pub fn main(&self) -> ExitCode {
        log_to_stderr();
        let options = match Options::parse(self, std::env::args().skip(1)) {
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
            Some(servers) => kafka::run(self, options, servers),
            None => embedded::run(self, options),
        }
    }
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
