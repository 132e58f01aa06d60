//! TLS and SASL with a real broker, started by `./dev kafka up --secure`; what that prints is in the file that `KAFKA_SECURE` names.

use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_client::admin::{Admin, NewTopic};
use kafka_client::consumer::{Consumer, ConsumerConfig, Event};
use kafka_client::consumer_protocol::Subscription;
use kafka_client::group::*;
use kafka_client::producer::{Delivery, Producer, ProducerConfig};
use kafka_client::records::EncodedHeaders;
use kafka_client::{ClientConfig, ClientError, GroupClient, Reactor, Security};

const DEADLINE: Duration = Duration::from_secs(30);
/// Time to connect and to authenticate; an error of either must come earlier.
const SETUP: Duration = Duration::from_secs(10);
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// What the file says of a listener, or of where the certificates are.
fn secure(name: &str) -> String {
    let path = std::env::var("KAFKA_SECURE").expect(
        "set KAFKA_SECURE to the file with the listeners of a broker that './dev kafka up --secure' has started",
    );
    let listeners = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let found = listeners.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{path} says nothing of {name}")).to_owned()
}

fn certificate(name: &str) -> String {
    format!("{}/{name}", secure("certificates"))
}

/// Settings of a client, some of which a test changes.
#[derive(Clone)]
struct Settings(Vec<(&'static str, String)>);

impl Settings {
    fn sasl(protocol: &str, mechanism: &str) -> Self {
        Self(Vec::new())
            .with("security.protocol", protocol)
            .with("ssl.truststore.location", certificate("ca.pem"))
            .with("sasl.mechanism", mechanism)
            .with("sasl.username", "alice")
            .with("sasl.password", "alice-secret")
    }

    fn ssl() -> Self {
        let settings = Self(Vec::new()).with("security.protocol", "SSL");
        settings.with("ssl.truststore.location", certificate("ca.pem"))
    }

    fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.retain(|(known, _)| *known != key);
        self.0.push((key, value.into()));
        self
    }

    fn config(&self, server: &str) -> ClientConfig {
        let get = |key: &str| self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str());
        let security = Security::from_properties(get).unwrap();
        ClientConfig { security, socket_connection_setup_timeout: SETUP, ..ClientConfig::new([server], "secure") }
    }

    fn admin(&self, server: &str) -> Admin {
        Admin::start(&Reactor::start("secure").unwrap(), self.config(server)).unwrap()
    }

    /// Whether the broker answers.
    fn check(&self, server: &str) -> Result<(), ClientError> {
        self.admin(server).describe_topics(Some(&["no-such-topic"]), DEADLINE).map(|topics| assert!(topics.is_empty()))
    }

    /// What the authentication fails with, which must not be the end of a timeout.
    fn refusal(&self, server: &str) -> String {
        let started = Instant::now();
        let result = self.check(server);
        assert!(started.elapsed() < SETUP, "after {:?}: {result:?}", started.elapsed());
        match result {
            Err(ClientError::Authentication(reason)) => {
                assert!(!reason.contains("secret"), "{reason}");
                reason
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_mechanism_authenticates_with_and_without_encryption() {
    for mechanism in MECHANISMS {
        Settings::sasl("SASL_SSL", mechanism).check(&secure("sasl_ssl")).unwrap();
        Settings::sasl("SASL_PLAINTEXT", mechanism).check(&secure("sasl_plaintext")).unwrap();
    }
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    let jaas = format!("{module} required username=\"alice\" password=\"alice-secret\";");
    let mut settings = Settings::sasl("SASL_SSL", "SCRAM-SHA-512").with("sasl.jaas.config", jaas);
    settings.0.retain(|(key, _)| !["sasl.username", "sasl.password"].contains(key));
    settings.check(&secure("sasl_ssl")).unwrap();
}

#[test]
fn wrong_users_are_told_so_at_once() {
    for mechanism in MECHANISMS {
        for (protocol, server) in [("SASL_SSL", secure("sasl_ssl")), ("SASL_PLAINTEXT", secure("sasl_plaintext"))] {
            let right = Settings::sasl(protocol, mechanism);
            let said = right.clone().with("sasl.password", "wrong-secret").refusal(&server);
            assert!(said.contains("Authentication failed") && said.contains(&server), "{said}");
            right.with("sasl.username", "mallory").refusal(&server);
        }
    }
}

#[test]
fn a_broker_must_be_who_it_should_be() {
    let server = secure("sasl_ssl");
    let right = Settings::sasl("SASL_SSL", "SCRAM-SHA-256");
    let said = right.clone().with("ssl.truststore.location", certificate("stranger-ca.pem")).refusal(&server);
    assert!(said.contains("ssl.truststore.location"), "{said}");
    // Its certificate is for localhost alone.
    let other_name = server.replace("localhost", "127.0.0.1");
    let said = right.refusal(&other_name);
    assert!(said.contains("another host name"), "{said}");
    let any_name = right.with("ssl.endpoint.identification.algorithm", "");
    any_name.check(&other_name).unwrap();
    let said = any_name.with("ssl.truststore.location", certificate("stranger-ca.pem")).refusal(&other_name);
    assert!(said.contains("ssl.truststore.location"), "{said}");
}

#[test]
fn without_authorities_of_its_own_a_client_trusts_those_of_the_system() {
    let server = secure("sasl_ssl");
    let mut settings = Settings::sasl("SASL_SSL", "PLAIN");
    settings.0.retain(|(key, _)| *key != "ssl.truststore.location");
    match Security::from_properties(|key| settings.0.iter().find(|(known, _)| *known == key).map(|(_, value)| &**value))
    {
        // None of them has signed a certificate of ours.
        Ok(_) => assert!(settings.refusal(&server).contains("ssl.truststore.location")),
        Err(problem) => assert!(problem.contains("ssl.truststore.location"), "{problem}"),
    }
}

#[test]
fn a_broker_that_says_nothing_does_not_hold_up_the_client() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = Settings::ssl().config(&listener.local_addr().unwrap().to_string());
    config.socket_connection_setup_timeout = Duration::from_millis(200);
    let admin = Admin::start(&Reactor::start("silence").unwrap(), config).unwrap();
    let started = Instant::now();
    let error = admin.describe_topics(None, Duration::from_secs(1)).unwrap_err();
    assert!(error.is_retriable() && started.elapsed() < SETUP, "{error:?}");
    // It was tried again after the time to set up a connection, not after that of the request.
    listener.set_nonblocking(true).unwrap();
    let attempts = std::iter::from_fn(|| listener.accept().ok()).count();
    assert!(attempts > 1, "{attempts}");
}

#[test]
fn both_versions_of_tls_are_spoken() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let settings = Settings::sasl("SASL_SSL", "PLAIN").with("ssl.enabled.protocols", version);
        settings.check(&secure("sasl_ssl")).unwrap();
    }
}

#[test]
fn a_client_shows_its_certificate_where_it_is_asked_to() {
    let server = secure("ssl");
    for version in ["TLSv1.2", "TLSv1.3"] {
        let without = Settings::ssl().with("ssl.enabled.protocols", version);
        without.clone().with("ssl.keystore.location", certificate("client.pem")).check(&server).unwrap();
        let in_two_files = without.clone().with("ssl.certificate.location", certificate("client.crt"));
        in_two_files.with("ssl.key.location", certificate("client.key")).check(&server).unwrap();
        let text = |name| fs::read_to_string(certificate(name)).unwrap();
        let in_settings = without.clone().with("ssl.keystore.certificate.chain", text("client.crt").replace('\n', " "));
        in_settings.with("ssl.keystore.key", text("client.key")).check(&server).unwrap();

        let said = without.refusal(&server);
        assert!(said.contains("ssl.keystore.location"), "{said}");
        let said = without.with("ssl.keystore.location", certificate("stranger.pem")).refusal(&server);
        assert!(said.contains("ssl.keystore.location"), "{said}");
    }
}

#[test]
fn the_wrong_protocol_for_a_port_is_an_error() {
    // Kafka takes encryption for a frame that is too long, and hangs up.
    let error =
        Settings::ssl().admin(&secure("sasl_plaintext")).describe_topics(None, Duration::from_secs(2)).unwrap_err();
    assert!(error.is_retriable(), "{error:?}");
    let plain_port = std::env::var("KAFKA_BOOTSTRAP_SERVERS").expect("set KAFKA_BOOTSTRAP_SERVERS to a plain broker");
    let said = Settings::sasl("SASL_PLAINTEXT", "PLAIN").refusal(&plain_port);
    assert!(said.contains("security.protocol"), "{said}");
    let plain = ClientConfig::new([secure("sasl_ssl")], "plain");
    let admin = Admin::start(&Reactor::start("plain").unwrap(), plain).unwrap();
    let error = admin.describe_topics(None, Duration::from_secs(2)).unwrap_err();
    assert!(error.to_string().contains("security.protocol"), "{error:?}");
}

/// The broker ends a session of this listener and mechanism after two seconds.
#[test]
fn connections_are_replaced_before_a_session_ends() {
    let settings = Settings::sasl("SASL_PLAINTEXT", "SCRAM-SHA-512");
    let mut config = settings.config(&secure("sasl_plaintext"));
    // A request on a connection that the broker then closes would have to be repeated, for which there is no time.
    config.retry_backoff = DEADLINE;
    config.retry_backoff_max = DEADLINE;
    let admin = Admin::start(&Reactor::start("sessions").unwrap(), config).unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        admin.describe_topics(Some(&["no-such-topic"]), DEADLINE / 2).unwrap();
    }
}

