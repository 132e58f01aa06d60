//! Global stores that a processor fills.

use crate::probe::{continuing, pipe};
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor_api::{
    GlobalKeyValueStore, KeyValueStore, Processor, ProcessorContext, ProcessorResult, ProcessorStore, StoreBuilder,
    StoreRef, Stores, ValueAndTimestamp,
};
use streams_core::record::Record;
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_core::topology::TopologyBuilder;

type Names = GlobalKeyValueStore<String, String>;

fn names() -> StoreBuilder<KeyValueStore<String, String>> {
    Stores::key_value_store("names")
}

/// Keeps values in upper case; deletes on null, fails on "bad".
#[derive(Default)]
struct Keep {
    names: KeyValueStore<String, String>,
}

impl Processor<String, Option<String>, (), ()> for Keep {
    fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        self.names = context.state_store("names")?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, (), ()>,
        record: Record<String, Option<String>>,
    ) -> ProcessorResult {
        assert_eq!(&*context.record_metadata().unwrap().topic, "names-topic");
        match record.value.as_deref() {
            Some("bad") => return Err("a bad name".into()),
            Some(name) => self.names.put(&record.key, &name.to_uppercase())?,
            None => drop(self.names.delete(&record.key)?),
        }
        Ok(())
    }
}

/// Answers each record with what it finds in a global store.
struct Look<S, F> {
    store: Option<S>,
    name: &'static str,
    look: F,
}

impl<S, F> Processor<String, String, String, String> for Look<S, F>
where
    S: ProcessorStore,
    F: Fn(&S, &str) -> Result<String, StreamsError> + 'static,
{
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.store = Some(context.state_store(self.name)?);
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        let found = (self.look)(self.store.as_ref().unwrap(), &record.value)?;
        context.forward(record.with_value(found))?;
        Ok(())
    }
}

fn looking<S, F>(look: F) -> TopologyBuilder
where
    S: ProcessorStore,
    F: Fn(&S, &str) -> Result<String, StreamsError> + Clone + Send + Sync + 'static,
{
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let supplier = move || Look::<S, F> { store: None, name: "names", look: look.clone() };
    let look = topology.add_processor("look", supplier, &source).unwrap();
    topology.add_sink("sink", "out", &look).unwrap();
    topology
}

fn with_names(mut topology: TopologyBuilder) -> TopologyBuilder {
    topology.add_global_store(names(), "names-source", "names-topic", "keep", Keep::default).unwrap();
    topology
}

fn name(driver: &TopologyTestDriver, key: &str, name: Option<&str>) -> Result<(), StreamsError> {
    let input = driver.create_input_topic::<String, Option<String>>("names-topic");
    input.pipe_input(key.to_owned(), name.map(str::to_owned))
}

fn outputs(driver: &TopologyTestDriver) -> Vec<String> {
    driver.create_output_topic::<String, String>("out").read_values_to_list().unwrap()
}

#[test]
fn every_processor_reads_what_another_one_keeps() {
    let look = |names: &Names, asked: &str| {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        let rows = |rows: streams_core::processor_api::GlobalKeyValueIterator<String, String>| {
            rows.map(|row| row.map(|(key, value)| key + &value)).collect::<Result<Vec<_>, _>>().map(|all| all.join(","))
        };
        Ok(match asked {
            "all" => rows(names.all()?)? + " " + &rows(names.reverse_all()?)?,
            "a to b" => {
                rows(names.range(Some(&a), Some(&b))?)? + " " + &rows(names.reverse_range(Some(&a), Some(&b))?)?
            }
            "prefix" => rows(names.prefix_scan(b"b")?)?,
            "some" => (names.approximate_num_entries()? > 0).to_string(),
            key => names.get(&key.to_owned())?.unwrap_or_else(|| "none".to_owned()),
        })
    };
    let driver = TopologyTestDriver::new(&with_names(looking::<Names, _>(look)).build().unwrap());
    for key in ["a", "b", "ba", "c"] {
        name(&driver, key, Some(&format!("n{key}"))).unwrap();
    }
    name(&driver, "c", None).unwrap();
    let asked = ["a", "c", "all", "a to b", "prefix", "some"];
    pipe(&driver, &asked.map(|asked| ("k", asked, 0))).unwrap();
    let expected = ["NA", "none", "aNA,bNB,baNBA baNBA,bNB,aNA", "aNA,bNB bNB,aNA", "bNB,baNBA", "true"];
    assert_eq!(outputs(&driver), expected);
    let rows = driver.key_value_store::<String, String>("names").unwrap();
    assert_eq!(rows.get(&"ba".to_owned()).unwrap().as_deref(), Some("NBA"));
    assert!(driver.produced_topic_names().iter().all(|topic| topic == "out"), "a global store has no changelog");
}

