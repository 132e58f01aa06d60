//! Which connection and which broker a request goes to.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use kafka_client::group::{CommitOffsets, GroupCoordinator, Heartbeat, LeaveGroup, MemberIdentity, SyncGroup};
use kafka_client::{GroupClient, GroupError};
use kafka_protocol::messages::{ApiKey, HeartbeatRequest, JoinGroupResponse};

use crate::support::*;

#[test]
fn joins_have_a_connection_of_their_own() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let broker = Broker::start(move |received| {
        log.lock().unwrap().push((received.key, received.connection));
        None
    });
    let client = client(&broker);
    assert_eq!(join(&client).wait().unwrap().member_id, "m");
    let sync = SyncGroup { member: member(), protocol_name: "p".into(), assignments: vec![] };
    ask(|reply| client.sync(sync, reply)).wait().unwrap();
    heartbeat(&client).wait().unwrap();
    let commit = CommitOffsets { member: member(), offsets: vec![] };
    ask(|reply| client.commit_offsets(commit, reply)).wait().unwrap();
    ask(|reply| client.leave(LeaveGroup { member: member(), reason: None }, reply)).wait().unwrap();
    // Connection 0 looked for the coordinator.
    let seen = seen.lock().unwrap();
    let of = |key| seen.iter().filter(|(seen, _)| *seen == key).map(|(_, connection)| *connection).collect::<Vec<_>>();
    assert_eq!((of(ApiKey::JoinGroup), of(ApiKey::SyncGroup)), (vec![1], vec![1]));
    assert_eq!((of(ApiKey::Heartbeat), of(ApiKey::OffsetCommit), of(ApiKey::LeaveGroup)), (vec![2], vec![2], vec![2]));
    assert_eq!((of(ApiKey::FindCoordinator), of(ApiKey::ApiVersions)), (vec![0], vec![0, 1, 2]));
}

#[test]
fn a_moved_coordinator_is_found_anew() {
    let new = Broker::start(|_| None);
    let (new_port, new_accepted) = (new.port, Arc::clone(&new.accepted));
    let moved = First::new(1);
    let old = Broker::start(move |received| match received.key {
        ApiKey::FindCoordinator if !moved.take() => answer(received, &coordinator_at(new_port)),
        ApiKey::Heartbeat => refused_heartbeat(received, 16),
        _ => None,
    });
    let client = client(&old);
    heartbeat(&client).wait().unwrap();
    join(&client).wait().unwrap();
    assert_eq!(new_accepted.load(Ordering::SeqCst), 2);
}

#[test]
fn a_join_is_not_repeated_but_the_next_one_finds_the_coordinator() {
    let first = First::new(1);
    let broker = Broker::start(move |received| match received.key {
        ApiKey::JoinGroup if first.take() => answer(received, &JoinGroupResponse::default().with_error_code(16)),
        _ => None,
    });
    let client = client(&broker);
    assert_eq!(join(&client).wait(), Err(GroupError::Disconnected));
    join(&client).wait().unwrap();
}

#[test]
fn a_loading_coordinator_is_waited_for() {
    let loading = First::new(3);
    let unavailable = First::new(2);
    let broker = Broker::start(move |received| match received.key {
        ApiKey::Heartbeat if loading.take() => refused_heartbeat(received, 14),
        ApiKey::FindCoordinator if unavailable.take() => {
            let mut message = coordinator_at(0);
            message.coordinators[0].error_code = 15;
            answer(received, &message)
        }
        _ => None,
    });
    heartbeat(&client(&broker)).wait().unwrap();
}

#[test]
fn a_slow_join_holds_nothing_else_up() {
    let (finish, finished) = mpsc::channel::<()>();
    let finished = Mutex::new(finished);
    let broker = Broker::start(move |received| {
        if received.key == ApiKey::JoinGroup {
            finished.lock().unwrap().recv().unwrap();
        }
        None
    });
    let client = client(&broker);
    let joining = join(&client);
    for _ in 0..3 {
        heartbeat(&client).wait().unwrap();
    }
    finish.send(()).unwrap();
    joining.wait().unwrap();
}

#[test]
fn requests_are_pipelined_and_answered_in_order() {
    let broker = Broker::start(|received| match received.key {
        ApiKey::Heartbeat => {
            let generation = received.read::<HeartbeatRequest>().generation_id;
            refused_heartbeat(received, if generation % 2 == 0 { 0 } else { 22 })
        }
        _ => None,
    });
    let client = client(&broker);
    let requests = (0..200).map(|generation| {
        let member = MemberIdentity { generation, ..member() };
        ask(|reply| client.heartbeat(Heartbeat { member }, reply))
    });
    let requests: Vec<_> = requests.collect();
    for (generation, request) in requests.into_iter().enumerate() {
        let expected = if generation % 2 == 0 { Ok(()) } else { Err(GroupError::IllegalGeneration) };
        assert_eq!(request.wait(), expected, "{generation}");
    }
    assert_eq!(broker.accepted.load(Ordering::SeqCst), 2);
}

#[test]
fn the_next_bootstrap_server_is_asked_when_one_is_down() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let broker = Broker::start(|_| None);
    let mut config = config(&broker);
    config.bootstrap_servers.insert(0, unused);
    heartbeat(&GroupClient::connect(config).unwrap()).wait().unwrap();
}

#[test]
fn a_connection_idle_for_too_long_is_replaced() {
    let broker = Broker::start(|_| None);
    let mut config = config(&broker);
    config.connections_max_idle = Duration::from_nanos(1);
    let client = GroupClient::connect(config).unwrap();
    heartbeat(&client).wait().unwrap();
    heartbeat(&client).wait().unwrap();
    assert_eq!(broker.accepted.load(Ordering::SeqCst), 3);
}
