//! A network between clients and a broker that does what networks do.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::chance::Chance;
use crate::faults::{Action, Faults};
use crate::frames::{Requests, read};

const HOST: &str = "127.0.0.1";

/// Listens, and passes frames on to one broker, which clients find at no other address. Ends when it is dropped.
pub struct Proxy {
    port: u16,
    faults: Arc<Mutex<Faults>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn start(broker: &str, seed: u64, mean_bytes: usize) -> Self {
        let faults = Arc::new(Mutex::new(Faults::new(seed, mean_bytes)));
        let (stop, stopped) = oneshot::channel();
        let (started, start) = sync_channel(1);
        let (broker, shared) = (broker.to_owned(), Arc::clone(&faults));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async move {
                let (listener, port) = listen_anywhere(seed).await;
                started.send(port).unwrap();
                let network = Network { broker, port, faults: shared, refused: Cell::default(), all: Notify::new() };
                tokio::select! {
                    () = serve(Rc::new(network), listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port: start.recv().unwrap(), faults, stop: Some(stop), thread: Some(thread) }
    }

    pub fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// How many faults there were, and of which kinds.
    pub fn told(&self) -> (usize, String) {
        self.faults.lock().unwrap().told()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the proxy has failed");
        }
    }
}

struct Network {
    broker: String,
    port: u16,
    faults: Arc<Mutex<Faults>>,
    /// No connection before then.
    refused: Cell<Option<Instant>>,
    /// All connections are to end.
    all: Notify,
}

/// A port below those of outgoing connections: one of these, connecting to its own port, would meet itself while nobody listens.
async fn listen_anywhere(seed: u64) -> (TcpListener, u16) {
    let mut chance =
        Chance::new(seed ^ u64::from(std::process::id()) ^ Instant::now().into_std().elapsed().as_nanos() as u64);
    loop {
        let port = 12_000 + chance.below(8000) as u16;
        if let Ok(listener) = TcpListener::bind((HOST, port)).await {
            return (listener, port);
        }
    }
}

async fn serve(network: Rc<Network>, listener: TcpListener) {
    let mut listening = Some(listener);
    loop {
        let listener = match listening.take() {
            Some(listener) => listener,
            None => TcpListener::bind((HOST, network.port)).await.expect("the port is still ours"),
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        spawn_local(connection(Rc::clone(&network), client));
                    }
                }
                () = network.all.notified() => break,
            }
        }
        drop(listener);
        if let Some(until) = network.refused.take() {
            sleep_until(until).await;
        }
    }
}

/// How a connection ends.
enum End {
    Closed,
    Reset,
    Late(Bytes, Duration),
}

async fn connection(network: Rc<Network>, mut client: TcpStream) {
    // A broker that is down: the client finds its connection closed.
    let Ok(mut broker) = TcpStream::connect(&network.broker).await else { return };
    client.set_nodelay(true).unwrap();
    broker.set_nodelay(true).unwrap();
    let end = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_broker, mut to_broker) = broker.split();
        let requests = RefCell::new(Requests::default());
        let network = &*network;
        tokio::select! {
            end = pass(network, &requests, true, &mut from_client, &mut to_broker) => end,
            end = pass(network, &requests, false, &mut from_broker, &mut to_client) => end,
            () = network.all.notified() => Ok(End::Reset),
        }
    };
    match end {
        Ok(End::Reset) => drop(client.set_zero_linger()),
        Ok(End::Late(frame, after)) => {
            drop(client);
            sleep(after).await;
            let delivered = async {
                broker.write_all(&frame).await?;
                // Its answer, or the connection's end: the broker has seen it.
                broker.read_u8().await
            };
            drop(timeout(Duration::from_secs(5), delivered).await);
        }
        Ok(End::Closed) | Err(_) => {}
    }
}

async fn pass(
    network: &Network,
    requests: &RefCell<Requests>,
    is_request: bool,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<End> {
    loop {
        let mut frame = read(from).await?;
        if is_request {
            requests.borrow_mut().note(&frame);
        } else {
            frame = requests.borrow_mut().redirect(frame, HOST, network.port);
        }
        let action = network.faults.lock().unwrap().next(is_request, frame.len());
        match action {
            Action::Pass => to.write_all(&frame).await?,
            Action::Delay(time) => {
                sleep(time).await;
                to.write_all(&frame).await?;
            }
            Action::Throttle(per_second) => {
                for piece in frame.chunks((per_second / 100).max(1)) {
                    to.write_all(piece).await?;
                    sleep(Duration::from_millis(10)).await;
                }
            }
            Action::Cut(length) => {
                to.write_all(&frame[..length]).await?;
                return Ok(End::Closed);
            }
            Action::Reset(length) => {
                to.write_all(&frame[..length]).await?;
                return Ok(End::Reset);
            }
            Action::Swallow(time) => {
                // The other direction goes on for as long.
                sleep(time).await;
                return Ok(End::Closed);
            }
            Action::Late(time) => return Ok(End::Late(frame, time)),
            Action::Refuse(time) => {
                network.refused.set(Some(Instant::now() + time));
                network.all.notify_waiters();
                return Ok(End::Reset);
            }
        }
    }
}
