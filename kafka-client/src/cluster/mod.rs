//! A cluster as one client sees it: its brokers, who leads which partition, and the connections to them.
//!
//! Everything here lives on the client's [`Reactor`](crate::Reactor). A fetcher or a sender has connections of its own, since a broker
//! answers the requests of a connection one after the other and may keep a fetch waiting; what is short goes over one *control*
//! connection per broker.

mod metadata;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use kafka_protocol::protocol::StrBytes;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::backoff::{Attempts, Backoff};
use crate::calls::{Call, Coordinates, FindCoordinator};
use crate::config::{Address, ClientConfig};
use crate::connection::{self, Connection, Settings};
use crate::{ClientError, calls};
pub(crate) use metadata::{Leader, NoLeader};

/// The way to a cluster.
pub(crate) struct Cluster {
    pub(crate) config: ClientConfig,
    settings: Settings,
    bootstrap: Vec<Address>,
    /// Counts questions to no particular broker, so that another one is asked each time.
    turn: Cell<usize>,
    metadata: RefCell<metadata::Metadata>,
    /// Held while the cluster is being asked, so that one question serves all who wait.
    asking: Mutex<()>,
    asked: Attempts,
    /// Somebody doubts what is known.
    doubted: Notify,
    /// What is known has been renewed.
    renewed: Notify,
    /// Why brokers do not accept this client, if that is what they said last.
    refusal: RefCell<Option<ClientError>>,
    lines: RefCell<HashMap<Address, Rc<Line>>>,
}

/// What all connections to one broker have in common.
struct Line {
    attempts: Attempts,
    /// Locked while connecting.
    control: Mutex<Option<Rc<Connection>>>,
}

impl Cluster {
    /// Starts to keep itself fresh until it is dropped. Connects to no broker yet.
    pub(crate) fn start(config: ClientConfig, bootstrap: Vec<Address>) -> Rc<Self> {
        let settings = Settings {
            client_id: StrBytes::from_string(config.client_id.clone()),
            security: config.security.clone(),
            setup_timeout: config.socket_connection_setup_timeout,
            max_frame_bytes: config.max_frame_bytes,
            max_requests: config.max_pending_requests,
        };
        let cluster = Rc::new(Self {
            config,
            settings,
            bootstrap,
            turn: Cell::new(0),
            metadata: RefCell::default(),
            asking: Mutex::default(),
            asked: Attempts::new(),
            doubted: Notify::new(),
            renewed: Notify::new(),
            refusal: RefCell::default(),
            lines: RefCell::default(),
        });
        spawn_local(keep_fresh(Rc::downgrade(&cluster)));
        cluster
    }

    /// Notes that a topic is in use: what is asked for now and then includes it. A new topic is asked for soon.
    pub(crate) fn watch(&self, topic: &Rc<str>) {
        if self.metadata.borrow_mut().watch(topic, Instant::now()) {
            self.doubt();
        }
    }

