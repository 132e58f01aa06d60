//! `./dev bench restore`: an application with an empty state directory and a full changelog, ours and Java's in turn on the same changelog. They have
//! the same application id, one after the other: the changelog's bytes are the same for both.

use crate::child::Measured;
use crate::cluster::Cluster;
use crate::failure::{Context, Failure, Result};
use crate::implementation::{Environment, Implementation, java_command, program_options};
use crate::interrupt::Interrupt;
use crate::producing::Output;
use crate::report::{Summary, aligned, ratio};
use rdkafka::producer::BaseRecord;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const DEADLINE: Duration = Duration::from_secs(300);
const IMPLEMENTATIONS: [Implementation; 2] = [Implementation::Ours, Implementation::Java];

pub struct Restore<'a> {
    pub cluster: &'a Cluster,
    pub environment: &'a Environment,
    pub interrupt: &'a Interrupt,
    pub records: u64,
    pub rounds: usize,
    pub settings: &'a [String],
}

/// What one restoring has cost.
struct Restored {
    implementation: Implementation,
    /// From the first store's start to RUNNING.
    wall: Duration,
    /// Of the process, meanwhile.
    cpu: Duration,
    /// Of the process, from its start to RUNNING.
    whole_cpu: Duration,
    /// Peak until RUNNING, in bytes.
    memory: u64,
}

