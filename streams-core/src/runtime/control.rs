use super::instance::{Instance, TaskPhase};
use super::internal_topics::existing_topics;
use super::lifecycle::{State, UncaughtExceptionResponse, lock};
use super::planning::{fingerprint, make_plan, sources, task_counts};
use super::restore::{RestoreCommand, RestoreEvent, RestoreThread};
use super::stream_thread::{ThreadCommand, ThreadEvent, ThreadHandle, ThreadSeed};
use crate::broker::{Broker, Waker};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::membership::{
    Action, AssignmentError, ClassicMember, Event, GroupMembershipOperation, MemberConfig, PlanError, TaskAssignment,
};
use crate::processor::TopicPartitions;
use crate::record::TopicPartition;
use crate::task::{TaskId, input_partitions};
use crate::topology::{NodeKind, SourceTopics, Topology};
use state_stores::{CommittedReader, TaskStores};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the folders of tasks that are gone are looked through, at the most.
const CLEAN_INTERVAL: Duration = Duration::from_secs(60);

/// What the control thread hears.
pub(crate) enum ControlEvent {
    /// For the group member.
    Member(Event),
    /// The leader's plan, with the task counts it rests on.
    Planned(crate::membership::CallId, Result<super::planning::Planned, PlanError>),
    /// From the restore thread.
    Restore(RestoreEvent),
    /// From a stream thread.
    Thread(ThreadEvent),
    /// The topics as they stand now.
    TopicsSeen(TopicPartitions),
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
    tasks: BTreeMap<TaskId, Entry>,
    /// Changelog positions of tasks with state on disk.
    local_state: BTreeMap<TaskId, i64>,
    revision: u64,
    /// Whether the group must still hear what this instance owns after the last assignment.
    report_due: bool,
    started: Instant,
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

struct Thread {
    handle: ThreadHandle,
    join: Option<JoinHandle<()>>,
    alive: bool,
}

struct Entry {
    thread: usize,
    phase: Phase,
    /// What it reads; known when it is ready to start.
    inputs: Vec<TopicPartition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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

struct Closing {
    operation: GroupMembershipOperation,
    failed: bool,
    leaving: bool,
}

/// The goodbye to the group waits for all members to hear that the application shall shut down. It begins another rebalance, and would
/// take the request back for those who have not got their assignment of this one.
struct Announcing {
    until: Instant,
    /// Whether this instance has got the assignment that says so.
    heard: bool,
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
        let now = Instant::now();
        let member = ClassicMember::new(member_config(&instance));
        Ok(Self {
            local_state: local_state(&instance),
            events,
            sender,
            member,
            threads,
            restore,
            restore_waker,
            restore_thread: Some(restore_thread),
            tasks: BTreeMap::new(),
            revision: 0,
            report_due: false,
            started: now,
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
        let local_state = self.local_state.iter().map(|(&task, &offset)| (task, offset)).collect();
        self.member_event(Event::OwnedChanged { revision: 0, owned: Vec::new(), local_state });
        self.member_event(Event::Start);
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
        let longest = Duration::from_secs(1);
        let deadline = self.member.deadline().unwrap_or(Duration::MAX);
        let announced = self.announcing.as_ref().map_or(longest, |a| a.until.saturating_duration_since(Instant::now()));
        deadline.saturating_sub(self.started.elapsed()).min(longest).min(announced)
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
            ControlEvent::Close(operation) => self.close(operation, false),
        }
    }

    fn tick(&mut self) {
        if self.member.deadline().is_some_and(|deadline| deadline <= self.started.elapsed()) {
            self.member_event(Event::Tick);
        }
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
                self.local_state.remove(&task);
            }
        }
        if self.summary_due.is_some_and(|due| now >= due) {
            self.summary_due = self.instance.settings.log_summary_interval.map(|interval| now + interval);
            let processed = self.instance.processed_records.load(std::sync::atomic::Ordering::Relaxed);
            tracing::info!("processed {processed} records so far, with {} tasks", self.tasks.len());
        }
    }

    // ---- group membership ----

    fn member_event(&mut self, event: Event) {
        let actions = self.member.handle(self.started.elapsed(), event);
        *lock(&self.instance.identity) = self.member.identity();
        actions.into_iter().for_each(|action| self.act(action));
    }

