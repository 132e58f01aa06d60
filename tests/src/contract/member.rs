use super::scenario::{DEADLINE, Scenario, eventually};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_client::group::{
    CommitOffsets, CommittedOffset, FetchOffsets, FetchedOffset, GroupCoordinator, GroupError, GroupProtocol,
    Heartbeat, JoinGroup, JoinedGroup, LeaveGroup, MemberIdentity, SyncGroup, SyncedGroup,
};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use streams_core::broker::Broker;

/// The assignor that the scenarios' members support.
pub const ASSIGNOR: &str = "contract";

/// An answer that may still have to come.
pub struct Answer<T>(Receiver<Result<T, GroupError>>);

impl<T> Answer<T> {
    /// Waits for it.
    ///
    /// # Panics
    /// Where it does not come in time.
    pub fn wait(self) -> Result<T, GroupError> {
        self.0.recv_timeout(DEADLINE).expect("an answer in time")
    }

    /// Whether it has come. An answer seen here is lost.
    pub fn has_come(&self) -> bool {
        self.0.try_recv().is_ok()
    }
}

/// A member of a group, driven by hand.
pub struct TestMember {
    coordinator: Arc<dyn GroupCoordinator>,
    /// Who it is; [`join`](Self::join) keeps it up to date.
    pub identity: MemberIdentity,
    /// Says something about itself: another value is other metadata.
    pub version: u8,
    /// The assignors it supports.
    pub assignors: Vec<String>,
    /// How long it may be silent.
    pub session_timeout: Duration,
    /// How long it allows the others for joining.
    pub rebalance_timeout: Duration,
}

impl TestMember {
    /// Somebody who is not yet a member of the scenario's group.
    pub fn new<B: Broker>(scenario: &Scenario<'_, B>) -> Self {
        let properties = scenario.properties(&[("client.id", "contract"), ("group.id", &scenario.id)]);
        Self {
            coordinator: scenario.broker().group_coordinator(&properties).expect("a coordinator"),
            identity: MemberIdentity {
                group_id: scenario.id.clone(),
                generation: -1,
                member_id: String::new(),
                group_instance_id: None,
            },
            version: 0,
            assignors: vec![ASSIGNOR.to_owned()],
            session_timeout: Duration::from_secs(20),
            rebalance_timeout: Duration::from_secs(20),
        }
    }

    /// The same with a static name.
    pub fn new_static<B: Broker>(scenario: &Scenario<'_, B>, instance: &str) -> Self {
        let mut member = Self::new(scenario);
        member.identity.group_instance_id = Some(instance.to_owned());
        member
    }

    /// Sends a join and does not wait.
    pub fn send_join(&self) -> Answer<JoinedGroup> {
        let protocol = |name: &String| GroupProtocol { name: name.clone(), metadata: subscription(self.version) };
        let (sender, receiver) = channel();
        let request = JoinGroup {
            group_id: self.identity.group_id.clone(),
            member_id: self.identity.member_id.clone(),
            group_instance_id: self.identity.group_instance_id.clone(),
            session_timeout: self.session_timeout,
            rebalance_timeout: self.rebalance_timeout,
            protocols: self.assignors.iter().map(protocol).collect(),
            reason: None,
        };
        self.coordinator.join(request, Box::new(move |result| drop(sender.send(result))));
        Answer(receiver)
    }

    /// Takes over the id that a first join is told.
    pub fn get_id(&mut self) {
        // A new cluster may have no coordinator yet.
        self.identity.member_id = eventually("a member id", || match self.send_join().wait() {
            Err(GroupError::MemberIdRequired(id)) => Some(id),
            Err(GroupError::Disconnected) => None,
            other => panic!("{other:?} instead of a member id"),
        });
    }

    /// Becomes what the answer to a join says.
    pub fn joined(&mut self, answer: Answer<JoinedGroup>) -> JoinedGroup {
        let joined = answer.wait().expect("the member joins");
        self.identity.generation = joined.generation;
        self.identity.member_id.clone_from(&joined.member_id);
        joined
    }

    /// Joins, and waits until the generation begins.
    pub fn join(&mut self) -> JoinedGroup {
        if self.identity.member_id.is_empty() && self.identity.group_instance_id.is_none() {
            self.get_id();
        }
        let answer = self.send_join();
        self.joined(answer)
    }

