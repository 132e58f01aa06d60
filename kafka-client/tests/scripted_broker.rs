//! The client against a broker that misbehaves as a test tells it to.

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_client::group::*;
use kafka_client::{ClientConfig, GroupClient, GroupError};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::*;
use kafka_protocol::messages::{GroupId, TopicName, *};

use support::*;

/// Lets the first `count` requests of a kind be told apart from the later ones.
struct First(AtomicUsize);

impl First {
    fn new(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }

    fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

fn refused_heartbeat(received: &Received, code: i16) -> Option<Step> {
    answer(
        received,
        &HeartbeatResponse::default().with_error_code(code),
    )
}

#[test]
fn joins_have_a_connection_of_their_own() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let broker = Broker::start(move |received| {
        log.lock()
            .unwrap()
            .push((received.key, received.connection));
        None
    });
    let client = client(&broker);
    assert_eq!(join(&client).wait().unwrap().member_id, "m");
    let sync = SyncGroup {
        member: member(),
        protocol_name: "p".into(),
        assignments: vec![],
    };
    ask(|reply| client.sync(sync, reply)).wait().unwrap();
    heartbeat(&client).wait().unwrap();
    let commit = CommitOffsets {
        member: member(),
        offsets: vec![],
    };
    ask(|reply| client.commit_offsets(commit, reply))
        .wait()
        .unwrap();
    ask(|reply| {
        client.leave(
            LeaveGroup {
                member: member(),
                reason: None,
            },
            reply,
        )
    })
    .wait()
    .unwrap();
    // Connection 0 looked for the coordinator.
    let seen = seen.lock().unwrap();
    let of = |key| {
        seen.iter()
            .filter(|(seen, _)| *seen == key)
            .map(|(_, connection)| *connection)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of(ApiKey::JoinGroup), of(ApiKey::SyncGroup)),
        (vec![1], vec![1])
    );
    assert_eq!(
        (
            of(ApiKey::Heartbeat),
            of(ApiKey::OffsetCommit),
            of(ApiKey::LeaveGroup)
        ),
        (vec![2], vec![2], vec![2])
    );
    assert_eq!(
        (of(ApiKey::FindCoordinator), of(ApiKey::ApiVersions)),
        (vec![0], vec![0, 1, 2])
    );
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
        ApiKey::JoinGroup if first.take() => {
            answer(received, &JoinGroupResponse::default().with_error_code(16))
        }
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
fn a_connection_that_breaks_inside_a_frame_is_replaced() {
    for length in [0, 3, 4, 8, 9] {
        let first = First::new(1);
        let broker = Broker::start(move |received| match received.key {
            ApiKey::Heartbeat if first.take() => {
                Some(Step::Cut(Bytes::from_static(&[0; 7]), length))
            }
            ApiKey::JoinGroup => Some(Step::Cut(Bytes::from_static(&[0; 40]), length)),
            _ => None,
        });
        let client = client(&broker);
        heartbeat(&client).wait().unwrap();
        assert_eq!(
            join(&client).wait(),
            Err(GroupError::Disconnected),
            "{length}"
        );
    }
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
        let member = MemberIdentity {
            generation,
            ..member()
        };
        ask(|reply| client.heartbeat(Heartbeat { member }, reply))
    });
    let requests: Vec<_> = requests.collect();
    for (generation, request) in requests.into_iter().enumerate() {
        let expected = if generation % 2 == 0 {
            Ok(())
        } else {
            Err(GroupError::IllegalGeneration)
        };
        assert_eq!(request.wait(), expected, "{generation}");
    }
    assert_eq!(broker.accepted.load(Ordering::SeqCst), 2);
}

#[test]
fn silence_ends_in_a_timeout_and_a_new_connection() {
    let first = First::new(1);
    let broker = Broker::start(move |received| match received.key {
        ApiKey::Heartbeat if first.take() => Some(Step::Silence),
        ApiKey::JoinGroup => Some(Step::Silence),
        _ => None,
    });
    let mut config = config(&broker);
    config.request_timeout = Duration::from_millis(300);
    let client = GroupClient::connect(config).unwrap();
    let started = Instant::now();
    assert_eq!(heartbeat(&client).wait(), Err(GroupError::Timeout));
    assert!(started.elapsed() >= Duration::from_millis(300));
    heartbeat(&client).wait().unwrap();

    let started = Instant::now();
    let request = JoinGroup {
        rebalance_timeout: Duration::from_millis(400),
        ..join_request()
    };
    assert_eq!(
        ask(|reply| client.join(request, reply)).wait(),
        Err(GroupError::Timeout)
    );
    assert!(started.elapsed() >= Duration::from_millis(700));
}

