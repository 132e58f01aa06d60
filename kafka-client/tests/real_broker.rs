//! The client against a real broker, whose address is in `KAFKA_BOOTSTRAP_SERVERS`.
//!
//! What is checked here is what the scripted broker takes for granted: that Kafka answers as the client's users believe.
//! Groups and topics have names of their own, so the tests may run at once and again on the same broker.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_client::consumer_protocol::{Assignment, Subscription, TopicPartitions};
use kafka_client::group::*;
use kafka_client::{ClientConfig, GroupClient};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, encode_request_header_into_buffer};

const DEADLINE: Duration = Duration::from_secs(30);

fn bootstrap_servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("set KAFKA_BOOTSTRAP_SERVERS to the host:port of a running broker to run these tests")
}

fn client(id: &str) -> GroupClient {
    GroupClient::connect(ClientConfig::new(bootstrap_servers().split(','), id)).unwrap()
}

/// A name that no other test and no earlier run has used.
fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}-{}-{nanos}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

/// An answer to come.
struct Pending<T>(mpsc::Receiver<Result<T, GroupError>>);

impl<T> Pending<T> {
    fn wait(self) -> Result<T, GroupError> {
        self.0.recv_timeout(DEADLINE).expect("an answer within 30 s")
    }
}

fn ask<T: Send + 'static>(request: impl FnOnce(Reply<T>)) -> Pending<T> {
    let (sender, receiver) = mpsc::channel();
    request(Box::new(move |result| drop(sender.send(result))));
    Pending(receiver)
}

/// One member, with a client of its own.
struct Member {
    client: GroupClient,
    identity: MemberIdentity,
    topic: String,
}

impl Member {
    fn new(name: &str, group_id: &str, topic: &str, instance: Option<&str>) -> Self {
        let identity = MemberIdentity {
            group_id: group_id.to_owned(),
            generation: -1,
            member_id: String::new(),
            group_instance_id: instance.map(str::to_owned),
        };
        Self { client: client(name), identity, topic: topic.to_owned() }
    }

    fn join_request(&self) -> JoinGroup {
        let subscription = Subscription { topics: vec![self.topic.clone()], ..Subscription::default() };
        JoinGroup {
            group_id: self.identity.group_id.clone(),
            member_id: self.identity.member_id.clone(),
            group_instance_id: self.identity.group_instance_id.clone(),
            session_timeout: Duration::from_secs(20),
            rebalance_timeout: Duration::from_secs(20),
            protocols: vec![GroupProtocol { name: "rust-test".into(), metadata: subscription.encode().unwrap() }],
            reason: Some("test".into()),
        }
    }

    /// Sends a join; the coordinator must know the member already.
    fn start_join(&self) -> Pending<JoinedGroup> {
        ask(|reply| self.client.join(self.join_request(), reply))
    }

    /// Gets a member id from the coordinator, which a new member is refused without.
    fn introduce(&mut self) {
        match self.start_join().wait() {
            Err(GroupError::MemberIdRequired(member_id)) => {
                assert!(!member_id.is_empty());
                self.identity.member_id = member_id;
            }
            other => panic!("a new member was answered {other:?}"),
        }
    }

    fn joined(&mut self, joining: Pending<JoinedGroup>) -> JoinedGroup {
        let joined = joining.wait().unwrap();
        self.identity.generation = joined.generation;
        self.identity.member_id.clone_from(&joined.member_id);
        joined
    }

    fn start_sync(&self, assignments: Vec<(String, Bytes)>) -> Pending<SyncedGroup> {
        let request = SyncGroup { member: self.identity.clone(), protocol_name: "rust-test".into(), assignments };
        ask(|reply| self.client.sync(request, reply))
    }

    fn assigned(&self, partitions: Vec<i32>) -> (String, Bytes) {
        let partitions = vec![TopicPartitions { topic: self.topic.clone(), partitions }];
        let assignment = Assignment { partitions, user_data: None };
        (self.identity.member_id.clone(), assignment.encode().unwrap())
    }

    fn heartbeat(&self) -> Result<(), GroupError> {
        let request = Heartbeat { member: self.identity.clone() };
        ask(|reply| self.client.heartbeat(request, reply)).wait()
    }

