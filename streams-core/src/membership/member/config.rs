use std::time::Duration;

use uuid::Uuid;

/// The source topics of one subtopology, by their full names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtopologySources {
    /// Number of the subtopology.
    pub subtopology: u32,
    /// Its source topics, repartition topics included.
    pub topics: Vec<String>,
}

/// What a member is and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberConfig {
    /// The group: the application id.
    pub group_id: String,
    /// A name that survives restarts (`group.instance.id`) makes the member static: coming back within the session timeout
    /// starts no rebalance. Default: none.
    pub instance_id: Option<String>,
    /// The process, for as long as its state directory lives.
    pub process_id: Uuid,
    /// Processing threads: the member's weight. Default: 1.
    pub threads: u32,
    /// Fingerprint of the topology. All members must have the same.
    pub topology: u64,
    /// What the topology reads.
    pub sources: Vec<SubtopologySources>,
    /// The coordinator removes a member that it has not heard of for so long. Default: 6 s, the least that brokers allow.
    pub session_timeout: Duration,
    /// The member takes itself for lost when it has not heard of the coordinator for so long. Default: the session timeout. It may be longer:
    /// a coordinator that was away does not know how long, and takes its members back; and one that has removed the member refuses its
    /// commits, so that a late discovery does no harm.
    pub contact_timeout: Duration,
    /// Between two heartbeats. A member learns of a rebalance by a heartbeat. Default: 500 ms.
    pub heartbeat_interval: Duration,
    /// Between two heartbeats while tasks are on the move, so that the next rebalance is near. Default: 50 ms.
    pub settling_heartbeat_interval: Duration,
    /// How long the members may take to join once a rebalance has begun, and the leader to plan. Default: 60 s.
    pub rebalance_timeout: Duration,
    /// Before the first repetition of what has failed; doubles each time. Default: 50 ms.
    pub backoff: Duration,
    /// The longest back-off. Default: 1 s.
    pub backoff_max: Duration,
    /// How long leaving may take when the member is closed. Default: 5 s.
    pub leave_timeout: Duration,
    /// For the random part of the back-off.
    pub seed: u64,
}

impl MemberConfig {
    /// The defaults. The topology and its sources are still to be set.
    pub fn new(group_id: impl Into<String>, process_id: Uuid, seed: u64) -> Self {
        Self {
            group_id: group_id.into(),
            instance_id: None,
            process_id,
            threads: 1,
            topology: 0,
            sources: Vec::new(),
            session_timeout: Duration::from_secs(6),
            contact_timeout: Duration::from_secs(6),
            heartbeat_interval: Duration::from_millis(500),
            settling_heartbeat_interval: Duration::from_millis(50),
            rebalance_timeout: Duration::from_secs(60),
            backoff: Duration::from_millis(50),
            backoff_max: Duration::from_secs(1),
            leave_timeout: Duration::from_secs(5),
            seed,
        }
    }

    /// What is wrong with it, all at once; empty if nothing is.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let Self { session_timeout, heartbeat_interval, settling_heartbeat_interval, .. } = self;
        require(!self.group_id.is_empty(), "the group id (application.id) is empty".into());
        require(self.instance_id.as_deref() != Some(""), "group.instance.id is empty; leave it out or name it".into());
        require(
            *session_timeout >= Duration::from_millis(1),
            format!("session.timeout.ms is {session_timeout:?}; brokers allow 6 s and more"),
        );
        require(
            !heartbeat_interval.is_zero() && *heartbeat_interval * 2 <= *session_timeout,
            format!(
                "heartbeat.interval.ms is {heartbeat_interval:?}; it must be above zero and at most half of session.timeout.ms ({session_timeout:?})"
            ),
        );
        require(
            !settling_heartbeat_interval.is_zero() && settling_heartbeat_interval <= heartbeat_interval,
            format!(
                "the heartbeat interval while tasks move is {settling_heartbeat_interval:?}; it must be above zero and at most heartbeat.interval.ms ({heartbeat_interval:?})"
            ),
        );
        require(
            !self.rebalance_timeout.is_zero(),
            "the rebalance timeout (max.poll.interval.ms) is zero; the default is 60 s".into(),
        );
        require(
            !self.backoff.is_zero() && self.backoff <= self.backoff_max,
            format!("the back-off is {:?} to {:?}; it must rise from above zero", self.backoff, self.backoff_max),
        );
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_faults() {
        assert_eq!(MemberConfig::new("app", Uuid::nil(), 0).faults(), Vec::<String>::new());
    }

    #[test]
    fn all_faults_are_listed_at_once() {
        let mut config = MemberConfig::new("", Uuid::nil(), 0);
        config.instance_id = Some(String::new());
        config.heartbeat_interval = Duration::from_secs(4);
        config.settling_heartbeat_interval = Duration::ZERO;
        config.rebalance_timeout = Duration::ZERO;
        config.backoff = Duration::from_secs(2);
        assert_eq!(config.faults().len(), 6, "{:?}", config.faults());
    }
}
