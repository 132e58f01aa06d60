use crate::bare::Bare;
use crate::failure::{Context, Result};
use crate::programs::Program;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who does a program's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Implementation {
    Ours,
    Java,
    Bare,
    BareNative,
}

impl Implementation {
    pub const ALL: [Self; 4] = [Self::Ours, Self::Java, Self::Bare, Self::BareNative];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Java => "java",
            Self::Bare => "bare",
            Self::BareNative => "bare-native",
        }
    }

    /// For the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ours => "kafka-streams-rs",
            Self::Java => "Kafka Streams (Java)",
            Self::Bare => "bare rdkafka: consume and produce, no more",
            Self::BareNative => "bare native client: the same",
        }
    }

    /// Whether it copies the input, instead of running the program.
    pub fn is_bare(self) -> bool {
        matches!(self, Self::Bare | Self::BareNative)
    }
}

/// Where the programs are: what `./dev bench` hands over.
pub struct Environment {
    pub servers: String,
    pub dev: PathBuf,
    pub java: PathBuf,
    pub classpath: String,
    programs: PathBuf,
}

impl Environment {
    pub fn read() -> Result<Self> {
        let get = |name: &str| {
            env::var(name).context(|| format!("{name}: start this program by ./dev bench, see benches/README.md"))
        };
        Ok(Self {
            servers: get("KAFKA_BOOTSTRAP_SERVERS")?,
            dev: get("KAFKA_DEV")?.into(),
            java: get("BENCH_JAVA")?.into(),
            classpath: get("BENCH_JAVA_CLASSPATH")?,
            programs: get("EXAMPLE_BIN_DIR")?.into(),
        })
    }

    /// A program of the examples or of this crate.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

pub fn java_command(environment: &Environment, class: &str) -> Command {
    let mut command = Command::new(&environment.java);
    command.arg("-cp").arg(&environment.classpath).arg(class);
    command
}

/// The options that ours and Java's programs take.
pub fn program_options(
    command: &mut Command,
    environment: &Environment,
    application_id: &str,
    input: &str,
    output: &str,
    state: &Path,
) {
    command.args(["--bootstrap-servers", &environment.servers, "--application-id", application_id]);
    command.args(["--input", input, "--output", output, "--state-dir"]).arg(state);
}

/// One run of one implementation, with names of its own.
pub struct Job<'a> {
    pub program: Program,
    pub implementation: Implementation,
    pub application_id: &'a str,
    pub input: &'a str,
    pub output: &'a str,
    pub state: &'a Path,
    pub commit_interval_ms: u64,
    pub settings: &'a [String],
}

impl Job<'_> {
    pub fn command(&self, environment: &Environment) -> Result<Command> {
        Ok(match self.implementation {
            Implementation::Ours => {
                self.streams(Command::new(environment.program(self.program.example())), environment)
            }
            Implementation::Java => self.streams(java_command(environment, self.program.java_class()), environment),
            Implementation::Bare | Implementation::BareNative => {
                let bare = Bare {
                    servers: environment.servers.clone(),
                    group: self.application_id.to_owned(),
                    input: self.input.to_owned(),
                    output: self.output.to_owned(),
                    commit_interval_ms: self.commit_interval_ms.to_string(),
                };
                let mut command = Command::new(env::current_exe().context(|| "this program's own path".to_owned())?);
                let native = self.implementation == Implementation::BareNative;
                command.arg(if native { "--bare-native" } else { "--bare" }).args(bare.arguments());
                command
            }
        })
    }

    fn streams(&self, mut command: Command, environment: &Environment) -> Command {
        program_options(&mut command, environment, self.application_id, self.input, self.output, self.state);
        command.args(["--set", &format!("commit.interval.ms={}", self.commit_interval_ms)]);
        // Java's default: it stands still while the rest of its input is written, which is not to cost its membership.
        command.args(["--set", "session.timeout.ms=45000"]);
        for setting in self.program.settings().iter().copied().chain(self.settings.iter().map(String::as_str)) {
            command.args(["--set", setting]);
        }
        command
    }
}