fn ask<T: Send + 'static>(request: impl FnOnce(Reply<T>)) -> Result<T, GroupError> {
    let (sender, receiver) = mpsc::channel();
    request(Box::new(move |result| drop(sender.send(result))));
    receiver.recv_timeout(DEADLINE).expect("an answer within 30 s")
}

fn join_request(group_id: &str, user_data: usize) -> JoinGroup {
    let user_data = Some(Bytes::from(vec![7; user_data]));
    let subscription = Subscription { topics: vec!["t".into()], user_data, ..Subscription::default() };
    JoinGroup {
        group_id: group_id.to_owned(),
        member_id: String::new(),
        group_instance_id: None,
        session_timeout: Duration::from_secs(20),
        rebalance_timeout: Duration::from_secs(20),
        protocols: vec![GroupProtocol { name: "rust-test".into(), metadata: subscription.encode().unwrap() }],
        reason: None,
    }
}

#[test]
fn a_group_of_one_lives_behind_encryption_with_large_frames() {
    const LARGE: usize = 3 * 1024 * 1024;
    let client = GroupClient::connect(Settings::sasl("SASL_SSL", "SCRAM-SHA-512").config(&secure("sasl_ssl"))).unwrap();
    let group_id = format!("secure-{}-{:?}", std::process::id(), std::time::SystemTime::now());
    let mut request = join_request(&group_id, LARGE);
    let deadline = Instant::now() + DEADLINE;
    request.member_id = loop {
        match ask(|reply| client.join(request.clone(), reply)) {
            Err(GroupError::MemberIdRequired(member_id)) => break member_id,
            // The first group of a broker waits for the topic that groups are kept in.
            Err(GroupError::Disconnected) if Instant::now() < deadline => {}
            other => panic!("a new member was answered {other:?}"),
        }
    };
    let sent = request.protocols[0].metadata.clone();
    let joined = ask(|reply| client.join(request.clone(), reply)).unwrap();
    assert_eq!((joined.members.len(), &joined.members[0].metadata), (1, &sent));
    let member = MemberIdentity {
        group_id,
        generation: joined.generation,
        member_id: joined.member_id.clone(),
        group_instance_id: None,
    };
    let assignments = vec![(joined.member_id, sent.clone())];
    let sync = SyncGroup { member: member.clone(), protocol_name: "rust-test".into(), assignments };
    assert_eq!(ask(|reply| client.sync(sync, reply)).unwrap().assignment, sent);
    for _ in 0..10 {
        ask(|reply| client.heartbeat(Heartbeat { member: member.clone() }, reply)).unwrap();
    }
    ask(|reply| client.leave(LeaveGroup { member, reason: None }, reply)).unwrap();
}