    /// Who leads a partition of a topic that is [watched](Self::watch).
    ///
    /// # Errors
    /// Why that is not known; what is temporary has been, or is soon, asked for.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Result<Leader, NoLeader> {
        self.metadata.borrow().leader(topic, partition)
    }

    /// Has the cluster asked soon: a broker said or did what does not agree with what is known.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Why brokers do not accept this client, if that is what they said last: what is not known by then will hardly ever be.
    pub(crate) fn refusal(&self) -> Option<ClientError> {
        self.refusal.borrow().clone()
    }

    /// Ends when what is known is next renewed. The future must be made before looking at what is known, or news may be missed.
    pub(crate) fn renewal(&self) -> impl Future<Output = ()> + '_ {
        self.renewed.notified()
    }

    /// Asks the cluster now, unless somebody has since this was called.
    ///
    /// # Errors
    /// Where no broker answers; the next attempt waits for the back-off by itself.
    pub(crate) async fn refresh(&self) -> Result<(), ClientError> {
        let called = Instant::now();
        let _asking = self.asking.lock().await;
        if self.metadata.borrow().asked.is_some_and(|asked| asked > called) {
            return Ok(());
        }
        self.asked.wait().await;
        let asked = Instant::now();
        let oldest = asked.checked_sub(self.config.metadata_max_idle);
        let topics = self.metadata.borrow_mut().watched(oldest);
        let call = calls::Metadata { topics: Some(topics) };
        match self.call_any(&call, asked + self.config.request_timeout).await {
            Ok(answer) => {
                // A question that follows at once gains nothing: brokers hear of changes one after the other.
                self.asked.succeeded();
                self.asked.rest(self.config.retry_backoff);
                self.metadata.borrow_mut().update(answer, asked);
                self.refusal.take();
                self.renewed.notify_waiters();
                Ok(())
            }
            Err(error) => {
                if matches!(error, ClientError::Authentication(_)) {
                    self.refusal.replace(Some(error.clone()));
                }
                if let Some(delay) = self.asked.failed(self.retry()) {
                    tracing::debug!(%error, "the cluster cannot be asked for its topics; trying again in {delay:?}");
                }
                Err(error)
            }
        }
    }

    /// The wait before something is tried again that a broker was not ready for.
    pub(crate) fn retry(&self) -> Backoff {
        Backoff { first: self.config.retry_backoff, longest: self.config.retry_backoff_max }
    }

    /// Sends a request to whichever broker answers: those known, then those configured.
    ///
    /// # Errors
    /// That of the broker asked last; [`ClientError::Timeout`] at the deadline.
    pub(crate) async fn call_any<C: Call>(&self, call: &C, deadline: Instant) -> Result<C::Answer, ClientError> {
        let mut result = Err(ClientError::Disconnected);
        for address in self.candidates() {
            result = self.call(&address, call, deadline).await;
            match &result {
                Err(ClientError::Disconnected | ClientError::Malformed(_) | ClientError::UnsupportedVersion { .. }) => {
                }
                _ => break,
            }
        }
        result
    }

    fn candidates(&self) -> Vec<Address> {
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let mut known: Vec<Address> = self.metadata.borrow().brokers.values().cloned().collect();
        known.sort_unstable_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        let mut configured: Vec<_> =
            self.bootstrap.iter().filter(|address| !known.contains(address)).cloned().collect();
        for addresses in [&mut known, &mut configured] {
            if !addresses.is_empty() {
                let first = turn % addresses.len();
                addresses.rotate_left(first);
            }
        }
        known.append(&mut configured);
        known
    }

    /// Sends a request to the controller, or to a broker that passes it on.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub(crate) async fn call_controller<C: Call>(&self, call: &C, deadline: Instant) -> Result<C::Answer, ClientError> {
        if self.metadata.borrow().controller.is_none() {
            match timeout_at(deadline, self.refresh()).await {
                Ok(refreshed) => refreshed?,
                Err(_elapsed) => return Err(ClientError::Timeout),
            }
        }
        let controller = self.metadata.borrow().controller;
        match controller.and_then(|node| self.address(node)) {
            Some(address) => self.call(&address, call, deadline).await,
            None => self.call_any(call, deadline).await,
        }
    }

    /// Sends a request over the broker's control connection, once.
    ///
    /// # Errors
    /// As [`Connection::call`], or as connecting. A refusal is [`ClientError::Refused`].
    pub(crate) async fn call<C: Call>(
        &self,
        address: &Address,
        call: &C,
        deadline: Instant,
    ) -> Result<C::Answer, ClientError> {
        match timeout_at(deadline, self.control(address)).await {
            Ok(connection) => Ok(connection?.call(call, deadline).await??),
            Err(_elapsed) => Err(ClientError::Timeout),
        }
    }

    async fn control(&self, address: &Address) -> Result<Rc<Connection>, ClientError> {
        let line = self.line(address);
        let mut slot = line.control.lock().await;
        let rested = |connection: &Connection| {
            !connection.is_busy() && connection.last_used().elapsed() > self.config.connections_max_idle
        };
        if let Some(connection) = slot.as_ref().filter(|connection| connection.is_open() && !rested(connection)) {
            return Ok(Rc::clone(connection));
        }
        *slot = None;
        let connection = Rc::new(self.connect_on(&line, address).await?);
        Ok(Rc::clone(slot.insert(connection)))
    }

    /// Where a broker listens, as far as is known.
    pub(crate) fn address(&self, node: i32) -> Option<Address> {
        self.metadata.borrow().brokers.get(&node).cloned()
    }

    /// A connection of the caller's own to a broker. Attempts at one broker are spaced by the reconnect back-off.
    ///
    /// # Errors
    /// As [`connection::connect`].
    pub(crate) async fn connect(&self, address: &Address) -> Result<Connection, ClientError> {
        let line = self.line(address);
        self.connect_on(&line, address).await
    }

    async fn connect_on(&self, line: &Line, address: &Address) -> Result<Connection, ClientError> {
        line.attempts.wait().await;
        let connected = connection::connect(address, &self.settings).await;
        match &connected {
            Ok(_) => {
                let failures = line.attempts.succeeded();
                tracing::debug!(broker = %address, failures, "connected");
            }
            Err(error) => {
                let backoff =
                    Backoff { first: self.config.reconnect_backoff, longest: self.config.reconnect_backoff_max };
                if let Some(delay) = line.attempts.failed(backoff) {
                    tracing::debug!(broker = %address, %error, "cannot connect; trying again in {delay:?}");
                }
            }
        }
        connected
    }

    fn line(&self, address: &Address) -> Rc<Line> {
        if let Some(line) = self.lines.borrow().get(address) {
            return Rc::clone(line);
        }
        let mut lines = self.lines.borrow_mut();
        if lines.len() >= MOST_LINES {
            // Brokers that have come and gone; those in use are kept by whoever uses them.
            lines.retain(|_, line| Rc::strong_count(line) > 1);
        }
        let line = Rc::new(Line { attempts: Attempts::new(), control: Mutex::default() });
        lines.insert(address.clone(), Rc::clone(&line));
        line
    }

    /// Asks where a coordinator is, once.
    ///
    /// # Errors
    /// As [`call_any`](Self::call_any).
    pub(crate) async fn coordinator(
        &self,
        kind: Coordinates,
        key: &str,
        deadline: Instant,
    ) -> Result<Address, ClientError> {
        self.call_any(&FindCoordinator { kind, key: key.to_owned() }, deadline).await
    }
}

/// Addresses that a broker has had are forgotten above this number.
const MOST_LINES: usize = 1000;

/// Asks the cluster again when somebody doubts what is known, and when it has grown old.
async fn keep_fresh(cluster: Weak<Cluster>) {
    loop {
        let Some(strong) = cluster.upgrade() else { return };
        // The wait holds the cluster only for short spans, so that a cluster nobody uses ends.
        let age = strong.config.metadata_max_age.min(LOOK_UP);
        let due = {
            let doubted = timeout(age, strong.doubted.notified()).await.is_ok();
            let old =
                strong.metadata.borrow().asked.is_some_and(|asked| asked.elapsed() >= strong.config.metadata_max_age);
            doubted || old
        };
        if due && strong.refresh().await.is_err() {
            strong.doubt();
            sleep(strong.config.retry_backoff).await;
        }
    }
}

/// How often it is looked whether the cluster is still used.
const LOOK_UP: std::time::Duration = std::time::Duration::from_secs(1);