    /// Heartbeats until one is refused, as it must be when a rebalance begins.
    fn heartbeat_until_refused(&self) -> GroupError {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if let Err(error) = self.heartbeat() {
                return error;
            }
        }
        panic!("every heartbeat was accepted for {DEADLINE:?}");
    }

    fn commit_as(&self, member: MemberIdentity, partition: i32, offset: i64) -> Result<(), GroupError> {
        let topic = self.topic.clone();
        let offset =
            CommittedOffset { topic, partition, offset, leader_epoch: Some(0), metadata: format!("at {offset}") };
        let request = CommitOffsets { member, offsets: vec![offset] };
        ask(|reply| self.client.commit_offsets(request, reply)).wait()
    }

    fn commit(&self, partition: i32, offset: i64) -> Result<(), GroupError> {
        self.commit_as(self.identity.clone(), partition, offset)
    }

    fn fetch(&self, member: Option<MemberIdentity>, partitions: &[i32]) -> Result<Vec<FetchedOffset>, GroupError> {
        let partitions = partitions.iter().map(|partition| (self.topic.clone(), *partition)).collect();
        let group_id = self.identity.group_id.clone();
        let request = FetchOffsets { group_id, member, partitions, require_stable: true };
        ask(|reply| self.client.fetch_offsets(request, reply)).wait()
    }

    fn leave(&self) -> Result<(), GroupError> {
        let request = LeaveGroup { member: self.identity.clone(), reason: Some("test".into()) };
        ask(|reply| self.client.leave(request, reply)).wait()
    }
}

#[test]
fn two_members_share_a_group() {
    let topic = create_topic(2);
    let group = unique("group");
    let mut first = Member::new("first", &group, &topic, None);
    first.introduce();
    let joined = first.joined(first.start_join());
    assert_eq!((joined.generation, &joined.leader_id), (1, &joined.member_id));
    assert_eq!((joined.protocol_name.as_deref(), joined.skip_assignment), (Some("rust-test"), false));
    assert_eq!(joined.members.len(), 1);
    let synced = first.start_sync(vec![first.assigned(vec![0, 1])]).wait().unwrap();
    assert_eq!(synced.assignment, first.assigned(vec![0, 1]).1);
    first.heartbeat().unwrap();

    // The second member's join waits for the first one, which learns of it by its heartbeat.
    let mut second = Member::new("second", &group, &topic, None);
    second.introduce();
    let joining = second.start_join();
    assert_eq!(first.heartbeat_until_refused(), GroupError::RebalanceInProgress);
    // Until it joins again it may commit in the generation that ends.
    first.commit(1, 11).unwrap();
    let joined = first.joined(first.start_join());
    let second_joined = second.joined(joining);
    assert_eq!((joined.generation, second_joined.generation), (2, 2));
    assert_eq!((joined.members.len(), second_joined.members.len()), (2, 0));
    for member in &joined.members {
        assert_eq!(Subscription::decode(&member.metadata).unwrap().topics, [topic.as_str()]);
    }
    // Between joining and synchronizing, nobody may commit.
    assert_eq!(first.commit(0, 1), Err(GroupError::RebalanceInProgress));
    let waiting = second.start_sync(vec![]);
    let own = first.start_sync(vec![first.assigned(vec![0]), second.assigned(vec![1])]).wait().unwrap();
    assert_eq!(own.assignment, first.assigned(vec![0]).1);
    let assignment = Assignment::decode(&waiting.wait().unwrap().assignment).unwrap();
    assert_eq!(assignment.partitions, [TopicPartitions { topic: topic.clone(), partitions: vec![1] }]);

    // Whoever takes over finds what was committed; old generations and strangers are refused.
    let fetched = second.fetch(Some(second.identity.clone()), &[1, 0]).unwrap();
    assert_eq!((fetched[0].partition, fetched[0].offset, &*fetched[0].metadata), (1, Some(11), "at 11"));
    assert_eq!((fetched[1].partition, fetched[1].offset), (0, None));
    first.commit(0, 5).unwrap();
    second.commit(1, 12).unwrap();
    let old = MemberIdentity { generation: 1, ..first.identity.clone() };
    assert_eq!(first.commit_as(old, 0, 4), Err(GroupError::IllegalGeneration));
    let stranger = MemberIdentity { member_id: "nobody".into(), ..first.identity.clone() };
    assert_eq!(first.commit_as(stranger, 0, 4), Err(GroupError::UnknownMemberId));

    second.leave().unwrap();
    assert_eq!(second.heartbeat(), Err(GroupError::UnknownMemberId));
    assert_eq!(second.leave(), Err(GroupError::UnknownMemberId));
    assert_eq!(first.heartbeat_until_refused(), GroupError::RebalanceInProgress);
    let joined = first.joined(first.start_join());
    assert_eq!((joined.generation, joined.members.len()), (3, 1));
    first.start_sync(vec![first.assigned(vec![0, 1])]).wait().unwrap();
    let fetched = first.fetch(None, &[0, 1]).unwrap();
    assert_eq!((fetched[0].offset, fetched[1].offset), (Some(5), Some(12)));
    first.leave().unwrap();
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let topic = create_topic(1);
    let group = unique("group");
    let mut before = Member::new("before", &group, &topic, Some("instance"));
    // A static member needs no id to begin with.
    let joined = before.joined(before.start_join());
    assert_eq!((joined.generation, joined.skip_assignment), (1, false));
    assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("instance"));
    before.start_sync(vec![before.assigned(vec![0])]).wait().unwrap();
    before.heartbeat().unwrap();

    let mut after = Member::new("after", &group, &topic, Some("instance"));
    let joined = after.joined(after.start_join());
    assert_eq!((joined.generation, joined.skip_assignment), (1, true));
    assert_ne!(joined.member_id, before.identity.member_id);
    let synced = after.start_sync(vec![]).wait().unwrap();
    assert_eq!(synced.assignment, after.assigned(vec![0]).1);
    after.heartbeat().unwrap();
    assert_eq!(before.heartbeat(), Err(GroupError::FencedInstanceId));
    after.commit(0, 3).unwrap();
    after.leave().unwrap();
}

