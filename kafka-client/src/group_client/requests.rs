use std::rc::Rc;
use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::Command;
use super::bootstrap::Bootstrap;
use super::coordinator::{Coordinator, Lane};
use crate::GroupError;
use crate::calls::Call;
use crate::config::{Address, ClientConfig};
use crate::connection::Settings;
use crate::group::{FetchOffsets, FetchedOffset};

/// Groups whose coordinator is remembered; the one not used for longest gives way to another.
const MAX_GROUPS: usize = 16;

/// First and longest wait before offsets are read again that a transaction is about to commit. It takes a few milliseconds
/// after the transaction's end, or as long as an abandoned transaction lives.
const UNSTABLE_FIRST: Duration = Duration::from_millis(3);
const UNSTABLE_LONGEST: Duration = Duration::from_millis(50);

/// Starts a task for each request.
pub(super) struct Requests {
    config: ClientConfig,
    bootstrap: Rc<Bootstrap>,
    /// Most recently used last.
    coordinators: Vec<Rc<Coordinator>>,
}

impl Requests {
    pub(super) fn new(config: ClientConfig, bootstrap: Vec<Address>) -> Self {
        let settings = Settings {
            client_id: StrBytes::from_string(config.client_id.clone()),
            security: config.security.clone(),
            setup_timeout: config.socket_connection_setup_timeout,
            max_frame_bytes: config.max_frame_bytes,
            max_requests: config.max_pending_requests,
        };
        Self { config, bootstrap: Rc::new(Bootstrap::new(bootstrap, settings)), coordinators: Vec::new() }
    }

    pub(super) fn start(&mut self, command: Command) {
        let timeout = self.config.request_timeout;
        let deadline = Instant::now() + timeout;
        match command {
            Command::Join(request, answer) => {
                let coordinator = self.coordinator(&request.group_id);
                coordinator.rebalance_timeout.set(request.rebalance_timeout);
                let deadline = deadline + bounded(request.rebalance_timeout);
                spawn_local(async move {
                    answer.give(coordinator.attempt(Lane::Rebalance, &request, deadline).await);
                });
            }
            Command::Sync(request, answer) => {
                let coordinator = self.coordinator(&request.member.group_id);
                let deadline = deadline + bounded(coordinator.rebalance_timeout.get());
                spawn_local(async move {
                    answer.give(coordinator.attempt(Lane::Rebalance, &request, deadline).await);
                });
            }
            Command::Leave(request, answer) => {
                let coordinator = self.coordinator(&request.member.group_id);
                spawn_local(async move {
                    answer.give(coordinator.attempt(Lane::Prompt, &request, deadline).await);
                });
            }
            Command::Heartbeat(request, answer) => {
                let coordinator = self.coordinator(&request.member.group_id);
                spawn_local(async move { answer.give(repeat(&coordinator, &request, deadline).await) });
            }
            Command::CommitOffsets(request, answer) => {
                let coordinator = self.coordinator(&request.member.group_id);
                spawn_local(async move { answer.give(repeat(&coordinator, &request, deadline).await) });
            }
            Command::FetchOffsets(request, answer) => {
                let coordinator = self.coordinator(&request.group_id);
                spawn_local(async move { answer.give(fetch_stable(&coordinator, &request, deadline).await) });
            }
        }
    }

    fn coordinator(&mut self, group_id: &str) -> Rc<Coordinator> {
        let known = self.coordinators.iter().position(|coordinator| coordinator.group_id == group_id);
        let coordinator = match known {
            Some(place) => self.coordinators.remove(place),
            None => {
                if self.coordinators.len() == MAX_GROUPS {
                    // Requests under way keep what they use.
                    self.coordinators.remove(0);
                }
                Rc::new(Coordinator::new(group_id.to_owned(), Rc::clone(&self.bootstrap), &self.config))
            }
        };
        self.coordinators.push(Rc::clone(&coordinator));
        coordinator
    }
}

/// Instants overflow; Kafka's timeouts are 32-bit milliseconds anyway.
fn bounded(timeout: Duration) -> Duration {
    timeout.min(Duration::from_millis(i32::MAX as u64))
}

/// Attempts until the deadline as long as another attempt may help. Each waits for the back-off by itself.
async fn repeat<C: Call>(coordinator: &Coordinator, call: &C, deadline: Instant) -> Result<C::Answer, GroupError> {
    loop {
        match coordinator.attempt(Lane::Prompt, call, deadline).await {
            Err(GroupError::Disconnected) => {}
            result => return result,
        }
    }
}

async fn fetch_stable(
    coordinator: &Coordinator,
    request: &FetchOffsets,
    deadline: Instant,
) -> Result<Vec<FetchedOffset>, GroupError> {
    let mut wait = UNSTABLE_FIRST;
    loop {
        match repeat(coordinator, request, deadline).await {
            Err(GroupError::UnstableOffsetCommit) if request.require_stable && Instant::now() + wait < deadline => {
                sleep(wait).await;
                wait = (wait * 2).min(UNSTABLE_LONGEST);
            }
            result => return result,
        }
    }
}