#[test]
fn a_group_client_says_that_it_is_not_accepted() {
    let wrong = Settings::sasl("SASL_SSL", "PLAIN").with("sasl.password", "wrong-secret");
    let client = GroupClient::connect(wrong.config(&secure("sasl_ssl"))).unwrap();
    let started = Instant::now();
    let error = ask(|reply| client.join(join_request("not-accepted", 0), reply)).unwrap_err();
    assert!(matches!(error, GroupError::AuthenticationFailed(_)), "{error:?}");
    assert!(started.elapsed() < SETUP);
}

/// A topic of one partition.
fn topic(admin: &Admin, prefix: &str) -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("{prefix}-{}-{nanos}", std::process::id());
    assert_eq!(admin.create_topics(&[NewTopic::new(&name, 1)], DEADLINE).unwrap(), [Ok(())]);
    name
}

struct Reader {
    consumer: Consumer,
    arrived: mpsc::Receiver<()>,
}

impl Reader {
    fn start(config: ClientConfig, topic: &str) -> Self {
        let (sender, arrived) = mpsc::channel();
        let reactor = Reactor::start("reader").unwrap();
        let notify = move || sender.send(()).unwrap_or_default();
        let mut consumer = Consumer::start(&reactor, config, ConsumerConfig::default(), notify).unwrap();
        consumer.assign(&topic.into(), 0, 0);
        Self { consumer, arrived }
    }

