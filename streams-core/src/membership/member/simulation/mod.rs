//! Several members against a model of the coordinator, in virtual time: they start, crash, leave, are cut off, and messages are
//! slow or lost. At no time may two instances be able to commit for the same task, and in the end every task runs once.

mod cases;
mod coordinator;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use coordinator::{Answer, Coordinator};
use kafka_client::GroupError;
use kafka_client::group::GroupMember;
use scenario::{Operation, Scenario, tasks, topology};
use uuid::Uuid;

use super::{Action, CallId, ClassicMember, Event, GroupMembershipOperation, MemberConfig, SubtopologySources};
use crate::membership::{PlanError, plan};
use crate::task::TaskId;

const NODES: usize = 4;
/// Events happen until then; afterwards everything works.
const UNREST: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(60);
/// Nothing may move from here to the end.
const CALM: Duration = Duration::from_secs(50);

/// Whom an answer is for: it is lost if the process has died since.
#[derive(Debug, Clone, Copy)]
struct To {
    node: usize,
    life: u32,
    call: CallId,
}

#[derive(Debug)]
enum Happening {
    Operate(usize, Operation),
    /// A request reaches the coordinator.
    Request(To, Action),
    /// Something reaches a process.
    Deliver(usize, u32, Event),
    Plan(To, Vec<GroupMember>),
    Open(usize, u32, TaskId),
    Close(usize, u32, TaskId),
}

#[derive(Debug)]
struct Node {
    life: u32,
    member: Option<ClassicMember>,
    revision: u64,
    target: BTreeSet<TaskId>,
    open: BTreeSet<TaskId>,
    /// Open, but never committed again, since the membership was lost.
    fenced: BTreeSet<TaskId>,
    had: BTreeSet<TaskId>,
    cut_off_until: Duration,
    stands_until: Duration,
    wakes: Option<Duration>,
    joins: Vec<Duration>,
}

struct Simulation {
    now: Duration,
    happenings: BTreeMap<(Duration, u64), Happening>,
    count: u64,
    random: u64,
    scenario: Scenario,
    coordinator: Coordinator<To>,
    nodes: Vec<Node>,
}

