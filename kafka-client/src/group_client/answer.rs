use tokio::sync::OwnedSemaphorePermit;

use crate::GroupError;
use crate::group::Reply;

/// Where the answer to one request goes. Dropped without one, it answers [`GroupError::Closed`]: nobody waits for ever.
pub(super) struct Answer<T> {
    reply: Option<Reply<T>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl<T> Answer<T> {
    pub(super) fn new(reply: Reply<T>, permit: OwnedSemaphorePermit) -> Self {
        Self { reply: Some(reply), permit: Some(permit) }
    }

    pub(super) fn give(mut self, result: Result<T, GroupError>) {
        self.finish(result);
    }

    fn finish(&mut self, result: Result<T, GroupError>) {
        // Freed first, so that the reply may make the next request.
        drop(self.permit.take());
        if let Some(reply) = self.reply.take() {
            reply(result);
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.finish(Err(GroupError::Closed));
    }
}
