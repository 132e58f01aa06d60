use crate::{Example, Options, dropped};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use streams_dsl::broker::native::Native;
use streams_dsl::broker::{Admin, Broker, BrokerError, NewTopic, Properties};
use streams_dsl::{KafkaStreams, State, StreamsError};

/// Partitions of the topics that the example creates.
const PARTITIONS: i32 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the cluster may take for its first answer. Later outages are waited for; at the start a wrong address is likelier.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

type Running = Arc<Mutex<Option<Arc<KafkaStreams>>>>;

/// Runs on Kafka until SIGINT or SIGTERM, or until an error ends the instance.
pub(crate) fn run(example: &Example, options: &Options, servers: &str) -> Result<(), Box<dyn Error>> {
    let config = (example.config)(options.config(servers));
    config.validate()?;
    let running = Running::default();
    close_on_signal(Arc::clone(&running))?;
    let tables: Vec<_> = example.tables(&options.input).map(|(topic, _)| topic).collect();
    let mut topics = vec![options.input.as_str(), options.output.as_str()];
    topics.extend(tables.iter().map(String::as_str));
    create_topics(servers, &topics)?;
    let streams = Arc::new(KafkaStreams::new((example.topology)(&options.input, &options.output)?, config)?);
    streams.set_state_listener(|new, old| println!("state {old} -> {new}"));
    start(&streams, &running)?;
    while !streams.wait_until_ended(Duration::from_secs(3600)) {}
    let (processed, restored) = (streams.processed_records(), streams.restored_records());
    println!("processed {processed} records, restored {restored}, dropped {}", dropped(&streams));
    match streams.state() {
        State::Error => Err(streams.last_error().unwrap_or_else(|| "the instance failed".to_owned()).into()),
        _ => Ok(()),
    }
}

/// No signal comes between the start and its being known.
fn start(streams: &Arc<KafkaStreams>, running: &Running) -> Result<(), StreamsError> {
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    streams.start()?;
    *running = Some(Arc::clone(streams));
    Ok(())
}

/// Closes what runs at the first signal. One that comes before anything runs ends the program at once.
fn close_on_signal(running: Running) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            // Held while the program ends, so that nothing is started meanwhile.
            let running = running.lock().unwrap_or_else(PoisonError::into_inner);
            match running.as_ref() {
                Some(streams) => drop(streams.close()),
                None => std::process::exit(0),
            }
        }
    });
    Ok(())
}

/// Creates the topics that do not exist.
fn create_topics(servers: &str, names: &[&str]) -> Result<(), Box<dyn Error>> {
    let admin = Native::new(servers)?.admin(&Properties::new())?;
    let no_answer = |error: BrokerError| match error.is_retriable() {
        true => format!("no answer from Kafka at {servers} within {FIRST_ANSWER:?}: {error}"),
        false => error.to_string(),
    };
    let existing = admin.describe_topics(Some(names), FIRST_ANSWER).map_err(no_answer)?;
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !existing.iter().any(|topic| topic.name == **name))
        .map(|name| NewTopic {
            name: (*name).to_owned(),
            partitions: PARTITIONS,
            replication_factor: -1,
            config: Default::default(),
        })
        .collect();
    for result in admin.create_topics(&missing, TIMEOUT)? {
        match result {
            // Another instance was faster.
            Err(error) if error.kind == streams_dsl::broker::BrokerErrorKind::TopicExists => {}
            other => other?,
        }
    }
    Ok(())
}
