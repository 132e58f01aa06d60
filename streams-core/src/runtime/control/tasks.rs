use super::Control;
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::runtime::instance::{Instance, TaskPhase};
use crate::runtime::lifecycle::UncaughtExceptionResponse;
use crate::runtime::restore::{RestoreCommand, RestoreEvent};
use crate::runtime::stream_thread::{ThreadCommand, ThreadEvent, ThreadHandle, ThreadSeed};
use crate::runtime::threads::{lock, spawn};
use crate::task::TaskId;
use state_stores::CommittedReader;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;

pub(super) struct Entry {
    pub(super) thread: usize,
    pub(super) phase: Phase,
    /// What it reads; known when it is ready to start.
    pub(super) inputs: Vec<TopicPartition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// On the restore thread.
    Restoring,
    /// On its stream thread, or on the way there.
    Starting,
    /// Processing.
    Running,
    /// Being closed on its stream thread, to be started again with other inputs.
    Reopening,
    /// Being closed, wherever it is.
    Closing,
}

pub(super) struct Thread {
    pub(super) handle: ThreadHandle,
    pub(super) join: Option<JoinHandle<()>>,
    pub(super) alive: bool,
}

impl<B: Broker> Control<B> {
    pub(super) fn open_task(&mut self, task: TaskId) {
        let load = |thread: usize| {
            let mine = self.tasks.iter().filter(move |(_, entry)| entry.thread == thread);
            let alike = mine.clone().filter(|(other, _)| other.subtopology == task.subtopology).count();
            (mine.count(), alike, thread)
        };
        let alive = self.threads.iter().enumerate().filter(|(_, thread)| thread.alive).map(|(index, _)| index);
        let Some(thread) = alive.min_by_key(|&thread| load(thread)) else { return };
        self.tasks.insert(task, Entry { thread, phase: Phase::Restoring, inputs: Vec::new() });
        lock(&self.instance.tasks).insert(task, TaskPhase::Restoring);
        self.tell_restore(RestoreCommand::Add(task));
    }

    pub(super) fn close_tasks(&mut self, which: impl Fn(TaskId) -> bool, commit: bool) {
        let mut gone = Vec::new();
        for (&task, entry) in self.tasks.iter_mut().filter(|(task, _)| which(**task)) {
            let told = match entry.phase {
                Phase::Restoring => {
                    self.restore_waker.wake();
                    self.restore.send(RestoreCommand::Remove(task)).is_ok()
                }
                Phase::Starting | Phase::Running => {
                    self.threads[entry.thread].handle.tell(ThreadCommand::Close(task, commit))
                }
                Phase::Reopening | Phase::Closing => true,
            };
            entry.phase = Phase::Closing;
            lock(&self.instance.tasks).insert(task, TaskPhase::Closing);
            if !told {
                gone.push(task);
            }
        }
        gone.into_iter().for_each(|task| self.forget(task));
    }

    pub(super) fn tell_restore(&self, command: RestoreCommand) {
        let _ = self.restore.send(command);
        self.restore_waker.wake();
    }

    pub(super) fn forget(&mut self, task: TaskId) {
        self.tasks.remove(&task);
        lock(&self.instance.tasks).remove(&task);
        self.instance.metrics.restore.forget(task);
    }

    pub(super) fn restore_event(&mut self, event: RestoreEvent) {
        match event {
            RestoreEvent::Ready(parts) => {
                let task = parts.id;
                match self.tasks.get_mut(&task) {
                    Some(entry) if entry.phase == Phase::Restoring => {
                        entry.phase = Phase::Starting;
                        entry.inputs = parts.inputs.iter().map(|input| input.input.partition.clone()).collect();
                        self.threads[entry.thread].handle.tell(ThreadCommand::Add(parts));
                    }
                    // Given up meanwhile: the restore thread's answer to that is on its way.
                    _ => parts.stores.close(),
                }
            }
            RestoreEvent::Removed(task) => self.closed(task),
            RestoreEvent::Failed(task, error) => {
                let Some(entry) = self.tasks.get_mut(&task) else { return };
                if entry.phase == Phase::Closing {
                    return self.closed(task);
                }
                match self.instance.lifecycle.uncaught(&error) {
                    UncaughtExceptionResponse::ReplaceThread => self.tell_restore(RestoreCommand::AddAgain(task)),
                    response => {
                        self.closed(task);
                        self.shut_down(response);
                    }
                }
            }
        }
    }

