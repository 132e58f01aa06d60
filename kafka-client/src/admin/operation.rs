use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::ClientError;
use crate::calls::Call;
use crate::cluster::Cluster;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// One call of a user: how long it goes on, and how often it has been tried.
pub(super) struct Operation {
    pub(super) cluster: Rc<Cluster>,
    started: Instant,
    deadline: Instant,
    failures: u32,
    /// What the last attempt was refused with that was answered: it says more than that a later one was not in time.
    refused: Option<ClientError>,
}

impl Operation {
    pub(super) fn new(cluster: Rc<Cluster>, timeout: Duration) -> Self {
        let started = Instant::now();
        Self { cluster, started, deadline: started + timeout, failures: 0, refused: None }
    }

    /// When the next attempt ends at the latest: a broker that is silent must not use up the whole time.
    pub(super) fn attempt_deadline(&self) -> Instant {
        self.deadline.min(Instant::now() + self.cluster.config.request_timeout)
    }

    /// The time that is left, for those who wait on our behalf.
    pub(super) fn left(&self) -> Duration {
        self.attempt_deadline().saturating_duration_since(Instant::now())
    }

    /// Waits until another attempt is due.
    ///
    /// # Errors
    /// The error of the last attempt, where another one does not help or comes too late; of the last that was answered, where it was not in time.
    pub(super) async fn again(&mut self, error: ClientError) -> Result<(), ClientError> {
        let may_appear = self.started.elapsed() < self.cluster.config.topic_metadata_propagation_max;
        let missing = matches!(error.code(), Some(UNKNOWN_TOPIC_OR_PARTITION | UNKNOWN_TOPIC_ID));
        if !error.is_retriable() || (missing && !may_appear) {
            return Err(error);
        }
        self.failures = self.failures.saturating_add(1);
        let delay = self.cluster.retry().delay(self.failures);
        if Instant::now() + delay >= self.deadline {
            return Err(match (error, self.refused.take()) {
                (ClientError::Timeout, Some(refused)) => refused,
                (error, _) => error,
            });
        }
        if matches!(error, ClientError::Refused { .. }) {
            self.refused = Some(error.clone());
        }
        tracing::debug!(%error, "trying again in {delay:?}");
        sleep(delay).await;
        Ok(())
    }

    /// As [`again`](Self::again), and asks who leads and controls what, since the answer may lie there.
    ///
    /// # Errors
    /// As [`again`](Self::again); also where nobody will ever say.
    pub(super) async fn again_elsewhere(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.again(error).await?;
        match timeout_at(self.deadline, self.cluster.refresh()).await {
            Ok(Err(error)) if !error.is_retriable() => Err(error),
            // What is known may still do; the next attempt tells.
            _ => Ok(()),
        }
    }

    /// Waits for a first answer to who leads and controls what.
    ///
    /// # Errors
    /// Those of reaching a broker in time.
    pub(super) async fn refresh(&mut self) -> Result<(), ClientError> {
        loop {
            match timeout_at(self.attempt_deadline(), self.cluster.refresh()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => self.again(error).await?,
                Err(_elapsed) => self.again(ClientError::Timeout).await?,
            }
        }
    }

    /// Asks any broker.
    ///
    /// # Errors
    /// Those that do not pass in time.
    pub(super) async fn any<C: Call>(&mut self, call: &C) -> Result<C::Answer, ClientError> {
        loop {
            match self.cluster.call_any(call, self.attempt_deadline()).await {
                Err(error) => self.again(error).await?,
                answer => return answer,
            }
        }
    }

    /// Asks the controller.
    ///
    /// # Errors
    /// Those that do not pass in time.
    pub(super) async fn controller<C: Call>(&mut self, call: &C) -> Result<C::Answer, ClientError> {
        loop {
            match self.cluster.call_controller(call, self.attempt_deadline()).await {
                Err(error) => self.again_elsewhere(error).await?,
                answer => return answer,
            }
        }
    }

    /// Looks again and again, quickly at first, until there is something to see.
    ///
    /// # Errors
    /// Those of looking; [`ClientError::Refused`] with the code of a time-out (7) and what was waited for.
    pub(super) async fn until<T>(
        &mut self,
        waiting_for: impl Fn() -> String,
        mut look: impl AsyncFnMut(&mut Self) -> Result<Option<T>, ClientError>,
    ) -> Result<T, ClientError> {
        let mut wait = FIRST_LOOK;
        loop {
            if let Some(seen) = look(self).await? {
                return Ok(seen);
            }
            if Instant::now() + wait >= self.deadline {
                return Err(ClientError::Refused { code: REQUEST_TIMED_OUT, context: waiting_for() });
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_LOOK);
        }
    }
}

const REQUEST_TIMED_OUT: i16 = 7;
/// First and longest wait between two looks. Brokers hear of a change within milliseconds, or when they have come back.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(100);
