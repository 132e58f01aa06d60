use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::ProducerConfig;
use super::open::Open;
use super::queue::Queue;

/// Says whether anything may be sent now.
pub(super) type Gate = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the handle and the reactor share. Locks are taken in the order of the fields, and no one waits for a broker with one.
pub(super) struct Shared {
    /// Locked by the handle for a whole run of records; by the reactor only for batches that have lingered.
    open: Mutex<Open>,
    /// Locked for moments.
    queue: Mutex<Queue>,
    /// Bytes in the queue.
    pub(super) used: Arc<AtomicUsize>,
    /// Something was told: there may be room, or nothing outstanding.
    told: Condvar,
    /// There is something to do for the sender.
    pub(super) wake: Notify,
    pub(super) linger: Duration,
    /// The same while the caller has nothing to do.
    pub(super) linger_idle: Duration,
    /// The caller has nothing to do.
    idle: AtomicBool,
    /// Says whether anything may be sent.
    gate: Mutex<Option<Gate>>,
    started: Instant,
    /// When the oldest open batch was opened, in microseconds since the start.
    oldest_open: AtomicU64,
}

impl Shared {
    pub(super) fn new(open: Open, queue: Queue, used: Arc<AtomicUsize>, config: &ProducerConfig) -> Self {
        Self {
            open: Mutex::new(open),
            queue: Mutex::new(queue),
            used,
            told: Condvar::new(),
            wake: Notify::new(),
            linger: config.linger,
            linger_idle: config.linger_idle.min(config.linger),
            idle: AtomicBool::new(false),
            gate: Mutex::default(),
            started: Instant::now(),
            oldest_open: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(gate);
    }

    /// Whether anything may be sent now.
    pub(super) fn may_send(&self) -> bool {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner).clone();
        gate.is_none_or(|gate| gate())
    }

    /// A panic of the caller's leaves batches whole, since it can only happen between two records.
    pub(super) fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn try_open(&self) -> Option<MutexGuard<'_, Open>> {
        match self.open.try_lock() {
            Ok(open) => Some(open),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for something told.
    pub(super) fn tell(&self) {
        self.told.notify_all();
    }

    /// Waits until the queue is as wished; says whether that came in time.
    pub(super) fn wait_until(&self, deadline: Instant, mut wish: impl FnMut(&Queue) -> bool) -> bool {
        let mut queue = self.queue();
        while !wish(&queue) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue = self.told.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Has the sender come by when the oldest open batch has lingered.
    pub(super) fn opened(&self, oldest: Instant) {
        self.set_oldest_open(Some(oldest));
        self.wake.notify_one();
    }

    pub(super) fn set_oldest_open(&self, oldest: Option<Instant>) {
        let micros = oldest.map(|oldest| oldest.saturating_duration_since(self.started).as_micros());
        let micros = micros.map_or(u64::MAX, |micros| u64::try_from(micros).unwrap_or(u64::MAX - 1));
        self.oldest_open.store(micros, Ordering::Release);
    }

    /// When the oldest open batch was opened, if there may be one.
    pub(super) fn oldest_open(&self) -> Option<Instant> {
        let micros = self.oldest_open.load(Ordering::Acquire);
        (micros != u64::MAX).then(|| self.started + Duration::from_micros(micros))
    }

    /// Notes whether the caller has anything to do. The sender need only be told of what makes it come by earlier.
    pub(super) fn set_idle(&self, idle: bool) {
        let news = self.idle.swap(idle, Ordering::SeqCst) != idle;
        if news && idle && self.oldest_open().is_some() {
            self.wake.notify_one();
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.idle.load(Ordering::SeqCst)
    }
}
