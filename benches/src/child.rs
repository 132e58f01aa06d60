use crate::failure::{Context, Failure, Result};
use crate::interrupt::Interrupt;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::Write;
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
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .context(|| format!("{name}: {} cannot be started", command.get_program().display()))?;
        Ok(Self { child, name: name.to_owned(), log: log.to_owned(), cpu_before, memory: 0 })
    }

    /// Takes note of its memory: the peak so far, in bytes. An error if it has ended by itself.
    pub fn look(&mut self) -> Result<u64> {
        self.note_memory();
        match self.try_wait()? {
            Some(status) => Err(self.failure(&format!("ended by itself ({status})"))),
            None => Ok(self.memory),
        }
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let written = self.child.stdin.as_mut().map_or(Ok(()), |input| writeln!(input, "{line}"));
        written.context(|| format!("{} does not listen", self.name))
    }

    /// What it has written.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Lets it stand still.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// User and system time of all its threads so far, to a hundredth of a second.
    pub fn cpu(&self) -> Result<Duration> {
        let file = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&file).context(|| file.clone())?;
        cpu_time(&stat).ok_or_else(|| self.failure(&format!("has no times in {file}")))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = Pid::from_raw(self.child.id().cast_signed());
        kill(id, signal).context(|| format!("{} cannot be sent {signal}", self.name))
    }

    /// Ends it with SIGTERM and waits for a clean end.
    pub fn stop(mut self, interrupt: &Interrupt) -> Result<Cost> {
        self.look()?;
        self.signal(Signal::SIGTERM)?;
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
        let log = self.log();
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

/// Of a line of `/proc/PID/stat`: the 14th and the 15th field, in hundredths of a second on every Linux. The second field may hold spaces.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 10))
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
    fn reads_the_times_of_a_stat_file() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 5 0 100 1 2";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_time("7 (a) S 1"), None);
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
        measured.pause().unwrap();
        let so_far = measured.cpu().unwrap();
        measured.resume().unwrap();
        let cost = measured.stop(&Interrupt::install().unwrap()).unwrap();
        assert!(so_far > Duration::from_millis(10), "{so_far:?}");
        assert!(cost.cpu + Duration::from_millis(20) > so_far, "{:?}, and {so_far:?} before", cost.cpu);
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
