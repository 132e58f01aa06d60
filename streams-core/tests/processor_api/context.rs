//! What a processor sees, and where its records go.

use crate::probe::{continuing, pipe};
use std::sync::{Arc, Mutex};
use streams_core::processor_api::{Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Headers, Record};
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_core::topology::{Topology, TopologyBuilder};

type Context<'a> = ProcessorContext<'a, String, String>;
type Act = fn(&mut Context<'_>, Record<String, String>) -> ProcessorResult;

/// Does what a function says.
struct Do(Act);

impl Processor<String, String, String, String> for Do {
    fn process(&mut self, context: &mut Context<'_>, record: Record<String, String>) -> ProcessorResult {
        (self.0)(context, record)
    }
}

/// Topic `in` to the processor `p`, and from there to `left` and `right`.
fn topology(act: Act) -> Topology {
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let p = topology.add_processor("p", move || Do(act), &source).unwrap();
    topology.add_sink("left-sink", "left", &p).unwrap();
    topology.add_sink("right-sink", "right", &p).unwrap();
    topology.build().unwrap()
}

fn values(driver: &TopologyTestDriver, topic: &str) -> Vec<String> {
    driver.create_output_topic::<String, String>(topic).read_values_to_list().unwrap()
}

#[test]
fn records_go_to_all_children_or_to_one() {
    let driver = TopologyTestDriver::new(&topology(|context, record| {
        match record.value.as_str() {
            "left" => context.forward_to("left-sink", record)?,
            "twice" => {
                context.forward(record.clone())?;
                context.forward_to("right-sink", record)?;
            }
            "none" => {}
            _ => context.forward(record)?,
        }
        Ok(())
    }));
    pipe(&driver, &[("k", "left", 0), ("k", "both", 0), ("k", "none", 0), ("k", "twice", 0)]).unwrap();
    assert_eq!(values(&driver, "left"), ["left", "both", "twice"]);
    assert_eq!(values(&driver, "right"), ["both", "twice", "twice"]);
}

#[test]
fn an_unknown_child_is_an_error_that_names_the_children() {
    let driver = TopologyTestDriver::new(&topology(|context, record| Ok(context.forward_to("up", record)?)));
    let error = pipe(&driver, &[("k", "v", 0)]).unwrap_err().to_string();
    let expected = "p has no child up to forward to; its children are: left-sink, right-sink";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_context_says_where_a_record_is_from_and_what_time_it_is() {
    let config = TestDriverConfig { initial_wall_clock_time: 5000, ..TestDriverConfig::default() };
    let topology = topology(|context, record| {
        let from = context.record_metadata().ok_or("no record")?;
        let seen = format!(
            "{} {} {} {}-{}@{} {} {}",
            context.application_id(),
            context.task_id(),
            context.node_name(),
            from.topic,
            from.partition,
            from.offset,
            context.current_stream_time(),
            context.current_system_time(),
        );
        Ok(context.forward(record.with_value(seen))?)
    });
    let driver = TopologyTestDriver::with_config(&topology, config);
    pipe(&driver, &[("k", "v", 10), ("k", "v", 7)]).unwrap();
    assert_eq!(
        values(&driver, "left"),
        ["test-application 0_0 p in-0@0 10 5000", "test-application 0_0 p in-0@1 10 5000"]
    );
}

#[test]
fn headers_reach_a_processor_and_leave_it() {
    let driver = TopologyTestDriver::new(&topology(|context, mut record| {
        let size = record.headers.last("size").flatten().map_or(0, <[u8]>::len);
        record.headers = record.headers.with("seen", Some(size.to_string().as_bytes()));
        Ok(context.forward(record)?)
    }));
    let input = driver.create_input_topic::<String, String>("in");
    let headers = Headers::default().with("size", Some(b"abc"));
    input.pipe_record(Record { key: "k".into(), value: "v".into(), timestamp: 0, headers: headers.clone() }).unwrap();
    let records = driver.create_output_topic::<String, String>("right").read_records_to_list().unwrap();
    assert_eq!(records[0].headers, headers.with("seen", Some(b"3")));
}

#[test]
fn errors_go_to_the_handler_with_the_name_of_the_node() {
    let act: Act = |context, record| {
        if record.value == "bad" {
            let number: i32 = record.value.parse()?;
            unreachable!("{number}");
        }
        Ok(context.forward(record)?)
    };
    let error = pipe(&TopologyTestDriver::new(&topology(act)), &[("k", "bad", 0)]).unwrap_err().to_string();
    assert_eq!(error, "processing failed at node p of task 0_0, input in-0 at offset 0: invalid digit found in string");
    let driver = continuing(&topology(act));
    pipe(&driver, &[("k", "bad", 0), ("k", "good", 0)]).unwrap();
    assert_eq!((values(&driver, "left"), driver.dropped_records()), (vec!["good".to_owned()], 1));
}

#[test]
fn an_error_of_a_child_is_handled_once_at_the_child() {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", "in").unwrap();
    let above = builder.add_processor("above", || Do(|context, record| Ok(context.forward(record)?)), &source).unwrap();
    let below = builder.add_processor("below", || Do(|_, _| Err("refused".into())), &above).unwrap();
    builder.add_sink("sink", "out", &below).unwrap();
    let topology = builder.build().unwrap();
    let error = pipe(&TopologyTestDriver::new(&topology), &[("k", "v", 0)]).unwrap_err().to_string();
    assert_eq!(error, "processing failed at node below of task 0_0, input in-0 at offset 0: refused");
    let driver = continuing(&topology);
    pipe(&driver, &[("k", "v", 0)]).unwrap();
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn an_error_of_a_child_that_the_handler_did_not_let_pass_stops_the_task_whatever_is_made_of_it() {
    let cases: [(Act, &str); 2] = [
        (
            |context, record| {
                let _ = context.forward(record);
                Ok(())
            },
            "a child of processor above failed, and above went on; it must return what forward answers",
        ),
        (
            |context, record| context.forward(record).map_err(|error| format!("it said: {error}").into()),
            "processor above failed with the error of a child: it said: processing failed at node below",
        ),
    ];
    for (act, expected) in cases {
        let mut builder = TopologyBuilder::new();
        let source = builder.add_source("source", "in").unwrap();
        let above = builder.add_processor("above", move || Do(act), &source).unwrap();
        builder.add_processor("below", || Do(|_, _| Err("refused".into())), &above).unwrap();
        let driver = TopologyTestDriver::new(&builder.build().unwrap());
        let error = pipe(&driver, &[("k", "v", 0)]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_negative_timestamp_is_refused() {
    let driver = TopologyTestDriver::new(&topology(|context, mut record| {
        record.timestamp = -1;
        Ok(context.forward(record)?)
    }));
    let error = pipe(&driver, &[("k", "v", 0)]).unwrap_err().to_string();
    assert!(error.contains("processor p forwards a record with the negative timestamp -1"), "{error}");
}

/// Tells what happens to it.
struct Told(Arc<Mutex<Vec<&'static str>>>, bool);

impl Processor<String, String, (), ()> for Told {
    fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        assert!(context.record_metadata().is_none());
        self.0.lock().unwrap().push("init");
        if self.1 { Ok(context.forward(Record::new((), (), 0))?) } else { Ok(()) }
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, _: Record<String, String>) -> ProcessorResult {
        self.0.lock().unwrap().push("process");
        Ok(())
    }

    fn close(&mut self) {
        self.0.lock().unwrap().push("close");
    }
}

fn told(forward_in_init: bool) -> (Topology, Arc<Mutex<Vec<&'static str>>>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut topology = TopologyBuilder::new();
    let source = topology.add_source("source", "in").unwrap();
    let seen = Arc::clone(&log);
    topology.add_processor("p", move || Told(Arc::clone(&seen), forward_in_init), &source).unwrap();
    (topology.build().unwrap(), log)
}

#[test]
fn a_processor_is_initialized_and_closed_once() {
    let (topology, log) = told(false);
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("k", "v", 0), ("k", "v", 1)]).unwrap();
    drop(driver);
    assert_eq!(*log.lock().unwrap(), ["init", "process", "process", "close"]);
}

#[test]
fn nothing_can_be_forwarded_in_init() {
    let (topology, log) = told(true);
    let error = pipe(&TopologyTestDriver::new(&topology), &[("k", "v", 0)]).unwrap_err().to_string();
    assert!(error.contains("processor p forwards in its init"), "{error}");
    assert_eq!(*log.lock().unwrap(), ["init", "close"]);
}
