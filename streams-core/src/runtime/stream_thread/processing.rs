use super::StreamThread;
use crate::broker::{Broker, BrokerError, Delivery, Producer};
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::runtime::instance::Instance;
use crate::runtime::wall_time;
use std::time::{Duration, Instant};

/// Records that a task processes before the next one gets its turn.
const TURN: usize = 1000;
/// How long tasks process before the thread looks after records, commands and commits again.
const ROUND: Duration = Duration::from_millis(50);
/// The same while a commit is under way, which is to be moved on.
const ROUND_OF_COMMIT: Duration = Duration::from_millis(5);
/// Pause before something that failed for the moment is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

impl<B: Broker> StreamThread<B> {
    /// Lets the tasks process in turn, until nothing is left or the round is over. Says whether they did anything.
    pub(super) fn process(&mut self) -> Result<bool, StreamsError> {
        let before = self.metrics.processed.get();
        let any = self.process_in_turn()?;
        let count = self.metrics.processed.get() - before;
        if count > 0 {
            self.metrics.round(count);
        }
        Ok(any)
    }

    fn process_in_turn(&mut self) -> Result<bool, StreamsError> {
        let started = Instant::now();
        let round = if self.commit.is_some() { ROUND_OF_COMMIT } else { ROUND };
        let mut any = false;
        loop {
            let wall_time = wall_time();
            let (mut processed, mut punctuated) = (false, false);
            for place in 0..self.tasks.len() {
                if !self.instance.assurance.holds() {
                    return Ok(any);
                }
                self.turn = place;
                let task = &mut self.tasks[place].task;
                let count = task.process(TURN, wall_time)?;
                self.metrics.processed.add(count as u64);
                processed |= count > 0;
                punctuated |= task.punctuate(wall_time)?;
                self.send_output(place)?;
            }
            if !processed && !punctuated {
                return Ok(any);
            }
            any = true;
            if started.elapsed() >= round || self.tasks.iter().any(|running| running.task.commit_requested()) {
                return Ok(true);
            }
        }
    }

    /// Whether the tasks are certain to be this instance's. If not, lets some time pass: they may be another's by now, which the control
    /// thread is about to learn.
    pub(super) fn is_assured(&mut self) -> bool {
        let holds = self.instance.assurance.holds();
        if holds == self.stands_by {
            self.stands_by = !holds;
            match holds {
                true => tracing::info!("the group has been heard of again: processing goes on"),
                false => tracing::warn!("processing pauses: the group has not been heard of for its session timeout"),
            }
        }
        if !holds {
            std::thread::sleep(RETRY_PAUSE);
        }
        holds
    }

    /// Hands a task's output to the producer. While the cluster cannot be reached this waits, and tries again.
    pub(super) fn send_output(&mut self, place: usize) -> Result<(), StreamsError> {
        let deadline = Instant::now() + self.instance.settings.task_timeout;
        let output = self.tasks[place].task.output();
        while !output.is_empty() {
            match self.producer.send(output) {
                Ok(()) => {}
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    self.metrics.producer_outstanding.set_size(self.producer.outstanding());
                    retry(&self.instance, "produce", &error)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Notes what has been acknowledged, and asks the handler about what has failed.
    pub(super) fn check_deliveries(&mut self) -> Result<(), StreamsError> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        self.producer.deliveries(&mut deliveries);
        self.deliveries = deliveries;
        self.note_deliveries()
    }

    pub(super) fn note_deliveries(&mut self) -> Result<(), StreamsError> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        for delivery in deliveries.drain(..) {
            match delivery {
                Delivery::Acknowledged { partition, offset } => {
                    self.acknowledged.insert(partition, offset);
                }
                Delivery::Failed { partition, error } => self.production_failed(&partition, error)?,
            }
        }
        self.deliveries = deliveries;
        Ok(())
    }

    pub(super) fn production_failed(&self, partition: &TopicPartition, error: BrokerError) -> Result<(), StreamsError> {
        // A lost changelog record would be lost state: no handler may let that pass.
        let internal =
            self.instance.topology.is_internal_topic(&self.instance.settings.application_id, &partition.topic);
        if !internal && self.instance.settings.production_handler.handle(&error).is_continue() {
            tracing::warn!(
                "a record for {partition} is dropped: {error} (the production exception handler said to continue)"
            );
            self.metrics.dropped_one();
            return Ok(());
        }
        Err(error.into())
    }
}

/// Pauses before something that the cluster did not take is tried again.
///
/// # Errors
/// As [`await_assurance`].
pub(super) fn retry<B: Broker>(instance: &Instance<B>, what: &str, error: &BrokerError) -> Result<(), StreamsError> {
    tracing::warn!("{what}: {error}; trying again");
    std::thread::sleep(RETRY_PAUSE);
    await_assurance(instance)
}

/// Waits until the tasks are certain to be this instance's: a changelog record that is written later than another instance's would bring
/// back an old row.
///
/// # Errors
/// [`StreamsError::TaskMigrated`] where they are not.
pub(super) fn await_assurance<B: Broker>(instance: &Instance<B>) -> Result<(), StreamsError> {
    let deadline = Instant::now() + instance.settings.task_timeout;
    loop {
        if instance.identity().is_none() || Instant::now() >= deadline {
            return Err(StreamsError::TaskMigrated("this instance has lost its membership of the group".to_owned()));
        }
        if instance.assurance.holds() {
            return Ok(());
        }
        std::thread::sleep(RETRY_PAUSE);
    }
}
