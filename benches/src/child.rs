use crate::failure::{Context, Failure, Result};
use crate::interrupt::Interrupt;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CLOSE_LIMIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOG_LINES_SHOWN: usize = 30;

/// What a program has cost, from its start to its end.
#[derive(Clone, Copy)]
pub struct Cost {
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// Peak of its resident memory, in bytes.
    pub memory: u64,
}

/// A program under measurement. There must be no other child at the same time: the CPU time is the growth of what all
/// children that have ended took.
pub struct Measured {
    child: Child,
    name: String,
    log: PathBuf,
    cpu_before: Duration,
    memory: u64,
}

impl Measured {
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log).context(|| format!("{} cannot be written", log.display()))?;
        let errors = output.try_clone().context(|| format!("{} cannot be written", log.display()))?;
        let cpu_before = cpu_of_ended_children()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .context(|| format!("{name}: {} cannot be started", command.get_program().display()))?;
        Ok(Self { child, name: name.to_owned(), log: log.to_owned(), cpu_before, memory: 0 })
    }

    /// Takes note of its memory; an error if it has ended by itself.
    pub fn look(&mut self) -> Result<()> {
        self.note_memory();
        match self.try_wait()? {
            Some(status) => Err(self.failure(&format!("ended by itself ({status})"))),
            None => Ok(()),
        }
    }

    /// Ends it with SIGTERM and waits for a clean end.
    pub fn stop(mut self, interrupt: &Interrupt) -> Result<Cost> {
        self.look()?;
        let id = Pid::from_raw(self.child.id().cast_signed());
        kill(id, Signal::SIGTERM).context(|| format!("{} cannot be ended", self.name))?;
        let start = Instant::now();
        let status = loop {
            self.note_memory();
            if let Some(status) = self.try_wait()? {
                break status;
            }
            if start.elapsed() > CLOSE_LIMIT {
                return Err(self.failure(&format!("did not end within {} s after SIGTERM", CLOSE_LIMIT.as_secs())));
            }
            interrupt.check()?;
            thread::sleep(LOOK_EVERY);
        };
        if !status.success() {
            return Err(self.failure(&format!("did not end cleanly after SIGTERM ({status})")));
        }
        if self.memory == 0 {
            return Err(self.failure("left no trace of its memory in /proc"));
        }
        Ok(Cost { cpu: cpu_of_ended_children()?.saturating_sub(self.cpu_before), memory: self.memory })
    }

    /// What it has written last, with the reason why it is shown.
    pub fn failure(&self, what: &str) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n    ");
        Failure::new(format!("{} {what}; the end of its log:\n    {last}", self.name))
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context(|| format!("{} cannot be waited for", self.name))
    }

    /// VmHWM never falls, so the last value seen before the end is the peak.
    fn note_memory(&mut self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        self.memory = self.memory.max(peak_memory(&status).unwrap_or(0));
    }
}

impl Drop for Measured {
    /// No program outlives its measurement, however that ends.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn peak_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

fn cpu_of_ended_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context(|| "CPU time of children unknown".to_owned())?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_micros(time.tv_sec().cast_unsigned() * 1_000_000 + time.tv_usec().cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_peak_of_a_status_file() {
        let status = "Name:\tbench\nVmPeak:\t  999 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_memory(status), Some(12_345 * 1024));
        assert_eq!(peak_memory("Name:\tzombie\n"), None);
    }

    #[test]
    fn measures_a_program_that_computes_and_holds_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(
            "trap 'exit 0' TERM; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo ready; while :; do :; done",
        );
        let log = folder.path().join("log");
        let mut measured = Measured::start("loop", command, &log).unwrap();
        let start = Instant::now();
        while !fs::read_to_string(&log).unwrap().contains("ready") {
            measured.look().unwrap();
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        let cost = measured.stop(&Interrupt::install().unwrap()).unwrap();
        assert!(cost.cpu > Duration::from_millis(10), "{:?}", cost.cpu);
        assert!(cost.memory > 100 * 1024, "{}", cost.memory);
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg("echo out of luck; exit 3");
        let mut measured = Measured::start("unlucky", command, &folder.path().join("log")).unwrap();
        let start = Instant::now();
        let failure = loop {
            if let Err(failure) = measured.look() {
                break failure.to_string();
            }
            assert!(start.elapsed() < Duration::from_secs(60));
        };
        assert!(failure.contains("unlucky") && failure.contains("3") && failure.contains("out of luck"), "{failure}");
    }
}