    /// An answer of the coordinator, on its way to the member.
    fn reply<T: Send + 'static>(&self, event: impl FnOnce(T) -> Event + Send + 'static) -> Box<dyn FnOnce(T) + Send> {
        let sender = self.sender.clone();
        Box::new(move |answer| drop(sender.send(ControlEvent::Member(event(answer)))))
    }

    fn act(&mut self, action: Action) {
        let coordinator = Arc::clone(&self.instance.coordinator);
        match action {
            Action::Join(call, request) => {
                self.instance.lifecycle.transit(State::Rebalancing);
                coordinator.join(request, self.reply(move |answer| Event::Joined(call, answer)));
            }
            Action::Sync(call, request) => {
                coordinator.sync(request, self.reply(move |answer| Event::Synced(call, answer)))
            }
            Action::Heartbeat(call, request) => {
                coordinator.heartbeat(request, self.reply(move |answer| Event::HeartbeatDone(call, answer)));
            }
            Action::Leave(call, request) => {
                coordinator.leave(request, self.reply(move |answer| Event::LeaveDone(call, answer)));
            }
            Action::Plan { call, members, .. } => {
                let (instance, sender) = (Arc::clone(&self.instance), self.sender.clone());
                let work = move || drop(sender.send(ControlEvent::Planned(call, make_plan(&instance, &members))));
                if let Err(error) = spawn("kafka-streams-plan".to_owned(), work) {
                    self.member_event(Event::Planned(call, Err(PlanError::Unavailable(error.to_string()))));
                }
            }
            Action::Assigned { revision, assignment, .. } => self.assigned(revision, assignment),
            Action::Lost { revision, reason } => self.lost(revision, &reason),
            Action::Problem { message } => tracing::warn!("group membership: {message}"),
            Action::Fatal(error) => {
                self.member_ended = true;
                self.announcing = None;
                self.close_tasks(|_| true, false);
                self.fail(StreamsError::Group(error.to_string()));
            }
            Action::Closed => self.ended = true,
        }
    }

    fn assigned(&mut self, revision: u64, assignment: TaskAssignment) {
        self.revision = revision;
        self.report_due = true;
        if let Some(error) = assignment.error {
            match error {
                AssignmentError::MissingSourceTopics(topics) => self.fail(StreamsError::MissingSourceTopics(topics)),
                AssignmentError::PlanFailed(message) => tracing::warn!("assignment: {message}; the leader tries again"),
                AssignmentError::ShutdownRequested(message) => {
                    let until = Instant::now() + self.instance.settings.group.session_timeout / 4;
                    self.announcing = Some(Announcing { until, heard: true });
                    self.fail(StreamsError::Group(message));
                }
                error => self.fail(StreamsError::Group(error.to_string())),
            }
        }
        if self.closing.is_none() {
            let wanted: BTreeSet<_> = assignment.tasks.iter().copied().collect();
            self.close_tasks(|task| !wanted.contains(&task), true);
            for task in wanted {
                if !self.tasks.contains_key(&task) {
                    self.open_task(task);
                }
            }
            tracing::info!("assigned tasks: {}", list(assignment.tasks.iter()));
        }
        self.report();
    }

    fn lost(&mut self, revision: u64, reason: &str) {
        tracing::warn!("membership lost: {reason}; closing all tasks without commit");
        self.revision = revision;
        self.report_due = true;
        self.close_tasks(|_| true, false);
        self.report();
    }

    /// Tells the group what this instance owns, once every task that had to be closed is; and looks whether all runs.
    fn report(&mut self) {
        let closing = self.tasks.values().any(|entry| entry.phase == Phase::Closing);
        if self.report_due && !closing {
            self.report_due = false;
            let owned = self.tasks.keys().copied().collect();
            let local_state = self.local_state.iter().map(|(&task, &offset)| (task, offset)).collect();
            self.member_event(Event::OwnedChanged { revision: self.revision, owned, local_state });
        }
        self.publish();
        self.advance_closing();
    }

    fn publish(&self) {
        let running = self.tasks.values().all(|entry| entry.phase == Phase::Running);
        if running && !self.report_due && self.member.identity().is_some() && !self.member.is_rebalancing() {
            self.instance.lifecycle.transit(State::Running);
        } else if !running && self.closing.is_none() {
            self.instance.lifecycle.transit(State::Rebalancing);
        }
    }

    // ---- tasks ----

    fn open_task(&mut self, task: TaskId) {
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

    fn close_tasks(&mut self, which: impl Fn(TaskId) -> bool, commit: bool) {
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

    fn forget(&mut self, task: TaskId) {
        self.tasks.remove(&task);
        lock(&self.instance.tasks).remove(&task);
    }

    fn tell_restore(&self, command: RestoreCommand) {
        let _ = self.restore.send(command);
        self.restore_waker.wake();
    }

    fn restore_event(&mut self, event: RestoreEvent) {
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
                    UncaughtExceptionResponse::ReplaceThread => self.tell_restore(RestoreCommand::Add(task)),
                    response => {
                        self.closed(task);
                        self.shut_down(response);
                    }
                }
            }
        }
    }

    fn closed(&mut self, task: TaskId) {
        if self.tasks.get(&task).is_some_and(|entry| entry.phase == Phase::Closing) || self.closing.is_some() {
            self.forget(task);
        }
        self.report();
    }

    fn thread_event(&mut self, event: ThreadEvent) {
        match event {
            ThreadEvent::Started(task, readers) => self.started_task(task, readers),
            ThreadEvent::Closed(task, offset) => {
                self.local_state.insert(task, offset);
                match self.tasks.get_mut(&task) {
                    Some(entry) if entry.phase == Phase::Reopening && self.closing.is_none() => {
                        entry.phase = Phase::Restoring;
                        lock(&self.instance.tasks).insert(task, TaskPhase::Restoring);
                        self.tell_restore(RestoreCommand::Add(task));
                    }
                    _ => self.closed(task),
                }
            }
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

    fn started_task(&mut self, task: TaskId, readers: Vec<(String, CommittedReader)>) {
        if let Some(entry) = self.tasks.get_mut(&task)
            && entry.phase == Phase::Starting
        {
            entry.phase = Phase::Running;
            let handle = self.threads[entry.thread].handle.clone();
            lock(&self.instance.tasks).insert(task, TaskPhase::Running(handle, readers));
        }
        self.publish();
    }

    fn thread_ended(&mut self, thread: usize, tasks: Vec<TaskId>, error: Option<StreamsError>) {
        if let Some(join) = self.threads[thread].join.take() {
            let _ = join.join();
        }
        self.threads[thread].alive = false;
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

    fn replace_thread(&mut self, thread: usize) -> bool {
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

    // ---- topics ----

    /// Looks whether topics have come or grown: the leader for all, and everybody where sources follow a pattern.
    fn refresh_topics(&self) {
        if self.closing.is_some() || !(self.member.is_leader() || has_pattern(&self.instance.topology)) {
            return;
        }
        let (instance, sender) = (Arc::clone(&self.instance), self.sender.clone());
        let work = move || {
            let admin = instance.broker.admin(&instance.config.client_properties(ClientRole::Admin));
            let topics = admin
                .map_err(StreamsError::from)
                .and_then(|admin| existing_topics(&admin, instance.settings.request_timeout));
            match topics {
                Ok(topics) => drop(sender.send(ControlEvent::TopicsSeen(topics))),
                Err(error) => tracing::warn!("cannot look at the topics: {error}"),
            }
        };
        if let Err(error) = spawn("kafka-streams-topics".to_owned(), work) {
            tracing::warn!("{error}");
        }
    }

    fn topics_seen(&mut self, topics: &TopicPartitions) {
        let instance = &self.instance;
        let counts = task_counts(&instance.topology, &instance.settings.application_id, topics);
        if self.member.is_leader() && self.planned_counts.as_ref().is_some_and(|planned| *planned != counts) {
            self.planned_counts = Some(counts);
            self.member_event(Event::RequestRejoin {
                reason: "the partitions of the input topics have changed".to_owned(),
            });
        }
        if has_pattern(&self.instance.topology) && self.closing.is_none() {
            self.follow_patterns(topics);
        }
    }

    /// Starts tasks anew that have more to read now: a task's inputs are fixed while it runs. Topics that are gone are told by the consumer.
    fn follow_patterns(&mut self, topics: &TopicPartitions) {
        let instance = &self.instance;
        for (&task, entry) in self.tasks.iter_mut().filter(|(_, entry)| entry.phase == Phase::Running) {
            let inputs = input_partitions(&instance.topology, &instance.settings.application_id, task, topics);
            let new = inputs.iter().find(|input| !entry.inputs.contains(&input.partition));
            let Some(new) = new else { continue };
            tracing::info!("task {task} starts anew, since there is {} to read, too", new.partition);
            if self.threads[entry.thread].handle.tell(ThreadCommand::Close(task, true)) {
                entry.phase = Phase::Reopening;
                lock(&instance.tasks).insert(task, TaskPhase::Closing);
            }
        }
        self.publish();
    }

    // ---- the end ----

    fn shut_down(&mut self, response: UncaughtExceptionResponse) {
        if response == UncaughtExceptionResponse::ShutdownApplication && self.closing.is_none() {
            let until = Instant::now() + self.instance.settings.group.session_timeout;
            self.announcing = Some(Announcing { until, heard: false });
            self.member_event(Event::ShutdownApplication);
        }
        self.close(GroupMembershipOperation::Default, true);
    }

    /// An error that no thread has had: the user's handler hears of it, and the instance closes.
    fn fail(&mut self, error: StreamsError) {
        if self.closing.is_none() {
            self.instance.lifecycle.uncaught(&error);
            self.close(GroupMembershipOperation::Default, true);
        }
    }

    fn close(&mut self, operation: GroupMembershipOperation, failed: bool) {
        if let Some(closing) = &mut self.closing {
            closing.failed |= failed;
            return;
        }
        self.instance.lifecycle.transit(if failed { State::PendingError } else { State::PendingShutdown });
        self.closing = Some(Closing { operation, failed, leaving: false });
        for thread in &self.threads {
            thread.handle.tell(ThreadCommand::Shutdown(true));
        }
        let restoring: BTreeSet<_> =
            self.tasks.iter().filter(|(_, entry)| entry.phase == Phase::Restoring).map(|(&task, _)| task).collect();
        self.close_tasks(|task| restoring.contains(&task), false);
        self.advance_closing();
    }

    /// Leaves the group once every task is closed and its last commit has ended.
    fn advance_closing(&mut self) {
        let threads_ended = self.threads.iter().all(|thread| !thread.alive);
        let restoring = self.tasks.values().any(|entry| matches!(entry.phase, Phase::Restoring | Phase::Closing));
        let Some(closing) = &mut self.closing else { return };
        if threads_ended && !restoring && !closing.leaving && self.announcing.is_none() {
            closing.leaving = true;
            let operation = closing.operation;
            match self.member_ended {
                true => self.ended = true,
                false => self.member_event(Event::Close { operation }),
            }
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
        lock(&self.instance.tasks).clear();
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

/// Whether sources follow a pattern, so that topics that are made later become theirs.
fn has_pattern(topology: &Topology) -> bool {
    topology.nodes().iter().any(|node| matches!(&node.kind, NodeKind::Source { topics: SourceTopics::Pattern(_), .. }))
}

fn member_config<B: Broker>(instance: &Instance<B>) -> MemberConfig {
    let settings = &instance.settings;
    let process_id = instance.directory.process_id();
    let seed = process_id.as_u64_pair().0;
    let mut config = MemberConfig::new(settings.application_id.as_str(), process_id, seed);
    config.instance_id.clone_from(&settings.group.instance_id);
    config.threads = settings.stream_threads as u32;
    config.topology = fingerprint(&instance.topology);
    config.sources = sources(&instance.topology, &settings.application_id);
    config.session_timeout = settings.group.session_timeout;
    // A broker that is away for a while must not cost the work since the last commit.
    config.contact_timeout = settings.task_timeout.max(settings.group.session_timeout);
    config.heartbeat_interval = settings.group.heartbeat_interval;
    config.rebalance_timeout = settings.group.rebalance_timeout;
    config
}

/// The changelog positions of the tasks whose state is on disk, so that the group can give them to who has their state.
fn local_state<B: Broker>(instance: &Instance<B>) -> BTreeMap<TaskId, i64> {
    let mut positions = BTreeMap::new();
    for task in instance.directory.tasks() {
        let Some(subtopology) = instance.topology.subtopologies().get(task.subtopology as usize) else { continue };
        let specs: Vec<_> = subtopology
            .stores
            .iter()
            .filter_map(|name| instance.topology.store(name))
            .map(|spec| spec.engine_spec(true))
            .collect();
        // What cannot be opened now is told when the task is to be restored.
        if let Ok(stores) = TaskStores::open(&instance.directory.task_directory(task), specs, &instance.storage) {
            let position = (0..stores.specs().len()).filter_map(|index| stores.committed_offset(index)).sum();
            positions.insert(task, position);
            stores.close();
        }
    }
    positions
}

fn start_thread<B: Broker>(instance: &Arc<Instance<B>>, index: usize) -> Result<Thread, StreamsError> {
    let (thread, handle) = ThreadSeed::new(Arc::clone(instance), index)?;
    let join = spawn(format!("kafka-streams-{index}"), move || thread.run())?;
    Ok(Thread { handle, join: Some(join), alive: true })
}

pub(super) fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StreamsError> {
    let thread = std::thread::Builder::new().name(name.clone()).spawn(work);
    thread.map_err(|error| StreamsError::InvalidState(format!("cannot start thread {name}: {error}")))
}

fn list<'a>(tasks: impl Iterator<Item = &'a TaskId>) -> String {
    tasks.map(TaskId::to_string).collect::<Vec<_>>().join(", ")
}