#[test]
fn nothing_committed_is_no_offset() {
    let topic = create_topic(2);
    let member = Member::new("reader", &unique("group"), &topic, None);
    let fetched = member.fetch(None, &[1, 0]).unwrap();
    let fetched: Vec<_> = fetched.iter().map(|offset| (offset.partition, offset.offset, &*offset.metadata)).collect();
    assert_eq!(fetched, [(1, None, ""), (0, None, "")]);
    // Without members anyone may commit.
    let nobody = MemberIdentity { generation: -1, ..member.identity.clone() };
    member.commit_as(nobody, 0, 9).unwrap();
    let fetched = member.fetch(None, &[0]).unwrap();
    assert_eq!((fetched[0].offset, fetched[0].leader_epoch), (Some(9), Some(0)));
}

#[test]
fn members_that_cannot_be_admitted_are_told_why() {
    let topic = create_topic(1);
    let group = unique("group");
    let mut member = Member::new("member", &group, &topic, None);
    let request = JoinGroup { session_timeout: Duration::from_millis(10), ..member.join_request() };
    assert_eq!(ask(|reply| member.client.join(request, reply)).wait(), Err(GroupError::InvalidSessionTimeout));
    assert_eq!(member.heartbeat(), Err(GroupError::UnknownMemberId));

    member.introduce();
    member.joined(member.start_join());
    member.start_sync(vec![member.assigned(vec![0])]).wait().unwrap();
    let mut other = Member::new("other", &group, &topic, None);
    other.introduce();
    let mut request = other.join_request();
    request.protocols[0].name = "another-assignor".into();
    assert_eq!(ask(|reply| other.client.join(request, reply)).wait(), Err(GroupError::InconsistentProtocol));
    member.leave().unwrap();

    let nameless = Member::new("nameless", "", &topic, None);
    let error = nameless.start_join().wait().unwrap_err();
    assert!(matches!(&error, GroupError::Other { code: 24, .. }), "{error}");
}

#[test]
fn a_commit_to_no_topic_names_the_partition() {
    let topic = unique("missing");
    let member = Member::new("member", &unique("group"), &topic, None);
    let error = member.commit(3, 1).unwrap_err();
    assert!(matches!(&error, GroupError::Other { code: 3, .. }), "{error}");
    assert!(error.to_string().contains(&format!("{topic}-3")), "{error}");
}

/// Creates a topic and waits until a commit to it is accepted, that is, until the broker knows it.
fn create_topic(partitions: i32) -> String {
    const VERSION: i16 = 5;
    let name = unique("topic");
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(name.clone())))
        .with_num_partitions(partitions)
        .with_replication_factor(-1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(20_000);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::CreateTopics as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some("test".into()));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    encode_request_header_into_buffer(&mut frame, &header).unwrap();
    request.encode(&mut frame, VERSION).unwrap();
    let length = frame.len() as u32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());

    let servers = bootstrap_servers();
    let mut stream = TcpStream::connect(servers.split(',').next().unwrap()).expect("the broker can be reached");
    stream.write_all(&frame).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, 1).unwrap();
    let answer = CreateTopicsResponse::decode(&mut answer, VERSION).unwrap();
    assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);

    let probe = Member::new("probe", &unique("probe"), &name, None);
    let deadline = Instant::now() + DEADLINE;
    while probe.commit(partitions - 1, 0).is_err() {
        assert!(Instant::now() < deadline, "the broker does not know the topic it created");
    }
    name
}