#[test]
fn dropping_the_last_handle_answers_what_is_pending() {
    let (arrived, arrival) = mpsc::channel();
    let broker = Broker::start(move |received| match received.key {
        ApiKey::JoinGroup => {
            arrived.send(()).unwrap();
            Some(Step::Silence)
        }
        _ => None,
    });
    let client = client(&broker);
    let second = client.clone();
    let joining = join(&client);
    arrival.recv().unwrap();
    drop(client);
    heartbeat(&second).wait().unwrap();
    drop(second);
    assert_eq!(joining.wait(), Err(GroupError::Closed));
}

#[test]
fn dropping_the_last_handle_closes_the_sockets() {
    // A peer that never answers the first question.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = GroupClient::connect(ClientConfig::new([address], "test")).unwrap();
    let pending = heartbeat(&client);
    let (mut stream, _) = listener.accept().unwrap();
    drop(client);
    assert_eq!(pending.wait(), Err(GroupError::Closed));
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
        .read_to_end(&mut Vec::new())
        .expect("the end of the stream");
}

#[test]
fn a_reply_may_make_the_next_request() {
    let broker = Broker::start(|_| None);
    let mut config = config(&broker);
    config.max_pending_requests = 1;
    let client = GroupClient::connect(config).unwrap();
    let again = client.clone();
    let (sender, receiver) = mpsc::channel();
    let next: Reply<()> = Box::new(move |result| {
        assert_eq!(result, Ok(()));
        again.heartbeat(
            Heartbeat { member: member() },
            Box::new(move |result| drop(sender.send(result))),
        );
    });
    client.heartbeat(Heartbeat { member: member() }, next);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(Ok(())));
}

#[test]
fn too_many_requests_are_refused_at_once() {
    let broker =
        Broker::start(|received| (received.key == ApiKey::Heartbeat).then_some(Step::Silence));
    let mut config = config(&broker);
    config.max_pending_requests = 2;
    let client = GroupClient::connect(config).unwrap();
    let pending = [heartbeat(&client), heartbeat(&client)];
    assert_eq!(heartbeat(&client).wait(), Err(GroupError::Overloaded(2)));
    drop(client);
    for request in pending {
        assert_eq!(request.wait(), Err(GroupError::Closed));
    }
}

#[test]
fn bytes_that_are_no_protocol_are_an_error_and_the_client_goes_on() {
    let answers: [&[u8]; 7] = [
        &[0xff, 0xff, 0xff, 0xff],           // a negative length
        &[0x7f, 0xff, 0xff, 0xff],           // a length above the limit
        b"HTTP/1.1 400 Bad Request\r\n\r\n", // another protocol
        &[0, 0, 0, 0],                       // no correlation id
        &[0, 0, 0, 4, 0, 0, 0, 99],          // an answer to something else
        &[0, 0, 0, 6, 0, 0, 0, 1, 0, 0],     // too short
        &[0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f], // tags without end
    ];
    for bytes in answers {
        let first = First::new(1);
        let broker = Broker::start(move |received| match received.key {
            ApiKey::Heartbeat if first.take() => Some(Step::Raw(bytes.to_vec())),
            _ => None,
        });
        let mut config = config(&broker);
        config.max_frame_bytes = 1 << 20;
        let client = GroupClient::connect(config).unwrap();
        let error = heartbeat(&client).wait().unwrap_err();
        assert!(
            matches!(error, GroupError::Malformed(_)),
            "{bytes:?}: {error}"
        );
        assert!(error.to_string().contains(&broker.address()), "{error}");
        heartbeat(&client).wait().unwrap();
    }
}

#[test]
fn a_broker_without_a_version_in_common_is_named() {
    let broker = Broker::start(|received| match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[(ApiKey::JoinGroup, 0, 8)])),
        _ => None,
    });
    let client = client(&broker);
    let error = join(&client).wait().unwrap_err();
    let expected = GroupError::UnsupportedVersion {
        broker: broker.address(),
        api: "JoinGroup",
        min: 9,
        max: 9,
    };
    assert_eq!(error, expected);
    heartbeat(&client).wait().unwrap();

    let ancient = Broker::start(|received| match received.key {
        ApiKey::ApiVersions => Some(Step::Answer(Bytes::from_static(&[0, 35, 0, 0, 0, 0]))),
        _ => None,
    });
    let error = heartbeat(&support::client(&ancient)).wait().unwrap_err();
    assert!(
        matches!(
            error,
            GroupError::UnsupportedVersion {
                api: "ApiVersions",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn the_highest_version_in_common_is_spoken() {
    let broker = Broker::start(|received| match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[(ApiKey::OffsetCommit, 0, 8)])),
        ApiKey::OffsetCommit => {
            assert_eq!(received.version, 8);
            None
        }
        _ => None,
    });
    let client = client(&broker);
    let commit = CommitOffsets {
        member: member(),
        offsets: vec![],
    };
    ask(|reply| client.commit_offsets(commit, reply))
        .wait()
        .unwrap();
}

