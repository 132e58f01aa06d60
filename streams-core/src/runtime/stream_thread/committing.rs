use super::StreamThread;
use super::processing::await_assurance;
use crate::broker::{Admin, Broker, BrokerError, BrokerErrorKind, Consumer, Producer};
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::runtime::commit::OffsetCommit;
use crate::store::ChangelogPartition;
use crate::task::TaskId;
use hashbrown::HashMap;
use kafka_client::group::CommittedOffset;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a thread that waits for its commit does so at a time, before it looks whether the tasks are still its own.
const WAIT: Duration = Duration::from_millis(100);
/// How long the answer to a commit is waited for whose tasks are given up: a task that is started again then begins where it has ended.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// Pauses between two looks at a commit under way, where there is nothing else to do.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// A commit that is under way while its tasks go on: their stores have sealed what belongs to it.
pub(super) struct Commit {
    started: Instant,
    /// When it is given up.
    deadline: Instant,
    /// When to say again that it takes long.
    warning_due: Instant,
    /// The tasks, and the offsets of their inputs.
    tasks: Vec<(TaskId, Vec<CommittedOffset>)>,
    step: Step,
}

enum Step {
    /// What was handed over before the mark is not acknowledged yet.
    Produce,
    /// It is, up to these offsets; the offsets of the inputs are being committed.
    CommitOffsets(OffsetCommit, HashMap<TopicPartition, i64>),
}

impl Commit {
    /// How long it may be left alone at the most.
    pub(super) fn look_again_after(&self) -> Duration {
        (self.started.elapsed() / 8).clamp(LOOK.0, LOOK.1)
    }

    /// Leaves a task out that is closed as it is.
    pub(super) fn leave_out(&mut self, id: TaskId) {
        self.tasks.retain(|(task, _)| *task != id);
    }
}

impl<B: Broker> StreamThread<B> {
    fn commit_due(&self) -> bool {
        let due = self.last_commit.elapsed() >= self.instance.settings.commit_interval;
        self.tasks.iter().any(|running| running.task.commit_requested() || (due && running.task.commit_needed()))
    }

    /// Moves the commit under way on, and begins one that is due. Waits only where a write buffer is full while its last contents are still
    /// being committed.
    pub(super) fn keep_committing(&mut self) -> Result<(), StreamsError> {
        let wait = match self.tasks.iter().any(|running| running.task.has_full_buffer()) {
            true => Duration::MAX,
            false => Duration::ZERO,
        };
        let mut completed = self.advance_commit(wait)?;
        if self.commit.is_none() && self.commit_due() {
            self.begin_commit()?;
            completed |= self.advance_commit(Duration::ZERO)?;
        }
        if completed {
            self.purge();
        }
        Ok(())
    }

    /// Commits all that was done, and waits until that is complete.
    pub(super) fn commit(&mut self) -> Result<(), StreamsError> {
        self.advance_commit(Duration::MAX)?;
        self.begin_commit()?;
        self.advance_commit(Duration::MAX)?;
        Ok(())
    }

    /// Begins to commit all tasks that have something to commit: hands over their output and changelogs, and seals their stores.
    fn begin_commit(&mut self) -> Result<(), StreamsError> {
        if self.tasks.iter().any(|running| running.task.commit_needed()) {
            await_assurance(&self.instance)?;
        }
        let started = Instant::now();
        // Handing over may wait for the cluster for long, and it is then that someone looks.
        self.publish();
        let mut tasks = Vec::new();
        for place in 0..self.tasks.len() {
            if self.tasks[place].task.commit_needed() {
                let offsets = self.tasks[place].task.prepare_commit()?;
                self.send_output(place)?;
                tasks.push((self.tasks[place].task.id(), offsets));
            }
        }
        self.last_commit = Instant::now();
        if tasks.is_empty() {
            return Ok(());
        }
        self.producer.mark();
        self.metrics.producer_outstanding.set_size(self.producer.outstanding());
        let settings = &self.instance.settings;
        let (deadline, warning_due) = (started + settings.task_timeout, started + settings.request_timeout);
        self.commit = Some(Commit { started, deadline, warning_due, tasks, step: Step::Produce });
        Ok(())
    }

