use super::handle::new_producer;
use super::{RunningTask, StreamThread, ThreadEvent};
use crate::broker::{Broker, Consumer};
use crate::error::StreamsError;
use crate::runtime::wall_time;
use crate::task::{Task, TaskId, TaskParts};
use std::time::Instant;

impl<B: Broker> StreamThread<B> {
    pub(super) fn add(&mut self, parts: TaskParts) -> Result<(), StreamsError> {
        let id = parts.id;
        let positions: Vec<_> =
            parts.inputs.iter().map(|input| (input.input.partition.clone(), input.position)).collect();
        let mut task = Task::new(&self.instance.topology, self.instance.settings.task.clone(), parts)?;
        task.init(wall_time())?;
        let readers = task.stores().iter().enumerate().map(|(index, store)| {
            task.active_stores().stores().reader(index).map(|reader| (store.name().to_string(), reader))
        });
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let place = self.tasks.len();
        for (input, partition) in partitions.iter().enumerate() {
            self.routes.insert(partition.clone(), (place, input));
        }
        let paused = vec![false; partitions.len()];
        let metrics = self.metrics.open_task(&task);
        self.tasks.push(RunningTask { task, partitions, paused, metrics });
        self.share_buffers();
        self.lag_due = Instant::now();
        self.publish();
        self.consumer.assign(&positions)?;
        self.tell(ThreadEvent::Started(id, readers));
        Ok(())
    }

    /// Divides this thread's part of the instance's limits among the stores of its tasks.
    pub(super) fn share_buffers(&self) {
        let settings = &self.instance.settings;
        let stores: usize = self.tasks.iter().map(|running| running.task.stores().len()).sum();
        let parts = (stores * settings.stream_threads).max(1);
        for store in self.tasks.iter().flat_map(|running| running.task.stores()) {
            let total = match store.is_write_through() {
                true => settings.uncommitted_max_bytes.unwrap_or(usize::MAX / 2),
                false => settings.cache_max_bytes,
            };
            store.handle().borrow_mut().set_limit((total / parts).max(1));
        }
    }

    pub(super) fn close(&mut self, id: TaskId, commit: bool) -> Result<(), StreamsError> {
        let Some(place) = self.tasks.iter().position(|running| running.task.id() == id) else {
            self.tell(ThreadEvent::Closed(id));
            return Ok(());
        };
        if commit {
            self.commit()?;
        }
        self.remove(place)?;
        if !commit && !self.ending && self.tasks.is_empty() {
            self.renew_producer()?;
        }
        self.tell(ThreadEvent::Closed(id));
        Ok(())
    }

    /// Begins again with a producer that knows nothing of tasks which were closed without commit: what they wrote and was not sent yet never
    /// will be, and no late acknowledgement of it is taken for one of what they write when they come back.
    fn renew_producer(&mut self) -> Result<(), StreamsError> {
        self.abandon_commit();
        self.producer = new_producer(&self.instance)?;
        self.acknowledged.clear();
        // The new one has not been told of it.
        self.idle = false;
        Ok(())
    }

    /// Takes a task out and closes it as it is.
    pub(super) fn remove(&mut self, place: usize) -> Result<(), StreamsError> {
        let RunningTask { task, partitions, .. } = self.tasks.remove(place);
        if let Some(commit) = &mut self.commit {
            commit.leave_out(task.id());
        }
        self.routes.clear();
        for (place, running) in self.tasks.iter().enumerate() {
            for (input, partition) in running.partitions.iter().enumerate() {
                self.routes.insert(partition.clone(), (place, input));
            }
        }
        self.metrics.close_task(&task);
        let unassigned = self.consumer.unassign(&partitions);
        let id = task.id();
        let stores = task.close()?;
        self.instance.note_position(id, &stores);
        stores.close();
        self.share_buffers();
        Ok(unassigned?)
    }

    pub(super) fn close_all_without_commit(&mut self) {
        self.abandon_commit();
        while !self.tasks.is_empty() {
            if let Err(error) = self.remove(0) {
                tracing::warn!("while closing a task: {error}");
            }
        }
    }

    /// The group goes on without this instance: what was not committed is done elsewhere.
    pub(super) fn lose_tasks(&mut self, reason: &str) {
        let tasks: Vec<_> = self.tasks.iter().map(|running| running.task.id()).collect();
        tracing::warn!("closing tasks {tasks:?} without commit: {reason}");
        self.close_all_without_commit();
        if let Err(error) = self.renew_producer() {
            tracing::warn!("the producer of before is kept: {error}");
        }
        self.tell(ThreadEvent::Lost(tasks));
    }
}
