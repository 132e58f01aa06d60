//! The two directions of a connection, and what its users share with them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::ClientError;
use crate::config::Address;
use crate::security::failure;
use crate::wire::read_frame;

type Waiting = (i32, oneshot::Sender<Bytes>);

/// What the users of a connection and its driver share; all on one thread.
pub(super) struct Shared {
    /// Requests without an answer, oldest first: a broker answers in the order of the requests.
    waiting: RefCell<VecDeque<Waiting>>,
    /// Why the connection is closed; none while it is open.
    closed: RefCell<Option<ClientError>>,
    close_requested: Notify,
    correlation: Cell<i32>,
    last_used: Cell<Instant>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            waiting: RefCell::default(),
            closed: RefCell::default(),
            close_requested: Notify::new(),
            correlation: Cell::new(0),
            last_used: Cell::new(Instant::now()),
        }
    }

    pub(super) fn next_correlation(&self) -> i32 {
        let correlation = self.correlation.get();
        self.correlation.set(correlation.wrapping_add(1));
        correlation
    }

    pub(super) fn is_open(&self) -> bool {
        self.closed.borrow().is_none()
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    pub(super) fn last_used(&self) -> Instant {
        self.last_used.get()
    }

    pub(super) fn reason(&self) -> ClientError {
        self.closed.borrow().clone().unwrap_or(ClientError::Disconnected)
    }

    pub(super) fn enqueue(&self, correlation: i32, answer: oneshot::Sender<Bytes>) -> Result<(), ClientError> {
        if let Some(reason) = &*self.closed.borrow() {
            return Err(reason.clone());
        }
        self.waiting.borrow_mut().push_back((correlation, answer));
        self.last_used.set(Instant::now());
        Ok(())
    }

    /// Closes the connection; the first reason stays. Whoever waits for an answer learns it.
    pub(super) fn close(&self, reason: ClientError) {
        self.closed.borrow_mut().get_or_insert(reason);
        self.waiting.borrow_mut().clear();
        self.close_requested.notify_one();
    }

    fn answer(&self, mut frame: Bytes) -> io::Result<()> {
        self.last_used.set(Instant::now());
        let correlation = frame.try_get_i32().map_err(|_| malformed("an answer without a correlation id"))?;
        let oldest = self.waiting.borrow_mut().pop_front();
        let (expected, answer) = oldest.ok_or_else(|| malformed("an answer to no request"))?;
        if expected != correlation {
            return Err(malformed(&format!("an answer to request {correlation} instead of {expected}")));
        }
        // Nobody may be waiting for it any more.
        let _ = answer.send(frame);
        Ok(())
    }
}

fn malformed(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Moves frames in both directions until the connection breaks, is closed, or has no more users.
pub(super) async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut outgoing: mpsc::Receiver<Bytes>,
    shared: Rc<Shared>,
    address: Address,
    max_frame_bytes: usize,
) {
    let (mut read, mut write) = tokio::io::split(stream);
    let receive = async {
        loop {
            match read_frame(&mut read, max_frame_bytes).await.and_then(|frame| shared.answer(frame)) {
                Ok(()) => {}
                Err(error) => return Some(error),
            }
        }
    };
    let send = async {
        while let Some(frame) = outgoing.recv().await {
            // An encrypted stream may hold back what was written until it is flushed.
            let written = async {
                write.write_all(&frame).await?;
                write.flush().await
            };
            if let Err(error) = written.await {
                return Some(error);
            }
        }
        None
    };
    let ended = tokio::select! {
        error = receive => error,
        error = send => error,
        () = shared.close_requested.notified() => None,
    };
    let refused = ended.as_ref().and_then(|error| failure(error, &address));
    let reason = match ended {
        _ if refused.is_some() => refused.unwrap_or(ClientError::Disconnected),
        Some(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!(broker = %address, %error, "closing a connection that does not follow the protocol");
            ClientError::Malformed(format!("from {address}: {error}"))
        }
        Some(error) => {
            tracing::debug!(broker = %address, %error, "connection lost");
            ClientError::Disconnected
        }
        None => ClientError::Disconnected,
    };
    shared.close(reason);
}
