//! Bounds, replies and the end of a client.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use kafka_client::group::{GroupCoordinator, GroupProtocol, Heartbeat, JoinGroup, Reply};
use kafka_client::{ClientConfig, GroupClient, GroupError};
use kafka_protocol::messages::ApiKey;

use crate::support::*;

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
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.read_to_end(&mut Vec::new()).expect("the end of the stream");
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
        again.heartbeat(Heartbeat { member: member() }, Box::new(move |result| drop(sender.send(result))));
    });
    client.heartbeat(Heartbeat { member: member() }, next);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(Ok(())));
}

#[test]
fn too_many_requests_are_refused_at_once() {
    let broker = Broker::start(|received| (received.key == ApiKey::Heartbeat).then_some(Step::Silence));
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
fn a_request_too_large_is_not_sent() {
    let broker = Broker::start(|_| None);
    let mut config = config(&broker);
    config.max_frame_bytes = 2048;
    let client = GroupClient::connect(config).unwrap();
    let protocol = GroupProtocol { name: "p".into(), metadata: Bytes::from(vec![0; 4096]) };
    let request = JoinGroup { protocols: vec![protocol], ..join_request() };
    let error = ask(|reply| client.join(request, reply)).wait().unwrap_err();
    assert!(matches!(error, GroupError::InvalidRequest(_)), "{error}");
    join(&client).wait().unwrap();
}

#[test]
fn a_wrong_configuration_is_refused() {
    let error = GroupClient::connect(ClientConfig::new(["nowhere"], "test")).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn a_reply_that_panics_harms_no_other_request() {
    let broker = Broker::start(|_| None);
    let client = client(&broker);
    let (sender, receiver) = mpsc::channel::<()>();
    let panicking: Reply<()> = Box::new(move |_result| {
        let _dropped_by_the_panic = sender;
        panic!("a reply of the test panics");
    });
    client.heartbeat(Heartbeat { member: member() }, panicking);
    assert!(receiver.recv_timeout(Duration::from_secs(30)).is_err());
    heartbeat(&client).wait().unwrap();
}

#[test]
fn a_client_may_be_made_and_dropped_inside_a_runtime() {
    let broker = Broker::start(|_| None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let client = client(&broker);
        heartbeat(&client).wait().unwrap();
    });
}