impl Simulation {
    fn new(scenario: Scenario) -> Self {
        let node = || Node {
            life: 0,
            member: None,
            revision: 0,
            target: BTreeSet::new(),
            open: BTreeSet::new(),
            fenced: BTreeSet::new(),
            had: BTreeSet::new(),
            cut_off_until: Duration::ZERO,
            stands_until: Duration::ZERO,
            wakes: None,
            joins: Vec::new(),
        };
        let mut simulation = Self {
            now: Duration::ZERO,
            happenings: BTreeMap::new(),
            count: 0,
            random: scenario.seed,
            coordinator: Coordinator::new(),
            nodes: (0..NODES).map(|_| node()).collect(),
            scenario: scenario.clone(),
        };
        for (at, node, operation) in scenario.operations {
            simulation.at(at, Happening::Operate(node, operation));
        }
        simulation
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn at(&mut self, at: Duration, happening: Happening) {
        self.count += 1;
        self.happenings.insert((at, self.count), happening);
    }

    fn soon(&mut self, within_ms: u64, happening: Happening) {
        let delay = Duration::from_micros(100 + self.random(within_ms * 1000));
        self.at(self.now + delay, happening);
    }

    fn run(&mut self) {
        while self.now < END {
            let next = self.happenings.keys().next().map(|&(at, _)| at);
            let wakes = self.nodes.iter().filter_map(|node| node.wakes.map(|at| at.max(node.stands_until)));
            let wake = wakes.min();
            let tick = self.now + Duration::from_millis(100);
            self.now = [next, wake, Some(tick)].into_iter().flatten().min().unwrap_or(END).max(self.now);
            self.coordinator.tick(self.now);
            self.forward_answers();
            while let Some(entry) = self.happenings.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let happening = entry.remove();
                self.happen(happening);
                self.assert_one_owner();
            }
            for node in 0..NODES {
                let state = &self.nodes[node];
                let due = state.wakes.is_some_and(|at| at <= self.now || self.now.subsec_millis() == 0);
                if state.stands_until <= self.now && due {
                    self.tell(node, Event::Tick);
                    self.assert_one_owner();
                }
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(node, ..) | Happening::Open(node, ..) | Happening::Close(node, ..)
                if self.now < self.nodes[node].stands_until =>
            {
                self.at(self.nodes[node].stands_until, happening);
            }
            Happening::Operate(node, operation @ (Operation::Crash | Operation::StandStill(_))) => {
                self.operate(node, operation);
            }
            Happening::Operate(node, _) if self.now < self.nodes[node].stands_until => {
                self.at(self.nodes[node].stands_until, happening);
            }
            Happening::Operate(node, operation) => self.operate(node, operation),
            Happening::Request(to, action) => self.request(to, action),
            Happening::Deliver(node, life, event) if self.nodes[node].life == life => self.tell(node, event),
            Happening::Plan(to, members) => {
                let planned = if self.is_lost() {
                    Err(PlanError::Unavailable("no metadata".into()))
                } else {
                    plan(&members, &topology()).map(|plan| plan.assignments)
                };
                self.soon(1, Happening::Deliver(to.node, to.life, Event::Planned(to.call, planned)));
            }
            Happening::Open(node, life, task) if self.nodes[node].life == life => {
                let state = &mut self.nodes[node];
                if state.target.contains(&task) {
                    state.open.insert(task);
                    state.had.insert(task);
                    self.report(node);
                }
            }
            Happening::Close(node, life, task) if self.nodes[node].life == life => {
                let state = &mut self.nodes[node];
                if !state.target.contains(&task) || state.fenced.contains(&task) {
                    state.open.remove(&task);
                    state.fenced.remove(&task);
                    self.report(node);
                }
            }
            _ => {}
        }
    }

    fn operate(&mut self, node: usize, operation: Operation) {
        match operation {
            Operation::Start if self.nodes[node].member.is_none() => self.start(node),
            Operation::Crash => self.stop(node),
            Operation::Close => {
                self.nodes[node].target.clear();
                self.nodes[node].open.clear();
                let operation = GroupMembershipOperation::Default;
                self.tell(node, Event::Close { operation });
            }
            Operation::Rejoin => self.tell(node, Event::RequestRejoin { reason: "asked to".into() }),
            Operation::Threads(threads) => self.tell(node, Event::ThreadsChanged(threads.max(u32::from(node == 0)))),
            Operation::CutOff(time) => self.nodes[node].cut_off_until = self.now + time,
            Operation::StandStill(time) => self.nodes[node].stands_until = self.now + time,
            Operation::Start => {}
        }
    }

    fn start(&mut self, node: usize) {
        let mut config = MemberConfig::new("group", Uuid::from_u128(node as u128), self.random ^ node as u64);
        config.instance_id = (self.scenario.statics && node.is_multiple_of(2)).then(|| format!("instance-{node}"));
        config.topology = topology().fingerprint;
        config.sources = vec![SubtopologySources { subtopology: 0, topics: vec!["topic-0".into()] }];
        config.rebalance_timeout = Duration::from_secs(5);
        let state = &mut self.nodes[node];
        state.member = Some(ClassicMember::new(config));
        state.revision = 0;
        self.report(node);
        self.soon(5, Happening::Deliver(node, self.nodes[node].life, Event::Start));
    }

    fn stop(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        state.life += 1;
        state.member = None;
        state.wakes = None;
        state.stands_until = Duration::ZERO;
        state.target.clear();
        state.open.clear();
        state.fenced.clear();
    }

    fn tell(&mut self, node: usize, event: Event) {
        let Some(member) = &mut self.nodes[node].member else { return };
        let actions = member.handle(self.now, event);
        self.nodes[node].wakes = member.deadline();
        for action in actions {
            self.act(node, action);
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        let life = self.nodes[node].life;
        match action {
            Action::Join(call, _) | Action::Sync(call, _) | Action::Heartbeat(call, _) | Action::Leave(call, _) => {
                if matches!(action, Action::Join(..)) {
                    self.nodes[node].joins.push(self.now);
                }
                let to = To { node, life, call };
                if self.is_cut_off(node) || self.is_lost() {
                    self.fail(to, &action);
                } else {
                    self.soon(10, Happening::Request(to, action));
                }
            }
            Action::Plan { call, members, .. } => self.soon(100, Happening::Plan(To { node, life, call }, members)),
            Action::Assigned { revision, assignment, .. } => self.take(node, revision, assignment.tasks),
            Action::Lost { revision, .. } => {
                let state = &mut self.nodes[node];
                state.fenced.clone_from(&state.open);
                self.take(node, revision, Vec::new());
            }
            Action::Problem { .. } => {}
            Action::Fatal(error) => panic!("node {node} at {:?}: {error}", self.now),
            Action::Closed => self.stop(node),
        }
    }

    fn take(&mut self, node: usize, revision: u64, tasks: Vec<TaskId>) {
        let state = &mut self.nodes[node];
        let life = state.life;
        state.revision = revision;
        state.target = tasks.into_iter().collect();
        let closing: Vec<TaskId> = state.open.iter().filter(|task| !state.target.contains(task)).copied().collect();
        let opening: Vec<TaskId> = state.target.difference(&state.open).copied().collect();
        closing.into_iter().for_each(|task| self.soon(300, Happening::Close(node, life, task)));
        opening.into_iter().for_each(|task| self.soon(100, Happening::Open(node, life, task)));
        self.report(node);
    }

    /// What a process holds is told to its member, which takes a moment.
    fn report(&mut self, node: usize) {
        let state = &self.nodes[node];
        let event = Event::OwnedChanged {
            revision: state.revision,
            owned: state.open.iter().copied().collect(),
            local_state: state.had.iter().map(|&task| (task, 1)).collect(),
        };
        let at = self.now + Duration::from_millis(1);
        self.at(at, Happening::Deliver(node, state.life, event));
    }

    fn is_cut_off(&self, node: usize) -> bool {
        self.now < self.nodes[node].cut_off_until
    }

    fn is_lost(&mut self) -> bool {
        self.now < UNREST && self.random(1000) < self.scenario.loss
    }

    /// The request or its answer is lost: the process notices at once or after a while.
    fn fail(&mut self, to: To, action: &Action) {
        let error = if self.random(2) == 0 { GroupError::Disconnected } else { GroupError::Timeout };
        let event = match action {
            Action::Join(..) => Event::Joined(to.call, Err(error)),
            Action::Sync(..) => Event::Synced(to.call, Err(error)),
            Action::Heartbeat(..) => Event::HeartbeatDone(to.call, Err(error)),
            _ => Event::LeaveDone(to.call, Err(error)),
        };
        self.soon(2000, Happening::Deliver(to.node, to.life, event));
    }

    fn request(&mut self, to: To, action: Action) {
        match action {
            Action::Join(_, request) => self.coordinator.join(self.now, to, request),
            Action::Sync(_, request) => self.coordinator.sync(self.now, to, request),
            Action::Heartbeat(_, request) => self.coordinator.heartbeat(self.now, to, &request),
            Action::Leave(_, request) => self.coordinator.leave(self.now, to, &request),
            other => panic!("not a request: {other:?}"),
        }
        self.forward_answers();
    }

    fn forward_answers(&mut self) {
        for (to, answer) in self.coordinator.answers() {
            if self.is_cut_off(to.node) || self.is_lost() {
                let error = GroupError::Timeout;
                let event = match answer {
                    Answer::Joined(_) => Event::Joined(to.call, Err(error)),
                    Answer::Synced(_) => Event::Synced(to.call, Err(error)),
                    Answer::Heartbeat(_) => Event::HeartbeatDone(to.call, Err(error)),
                    Answer::Left(_) => Event::LeaveDone(to.call, Err(error)),
                };
                self.soon(3000, Happening::Deliver(to.node, to.life, event));
                continue;
            }
            let event = match answer {
                Answer::Joined(answer) => Event::Joined(to.call, answer),
                Answer::Synced(answer) => Event::Synced(to.call, answer),
                Answer::Heartbeat(answer) => Event::HeartbeatDone(to.call, answer),
                Answer::Left(answer) => Event::LeaveDone(to.call, answer),
            };
            self.soon(10, Happening::Deliver(to.node, to.life, event));
        }
    }

    /// Nobody runs a task that another may commit for. When no message is lost, nobody even works on one that another works on: not who
    /// stood still and has just come to, either.
    fn assert_one_owner(&self) {
        let lossless = self.scenario.loss == 0
            && !self.scenario.operations.iter().any(|(_, _, operation)| matches!(operation, Operation::CutOff(_)));
        let quiet = lossless
            && !self.scenario.operations.iter().any(|(_, _, operation)| matches!(operation, Operation::StandStill(_)));
        let mut owners: BTreeMap<TaskId, Vec<usize>> = BTreeMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let identity = node.member.as_ref().and_then(ClassicMember::identity);
            let commits = identity.is_some_and(|identity| self.coordinator.accepts(&identity));
            let assured =
                node.member.as_ref().and_then(ClassicMember::assured_until).is_some_and(|until| self.now < until);
            let works = |task: &TaskId| quiet || !node.fenced.contains(task) && (commits || lossless && assured);
            for task in node.open.iter().filter(|task| works(task)) {
                owners.entry(*task).or_default().push(number);
            }
        }
        if let Some((task, owners)) = owners.iter().find(|(_, owners)| owners.len() > 1) {
            panic!("task {task} has the owners {owners:?} at {:?}\n{:#?}", self.now, self.nodes);
        }
    }

    fn assert_settled(&self) {
        let alive: Vec<&Node> = self.nodes.iter().filter(|node| node.member.is_some()).collect();
        for (number, node) in self.nodes.iter().enumerate() {
            let late = node.joins.iter().filter(|at| **at > CALM).count();
            assert_eq!(late, 0, "node {number} still joins: {:?}", node.joins);
        }
        let threads = |node: &&Node| node.member.as_ref().map_or(0, |member| member.config.threads);
        if alive.iter().map(threads).sum::<u32>() == 0 {
            return;
        }
        let mut open: Vec<TaskId> = alive.iter().flat_map(|node| node.open.iter().copied()).collect();
        open.sort_unstable();
        assert_eq!(open, tasks(), "every task runs once in the end\n{:#?}", self.nodes);
        for node in alive {
            let identity = node.member.as_ref().and_then(ClassicMember::identity).expect("a member");
            assert!(self.coordinator.accepts(&identity));
            assert_eq!(node.open, node.target);
            assert!(node.fenced.is_empty());
        }
        let bound = self.scenario.operations.len() as i32 * 40 + 20;
        assert!(self.coordinator.generation() < bound, "{} generations", self.coordinator.generation());
    }
}

fn check(scenario: Scenario) {
    let mut simulation = Simulation::new(scenario);
    simulation.run();
    simulation.assert_settled();
}
