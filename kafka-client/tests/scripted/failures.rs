//! Connections that break, brokers that are silent, down, too old or no brokers.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_client::group::{CommitOffsets, GroupCoordinator, JoinGroup};
use kafka_client::{GroupClient, GroupError};
use kafka_protocol::messages::ApiKey;

use crate::support::*;

#[test]
fn a_connection_that_breaks_inside_a_frame_is_replaced() {
    for length in [0, 3, 4, 8, 9] {
        let first = First::new(1);
        let broker = Broker::start(move |received| match received.key {
            ApiKey::Heartbeat if first.take() => Some(Step::Cut(Bytes::from_static(&[0; 7]), length)),
            ApiKey::JoinGroup => Some(Step::Cut(Bytes::from_static(&[0; 40]), length)),
            _ => None,
        });
        let client = client(&broker);
        heartbeat(&client).wait().unwrap();
        assert_eq!(join(&client).wait(), Err(GroupError::Disconnected), "{length}");
    }
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
    let request = JoinGroup { rebalance_timeout: Duration::from_millis(400), ..join_request() };
    assert_eq!(ask(|reply| client.join(request, reply)).wait(), Err(GroupError::Timeout));
    assert!(started.elapsed() >= Duration::from_millis(700));
}

#[test]
fn bytes_that_are_no_protocol_are_an_error_and_the_client_goes_on() {
    let answers: [&[u8]; 7] = [
        &[0xff, 0xff, 0xff, 0xff],                               // a negative length
        &[0x7f, 0xff, 0xff, 0xff],                               // a length above the limit
        b"HTTP/1.1 400 Bad Request\r\n\r\n",                     // another protocol
        &[0, 0, 0, 0],                                           // no correlation id
        &[0, 0, 0, 4, 0, 0, 0, 99],                              // an answer to something else
        &[0, 0, 0, 6, 0, 0, 0, 1, 0, 0],                         // too short
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
        assert!(matches!(error, GroupError::Malformed(_)), "{bytes:?}: {error}");
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
    let expected = GroupError::UnsupportedVersion { broker: broker.address(), api: "JoinGroup", min: 9, max: 9 };
    assert_eq!(error, expected);
    heartbeat(&client).wait().unwrap();

    let ancient = Broker::start(|received| match received.key {
        ApiKey::ApiVersions => Some(Step::Answer(Bytes::from_static(&[0, 35, 0, 0, 0, 0]))),
        _ => None,
    });
    let error = heartbeat(&crate::support::client(&ancient)).wait().unwrap_err();
    assert!(matches!(error, GroupError::UnsupportedVersion { api: "ApiVersions", .. }), "{error}");
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
    let commit = CommitOffsets { member: member(), offsets: vec![] };
    ask(|reply| client.commit_offsets(commit, reply)).wait().unwrap();
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
    assert!((2..=9).contains(&attempts), "{attempts} attempts in a second");
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