impl Restore<'_> {
    /// Measures both libraries in turn; answers the table.
    pub fn measure(&self) -> Result<String> {
        let (id, input) = (self.cluster.name("restore"), self.cluster.name("restore-input"));
        self.cluster.create_topic(&input)?;
        eprintln!("restore: writing {} changelog records", self.records);
        let expected = self.fill(&format!("{id}-counts-changelog"))?;
        let mut runs = Vec::new();
        for round in 0..self.rounds {
            let mut implementations = IMPLEMENTATIONS;
            implementations.rotate_left(round % IMPLEMENTATIONS.len());
            for implementation in implementations {
                let name = format!("restore-{}-{}", implementation.name(), round + 1);
                let run = self.run(&name, implementation, &id, &input, &expected).context(|| name.clone())?;
                eprintln!(
                    "{name}: {:.0} records/s, {:.2} s, CPU {:.2} s, from the start of the process {:.2} s, peak {} MiB, store right",
                    self.records as f64 / run.wall.as_secs_f64(),
                    run.wall.as_secs_f64(),
                    run.cpu.as_secs_f64(),
                    run.whole_cpu.as_secs_f64(),
                    run.memory >> 20
                );
                runs.push(run);
            }
        }
        Ok(table(self.records, &runs))
    }

    /// Writes the changelog of a count, as both libraries would; answers what a store restored from it says that it holds.
    fn fill(&self, topic: &str) -> Result<String> {
        self.cluster.create_topic_with(topic, &[("cleanup.policy", "compact")])?;
        // In batches as Kafka Streams' own producer writes them.
        let mut output = Output::open_with(&self.cluster.servers, &[("batch.size", "16384"), ("linger.ms", "100")])?;
        let mut sum = 0_i64;
        for place in 0..self.records {
            self.interrupt.check()?;
            let (number, count) = row(place, self.records);
            let key = format!("customer-{number:011}");
            output.send(BaseRecord::to(topic).key(key.as_bytes()).payload(&count.to_be_bytes()))?;
            sum = sum.wrapping_add(number.wrapping_mul(count));
        }
        output.finish()?;
        Ok(format!("holds {} rows, sum {sum}", self.records))
    }

    fn run(
        &self,
        name: &str,
        implementation: Implementation,
        id: &str,
        input: &str,
        expected: &str,
    ) -> Result<Restored> {
        let folder = TempDir::new().context(|| "no temporary folder".to_owned())?;
        let mut command = match implementation {
            Implementation::Java => java_command(self.environment, "bench.Restoring"),
            _ => Command::new(self.environment.program("restoring")),
        };
        program_options(&mut command, self.environment, id, input, input, &folder.path().join("state"));
        for setting in self.settings {
            command.args(["--set", setting]);
        }
        let mut measured = Measured::start(name, command, &folder.path().join("log"))?;
        let line = self.wait_for("restored ", &mut measured)?;
        // Noted before the store is read.
        let memory = measured.look()?;
        measured.tell("what do you hold?")?;
        let held = self.wait_for("holds ", &mut measured)?;
        measured.stop(self.interrupt)?;
        let [records, wall, cpu, whole_cpu] = numbers(&line)?;
        if records != self.records || held != expected {
            let wrong =
                format!("WRONG STATE: {records} of {} records restored; it {held}, not: {expected}", self.records);
            return Err(Failure::new(wrong));
        }
        let [wall, cpu, whole_cpu] = [wall, cpu, whole_cpu].map(Duration::from_millis);
        Ok(Restored { implementation, wall, cpu, whole_cpu, memory })
    }

    /// The first line of its log that begins so, once it is whole.
    fn wait_for(&self, beginning: &str, measured: &mut Measured) -> Result<String> {
        let start = Instant::now();
        loop {
            let log = measured.log();
            let line = log.split_inclusive('\n').find(|line| line.starts_with(beginning) && line.ends_with('\n'));
            if let Some(line) = line {
                return Ok(line.trim_end().to_owned());
            }
            if start.elapsed() > DEADLINE {
                return Err(measured.failure(&format!("did not say '{beginning}' within {} s", DEADLINE.as_secs())));
            }
            self.interrupt.check()?;
            measured.look()?;
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// The row at a place of the changelog. Keys are distinct and in no order, as those of a count are.
fn row(place: u64, records: u64) -> (i64, i64) {
    // A prime above all sizes: each number below the size comes once.
    let number = place.wrapping_mul(2_147_483_647) % records;
    (number.cast_signed(), (place % 1000 + 1).cast_signed())
}

/// The numbers in a line.
fn numbers<const N: usize>(line: &str) -> Result<[u64; N]> {
    let numbers: Vec<_> = line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().map_err(|_| Failure::new(format!("not what was expected: {line}")))
}

fn table(records: u64, runs: &[Restored]) -> String {
    let of = |implementation: Implementation, value: &dyn Fn(&Restored) -> f64| {
        Summary::of(runs.iter().filter(|run| run.implementation == implementation).map(value).collect())
    };
    let header = [
        "implementation",
        "records per s: min / median / max",
        "to Java",
        "s to RUNNING: median",
        "CPU s meanwhile: median",
        "to Java",
        "CPU s since the process began: median",
        "to Java",
        "peak MiB: median",
        "to Java",
    ];
    let speed = |run: &Restored| records as f64 / run.wall.as_secs_f64();
    let wall = |run: &Restored| run.wall.as_secs_f64();
    let cpu = |run: &Restored| run.cpu.as_secs_f64();
    let whole = |run: &Restored| run.whole_cpu.as_secs_f64();
    let memory = |run: &Restored| run.memory as f64 / f64::from(1 << 20);
    let mut rows = vec![header.map(str::to_owned)];
    for implementation in IMPLEMENTATIONS {
        let pair =
            |value: &dyn Fn(&Restored) -> f64| Some((of(implementation, value)?, of(Implementation::Java, value)));
        let (Some(speed), Some(wall), Some(cpu), Some(whole), Some(memory)) =
            (pair(&speed), pair(&wall), pair(&cpu), pair(&whole), pair(&memory))
        else {
            continue;
        };
        let (speeds, java) = speed;
        rows.push([
            implementation.title().to_owned(),
            format!("{:.0} / {:.0} / {:.0}", speeds.min, speeds.median, speeds.max),
            ratio(&speeds, java.as_ref()),
            format!("{:.2}", wall.0.median),
            format!("{:.2}", cpu.0.median),
            ratio(&cpu.0, cpu.1.as_ref()),
            format!("{:.2}", whole.0.median),
            ratio(&whole.0, whole.1.as_ref()),
            format!("{:.0}", memory.0.median),
            ratio(&memory.0, memory.1.as_ref()),
        ]);
    }
    aligned(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_key_comes_once() {
        for records in [1, 1000, 30_000] {
            let keys: BTreeSet<_> = (0..records).map(|place| row(place, records).0).collect();
            assert_eq!(keys.len() as u64, records);
        }
    }

    #[test]
    fn the_numbers_of_a_line_are_found_and_one_too_few_is_an_error() {
        let line = "restored 3 records, ms: 40, CPU ms: 500, CPU ms since the process began: 6000";
        assert_eq!(numbers(line).unwrap(), [3, 40, 500, 6000]);
        assert!(numbers::<4>("restored 3 records").unwrap_err().to_string().contains("restored 3"));
    }

    #[test]
    fn the_table_has_medians_and_their_ratios() {
        let run = |implementation, seconds| Restored {
            implementation,
            wall: Duration::from_secs(seconds),
            cpu: Duration::from_secs(seconds),
            whole_cpu: Duration::from_secs(2 * seconds),
            memory: seconds << 20,
        };
        let table = table(1000, &[run(Implementation::Ours, 2), run(Implementation::Java, 20)]);
        let cells: Vec<_> = table.lines().nth(2).unwrap().split('|').map(str::trim).collect();
        assert_eq!(cells[2..11], ["500 / 500 / 500", "10.000", "2.00", "2.00", "0.100", "4.00", "0.100", "2", "0.100"]);
    }
}