/// Also those that fill global stores, whatever the order of declaration; timestamped stores show their times.
#[test]
fn processors_of_global_stores_read_the_others() {
    type Timed = KeyValueStore<String, ValueAndTimestamp<String>>;
    struct Greet(Names, Timed);
    impl Processor<String, String, (), ()> for Greet {
        fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
            (self.0, self.1) = (context.state_store("names")?, context.state_store("greetings")?);
            Ok(())
        }

        fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, record: Record<String, String>) -> ProcessorResult {
            let greeting = format!("{} {}", record.value, self.0.get(&record.key)?.unwrap_or_default());
            self.1.put(&record.key, &ValueAndTimestamp::new(greeting, record.timestamp))?;
            Ok(())
        }
    }
    let mut topology = TopologyBuilder::new();
    let store = Stores::timestamped_key_value_store::<String, String>("greetings").with_caching_enabled();
    let supplier = || Greet(Names::default(), Timed::default());
    let reference: StoreRef<GlobalKeyValueStore<String, ValueAndTimestamp<String>>> =
        topology.add_global_store(store, "greet-source", "greetings-topic", "greet", supplier).unwrap();
    let source = topology.add_source("source", "in").unwrap();
    let look = move || Look {
        store: None,
        name: "greetings",
        look: |store: &GlobalKeyValueStore<String, ValueAndTimestamp<String>>, key: &str| {
            let found = store.get(&key.to_owned())?.unwrap();
            Ok(format!("{}@{}", found.value, found.timestamp))
        },
    };
    let look = topology.add_processor("look", look, &source).unwrap();
    topology.add_sink("sink", "out", &look).unwrap();
    assert_eq!(reference.name(), "greetings");
    let driver = TopologyTestDriver::new(&with_names(topology).build().unwrap());
    name(&driver, "a", Some("ann")).unwrap();
    let greetings = driver.create_input_topic::<String, String>("greetings-topic");
    greetings.pipe_input_at("a".to_owned(), "hello".to_owned(), 17).unwrap();
    pipe(&driver, &[("k", "a", 20)]).unwrap();
    assert_eq!(outputs(&driver), ["hello ANN@17"]);
}

#[test]
fn what_a_processor_fails_with_goes_to_the_handler_only_where_that_is_asked_for() {
    let topology = || with_names(looking(|names: &Names, key| Ok(names.get(&key.to_owned())?.unwrap_or_default())));
    let driver = continuing(&topology().build().unwrap());
    let error = name(&driver, "a", Some("bad")).unwrap_err().to_string();
    assert!(error.contains("keep") && error.contains("a bad name"), "{error}");

    let mut config = TestDriverConfig::default();
    config.settings.global_processing_handler = true;
    config.settings.processing_handler = std::sync::Arc::new(streams_core::error::LogAndContinue);
    let driver = TopologyTestDriver::with_config(&topology().build().unwrap(), config);
    name(&driver, "a", Some("bad")).unwrap();
    name(&driver, "a", Some("good")).unwrap();
    pipe(&driver, &[("k", "a", 0)]).unwrap();
    assert_eq!((outputs(&driver), driver.dropped_records()), (vec!["GOOD".to_owned()], 1));
}

/// What is said at the start of a processor that asks for `names` as a store of another kind or other types.
fn asking<S: ProcessorStore>() -> String {
    let topology = with_names(looking(|_: &S, _| Ok(String::new()))).build().unwrap();
    TopologyTestDriver::new(&topology).advance_wall_clock_time(Duration::ZERO).unwrap_err().to_string()
}

#[test]
fn global_stores_are_asked_for_as_what_they_are() {
    let said = asking::<KeyValueStore<String, String>>();
    assert!(said.contains("store names is a global store, to be read only: ask for a GlobalKeyValueStore"), "{said}");
    let said = asking::<GlobalKeyValueStore<String, i64>>();
    assert!(said.contains("store names has keys of type alloc::string::String and values of type"), "{said}");
    let mut own = TopologyBuilder::new();
    let source = own.add_source("source", "in").unwrap();
    let supplier = || Look { store: None, name: "names", look: |_: &Names, _: &str| Ok(String::new()) };
    let look = own.add_processor("look", supplier, &source).unwrap();
    own.add_state_store(names(), &look).unwrap();
    let driver = TopologyTestDriver::new(&own.build().unwrap());
    let said = driver.advance_wall_clock_time(Duration::ZERO).unwrap_err().to_string();
    assert!(said.contains("store names belongs to the task of the processor: ask for a KeyValueStore"), "{said}");
}

#[test]
fn a_global_store_is_one_topic_one_processor_and_nothing_else() {
    let failing = |change: fn(&mut TopologyBuilder) -> Result<(), StreamsError>, expected: &str| {
        let mut topology = with_names(looking(|_: &Names, _| Ok(String::new())));
        let error = change(&mut topology).and_then(|()| topology.build().map(drop)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\ninstead of\n{expected}");
    };
    failing(
        |t| t.connect_processor_and_state_stores("look", "names"),
        "store names is a global store, which every processor can read without being connected; do not connect look to it",
    );
    failing(
        |t| t.add_state_store(Stores::key_value_store::<String, i64>("more"), "keep").map(drop),
        "keep fills the global store names and cannot have store more beside it",
    );
    failing(
        |t| {
            t.add_processor("below", || |_: &mut ProcessorContext<'_, (), ()>, _: Record<(), ()>| Ok(()), "keep")
                .map(drop)
        },
        "below is connected with what fills the global store names",
    );
    failing(
        |t| t.add_global_store(names(), "again-source", "again-topic", "again", Keep::default).map(drop),
        "two stores are named names",
    );
    let two = streams_core::processor_api::Source::topics(["one", "two"]);
    let mut topology = TopologyBuilder::new();
    let error = topology.add_global_store(names(), "source", two, "keep", Keep::default).unwrap_err().to_string();
    assert!(error.contains("global store names is filled from its source source: that must be one topic"), "{error}");
}
