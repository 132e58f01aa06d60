use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::NoLeader;

/// A partition whose leader is not known, while records wait for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    since: Instant,
    /// How often the cluster had been asked by then.
    renewals: u64,
}

/// What to do about records for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    /// There is none and will be none: the error code to fail with.
    Fail(i16),
}

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

impl Missing {
    pub(super) fn new(now: Instant, renewals: u64) -> Self {
        Self { since: now, renewals }
    }

    /// Judges by what the cluster has said since records began to wait, and not by what it said before; a topic gets `patience` to appear.
    pub(super) fn look(self, reason: NoLeader, now: Instant, renewals: u64, patience: Duration) -> Verdict {
        if renewals == self.renewals {
            return Verdict::Wait;
        }
        match reason {
            NoLeader::NoTopic(since) if now >= since + patience => Verdict::Fail(UNKNOWN_TOPIC_OR_PARTITION),
            NoLeader::NoPartition if now >= self.since + patience => Verdict::Fail(UNKNOWN_TOPIC_OR_PARTITION),
            NoLeader::Refused(code) => Verdict::Fail(code),
            NoLeader::NotYet | NoLeader::NoTopic(_) | NoLeader::NoPartition => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_fail_when_the_cluster_has_said_so_for_long_enough() {
        let patience = Duration::from_secs(5);
        let now = Instant::now();
        let missing = Missing::new(now, 3);
        let (soon, later) = (now + Duration::from_secs(1), now + patience);
        // Old news alone fail nothing.
        assert_eq!(missing.look(NoLeader::NoTopic(now), later, 3, patience), Verdict::Wait);
        assert_eq!(missing.look(NoLeader::Refused(29), later, 3, patience), Verdict::Wait);
        assert_eq!(missing.look(NoLeader::Refused(29), soon, 4, patience), Verdict::Fail(29));
        for reason in [NoLeader::NoTopic(now), NoLeader::NoPartition] {
            assert_eq!(missing.look(reason, soon, 4, patience), Verdict::Wait);
            assert_eq!(missing.look(reason, later, 4, patience), Verdict::Fail(3));
        }
        assert_eq!(missing.look(NoLeader::NotYet, later, 9, patience), Verdict::Wait);
    }
}
