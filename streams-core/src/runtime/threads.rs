//! What threads begin with, and how they share values.

use crate::error::StreamsError;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// Starts a thread of this name.
pub(super) fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StreamsError> {
    let thread = std::thread::Builder::new().name(name.clone()).spawn(work);
    thread.map_err(|error| StreamsError::InvalidState(format!("cannot start thread {name}: {error}")))
}

/// A panic elsewhere leaves these values whole: each is replaced in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
