use super::threads::lock;
use crate::error::StreamsError;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The state of an instance, with Kafka Streams' names and transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made, not started.
    Created,
    /// Joining the group, or tasks are being taken over and restored. Tasks that are ready are processing meanwhile.
    Rebalancing,
    /// All assigned tasks are processing.
    Running,
    /// Closing.
    PendingShutdown,
    /// Closed.
    NotRunning,
    /// Closing after an error.
    PendingError,
    /// Closed after an error.
    Error,
}

impl State {
    /// Whether the instance has been closed, with or without error: nothing happens any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::NotRunning | Self::Error)
    }

    /// Whether it is closing or closed.
    pub fn is_ending(self) -> bool {
        self.has_ended() || matches!(self, Self::PendingShutdown | Self::PendingError)
    }

    fn may_become(self, next: State) -> bool {
        use State::*;
        match self {
            Created => matches!(next, Rebalancing | PendingShutdown | NotRunning),
            Rebalancing => matches!(next, Running | PendingShutdown | PendingError),
            Running => matches!(next, Rebalancing | PendingShutdown | PendingError),
            PendingShutdown => matches!(next, NotRunning | PendingError),
            PendingError => matches!(next, Error),
            NotRunning | Error => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::PendingError => "PENDING_ERROR",
            Self::Error => "ERROR",
        })
    }
}

/// What to do when an error has ended a stream thread (KIP-671).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UncaughtExceptionResponse {
    /// Start another thread in its place; its tasks go on from their last commit.
    ReplaceThread,
    /// Close this instance, which ends in [`State::Error`]. The default.
    ShutdownClient,
    /// Close every instance of the application.
    ShutdownApplication,
}

type StateListener = Arc<dyn Fn(State, State) + Send + Sync>;
type ExceptionHandler = Arc<dyn Fn(&StreamsError) -> UncaughtExceptionResponse + Send + Sync>;

/// The state with those who wait for it or listen to it.
pub(crate) struct Lifecycle {
    state: Mutex<State>,
    changed: Condvar,
    listener: Mutex<Option<StateListener>>,
    handler: Mutex<Option<ExceptionHandler>>,
    error: Mutex<Option<String>>,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State::Created),
            changed: Condvar::new(),
            listener: Mutex::default(),
            handler: Mutex::default(),
            error: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        *lock(&self.state)
    }

    /// Goes to `next` where that is allowed, and tells the listener; says whether it did.
    pub(crate) fn transit(&self, next: State) -> bool {
        let former = {
            let mut state = lock(&self.state);
            if *state == next || !state.may_become(next) {
                return false;
            }
            std::mem::replace(&mut *state, next)
        };
        tracing::info!("state changed from {former} to {next}");
        let listener = lock(&self.listener).clone();
        if let Some(listener) = listener {
            listener(next, former);
        }
        // Last: who waits for the end may end the process.
        self.changed.notify_all();
        true
    }

    /// Waits until `condition` holds for the state; says whether it came to that within `timeout`.
    pub(crate) fn wait(&self, timeout: Duration, condition: impl Fn(State) -> bool) -> bool {
        let started = Instant::now();
        let mut state = lock(&self.state);
        while !condition(*state) {
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return false;
            }
            // As long as a system can wait: `timeout` may be without end.
            let left = left.min(Duration::from_secs(3600));
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(crate) fn set_listener(&self, listener: StateListener) {
        *lock(&self.listener) = Some(listener);
    }

    pub(crate) fn set_handler(&self, handler: ExceptionHandler) {
        *lock(&self.handler) = Some(handler);
    }

    /// Asks the user's handler about the error that ended a thread.
    pub(crate) fn uncaught(&self, error: &StreamsError) -> UncaughtExceptionResponse {
        tracing::error!("{error}");
        *lock(&self.error) = Some(error.to_string());
        let handler = lock(&self.handler).clone();
        handler.map_or(UncaughtExceptionResponse::ShutdownClient, |handler| handler(error))
    }

    /// The message of the last error that ended a thread.
    pub(crate) fn last_error(&self) -> Option<String> {
        lock(&self.error).clone()
    }
}
