//! A topology of one processor that schedules as a script says.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{
    Cancellable, Downstream, FailOnInvalidTimestamp, Node, Operator, OperatorId, Punctuation, PunctuationType,
    SinkNode, SinkTopic, SourceNode, TaskContext,
};
use streams_core::record::Record;
use streams_core::serde::DefaultSerde;
use streams_core::topology::{BuiltNode, FlowType, NodeKind, SourceTopics, Topology, TopologyBuilder};

/// What the processor does. A schedule is written `S100` or `W100` (type and interval), `S@70/100` with a start; `!` behind it ends it at its
/// first call, `^` ends it and makes it anew; several are separated by `;`.
#[derive(Clone, Default)]
pub struct Script {
    /// Scheduled at the start.
    pub init: &'static str,
    /// Scheduled at a record of value `n`. A record of value `x` cancels all.
    pub later: &'static str,
    /// The call at this time fails.
    pub fail_at: Option<i64>,
    /// Collects the calls: number of the schedule and time.
    pub calls: Arc<Mutex<Vec<String>>>,
}

struct Scripted {
    script: Script,
    operator: Option<OperatorId>,
    schedules: Vec<(Cancellable, &'static str)>,
    downstream: Downstream<String, String>,
}

impl Scripted {
    fn schedule(&mut self, context: &TaskContext, schedules: &'static str) -> Result<(), StreamsError> {
        let operator = self.operator.expect("initialized");
        for spec in schedules.split(';').filter(|spec| !spec.is_empty()) {
            let times = spec.trim_end_matches(['!', '^']);
            let punctuation_type = match &times[..1] {
                "S" => PunctuationType::StreamTime,
                _ => PunctuationType::WallClockTime,
            };
            let millis = |text: &str| Duration::from_millis(text.parse().unwrap());
            let cancellable = match times[1..].strip_prefix('@').and_then(|times| times.split_once('/')) {
                Some((start, every)) => {
                    context.schedule_at(operator, start.parse().unwrap(), millis(every), punctuation_type)?
                }
                None => context.schedule(operator, millis(&times[1..]), punctuation_type)?,
            };
            self.schedules.push((cancellable, spec));
        }
        Ok(())
    }
}

impl Operator for Scripted {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        assert!(context.record.is_none());
        self.operator = Some(operator);
        self.schedule(context, self.script.init)
    }

    fn punctuate(&mut self, context: &mut TaskContext, punctuation: Punctuation) -> Result<(), StreamsError> {
        assert!(context.record.is_none());
        let number = self.schedules.iter().position(|(schedule, _)| schedule.id() == punctuation.schedule).unwrap();
        let time = punctuation.timestamp;
        let expected = match punctuation.punctuation_type {
            PunctuationType::StreamTime => context.stream_time,
            PunctuationType::WallClockTime => context.wall_time,
        };
        assert_eq!(time, expected);
        let call = format!("{number}@{time}");
        self.script.calls.lock().unwrap().push(call.clone());
        if self.script.fail_at == Some(time) {
            return Err(StreamsError::user("told to fail"));
        }
        let (schedule, spec) = self.schedules[number].clone();
        if spec.ends_with(['!', '^']) {
            schedule.cancel();
        }
        if spec.ends_with('^') {
            self.schedule(context, spec)?;
        }
        self.downstream.forward(context, Record::new("call".to_owned(), call, time))
    }
}

impl Node<String, String> for Scripted {
    fn process(&mut self, context: &mut TaskContext, record: Record<String, String>) -> Result<(), StreamsError> {
        assert_eq!((&*context.record.topic, context.record.partition), ("in", 0));
        match record.value.as_str() {
            "x" => self.schedules.iter().for_each(|(schedule, _)| schedule.cancel()),
            "n" => self.schedule(context, self.script.later)?,
            "m" => context.set_processor_metadata("p", record.timestamp),
            _ => {}
        }
        Ok(())
    }
}

/// Topics `in` and `other` to the scripted processor `p`, and from there to `out`.
pub fn topology(script: Script) -> Topology {
    let mut builder = TopologyBuilder::new();
    let text = Some(FlowType::of::<String, String>());
    let topics = SourceTopics::Names(vec!["in".into(), "other".into()]);
    builder
        .add_node(
            "source",
            NodeKind::Source { topics, reset: None },
            &[],
            None,
            text,
            Arc::new(|build, children| {
                Ok(BuiltNode::source(SourceNode::<String, String> {
                    key_serde: String::default_serde(),
                    value_serde: String::default_serde(),
                    timestamp_extractor: Arc::new(FailOnInvalidTimestamp),
                    deserialization_handler: build.deserialization_handler(),
                    downstream: children.downstream()?,
                }))
            }),
        )
        .unwrap();
    builder
        .add_node(
            "p",
            NodeKind::Processor,
            &["source"],
            text,
            text,
            Arc::new(move |_, children| {
                Ok(BuiltNode::node(Scripted {
                    script: script.clone(),
                    operator: None,
                    schedules: Vec::new(),
                    downstream: children.downstream()?,
                }))
            }),
        )
        .unwrap();
    builder
        .add_node(
            "sink",
            NodeKind::Sink { topic: Some("out".into()) },
            &["p"],
            text,
            None,
            Arc::new(|_, _| {
                let (key, value) = (String::default_serde(), String::default_serde());
                Ok(BuiltNode::node(SinkNode::new(SinkTopic::Fixed("out".into()), key, value, None)))
            }),
        )
        .unwrap();
    builder.build().unwrap()
}
