//! What is wrong with a topology is said when it is put together, or before its first record.

use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor_api::{
    CustomStore, KeyValueStore, Processor, ProcessorContext, ProcessorResult, ProcessorStore, SessionStore, Source,
    Stores, TimestampedKeyValueStore, WindowStore,
};
use streams_core::record::Record;
use streams_core::test_driver::TopologyTestDriver;
use streams_core::topology::TopologyBuilder;

/// Asks for a store `S` of this name.
struct Ask<S>(&'static str, Option<S>);

impl<S: ProcessorStore> Processor<String, String, String, String> for Ask<S> {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.1 = Some(context.state_store(self.0)?);
        Ok(())
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, String, String>, _: Record<String, String>) -> ProcessorResult {
        unreachable!("it cannot be initialized")
    }
}

/// What is said at the start of a processor that asks for a store `S` of this name, beside which there are others.
fn asking<S: ProcessorStore>(name: &'static str) -> String {
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let ask = topology.add_processor("ask", move || Ask::<S>(name, None), &source).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i32>("plain"), &ask).unwrap();
    topology.add_state_store(Stores::timestamped_key_value_store::<String, i32>("timed"), &ask).unwrap();
    let minute = Duration::from_secs(60);
    topology.add_state_store(Stores::window_store::<String, i32>("windows", minute, minute), &ask).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i32>("elsewhere"), ()).unwrap();
    let driver = TopologyTestDriver::new(&topology.build().unwrap());
    driver.advance_wall_clock_time(Duration::ZERO).unwrap_err().to_string()
}

#[test]
fn stores_that_cannot_be_had_are_errors_before_the_first_record() {
    struct Own;
    impl streams_core::processor_api::StateStore for Own {
        fn restore(&mut self, _: &[(&[u8], &[u8])]) -> ProcessorResult {
            Ok(())
        }
        fn flush(&mut self, _: &mut streams_core::processor_api::ChangelogWriter<'_>) -> ProcessorResult {
            Ok(())
        }
    }
    type Plain = KeyValueStore<String, i32>;
    let cases = [
        (
            asking::<Plain>("none"),
            "processor ask asks for store none, which does not exist; the stores are: plain, timed, windows, elsewhere",
        ),
        (asking::<Plain>("elsewhere"), "store elsewhere is not connected to processor ask, which asks for it"),
        (
            asking::<KeyValueStore<String, i64>>("plain"),
            "processor ask: store plain has keys of type alloc::string::String and values of type i32, not alloc::string::String and i64",
        ),
        (asking::<Plain>("timed"), "and values of type ValueAndTimestamp<i32>, not alloc::string::String and i32"),
        (asking::<TimestampedKeyValueStore<String, i32>>("plain"), "store plain has keys of type"),
        (asking::<Plain>("windows"), "store windows is a window store, not a key-value store"),
        (asking::<WindowStore<String, i32>>("plain"), "store plain is a key-value store, not a window store"),
        (asking::<SessionStore<String, i32>>("windows"), "store windows is a window store, not a session store"),
        (asking::<CustomStore<Own>>("plain"), "store plain is not a custom store"),
    ];
    for (said, expected) in cases {
        assert!(said.contains(expected), "{said}\ninstead of\n{expected}");
    }
}

#[test]
fn a_topology_says_at_once_what_is_wrong() {
    type Add = fn(&mut TopologyBuilder) -> Result<(), StreamsError>;
    fn ask() -> Ask<KeyValueStore<String, i32>> {
        Ask("plain", None)
    }
    let cases: [(Add, &str); 12] = [
        (|t| t.add_source::<String, String>("ask", "more").map(drop), "two nodes are named ask"),
        (
            |t| t.add_source::<String, String>("again", "in").map(drop),
            "topic in is read by two sources, source and again",
        ),
        (|t| t.add_processor("more", ask, "nobody").map(drop), "more names parent nobody, which does not exist"),
        (
            |t| t.add_sink::<String, i64>("sink", "out", "ask"),
            "sink takes <alloc::string::String, i64>, but its parent ask forwards <alloc::string::String, alloc::string::String>",
        ),
        (|t| t.add_processor("more", ask, [""; 0]).map(drop), "more has no parents"),
        (
            |t| t.add_state_store(Stores::key_value_store::<String, i32>("plain"), ()).map(drop),
            "two stores are named plain",
        ),
        (
            |t| t.add_state_store(Stores::key_value_store::<String, i32>("x"), "nobody").map(drop),
            "store x is connected to nobody, which does not exist",
        ),
        (
            |t| t.add_state_store(Stores::key_value_store::<String, i32>("not allowed"), ()).map(drop),
            "name \"not allowed\" has characters other than",
        ),
        (|t| t.connect_processor_and_state_stores("ask", "none"), "ask uses store none, which does not exist"),
        (
            |t| t.connect_processor_and_state_stores("source", "plain"),
            "store plain is connected to source, which is not a processor",
        ),
        (
            |t| {
                let store = Stores::key_value_store::<String, i32>("names");
                let source = Source::<String, String>::topics(["a", "b"]);
                let nothing = || |_: &mut ProcessorContext<'_, (), ()>, _: Record<String, String>| Ok(());
                t.add_read_only_state_store(store, "names-source", source, "keep", nothing).map(drop)
            },
            "store names is to be restored from its source names-source: that must be one topic",
        ),
        (
            |t| {
                let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
                t.add_state_store(Stores::window_store::<String, i32>("windows", minute, hour), ()).map(drop)
            },
            "store windows keeps windows for 60000 ms, which is less than they are long (3600000 ms)",
        ),
    ];
    for (add, expected) in cases {
        let mut topology = TopologyBuilder::new();
        let source = topology.add_source("source", "in").unwrap();
        topology.add_processor("ask", ask, &source).unwrap();
        topology.add_state_store(Stores::key_value_store::<String, i32>("plain"), "ask").unwrap();
        let said = add(&mut topology).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}\ninstead of\n{expected}");
    }
}