    /// Does what can be done within `wait` for the commit under way, if there is one: output and changelogs first, then offsets, then the
    /// stores. Says whether it has been completed.
    fn advance_commit(&mut self, wait: Duration) -> Result<bool, StreamsError> {
        let Some(mut commit) = self.commit.take() else { return Ok(false) };
        let began = Instant::now();
        loop {
            let left = wait.saturating_sub(began.elapsed()).min(WAIT);
            let is_over = match &mut commit.step {
                Step::Produce => self.is_acknowledged(&mut commit, left)?,
                Step::CommitOffsets(offsets, _) => offsets.advance(&self.instance, left)?,
            };
            commit.step = match (is_over, commit.step) {
                (true, Step::CommitOffsets(_, acknowledged)) => {
                    self.complete_commit(commit.started, &commit.tasks, &acknowledged)?;
                    return Ok(true);
                }
                (true, Step::Produce) => {
                    let offsets = commit.tasks.iter().flat_map(|(_, offsets)| offsets.iter().cloned()).collect();
                    let offsets = OffsetCommit::new(offsets, commit.deadline, self.consumer.waker());
                    Step::CommitOffsets(offsets, std::mem::take(&mut self.acknowledged))
                }
                (false, step) if left.is_zero() => {
                    self.commit = Some(Commit { step, ..commit });
                    return Ok(false);
                }
                (false, Step::Produce) => {
                    await_assurance(&self.instance)?;
                    Step::Produce
                }
                (false, step) => step,
            };
        }
    }

    /// Whether everything that was handed over for a commit is acknowledged.
    fn is_acknowledged(&mut self, commit: &mut Commit, wait: Duration) -> Result<bool, StreamsError> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        let reached = self.producer.reach_mark(wait, &mut deliveries);
        self.deliveries = deliveries;
        self.note_deliveries()?;
        match &reached {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // It has answered at once.
            Err(error) if error.is_retriable() => std::thread::sleep(wait.min(LOOK.1)),
            Err(_) => return Ok(reached?),
        }
        let now = Instant::now();
        if now < commit.deadline && now < commit.warning_due {
            return Ok(false);
        }
        let problem = reached.err().unwrap_or_else(|| {
            let context = format!("committing; {} records are not acknowledged yet", self.producer.outstanding());
            BrokerError::new(BrokerErrorKind::Retriable, context, "the brokers have not answered in time")
        });
        if now >= commit.deadline {
            return Err(problem.into());
        }
        commit.warning_due = now + self.instance.settings.request_timeout;
        tracing::warn!("{problem}; waiting on");
        Ok(false)
    }

    /// Writes the stores of what is committed. A task that was closed meanwhile has discarded its own.
    fn complete_commit(
        &mut self,
        started: Instant,
        tasks: &[(TaskId, Vec<CommittedOffset>)],
        acknowledged: &HashMap<TopicPartition, i64>,
    ) -> Result<(), StreamsError> {
        let reached = |changelog: &ChangelogPartition| {
            acknowledged.get(&TopicPartition::new(Arc::clone(&changelog.topic), changelog.partition)).copied()
        };
        for (id, offsets) in tasks {
            let Some(running) = self.tasks.iter_mut().find(|running| running.task.id() == *id) else { continue };
            running.task.complete_commit(offsets, reached)?;
            self.instance.note_position(*id, running.task.active_stores().stores());
        }
        self.metrics.committed(started.elapsed());
        Ok(())
    }

    /// Gives up the commit under way, because its tasks are closed as they are.
    pub(super) fn abandon_commit(&mut self) {
        if let Some(Commit { step: Step::CommitOffsets(offsets, _), .. }) = self.commit.take() {
            offsets.await_answer(LAST_ANSWER);
        }
    }

    /// Deletes what has been processed and committed of the repartition topics.
    fn purge(&mut self) {
        if self.last_purge.elapsed() < self.instance.settings.repartition_purge_interval {
            return;
        }
        self.last_purge = Instant::now();
        let topology = &self.instance.topology;
        let before: Vec<_> = self.tasks.iter().flat_map(|running| running.task.purgeable(topology)).collect();
        if !before.is_empty()
            && let Err(error) = self.admin.delete_records(&before, self.instance.settings.request_timeout)
        {
            tracing::warn!("cannot purge repartition topics, trying again later: {error}");
        }
    }
}
