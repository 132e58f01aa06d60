use crate::{Example, Options};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use streams_dsl::broker::librdkafka::Librdkafka;
use streams_dsl::broker::{Admin, Broker, NewTopic, Properties};
use streams_dsl::{KafkaStreams, State};

/// Partitions of the topics that the example creates.
const PARTITIONS: i32 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs on Kafka until SIGINT or SIGTERM, or until an error ends the instance.
pub(crate) fn run(example: &Example, options: &Options, servers: &str) -> Result<(), Box<dyn Error>> {
    // Signals are taken from here on, so that one that comes early ends the program as cleanly as a late one.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let config = options.config(servers);
    config.validate()?;
    create_topics(servers, &[&options.input, &options.output])?;
    let streams = Arc::new(KafkaStreams::new((example.topology)(&options.input, &options.output)?, config)?);
    streams.set_state_listener(|new, old| println!("state {old} -> {new}"));
    streams.start()?;
    let stopper = Arc::clone(&streams);
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            stopper.close();
        }
    });
    while !streams.wait_until_ended(Duration::from_secs(3600)) {}
    println!("processed {} records, restored {}", streams.processed_records(), streams.restored_records());
    match streams.state() {
        State::Error => Err(streams.last_error().unwrap_or_else(|| "the instance failed".to_owned()).into()),
        _ => Ok(()),
    }
}

/// Creates the topics that do not exist.
fn create_topics(servers: &str, names: &[&str]) -> Result<(), Box<dyn Error>> {
    let admin = Librdkafka::new(servers).admin(&Properties::new())?;
    let existing = admin.describe_topics(Some(names), TIMEOUT)?;
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
