//! A broker that does what a test says, one connection per thread, speaking frames with the reference codec.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_client::group::*;
use kafka_client::{ClientConfig, GroupClient};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};

/// A request as the broker got it.
pub struct Received {
    /// Counts connections to this broker, from 0.
    pub connection: usize,
    pub key: ApiKey,
    pub version: i16,
    pub correlation: i32,
    pub body: Bytes,
}

impl Received {
    pub fn read<R: Decodable>(&self) -> R {
        R::decode(&mut self.body.clone(), self.version).expect("the client's request is well-formed")
    }
}

/// What the broker does with a request.
pub enum Step {
    /// Answers with this body.
    Answer(Bytes),
    /// Sends these bytes as they are, without length or header.
    Raw(Vec<u8>),
    /// Sends the first bytes of an answer and closes.
    Cut(Bytes, usize),
    /// Never answers.
    Silence,
    Close,
}

/// An answer with this message.
pub fn answer(received: &Received, message: &impl Encodable) -> Option<Step> {
    let mut body = BytesMut::new();
    message.encode(&mut body, received.version).expect("the test's answer is well-formed");
    Some(Step::Answer(body.freeze()))
}

type Script = dyn Fn(&Received) -> Option<Step> + Send + Sync;

pub struct Broker {
    pub port: u16,
    pub accepted: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    acceptor: Option<thread::JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker on a free port. Where the script says nothing it answers as an only broker does to which all is well.
    pub fn start(script: impl Fn(&Received) -> Option<Step> + Send + Sync + 'static) -> Self {
        Self::start_on(0, script)
    }

    /// Starts a broker whose script is told the port.
    pub fn start_with_port(script: impl Fn(&Received, u16) -> Option<Step> + Send + Sync + 'static) -> Self {
        let port = Arc::new(AtomicUsize::new(0));
        let known = Arc::clone(&port);
        let broker = Self::start(move |received| {
            // The first request may be here before the port is noted.
            let port = loop {
                match known.load(Ordering::SeqCst) {
                    0 => thread::yield_now(),
                    port => break port,
                }
            };
            script(received, port as u16)
        });
        port.store(usize::from(broker.port), Ordering::SeqCst);
        broker
    }

    pub fn start_on(port: u16, script: impl Fn(&Received) -> Option<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (accepted, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let acceptor = {
            let (accepted, stopped, streams) = (Arc::clone(&accepted), Arc::clone(&stopped), Arc::clone(&streams));
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        break;
                    }
                    let stream = stream.unwrap();
                    let connection = accepted.fetch_add(1, Ordering::SeqCst);
                    streams.lock().unwrap().push(stream.try_clone().unwrap());
                    let script = Arc::clone(&script);
                    thread::spawn(move || serve(stream, connection, port, &*script));
                }
            })
        };
        Self { port, accepted, stopped, streams, acceptor: Some(acceptor) }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.acceptor.take().unwrap().join().unwrap();
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn serve(mut stream: TcpStream, connection: usize, port: u16, script: &Script) {
    while let Some(received) = receive(&mut stream, connection) {
        let step = script(&received).or_else(|| by_default(&received, port)).expect("the script answers this request");
        let frame = |body: &Bytes| {
            let mut payload = received.correlation.to_be_bytes().to_vec();
            // The header of an answer ends with tags, but for ApiVersions.
            if received.key != ApiKey::ApiVersions {
                payload.push(0);
            }
            payload.extend_from_slice(body);
            [&(payload.len() as u32).to_be_bytes()[..], &payload].concat()
        };
        let sent = match step {
            Step::Answer(body) => stream.write_all(&frame(&body)),
            Step::Raw(bytes) => stream.write_all(&bytes),
            Step::Cut(body, length) => {
                let _ = stream.write_all(&frame(&body)[..length]);
                break;
            }
            Step::Silence => Ok(()),
            Step::Close => break,
        };
        if sent.is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn receive(stream: &mut TcpStream, connection: usize) -> Option<Received> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    let mut body = Bytes::from(frame);
    let header = decode_request_header_from_buffer(&mut body).expect("the client's header is well-formed");
    let key = ApiKey::try_from(header.request_api_key).expect("a known request");
    Some(Received { connection, key, version: header.request_api_version, correlation: header.correlation_id, body })
}

fn by_default(received: &Received, port: u16) -> Option<Step> {
    match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[])),
        ApiKey::FindCoordinator => answer(received, &coordinator_at(port)),
        ApiKey::JoinGroup => answer(received, &JoinGroupResponse::default().with_member_id("m".into())),
        ApiKey::SyncGroup => answer(received, &SyncGroupResponse::default()),
        ApiKey::Heartbeat => answer(received, &HeartbeatResponse::default()),
        ApiKey::LeaveGroup => answer(received, &LeaveGroupResponse::default()),
        ApiKey::OffsetCommit => answer(received, &OffsetCommitResponse::default()),
        _ => None,
    }
}

