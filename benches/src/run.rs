//! One benchmark: its input, its runs in turn, each with its output verified.

use crate::child::{Cost, Measured};
use crate::cluster::Cluster;
use crate::drained::{Progress, Watch};
use crate::failure::{Context, Failure, Result};
use crate::implementation::{Environment, Implementation, Job};
use crate::input;
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::programs::{Expected, Program, expected_copy};
use crate::verify::{Output, verify};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const ASK_EVERY: Duration = Duration::from_millis(500);
/// A program is given up when its group commits nothing for so long.
const STALLED_AFTER: Duration = Duration::from_secs(120);

/// What one run has cost.
pub struct Run {
    pub implementation: Implementation,
    pub cost: Cost,
    /// Of that, the CPU time of the records behind the warm-up. None where everything was there from the start.
    pub warm: Option<Duration>,
    /// From the start of the program until its last commit was seen; without the time that it stood still.
    pub wall: Duration,
}

/// How much of the input is there from the start: a third. The rest comes when that is done.
pub fn warm_up(records: u64) -> u64 {
    records.div_ceil(3)
}

pub struct Bench<'a> {
    pub cluster: &'a Cluster,
    pub environment: &'a Environment,
    pub options: &'a Options,
    pub interrupt: &'a Interrupt,
}

impl Bench<'_> {
    /// Every implementation in turn, as many times as there are rounds; each round begins with another one.
    pub fn measure(&self, program: Program) -> Result<Vec<Run>> {
        let records = self.options.records(program);
        eprintln!("{}: {records} {}", program.name(), program.unit());
        let copied = self.cluster.name(&format!("{}-bare-input", program.name()));
        if self.options.implementations.iter().any(|implementation| implementation.is_bare()) {
            self.cluster.create_topic(&copied)?;
            self.fill(program, &copied, 0..records)?;
        }
        let expected = program.expected(self.options.seed, records)?;
        let copy = expected_copy(program, self.options.seed, records)?;

        let mut runs = Vec::new();
        let mut same = None;
        for round in 0..self.options.rounds {
            let mut implementations = self.options.implementations.clone();
            let count = implementations.len();
            implementations.rotate_left(round % count);
            for implementation in implementations {
                let name = format!("{}-{}-{}", program.name(), implementation.name(), round + 1);
                let run = if implementation.is_bare() {
                    self.run(program, implementation, &name, &copied, &copy)?.0
                } else {
                    let input = self.cluster.name(&format!("{name}-input"));
                    let (run, output) = self.run(program, implementation, &name, &input, &expected)?;
                    same_partitions(&name, &mut same, output)?;
                    run
                };
                // Input, output, and all in between: a run's topics are as large as the next one's.
                self.cluster.delete_topics(&self.cluster.name(&format!("{name}-")))?;
                eprintln!(
                    "{name}: CPU {:.2} s{}, peak {} MiB, {:.1} s, output right",
                    run.cost.cpu.as_secs_f64(),
                    run.warm.map_or_else(String::new, |warm| format!(" ({:.2} s after warm-up)", warm.as_secs_f64())),
                    run.cost.memory >> 20,
                    run.wall.as_secs_f64(),
                );
                runs.push(run);
            }
        }
        Ok(runs)
    }

    fn run(
        &self,
        program: Program,
        implementation: Implementation,
        name: &str,
        input: &str,
        expected: &Expected,
    ) -> Result<(Run, Output)> {
        let application_id = self.cluster.name(name);
        let output = self.cluster.name(&format!("{name}-output"));
        self.cluster.create_topic(&output)?;
        let folder = TempDir::new().context(|| "no temporary folder".to_owned())?;
        let job = Job {
            program,
            implementation,
            application_id: &application_id,
            input,
            output: &output,
            state: &folder.path().join("state"),
            commit_interval_ms: self.options.commit_interval_ms,
            settings: &self.options.settings,
        };
        let records = self.options.records(program);
        let repartition_topics = if implementation.is_bare() { 0 } else { program.repartition_topics() };
        if !implementation.is_bare() {
            self.cluster.create_topic(input)?;
            self.fill(program, input, 0..warm_up(records))?;
        }
        let watch = Watch::new(self.cluster, &application_id, input, repartition_topics)?;

        let start = Instant::now();
        let mut measured = Measured::start(name, job.command(self.environment)?, &folder.path().join("log"))?;
        let mut wall = self.wait_until_drained(&mut measured, &watch, start)?;
        let mut cpu_before = None;
        if !implementation.is_bare() {
            // It stands still while the rest is written: then it finds all of it there, as it found the first part.
            measured.pause()?;
            cpu_before = Some(measured.cpu()?);
            self.fill(program, input, warm_up(records)..records)?;
            measured.resume()?;
            wall += self.wait_until_drained(&mut measured, &watch, Instant::now())?;
        }
        let cost = measured.stop(self.interrupt)?;
        let warm = cpu_before.map(|before| cost.cpu.saturating_sub(before));
        let output = verify(self.cluster, &output, expected, self.interrupt).context(|| name.to_owned())?;
        Ok((Run { implementation, cost, warm, wall }, output))
    }

    fn fill(&self, program: Program, topic: &str, part: Range<u64>) -> Result<()> {
        input::fill(self.cluster, topic, program, self.options.seed, part, self.interrupt)
    }

    /// Twice in a row without a change between: then nothing is on its way either.
    fn wait_until_drained(&self, measured: &mut Measured, watch: &Watch<'_>, start: Instant) -> Result<Duration> {
        let mut last: Option<(Progress, Duration)> = None;
        let mut error = None;
        let mut moved = Instant::now();
        let mut asked = Instant::now();
        loop {
            self.interrupt.check()?;
            measured.look()?;
            thread::sleep(LOOK_EVERY);
            if asked.elapsed() < ASK_EVERY {
                continue;
            }
            asked = Instant::now();
            match watch.progress() {
                Ok(progress) => match &last {
                    Some((before, since)) if *before == progress => {
                        if progress.is_drained() {
                            return Ok(*since);
                        }
                    }
                    _ => {
                        last = Some((progress, start.elapsed()));
                        moved = Instant::now();
                    }
                },
                // The group's coordinator may not be ready yet: the limit below decides.
                Err(failure) => error = Some(failure),
            }
            if moved.elapsed() > STALLED_AFTER {
                let left = last
                    .map_or_else(|| "nothing is known of its progress".to_owned(), |(progress, _)| progress.describe());
                let error = error.map_or_else(String::new, |error| format!(" (last error: {error})"));
                return Err(
                    measured.failure(&format!("made no progress for {} s: {left}{error}", STALLED_AFTER.as_secs()))
                );
            }
        }
    }
}

/// Both libraries have to agree on the partition of every record, too.
fn same_partitions(name: &str, same: &mut Option<(String, Output)>, output: Output) -> Result<()> {
    match same {
        Some((first, expected)) if *expected != output => Err(Failure::new(format!(
            "WRONG OUTPUT: {name} and {first} have written the same records, but to other partitions"
        ))),
        Some(_) => Ok(()),
        None => {
            *same = Some((name.to_owned(), output));
            Ok(())
        }
    }
}
