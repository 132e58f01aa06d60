use crate::topics::create_topics;
use crate::{Example, Options, dropped};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use streams_dsl::broker::native::Native;
use streams_dsl::broker::{Broker, Properties};
use streams_dsl::{KafkaStreams, State, StreamsError};

type Running = Arc<Mutex<Option<Arc<KafkaStreams>>>>;

/// Runs on Kafka until SIGINT or SIGTERM, or until an error ends the instance.
pub(crate) fn run(example: &Example, options: &Options, servers: &str) -> Result<(), Box<dyn Error>> {
    let config = (example.config)(options.config(servers));
    config.validate()?;
    let running = Running::default();
    close_on_signal(Arc::clone(&running))?;
    create_topics(&Native::new(servers)?.admin(&Properties::new())?, servers, example, options)?;
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