/// The versions of Kafka 4.3, except for those given as (key, min, max).
pub fn versions(instead: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
    let usual = [
        (ApiKey::OffsetCommit, 2, 10),
        (ApiKey::OffsetFetch, 1, 10),
        (ApiKey::FindCoordinator, 0, 6),
        (ApiKey::JoinGroup, 0, 9),
        (ApiKey::Heartbeat, 0, 4),
        (ApiKey::LeaveGroup, 0, 5),
        (ApiKey::SyncGroup, 0, 5),
    ];
    let other = usual.iter().filter(|(key, ..)| instead.iter().all(|(changed, ..)| changed != key));
    let keys = other.chain(instead).map(|(key, min, max)| {
        ApiVersion::default().with_api_key(*key as i16).with_min_version(*min).with_max_version(*max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.collect())
}

pub fn coordinator_at(port: u16) -> FindCoordinatorResponse {
    let host = StrBytes::from_static_str("127.0.0.1");
    let coordinator = Coordinator::default().with_key("g".into()).with_host(host).with_port(i32::from(port));
    FindCoordinatorResponse::default().with_coordinators(vec![coordinator])
}

/// A client with short waits.
pub fn config(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new([broker.address()], "test");
    config.request_timeout = Duration::from_secs(20);
    config.reconnect_backoff = Duration::from_millis(5);
    config.retry_backoff = Duration::from_millis(5);
    config.reconnect_backoff_max = Duration::from_millis(50);
    config.retry_backoff_max = Duration::from_millis(50);
    config
}

pub fn client(broker: &Broker) -> GroupClient {
    GroupClient::connect(config(broker)).unwrap()
}

/// An answer to come.
pub struct Pending<T>(mpsc::Receiver<Result<T, GroupError>>);

impl<T> Pending<T> {
    pub fn wait(self) -> Result<T, GroupError> {
        let result = self.0.recv_timeout(Duration::from_secs(30)).expect("an answer within 30 s");
        assert!(self.0.recv().is_err(), "answered once");
        result
    }
}

/// Makes a request whose answer can be waited for.
pub fn ask<T: Send + 'static>(request: impl FnOnce(Reply<T>)) -> Pending<T> {
    let (sender, receiver) = mpsc::channel();
    request(Box::new(move |result| drop(sender.send(result))));
    Pending(receiver)
}

pub fn member() -> MemberIdentity {
    MemberIdentity { group_id: "g".into(), generation: 1, member_id: "m".into(), group_instance_id: None }
}

pub fn join_request() -> JoinGroup {
    JoinGroup {
        group_id: "g".into(),
        member_id: "m".into(),
        group_instance_id: None,
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(10),
        protocols: vec![],
        reason: None,
    }
}

pub fn join(client: &GroupClient) -> Pending<JoinedGroup> {
    ask(|reply| client.join(join_request(), reply))
}

pub fn heartbeat(client: &GroupClient) -> Pending<()> {
    ask(|reply| client.heartbeat(Heartbeat { member: member() }, reply))
}

pub fn fetch(client: &GroupClient, require_stable: bool) -> Pending<Vec<FetchedOffset>> {
    let request =
        FetchOffsets { group_id: "g".into(), member: None, partitions: vec![("t".into(), 0)], require_stable };
    ask(|reply| client.fetch_offsets(request, reply))
}

/// Lets the first `count` requests of a kind be told apart from the later ones.
pub struct First(AtomicUsize);

impl First {
    pub fn new(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }

    pub fn take(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

pub fn refused_heartbeat(received: &Received, code: i16) -> Option<Step> {
    answer(received, &HeartbeatResponse::default().with_error_code(code))
}
