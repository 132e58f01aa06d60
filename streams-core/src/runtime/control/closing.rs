use super::Control;
use super::tasks::Phase;
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::membership::{Event, GroupMembershipOperation};
use crate::runtime::lifecycle::{State, UncaughtExceptionResponse};
use crate::runtime::stream_thread::ThreadCommand;
use std::collections::BTreeSet;
use std::time::Instant;

pub(super) struct Closing {
    pub(super) operation: GroupMembershipOperation,
    pub(super) failed: bool,
    pub(super) leaving: bool,
}

/// The goodbye to the group waits for all members to hear that the application shall shut down. It begins another rebalance, and would
/// take the request back for those who have not got their assignment of this one.
pub(super) struct Announcing {
    pub(super) until: Instant,
    /// Whether this instance has got the assignment that says so.
    pub(super) heard: bool,
}

impl<B: Broker> Control<B> {
    pub(super) fn shut_down(&mut self, response: UncaughtExceptionResponse) {
        if response == UncaughtExceptionResponse::ShutdownApplication && self.closing.is_none() {
            let until = Instant::now() + self.instance.settings.group.session_timeout;
            self.announcing = Some(Announcing { until, heard: false });
            self.member_event(Event::ShutdownApplication);
        }
        self.close(GroupMembershipOperation::Default, true);
    }

    /// An error that no thread has had: the user's handler hears of it, and the instance closes.
    pub(super) fn fail(&mut self, error: StreamsError) {
        if self.closing.is_none() {
            self.instance.lifecycle.uncaught(&error);
            self.close(GroupMembershipOperation::Default, true);
        }
    }

    pub(super) fn close(&mut self, operation: GroupMembershipOperation, failed: bool) {
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
    pub(super) fn advance_closing(&mut self) {
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
}
