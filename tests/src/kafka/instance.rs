//! A program that runs as a process of its own.

use super::environment::{client_implementation, example, java};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lines that are shown of a program when its test fails.
const SHOWN: usize = 60;

/// How a program is to be started.
#[derive(Debug, Clone)]
pub struct Setup {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Setup {
    /// The word count example, with its arguments.
    pub fn word_count(servers: &str, application_id: &str, input: &str, output: &str, state_dir: &Path) -> Self {
        Self::of_example("word-count", servers, application_id, input, output, state_dir)
    }

    /// An example, with its arguments.
    pub fn of_example(
        name: &str,
        servers: &str,
        application_id: &str,
        input: &str,
        output: &str,
        state_dir: &Path,
    ) -> Self {
        let setup = Self { program: example(name), arguments: Vec::new() };
        let setup = match client_implementation() {
            Some(implementation) => setup.set("client.implementation", implementation),
            None => setup,
        };
        setup
            .option("--bootstrap-servers", servers)
            .option("--application-id", application_id)
            .option("--input", input)
            .option("--output", output)
            .option("--state-dir", &state_dir.display().to_string())
    }

    /// The same on Kafka Streams: the program `class` of benches/java, which takes the same options.
    #[must_use]
    pub fn on_java(mut self, class: &str) -> Self {
        let (java, classpath) = java();
        self.program = java;
        self.arguments.splice(0..0, ["-cp".to_owned(), classpath, class.to_owned()]);
        self
    }

    /// Sets a configuration key.
    #[must_use]
    pub fn set(self, key: &str, value: impl std::fmt::Display) -> Self {
        self.option("--set", &format!("{key}={value}"))
    }

    fn option(mut self, option: &str, value: &str) -> Self {
        self.arguments.extend([option.to_owned(), value.to_owned()]);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where the program cannot be started.
    pub fn start(&self) -> Instance {
        Instance::start(self)
    }
}

/// A running program. Killed where the test does not end it.
pub struct Instance {
    child: Child,
    started: Instant,
    output: Arc<Output>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

/// A line that the program has printed, on stdout or stderr.
#[derive(Debug, Clone)]
pub struct Line {
    /// How long after the program's start.
    pub after: Duration,
    /// Its text.
    pub text: String,
}

/// How a program has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none where a signal has ended it.
    pub code: Option<i32>,
    /// All that it has printed.
    pub lines: Vec<String>,
}

impl Ended {
    /// The records that it says to have restored, at its end.
    ///
    /// # Panics
    /// Where it has not said so.
    pub fn restored(&self) -> u64 {
        self.number_after("restored ")
    }

    /// The records that it says to have processed, at its end.
    ///
    /// # Panics
    /// Where it has not said so.
    pub fn processed(&self) -> u64 {
        self.number_after("processed ")
    }

    /// Whether some line has this in it.
    pub fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// The lines that have this in them.
    pub fn lines_with(&self, text: &str) -> Vec<&str> {
        self.lines.iter().filter(|line| line.contains(text)).map(String::as_str).collect()
    }

    /// Asserts that it has ended well.
    ///
    /// # Panics
    /// Where its exit code is not 0.
    pub fn cleanly(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.lines.join("\n"));
        self
    }

    fn number_after(&self, word: &str) -> u64 {
        let last = self.lines.iter().rev().find(|line| line.starts_with("processed ") && line.contains(", restored "));
        let number = last.and_then(|line| line.split_once(word)?.1.split([' ', ',']).next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no number of records {word:?} in:\n{}", self.lines.join("\n")))
    }
}

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

impl Output {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    fn start(setup: &Setup) -> Self {
        let mut command = Command::new(&setup.program);
        command.args(&setup.arguments).env("RUST_LOG", "info").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", setup.program.display()));
        let output = Arc::new(Output::default());
        let stdout = child.stdout.take().map(|stream| capture(stream, started, &output));
        let stderr = child.stderr.take().map(|stream| capture(stream, started, &output));
        Self { child, started, output, readers: stdout.into_iter().chain(stderr).collect() }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// Where the system does not say.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// How many lines it has printed so far: where a later search is to begin.
    pub fn mark(&self) -> usize {
        self.output.lines().len()
    }

    /// The lines printed so far, from `mark` on.
    pub fn lines_from(&self, mark: usize) -> Vec<Line> {
        self.output.lines().iter().skip(mark).cloned().collect()
    }

    /// Waits for a line with `text` in it.
    ///
    /// # Panics
    /// Where none comes within `limit`, or the program ends without it.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Line {
        self.wait_for_from(0, text, limit)
    }

    /// Waits for a line with `text` in it, among those after `mark`.
    ///
    /// # Panics
    /// Where none comes within `limit`.
    pub fn wait_for_from(&self, mark: usize, text: &str, limit: Duration) -> Line {
        let deadline = Instant::now() + limit;
        let mut lines = self.output.lines();
        loop {
            if let Some(line) = lines.iter().skip(mark).find(|line| line.text.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(lines);
                panic!("process {} has not said {text:?} within {limit:?}", self.id());
            }
            lines = self.output.more.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until all its tasks process.
    ///
    /// # Panics
    /// Where that does not come within `limit`.
    pub fn wait_until_running(&self, limit: Duration) -> Line {
        self.wait_for("state REBALANCING -> RUNNING", limit)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it does not within `limit`.
    pub fn wait_for_end(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => {
                    assert!(Instant::now() < deadline, "process {} has not ended within {limit:?}", self.id());
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        };
        self.ended(status)
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// Where it has not ended after `limit`.
    pub fn terminate(self, limit: Duration) -> Ended {
        self.signal("TERM");
        self.wait_for_end(limit)
    }

    /// Sends a signal, by name.
    ///
    /// # Panics
    /// Where that cannot be done.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} {}", self.id());
    }

    /// Ends it at once, as a crash does (SIGKILL).
    ///
    /// # Panics
    /// Where that cannot be done.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        self.ended(status)
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        let lines = self.output.lines().iter().map(|line| line.text.clone()).collect();
        Ended { code: status.code(), lines }
    }

    /// How long it has run.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        if std::thread::panicking() {
            let lines = self.output.lines();
            eprintln!("---- process {}, its last lines:", self.child.id());
            for line in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
                eprintln!("{:>8.3} {}", line.after.as_secs_f64(), line.text);
            }
        }
    }
}

fn capture(stream: impl Read + Send + 'static, started: Instant, output: &Arc<Output>) -> std::thread::JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).into_owned();
            output.lines().push(Line { after: started.elapsed(), text });
            output.more.notify_all();
        }
    })
}
