//! The control thread: it speaks for the instance in the group, and says which task runs where.
//!
//! In the order in which things happen: `group` (join, assignment), `tasks` (restored, handed to a stream thread, closed), `topics` (what
//! changes about the inputs), `closing`.

mod closing;
mod group;
mod tasks;
mod topics;

use super::global::{GlobalEvent, GlobalHandle, GlobalThread};
use super::instance::Instance;
use super::lifecycle::State;
use super::planning::Planned;
use super::restore::{RestoreCommand, RestoreEvent, RestoreThread};
use super::stream_thread::{ThreadCommand, ThreadEvent};
use super::threads::{lock, spawn};
use crate::broker::{Broker, Waker};
use crate::error::StreamsError;
use crate::membership::{CallId, ClassicMember, Event, GroupMembershipOperation, PlanError};
use crate::processor::TopicPartitions;
use crate::task::TaskId;
use closing::{Announcing, Closing};
use group::{member_config, note_local_state};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tasks::{Entry, Thread, start_thread};

/// How often the folders of tasks that are gone are looked through, at the most.
const CLEAN_INTERVAL: Duration = Duration::from_secs(60);

/// What the control thread hears.
pub(crate) enum ControlEvent {
    /// For the group member.
    Member(Event),
    /// The leader's plan, with the task counts it rests on.
    Planned(CallId, Result<Planned, PlanError>),
    /// From the restore thread.
    Restore(RestoreEvent),
    /// From a stream thread.
    Thread(ThreadEvent),
    /// The topics as they stand now.
    TopicsSeen(TopicPartitions),
    /// From the thread of the global stores.
    Global(GlobalEvent),
    /// Close the instance.
    Close(GroupMembershipOperation),
}

/// The thread that decides: it speaks for the instance in the group, and says which task runs where.
pub(crate) struct Control<B: Broker> {
    instance: Arc<Instance<B>>,
    events: Receiver<ControlEvent>,
    sender: Sender<ControlEvent>,
    member: ClassicMember,
    threads: Vec<Thread>,
    restore: Sender<RestoreCommand>,
    restore_waker: Waker,
    restore_thread: Option<JoinHandle<()>>,
    global: Option<GlobalHandle>,
    tasks: BTreeMap<TaskId, Entry>,
    /// The changelog positions that the group member was told last.
    told_positions: Vec<(TaskId, i64)>,
    revision: u64,
    /// Whether the group must still hear what this instance owns after the last assignment.
    report_due: bool,
    planned_counts: Option<Vec<i32>>,
    refresh_due: Instant,
    clean_due: Instant,
    summary_due: Option<Instant>,
    closing: Option<Closing>,
    announcing: Option<Announcing>,
    /// The membership is over, and nothing more will be heard of it.
    member_ended: bool,
    ended: bool,
}

impl<B: Broker> Control<B> {
    /// Makes the threads. They start to work when the group assigns tasks.
    pub(crate) fn new(
        instance: Arc<Instance<B>>,
        sender: Sender<ControlEvent>,
        events: Receiver<ControlEvent>,
    ) -> Result<Self, StreamsError> {
        let settings = &instance.settings;
        let (restore, commands) = channel();
        let restore_thread = RestoreThread::new(Arc::clone(&instance), commands)?;
        let restore_waker = restore_thread.waker();
        let restore_thread = spawn("kafka-streams-restore".to_owned(), move || restore_thread.run())?;
        let mut threads = Vec::new();
        for index in 0..settings.stream_threads {
            threads.push(start_thread(&instance, index)?);
        }
        note_local_state(&instance);
        let now = Instant::now();
        let member = ClassicMember::new(member_config(&instance));
        Ok(Self {
            told_positions: Vec::new(),
            events,
            sender,
            member,
            threads,
            restore,
            restore_waker,
            restore_thread: Some(restore_thread),
            global: GlobalThread::start(&instance)?,
            tasks: BTreeMap::new(),
            revision: 0,
            report_due: false,
            planned_counts: None,
            refresh_due: now + settings.metadata_max_age,
            clean_due: now + CLEAN_INTERVAL.min(settings.state_cleanup_delay),
            summary_due: settings.log_summary_interval.map(|interval| now + interval),
            closing: None,
            announcing: None,
            member_ended: false,
            ended: false,
            instance,
        })
    }

