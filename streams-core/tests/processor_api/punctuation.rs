//! Functions of processors that are called when time passes.

use crate::probe::pipe;
use std::sync::Arc;
use std::time::Duration;
use streams_core::processor_api::{
    Cancellable, KeyValueStore, Processor, ProcessorContext, ProcessorResult, PunctuationType, Stores,
};
use streams_core::record::Record;
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_core::topology::{Topology, TopologyBuilder};

const SECOND: Duration = Duration::from_secs(1);

type Context<'a> = ProcessorContext<'a, String, String>;
type Schedule = fn(&mut Totals, &mut Context<'_>) -> ProcessorResult;

/// Counts records by key; the totals go out when time passes.
struct Totals {
    schedule: Schedule,
    counts: KeyValueStore<String, i32>,
    calls: i32,
    cancellable: Option<Cancellable>,
}

impl Totals {
    fn emit(&mut self, context: &mut Context<'_>, now: i64) -> ProcessorResult {
        self.calls += 1;
        assert!(context.record_metadata().is_none());
        for row in self.counts.all()? {
            let (key, count) = row?;
            self.counts.delete(&key)?;
            context.forward(Record::new(key, format!("{count} in call {}", self.calls), now))?;
        }
        Ok(())
    }

    fn emit_once(&mut self, context: &mut Context<'_>, now: i64) -> ProcessorResult {
        self.emit(context, now)?;
        self.cancellable.take().ok_or("called again")?.cancel();
        Ok(())
    }
}

impl Processor<String, String, String, String> for Totals {
    fn init(&mut self, context: &mut Context<'_>) -> ProcessorResult {
        self.counts = context.state_store("counts")?;
        (self.schedule)(self, context)
    }

    fn process(&mut self, _: &mut Context<'_>, record: Record<String, String>) -> ProcessorResult {
        let count = self.counts.get(&record.key)?.unwrap_or(0) + 1;
        Ok(self.counts.put(&record.key, &count)?)
    }
}

fn topology(schedule: Schedule) -> Topology {
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let supplier = move || Totals { schedule, counts: KeyValueStore::default(), calls: 0, cancellable: None };
    let totals = topology.add_processor("totals", supplier, &source).unwrap();
    topology.add_state_store(Stores::key_value_store::<String, i32>("counts"), &totals).unwrap();
    topology.add_sink("sink", "out", &totals).unwrap();
    topology.build().unwrap()
}

fn output(driver: &TopologyTestDriver) -> Vec<String> {
    let records = driver.create_output_topic::<String, String>("out").read_records_to_list().unwrap();
    records.iter().map(|record| format!("{}: {} @{}", record.key, record.value, record.timestamp)).collect()
}

#[test]
fn by_stream_time_the_processor_sees_its_state_and_forwards() {
    let driver = TopologyTestDriver::new(&topology(|_, context| {
        context.schedule(SECOND, PunctuationType::StreamTime, Totals::emit)?;
        Ok(())
    }));
    pipe(&driver, &[("a", "", 0), ("a", "", 10), ("b", "", 20), ("a", "", 1500)]).unwrap();
    assert_eq!(output(&driver), ["a: 1 in call 1 @0", "a: 2 in call 2 @1500", "b: 1 in call 2 @1500"]);
}

#[test]
fn by_wall_clock_it_is_called_when_the_clock_moves() {
    let driver = TopologyTestDriver::new(&topology(|_, context| {
        context.schedule(SECOND, PunctuationType::WallClockTime, Totals::emit)?;
        Ok(())
    }));
    pipe(&driver, &[("a", "", 0), ("a", "", 10)]).unwrap();
    assert_eq!(output(&driver), [""; 0]);
    let start = TestDriverConfig::default().initial_wall_clock_time;
    driver.advance_wall_clock_time(SECOND).unwrap();
    assert_eq!(output(&driver), [format!("a: 2 in call 1 @{}", start + 1000)]);
}

#[test]
fn a_schedule_may_be_anchored() {
    let driver = TopologyTestDriver::new(&topology(|_, context| {
        context.schedule_at(70, Duration::from_millis(100), PunctuationType::StreamTime, Totals::emit)?;
        Ok(())
    }));
    pipe(&driver, &[("a", "", 0), ("a", "", 69), ("a", "", 70), ("a", "", 169), ("a", "", 170)]).unwrap();
    assert_eq!(output(&driver), ["a: 3 in call 1 @70", "a: 2 in call 2 @170"]);
}

#[test]
fn a_function_may_end_its_own_schedule() {
    let driver = TopologyTestDriver::new(&topology(|totals, context| {
        let cancellable = context.schedule(SECOND, PunctuationType::StreamTime, Totals::emit_once)?;
        totals.cancellable = Some(cancellable);
        Ok(())
    }));
    pipe(&driver, &[("a", "", 0), ("a", "", 5000)]).unwrap();
    assert_eq!(output(&driver), ["a: 1 in call 1 @0"]);
}

#[test]
fn several_schedules_and_closures_with_what_they_capture() {
    let driver = TopologyTestDriver::new(&topology(|_, context| {
        context.schedule(SECOND, PunctuationType::StreamTime, Totals::emit)?;
        let mut calls = 0;
        context.schedule(
            2 * SECOND,
            PunctuationType::StreamTime,
            move |totals: &mut Totals, context: &mut Context<'_>, now| {
                calls += 1;
                Ok(context.forward(Record::new("closure".into(), format!("{calls} {}", totals.calls), now))?)
            },
        )?;
        Ok(())
    }));
    pipe(&driver, &[("a", "", 0), ("a", "", 2000)]).unwrap();
    assert_eq!(output(&driver), ["a: 1 in call 1 @0", "closure: 1 1 @0", "a: 1 in call 2 @2000", "closure: 2 2 @2000"]);
}

