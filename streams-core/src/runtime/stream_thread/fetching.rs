use super::{RunningTask, StreamThread};
use crate::broker::{Broker, BrokerError, BrokerErrorKind, Consumer, Fetched, Producer};
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::runtime::reset::{reset_offset, reset_policy};
use crate::runtime::wall_time;
use crate::topology::AutoOffsetReset;
use std::time::Duration;

impl<B: Broker> StreamThread<B> {
    /// How long until a task wants to be called by the wall clock.
    pub(super) fn until_punctuation(&self) -> Duration {
        let due = self.tasks.iter().filter_map(|running| running.task.next_wall_clock_punctuation()).min();
        due.map_or(Duration::MAX, |due| Duration::from_millis(due.saturating_sub(wall_time()).max(0) as u64))
    }

    pub(super) fn has_work(&self) -> bool {
        self.tasks.iter().any(|running| running.task.buffered_records() > 0)
    }

    /// Pauses inputs whose queue is full, resumes those that have room again, and takes what has arrived for the others.
    ///
    /// Above the limit of bytes for all queues together, only those inputs are fetched that a task may be waiting for: what it has of others
    /// would stay otherwise.
    pub(super) fn fetch(&mut self, wait: Duration) -> Result<(), StreamsError> {
        let settings = &self.instance.settings;
        let limit = settings.input_buffer_max_bytes / settings.stream_threads.max(1);
        let queued: usize = self.tasks.iter().map(|running| running.task.buffered_bytes()).sum();
        let mut room = self.tasks.is_empty();
        for running in &mut self.tasks {
            for input in 0..running.partitions.len() {
                let awaited = || running.task.buffered_records() > 0 && !running.task.has_records(input);
                let full = running.task.is_full(input) || (queued > limit && !awaited());
                room |= !full;
                if full != running.paused[input] {
                    let partition = std::slice::from_ref(&running.partitions[input]);
                    if full {
                        self.consumer.pause(partition)?
                    } else {
                        self.consumer.resume(partition)?
                    }
                    running.paused[input] = full;
                }
            }
        }
        if room {
            let mut fetched = std::mem::take(&mut self.fetched);
            match self.poll(wait, &mut fetched) {
                Err(error) if !error.is_retriable() => return Err(error.into()),
                Err(error) => tracing::warn!("fetch: {error}; trying again"),
                Ok(()) => {}
            }
            self.note_fetched(&fetched);
            for item in fetched.drain(..) {
                self.take_fetched(item)?;
            }
            self.fetched = fetched;
            self.publish_queues();
        } else {
            self.idle = false;
            self.producer.set_idle(false);
        }
        self.note_ends();
        Ok(())
    }

    /// Takes what has come. Waits only where there was nothing before: then commands have been looked after since, and the producer knows that the
    /// output of before may go.
    fn poll(&mut self, wait: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        let waits = self.idle && !wait.is_zero();
        let polled = self.consumer.poll(if waits { wait } else { Duration::ZERO }, fetched);
        self.idle = fetched.is_empty() && !wait.is_zero();
        // What ends a wait is mostly little, and no reason to keep the output.
        if !waits {
            self.producer.set_idle(self.idle);
        }
        polled
    }

    /// Tells tasks with several inputs where the empty ones end, so that they know whether to wait.
    pub(super) fn note_ends(&mut self) {
        for RunningTask { task, partitions, .. } in self.tasks.iter_mut().filter(|running| running.partitions.len() > 1)
        {
            for (input, partition) in partitions.iter().enumerate() {
                task.set_end_offset(input, self.consumer.end_offset(partition));
            }
        }
    }

    pub(super) fn take_fetched(&mut self, fetched: Fetched) -> Result<(), StreamsError> {
        match fetched {
            Fetched::Batch(batch) => {
                if let Some(&(place, input)) = self.routes.get(batch.topic_partition()) {
                    self.tasks[place].task.add_records(input, batch);
                }
                Ok(())
            }
            Fetched::OutOfRange { partition, position } => self.reset(&partition, position),
            Fetched::Truncated { partition, position, end } => {
                tracing::warn!(
                    "{partition}: the log has lost the records from offset {end} to {position}, which were read already; reading goes on at {end}"
                );
                let Some(&(place, input)) = self.routes.get(&partition) else { return Ok(()) };
                self.tasks[place].task.seek(input, end);
                Ok(self.consumer.assign(&[(partition, end)])?)
            }
            Fetched::Failed { partition, error } if error.is_retriable() => {
                tracing::warn!("{partition}: {error}; trying again");
                let Some(&(place, input)) = self.routes.get(&partition) else { return Ok(()) };
                let position = self.tasks[place].task.fetch_position(input);
                Ok(self.consumer.assign(&[(partition, position)])?)
            }
            Fetched::Failed { partition, error } if error.kind == BrokerErrorKind::UnknownTopicOrPartition => {
                Err(StreamsError::MissingSourceTopics(vec![partition.topic.to_string()]))
            }
            Fetched::Failed { error, .. } => Err(error.into()),
        }
    }

    /// The position of an input is gone from the broker: go on where the reset policy says, and say so.
    pub(super) fn reset(&mut self, partition: &TopicPartition, position: i64) -> Result<(), StreamsError> {
        let Some(&(place, input)) = self.routes.get(partition) else { return Ok(()) };
        let topology = &self.instance.topology;
        let settings = &self.instance.settings;
        let inputs = crate::task::input_partitions(
            topology,
            &settings.application_id,
            self.tasks[place].task.id(),
            self.tasks[place].task.topics(),
        );
        let policy = inputs
            .iter()
            .find(|input| input.partition == *partition)
            .map_or(AutoOffsetReset::Earliest, |input| reset_policy(topology, settings, input));
        let reason = format!("offset {position} is out of range (deleted by retention, or the topic was made anew)");
        tracing::warn!("{partition}: {reason}");
        let offset = reset_offset(&self.admin, settings, partition, policy, &reason)?;
        self.tasks[place].task.seek(input, offset);
        Ok(self.consumer.assign(&[(partition.clone(), offset)])?)
    }
}