    /// Runs until the instance is closed.
    pub(crate) fn run(mut self) {
        let local_state = self.instance.positions();
        self.member_event(Event::OwnedChanged { revision: 0, owned: Vec::new(), local_state });
        if self.global.is_none() {
            self.member_event(Event::Start);
        }
        while !self.ended {
            let wait = self.next_wait();
            match self.events.recv_timeout(wait) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tick();
        }
        self.end();
    }

    fn next_wait(&self) -> Duration {
        // Often enough for the member to see that the process runs.
        let longest = Duration::from_secs(1).min(self.instance.settings.group.session_timeout / 3);
        let deadline = self.member.deadline().unwrap_or(Duration::MAX);
        let announced = self.announcing.as_ref().map_or(longest, |a| a.until.saturating_duration_since(Instant::now()));
        deadline.saturating_sub(self.instance.assurance.now()).min(longest).min(announced)
    }

    fn take(&mut self, event: ControlEvent) {
        match event {
            ControlEvent::Member(event) => self.member_event(event),
            ControlEvent::Planned(call, Ok(planned)) => {
                self.planned_counts = Some(planned.task_counts);
                self.member_event(Event::Planned(call, Ok(planned.assignments)));
            }
            ControlEvent::Planned(call, Err(error)) => self.member_event(Event::Planned(call, Err(error))),
            ControlEvent::Restore(event) => self.restore_event(event),
            ControlEvent::Thread(event) => self.thread_event(event),
            ControlEvent::TopicsSeen(topics) => self.topics_seen(&topics),
            // No task begins before the global stores are whole.
            ControlEvent::Global(GlobalEvent::Ready(globals)) => {
                *lock(&self.instance.globals) = globals;
                if self.closing.is_none() {
                    self.member_event(Event::Start);
                }
            }
            ControlEvent::Global(GlobalEvent::Failed(error)) => self.fail(error),
            ControlEvent::Close(operation) => self.close(operation, false),
        }
    }

    fn tick(&mut self) {
        self.refresh_positions();
        self.member_event(Event::Tick);
        let now = Instant::now();
        if let Some(announcing) = self.announcing.take_if(|announcing| now >= announcing.until) {
            if !announcing.heard {
                tracing::warn!("not every instance may have heard that the application shall shut down");
            }
            self.advance_closing();
        }
        if now >= self.refresh_due {
            self.refresh_due = now + self.instance.settings.metadata_max_age;
            self.refresh_topics();
        }
        if now >= self.clean_due {
            let delay = self.instance.settings.state_cleanup_delay;
            self.clean_due = now + CLEAN_INTERVAL.min(delay);
            for task in self.instance.directory.clean(|task| self.tasks.contains_key(&task), delay) {
                lock(&self.instance.positions).remove(&task);
            }
        }
        if self.summary_due.is_some_and(|due| now >= due) {
            self.summary_due = self.instance.settings.log_summary_interval.map(|interval| now + interval);
            let processed = self.instance.metrics.processed_records();
            tracing::info!("processed {processed} records so far, with {} tasks", self.tasks.len());
        }
    }

    fn end(mut self) {
        let _ = self.restore.send(RestoreCommand::Shutdown);
        self.restore_waker.wake();
        self.threads.iter().for_each(|thread| {
            thread.handle.tell(ThreadCommand::Shutdown(false));
        });
        let threads = self.threads.iter_mut().filter_map(|thread| thread.join.take()).chain(self.restore_thread.take());
        threads.for_each(|thread| drop(thread.join()));
        if let Some(global) = self.global.take() {
            global.stop();
        }
        lock(&self.instance.tasks).clear();
        self.instance.metrics.restore.forget_all();
        *lock(&self.instance.identity) = None;
        self.instance.directory.unlock();
        let failed = self.closing.as_ref().is_some_and(|closing| closing.failed);
        let lifecycle = &self.instance.lifecycle;
        if failed {
            lifecycle.transit(State::PendingError);
            lifecycle.transit(State::Error);
        } else {
            lifecycle.transit(State::PendingShutdown);
            lifecycle.transit(State::NotRunning);
        }
    }
}