#[test]
fn a_function_of_another_processor_is_refused_at_the_start() {
    let topology = topology(|_, context| {
        let other = |_: &mut String, _: &mut Context<'_>, _: i64| Ok(());
        context.schedule(SECOND, PunctuationType::StreamTime, other)?;
        Ok(())
    });
    let error = pipe(&TopologyTestDriver::new(&topology), &[("a", "", 0)]).unwrap_err().to_string();
    assert!(error.contains("Totals schedules a function that takes a alloc::string::String"), "{error}");
}

#[test]
fn an_interval_of_nothing_is_refused_at_the_start() {
    let topology = topology(|_, context| {
        context.schedule(Duration::ZERO, PunctuationType::StreamTime, Totals::emit)?;
        Ok(())
    });
    let error = pipe(&TopologyTestDriver::new(&topology), &[("a", "", 0)]).unwrap_err().to_string();
    assert!(error.contains("node totals") && error.contains("is not possible"), "{error}");
}

/// Schedules anew at each record, and ends the schedule before.
struct Again(Option<Cancellable>, Arc<()>);

impl Processor<String, String, String, String> for Again {
    fn process(&mut self, context: &mut Context<'_>, _: Record<String, String>) -> ProcessorResult {
        let held = Arc::clone(&self.1);
        let never = Duration::from_secs(1_000_000);
        let call = move |_: &mut Self, _: &mut Context<'_>, _: i64| {
            let _ = &held;
            Ok(())
        };
        let schedule = context.schedule(never, PunctuationType::WallClockTime, call)?;
        if let Some(before) = self.0.replace(schedule) {
            before.cancel();
        }
        Ok(())
    }
}

#[test]
fn functions_of_schedules_that_have_ended_are_let_go() {
    let held = Arc::new(());
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let given = Arc::clone(&held);
    topology.add_processor("again", move || Again(None, Arc::clone(&given)), &source).unwrap();
    let driver = TopologyTestDriver::new(&topology.build().unwrap());
    for _ in 0..100 {
        pipe(&driver, &[("a", "", 0)]).unwrap();
    }
    // Those of this test, the topology and the processor; the schedule that is on, and perhaps the one before.
    assert!(Arc::strong_count(&held) <= 5, "{}", Arc::strong_count(&held));
}
