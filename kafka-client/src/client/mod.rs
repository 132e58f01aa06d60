//! The handle, the thread behind it, and how each request is carried out.

mod answer;
mod bootstrap;
mod coordinator;
mod requests;

use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;

use crate::GroupError;
use crate::config::{Address, ClientConfig};
use crate::group::{
    CommitOffsets, FetchOffsets, FetchedOffset, GroupCoordinator, Heartbeat, JoinGroup, JoinedGroup, LeaveGroup, Reply,
    SyncGroup, SyncedGroup,
};
use answer::Answer;
use requests::Requests;

/// A connection to Kafka for group membership; a cheap handle that can be cloned and used from any thread.
///
/// One thread named `kafka-client` owns all sockets. It finds each group's coordinator and holds two connections to it: one
/// for joining and synchronizing, which a broker may keep waiting, and one for everything else. Replies run on that thread.
/// When the last handle is dropped the thread ends, and requests without an answer are answered with [`GroupError::Closed`];
/// dropping does not wait for that.
///
/// A client serves one member of each group: two members of one group would wait for each other's joins on the one connection
/// that joins have.
///
/// Heartbeats, commits and reads of offsets are repeated until the request timeout while the coordinator moves, loads or
/// cannot be reached. Attempts to reach it are spaced by the reconnect back-off, for joins too, so that a caller may repeat a
/// join at once.
#[derive(Debug, Clone)]
pub struct GroupClient {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    commands: mpsc::Sender<Command>,
    /// One permit for each request without an answer; `commands` has room for as many.
    pending: Arc<Semaphore>,
    max_pending: usize,
}

/// A request on its way to the client's thread, with where its answer goes.
enum Command {
    Join(JoinGroup, Answer<JoinedGroup>),
    Sync(SyncGroup, Answer<SyncedGroup>),
    Heartbeat(Heartbeat, Answer<()>),
    Leave(LeaveGroup, Answer<()>),
    CommitOffsets(CommitOffsets, Answer<()>),
    FetchOffsets(FetchOffsets, Answer<Vec<FetchedOffset>>),
}

impl GroupClient {
    /// Starts the client's thread. Connects to no broker yet: brokers that are down are waited for by each request.
    ///
    /// # Errors
    /// [`GroupError::InvalidConfig`] with everything that is wrong, or if no thread can be started.
    pub fn connect(config: ClientConfig) -> Result<Self, GroupError> {
        let bootstrap = config.validate()?;
        let max_pending = config.max_pending_requests;
        let (commands, receiver) = mpsc::channel(max_pending);
        let (started, start) = std::sync::mpsc::sync_channel(1);
        let failed = |error| GroupError::InvalidConfig(format!("cannot start the client's thread: {error}"));
        // The runtime is made where it ends: it must not be dropped inside another one, from which this may be called.
        thread::Builder::new()
            .name("kafka-client".to_owned())
            .spawn(move || match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    drop(started.send(Ok(())));
                    run(runtime, config, bootstrap, receiver);
                }
                Err(error) => drop(started.send(Err(error))),
            })
            .and_then(|_thread| start.recv().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into())))
            .map_err(failed)?;
        let pending = Arc::new(Semaphore::new(max_pending));
        Ok(Self { handle: Arc::new(Handle { commands, pending, max_pending }) })
    }

    fn send<T>(&self, reply: Reply<T>, command: impl FnOnce(Answer<T>) -> Command) {
        let Ok(permit) = Arc::clone(&self.handle.pending).try_acquire_owned() else {
            return reply(Err(GroupError::Overloaded(self.handle.max_pending)));
        };
        // There is room, since a permit was free; if the thread is gone, dropping the command answers it.
        let _ = self.handle.commands.try_send(command(Answer::new(reply, permit)));
    }
}

impl GroupCoordinator for GroupClient {
    fn join(&self, request: JoinGroup, reply: Reply<JoinedGroup>) {
        self.send(reply, |answer| Command::Join(request, answer));
    }

    fn sync(&self, request: SyncGroup, reply: Reply<SyncedGroup>) {
        self.send(reply, |answer| Command::Sync(request, answer));
    }

    fn heartbeat(&self, request: Heartbeat, reply: Reply<()>) {
        self.send(reply, |answer| Command::Heartbeat(request, answer));
    }

    fn leave(&self, request: LeaveGroup, reply: Reply<()>) {
        self.send(reply, |answer| Command::Leave(request, answer));
    }

    fn commit_offsets(&self, request: CommitOffsets, reply: Reply<()>) {
        self.send(reply, |answer| Command::CommitOffsets(request, answer));
    }

    fn fetch_offsets(&self, request: FetchOffsets, reply: Reply<Vec<FetchedOffset>>) {
        self.send(reply, |answer| Command::FetchOffsets(request, answer));
    }
}

/// The client's thread: carries out commands until no handle is left.
fn run(
    runtime: runtime::Runtime,
    config: ClientConfig,
    bootstrap: Vec<Address>,
    mut commands: mpsc::Receiver<Command>,
) {
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let mut requests = Requests::new(config, bootstrap);
        while let Some(command) = commands.recv().await {
            requests.start(command);
        }
    });
    // Dropping what is under way answers it.
    drop(tasks);
    // A name being resolved cannot be interrupted, and nobody needs it any more.
    runtime.shutdown_background();
}