    pub(super) fn closed(&mut self, task: TaskId) {
        if self.tasks.get(&task).is_some_and(|entry| entry.phase == Phase::Closing) || self.closing.is_some() {
            self.forget(task);
        }
        self.report();
    }

    pub(super) fn thread_event(&mut self, event: ThreadEvent) {
        match event {
            ThreadEvent::Started(task, readers) => self.started_task(task, readers),
            ThreadEvent::Closed(task) => match self.tasks.get_mut(&task) {
                Some(entry) if entry.phase == Phase::Reopening && self.closing.is_none() => {
                    entry.phase = Phase::Restoring;
                    lock(&self.instance.tasks).insert(task, TaskPhase::Restoring);
                    self.tell_restore(RestoreCommand::Add(task));
                }
                _ => self.closed(task),
            },
            ThreadEvent::Lost(tasks) => {
                for task in tasks {
                    if let Some(entry) = self.tasks.get_mut(&task) {
                        entry.phase = Phase::Closing;
                    }
                    self.closed(task);
                }
                self.report_due = true;
                self.report();
            }
            ThreadEvent::Ended(thread, tasks, error) => self.thread_ended(thread, tasks, error),
        }
    }

    pub(super) fn started_task(&mut self, task: TaskId, readers: Vec<(String, CommittedReader)>) {
        if let Some(entry) = self.tasks.get_mut(&task)
            && entry.phase == Phase::Starting
        {
            entry.phase = Phase::Running;
            let handle = self.threads[entry.thread].handle.clone();
            lock(&self.instance.tasks).insert(task, TaskPhase::Running(handle, readers));
        }
        self.publish();
    }

    pub(super) fn thread_ended(&mut self, thread: usize, tasks: Vec<TaskId>, error: Option<StreamsError>) {
        if let Some(join) = self.threads[thread].join.take() {
            let _ = join.join();
        }
        self.threads[thread].alive = false;
        if error.is_some() {
            self.instance.metrics.failed_threads.add(1);
        }
        let response = error.as_ref().map(|error| self.instance.lifecycle.uncaught(error));
        let replace = self.closing.is_none() && response == Some(UncaughtExceptionResponse::ReplaceThread);
        let replaced = replace && self.replace_thread(thread);
        // Tasks on their way to the thread when it ended are lost with it, too.
        let on_thread = |entry: &Entry| entry.thread == thread && entry.phase != Phase::Restoring;
        let mut affected: BTreeSet<_> = tasks.into_iter().collect();
        affected.extend(self.tasks.iter().filter(|(_, entry)| on_thread(entry)).map(|(&task, _)| task));
        for task in affected {
            match self.tasks.get_mut(&task) {
                Some(entry) if replaced && entry.phase != Phase::Closing => {
                    entry.phase = Phase::Restoring;
                    lock(&self.instance.tasks).insert(task, TaskPhase::Restoring);
                    self.tell_restore(RestoreCommand::Add(task));
                }
                _ => self.forget(task),
            }
        }
        if let (Some(response), false) = (response, replaced) {
            self.shut_down(response);
        }
        self.report();
    }

    pub(super) fn replace_thread(&mut self, thread: usize) -> bool {
        match start_thread(&self.instance, thread) {
            Ok(replacement) => {
                tracing::info!("stream thread {thread} is replaced");
                self.threads[thread] = replacement;
                true
            }
            Err(error) => {
                tracing::error!("stream thread {thread} cannot be replaced: {error}");
                false
            }
        }
    }
}

pub(super) fn start_thread<B: Broker>(instance: &Arc<Instance<B>>, index: usize) -> Result<Thread, StreamsError> {
    let (thread, handle) = ThreadSeed::new(Arc::clone(instance), index)?;
    let join = spawn(format!("kafka-streams-{index}"), move || thread.run())?;
    Ok(Thread { handle, join: Some(join), alive: true })
}
