//! The handle, the thread behind it, and how each request is carried out.

mod answer;
mod bootstrap;
mod coordinator;
mod requests;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_local;

use crate::config::ClientConfig;
use crate::group::{
    CommitOffsets, FetchOffsets, FetchedOffset, GroupCoordinator, Heartbeat, JoinGroup, JoinedGroup, LeaveGroup, Reply,
    SyncGroup, SyncedGroup,
};
use crate::{GroupError, Reactor};
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
    /// Ends with the last handle, and with it what is under way.
    _reactor: Reactor,
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
        let reactor = Reactor::start("kafka-client")
            .map_err(|error| GroupError::InvalidConfig(format!("cannot start the client's thread: {error}")))?;
        let (commands, mut receiver) = mpsc::channel(max_pending);
        reactor.run(move || {
            spawn_local(async move {
                let mut requests = Requests::new(config, bootstrap);
                while let Some(command) = receiver.recv().await {
                    requests.start(command);
                }
            });
        });
        let pending = Arc::new(Semaphore::new(max_pending));
        Ok(Self { handle: Arc::new(Handle { commands, pending, max_pending, _reactor: reactor }) })
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