    /// Asks for the assignment and does not wait; the leader brings the assignments: each member's own id.
    pub fn send_sync(&self, joined: &JoinedGroup) -> Answer<SyncedGroup> {
        let (sender, receiver) = channel();
        let assign = |member: &kafka_client::group::GroupMember| {
            (member.member_id.clone(), assignment(member.member_id.as_bytes()))
        };
        let leads = joined.leader_id == joined.member_id && !joined.skip_assignment;
        let request = SyncGroup {
            member: self.identity.clone(),
            protocol_name: joined.protocol_name.clone().unwrap_or_default(),
            assignments: if leads { joined.members.iter().map(assign).collect() } else { Vec::new() },
        };
        self.coordinator.sync(request, Box::new(move |result| drop(sender.send(result))));
        Answer(receiver)
    }

    /// Asks for the assignment and waits.
    pub fn sync(&self, joined: &JoinedGroup) -> Result<SyncedGroup, GroupError> {
        self.send_sync(joined).wait()
    }

    /// Joins alone and gets its assignment.
    pub fn join_and_sync(&mut self) -> JoinedGroup {
        let joined = self.join();
        self.sync(&joined).expect("the member is assigned");
        joined
    }

    /// Tells that it is alive.
    pub fn heartbeat(&self) -> Result<(), GroupError> {
        let (sender, receiver) = channel();
        let request = Heartbeat { member: self.identity.clone() };
        self.coordinator.heartbeat(request, Box::new(move |result| drop(sender.send(result))));
        Answer(receiver).wait()
    }

    /// Leaves.
    pub fn leave(&self) -> Result<(), GroupError> {
        let (sender, receiver) = channel();
        let request = LeaveGroup { member: self.identity.clone(), reason: None };
        self.coordinator.leave(request, Box::new(move |result| drop(sender.send(result))));
        Answer(receiver).wait()
    }

    /// Commits an offset as it is.
    pub fn commit(&self, topic: &str, offset: i64) -> Result<(), GroupError> {
        self.commit_as(&self.identity, topic, offset)
    }

    /// Commits an offset of partition 0 as somebody else.
    pub fn commit_as(&self, identity: &MemberIdentity, topic: &str, offset: i64) -> Result<(), GroupError> {
        let (sender, receiver) = channel();
        let request = CommitOffsets { member: identity.clone(), offsets: vec![committed(topic, offset)] };
        self.coordinator.commit_offsets(request, Box::new(move |result| drop(sender.send(result))));
        Answer(receiver).wait()
    }

    /// Asks for the committed offset of partition 0 and does not wait.
    pub fn send_fetch(&self, topic: &str, require_stable: bool) -> Answer<Vec<FetchedOffset>> {
        let (sender, receiver) = channel();
        let request = FetchOffsets {
            group_id: self.identity.group_id.clone(),
            member: None,
            partitions: vec![(topic.to_owned(), 0)],
            require_stable,
        };
        self.coordinator.fetch_offsets(request, Box::new(move |result| drop(sender.send(result))));
        Answer(receiver)
    }

    /// The committed offset of partition 0.
    pub fn fetch(&self, topic: &str, require_stable: bool) -> Option<i64> {
        let mut fetched = self.send_fetch(topic, require_stable).wait().expect("offsets");
        assert_eq!(fetched.len(), 1);
        let fetched = fetched.remove(0);
        assert_eq!((fetched.topic.as_str(), fetched.partition), (topic, 0));
        fetched.offset
    }

    /// Its identity in another generation.
    pub fn in_generation(&self, generation: i32) -> MemberIdentity {
        MemberIdentity { generation, ..self.identity.clone() }
    }

    /// The identity of somebody outside of the group.
    pub fn outsider(&self) -> MemberIdentity {
        MemberIdentity { generation: -1, member_id: String::new(), ..self.identity.clone() }
    }
}

/// An offset of partition 0.
pub fn committed(topic: &str, offset: i64) -> CommittedOffset {
    CommittedOffset { topic: topic.to_owned(), partition: 0, offset, leader_epoch: None, metadata: "note".to_owned() }
}

/// A subscription as Kafka's own tools read it (ConsumerProtocol, version 1): no topics, one byte of user data.
fn subscription(version: u8) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(0);
    bytes.put_i32(1);
    bytes.put_u8(version);
    bytes.put_i32(0);
    bytes.freeze()
}

/// An assignment as Kafka's own tools read it (ConsumerProtocol, version 1): no topics, this user data.
pub fn assignment(user_data: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(0);
    bytes.put_i32(user_data.len() as i32);
    bytes.put_slice(user_data);
    bytes.freeze()
}