#[test]
fn a_broker_that_is_down_is_neither_hammered_nor_given_up() {
    // Accepts and closes, as a broker behind a balancer does that is down.
    let down = Broker::start(|_| Some(Step::Close));
    let port = down.port;
    let mut config = config(&down);
    config.request_timeout = Duration::from_secs(1);
    config.reconnect_backoff = Duration::from_millis(50);
    config.reconnect_backoff_max = Duration::from_millis(200);
    let client = GroupClient::connect(config).unwrap();
    let requests: Vec<_> = (0..50).map(|_| heartbeat(&client)).collect();
    for request in requests {
        assert_eq!(request.wait(), Err(GroupError::Timeout));
    }
    // 40 + 80 + 160 ms at least, then at least 160 ms each.
    let attempts = down.accepted.load(Ordering::SeqCst);
    assert!(
        (2..=9).contains(&attempts),
        "{attempts} attempts in a second"
    );
    // A caller that repeats a join at once is slowed down too.
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(join(&client).wait(), Err(GroupError::Disconnected));
    }
    assert!(started.elapsed() >= Duration::from_millis(4 * 160));
    drop(down);

    // Nobody listens: requests wait until somebody does.
    let waiting = heartbeat(&client);
    let deadline = Instant::now() + Duration::from_secs(20);
    let _up = Broker::start_on(port, |_| None);
    let mut result = waiting.wait();
    while result.is_err() && Instant::now() < deadline {
        result = heartbeat(&client).wait();
    }
    assert_eq!(result, Ok(()));
    join(&client).wait().unwrap();
}

#[test]
fn the_next_bootstrap_server_is_asked_when_one_is_down() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let broker = Broker::start(|_| None);
    let mut config = config(&broker);
    config.bootstrap_servers.insert(0, unused);
    heartbeat(&GroupClient::connect(config).unwrap())
        .wait()
        .unwrap();
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

fn offset_answer(received: &Received, code: i16) -> Option<Step> {
    let partition = OffsetFetchResponsePartitions::default()
        .with_committed_offset(42)
        .with_error_code(code);
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName("t".into()))
        .with_partitions(vec![partition]);
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(GroupId("g".into()))
        .with_topics(vec![topic]);
    answer(
        received,
        &OffsetFetchResponse::default().with_groups(vec![group]),
    )
}

#[test]
fn unstable_offsets_are_waited_for() {
    let unstable = First::new(4);
    let broker = Broker::start(move |received| match received.key {
        ApiKey::OffsetFetch => offset_answer(received, if unstable.take() { 88 } else { 0 }),
        _ => None,
    });
    let client = client(&broker);
    assert_eq!(fetch(&client, true).wait().unwrap()[0].offset, Some(42));
}

#[test]
fn offsets_that_stay_unstable_are_said_to_be() {
    let broker = Broker::start(move |received| match received.key {
        ApiKey::OffsetFetch => offset_answer(received, 88),
        _ => None,
    });
    let mut config = config(&broker);
    config.request_timeout = Duration::from_millis(200);
    let client = GroupClient::connect(config).unwrap();
    assert_eq!(
        fetch(&client, true).wait(),
        Err(GroupError::UnstableOffsetCommit)
    );
}

#[test]
fn the_first_partition_that_failed_is_the_commits_error() {
    let broker = Broker::start(|received| match received.key {
        ApiKey::OffsetCommit => {
            let partition = |index, code| {
                OffsetCommitResponsePartition::default()
                    .with_partition_index(index)
                    .with_error_code(code)
            };
            let topic = OffsetCommitResponseTopic::default()
                .with_name(TopicName("t".into()))
                .with_partitions(vec![partition(0, 0), partition(1, 12), partition(2, 3)]);
            answer(
                received,
                &OffsetCommitResponse::default().with_topics(vec![topic]),
            )
        }
        _ => None,
    });
    let client = client(&broker);
    let commit = CommitOffsets {
        member: member(),
        offsets: vec![],
    };
    let error = ask(|reply| client.commit_offsets(commit, reply))
        .wait()
        .unwrap_err();
    assert!(
        matches!(&error, GroupError::Other { code: 12, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("t-1"), "{error}");
}

#[test]
fn a_request_too_large_is_not_sent() {
    let broker = Broker::start(|_| None);
    let mut config = config(&broker);
    config.max_frame_bytes = 2048;
    let client = GroupClient::connect(config).unwrap();
    let protocol = GroupProtocol {
        name: "p".into(),
        metadata: Bytes::from(vec![0; 4096]),
    };
    let request = JoinGroup {
        protocols: vec![protocol],
        ..join_request()
    };
    let error = ask(|reply| client.join(request, reply)).wait().unwrap_err();
    assert!(matches!(error, GroupError::InvalidRequest(_)), "{error}");
    join(&client).wait().unwrap();
}

#[test]
fn a_wrong_configuration_is_refused() {
    let error = GroupClient::connect(ClientConfig::new(["nowhere"], "test")).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