    /// The next events there are.
    fn events(&mut self) -> Vec<Event> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut events = Vec::new();
            self.consumer.poll(&mut events);
            if !events.is_empty() {
                return events.into_iter().map(|(_, event)| event).collect();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.arrived.recv_timeout(left).expect("something arrives within 30 s");
        }
    }

    /// The values of so many records.
    fn values(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        while values.len() < count {
            for event in self.events() {
                let Event::Records(records) = event else { panic!("{event:?}") };
                values.extend(records.iter().map(|record| record.value.unwrap_or_default().to_vec()));
            }
        }
        values
    }
}

fn append(producer: &mut Producer, topic: &str, value: &[u8]) {
    let topic = producer.topic(topic);
    let headers = EncodedHeaders::NONE;
    while producer.appender().unwrap().append(topic, 0, 1_700_000_000_000, None, Some(value), headers).is_err() {
        producer.wait_for_room(Some(DEADLINE)).unwrap();
    }
}

fn failures(producer: &mut Producer) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    deliveries.retain(|delivery| matches!(delivery, Delivery::Failed { .. }));
    deliveries
}

#[test]
fn large_records_are_written_and_read_behind_encryption() {
    const LARGE: usize = 3 * 1024 * 1024;
    let (settings, server) = (Settings::sasl("SASL_SSL", "SCRAM-SHA-256"), secure("sasl_ssl"));
    let topic = topic(&settings.admin(&server), "large");
    let reactor = Reactor::start("writer").unwrap();
    let config = ProducerConfig { max_request_size: 2 * LARGE, buffer_memory: 8 * LARGE, ..ProducerConfig::default() };
    let mut producer = Producer::start(&reactor, settings.config(&server), config).unwrap();
    for value in 1..=3 {
        append(&mut producer, &topic, &vec![value; LARGE]);
    }
    producer.flush(DEADLINE).unwrap();
    assert!(failures(&mut producer).is_empty());
    let values = Reader::start(settings.config(&server), &topic).values(3);
    assert!((1..=3).zip(values).all(|(expected, value)| value == vec![expected; LARGE]));
}

#[test]
fn who_is_not_accepted_neither_writes_nor_reads() {
    let server = secure("sasl_ssl");
    let wrong = Settings::sasl("SASL_SSL", "PLAIN").with("sasl.password", "wrong-secret");
    let started = Instant::now();
    match &Reader::start(wrong.config(&server), "any").events()[..] {
        [Event::Failed(ClientError::Authentication(_))] => {}
        other => panic!("{other:?}"),
    }
    let reactor = Reactor::start("writer").unwrap();
    let mut producer = Producer::start(&reactor, wrong.config(&server), ProducerConfig::default()).unwrap();
    append(&mut producer, "any", b"v");
    let flushed = producer.flush(DEADLINE);
    let failed = failures(&mut producer);
    let refused =
        |delivery: &Delivery| matches!(delivery, Delivery::Failed { error: ClientError::Authentication(_), .. });
    assert!(failed.iter().all(refused) && failed.len() == 1, "{flushed:?} {failed:?}");
    assert!(started.elapsed() < 2 * SETUP, "{:?}", started.elapsed());
}

/// As above for requests one by one; here many are under way when a session ends.
#[test]
fn a_stream_of_records_outlives_sessions() {
    let (settings, server) = (Settings::sasl("SASL_PLAINTEXT", "SCRAM-SHA-512"), secure("sasl_plaintext"));
    let topic = topic(&settings.admin(&server), "sessions");
    let reactor = Reactor::start("writer").unwrap();
    let config = ProducerConfig { batch_size: 1024, ..ProducerConfig::default() };
    let mut producer = Producer::start(&reactor, settings.config(&server), config).unwrap();
    let mut reader = Reader::start(settings.config(&server), &topic);
    let started = Instant::now();
    let (mut written, mut read) = (0u64, 0u64);
    while started.elapsed() < Duration::from_secs(5) {
        for _ in 0..500 {
            append(&mut producer, &topic, &written.to_be_bytes());
            written += 1;
        }
        for value in reader.values(1) {
            assert_eq!(value, read.to_be_bytes(), "in order, each once");
            read += 1;
        }
    }
    producer.flush(DEADLINE).unwrap();
    assert!(failures(&mut producer).is_empty());
    for value in reader.values((written - read) as usize) {
        assert_eq!(value, read.to_be_bytes());
        read += 1;
    }
    assert_eq!(read, written);
}
