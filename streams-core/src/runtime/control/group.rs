use super::closing::Announcing;
use super::tasks::Phase;
use super::{Control, ControlEvent};
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::membership::{Action, AssignmentError, Event, MemberConfig, PlanError, TaskAssignment};
use crate::runtime::instance::Instance;
use crate::runtime::lifecycle::State;
use crate::runtime::planning::{fingerprint, make_plan, sources};
use crate::runtime::threads::{lock, spawn};
use crate::task::TaskId;
use state_stores::TaskStores;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

impl<B: Broker> Control<B> {
    pub(super) fn member_event(&mut self, event: Event) {
        let actions = self.member.handle(self.instance.assurance.now(), event);
        *lock(&self.instance.identity) = self.member.identity();
        self.instance.assurance.set(self.member.assured_until());
        actions.into_iter().for_each(|action| self.act(action));
    }

    /// An answer of the coordinator, on its way to the member.
    pub(super) fn reply<T: Send + 'static>(
        &self,
        event: impl FnOnce(T) -> Event + Send + 'static,
    ) -> Box<dyn FnOnce(T) + Send> {
        let sender = self.sender.clone();
        Box::new(move |answer| drop(sender.send(ControlEvent::Member(event(answer)))))
    }

    pub(super) fn act(&mut self, action: Action) {
        let coordinator = Arc::clone(&self.instance.coordinator);
        match action {
            Action::Join(call, request) => {
                self.instance.lifecycle.transit(State::Rebalancing);
                self.instance.metrics.rebalance.begin(Instant::now());
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

    pub(super) fn assigned(&mut self, revision: u64, assignment: TaskAssignment) {
        self.revision = revision;
        self.report_due = true;
        self.instance.metrics.rebalance.end(Instant::now());
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

    pub(super) fn lost(&mut self, revision: u64, reason: &str) {
        tracing::warn!("membership lost: {reason}; closing all tasks without commit");
        self.revision = revision;
        self.report_due = true;
        self.close_tasks(|_| true, false);
        self.report();
    }

    /// Tells the group what this instance owns, once every task that had to be closed is; and looks whether all runs.
    pub(super) fn report(&mut self) {
        if self.report_due && !self.closes_tasks() {
            self.report_due = false;
            let owned = self.tasks.keys().copied().collect();
            let local_state = self.instance.positions();
            self.told_positions.clone_from(&local_state);
            self.member_event(Event::OwnedChanged { revision: self.revision, owned, local_state });
        }
        self.publish();
        self.advance_closing();
    }

    /// Keeps the group member informed of how far the stores of its tasks are, for the next rebalance.
    pub(super) fn refresh_positions(&mut self) {
        self.report_due |= self.revision > 0 && self.instance.positions() != self.told_positions;
        if self.report_due && !self.closes_tasks() {
            self.report();
        }
    }

    fn closes_tasks(&self) -> bool {
        self.tasks.values().any(|entry| entry.phase == Phase::Closing)
    }

    pub(super) fn publish(&self) {
        let running = self.tasks.values().all(|entry| entry.phase == Phase::Running);
        if running && !self.report_due && self.member.identity().is_some() && !self.member.is_rebalancing() {
            self.instance.lifecycle.transit(State::Running);
        } else if !running && self.closing.is_none() {
            self.instance.lifecycle.transit(State::Rebalancing);
        }
    }
}

pub(super) fn member_config<B: Broker>(instance: &Instance<B>) -> MemberConfig {
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

/// Notes the tasks whose state is on disk, so that the group can give them to who has their state.
pub(super) fn note_local_state<B: Broker>(instance: &Instance<B>) {
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
            instance.note_position(task, &stores);
            stores.close();
        }
    }
}

pub(super) fn list<'a>(tasks: impl Iterator<Item = &'a TaskId>) -> String {
    tasks.map(TaskId::to_string).collect::<Vec<_>>().join(", ")
}
