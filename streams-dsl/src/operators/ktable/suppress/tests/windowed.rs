//! A windowed table to suppress: values appended in tumbling or hopping windows, in a map.

use crate::StreamsBuilder;
use crate::graph::Processor;
use crate::ktable::KTable;
use crate::table_state::TableState;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::serde::{DefaultSerde, SerdeRef, StringSerde};
use streams_core::store::Change;
use streams_core::topology::{BuiltNode, FlowType, NodeFactory};
use streams_core::windowed::{TimeWindow, TimeWindowedSerde, Windowed};

pub(super) type Key = Windowed<String>;
type Row = Change<Vec<u8>>;

/// The windows, in milliseconds, and what is made of the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub size: i64,
    pub advance: i64,
    pub grace: i64,
    /// Counts, as eight bytes; else appends values to `0`, and `delete` deletes.
    pub count: bool,
    /// Whether the first change of a window carries the initial value as the old one, as Kafka Streams' aggregations without cache do.
    pub initial_is_old: bool,
}

/// The table of topic `in`.
pub(super) fn table(builder: &StreamsBuilder, windows: Windows) -> KTable<Key, Vec<u8>> {
    let stream = builder.stream::<Option<String>, String>("in");
    let factory: NodeFactory = Arc::new(move |_, children| {
        let downstream = children.downstream()?;
        let (rows, time) = (HashMap::new(), -1);
        Ok(BuiltNode::node::<Option<String>, String>(Aggregate { windows, rows, time, downstream }))
    });
    let processor = Processor {
        input: FlowType::of::<Option<String>, String>(),
        output: Some(FlowType::of::<Key, Row>()),
        factory: Box::new(move || Arc::clone(&factory)),
        store: None,
        grace: Some(windows.grace),
    };
    let handle = stream.handle.add_processor("AGGREGATE".to_owned(), None, processor);
    let key: SerdeRef<Key> =
        Arc::new(TimeWindowedSerde::new(StringSerde, Duration::from_millis(windows.size.unsigned_abs())));
    KTable::new(handle, Some(key), Some(Vec::<u8>::default_serde()), None, TableState::aggregate())
}

struct Aggregate {
    windows: Windows,
    /// Timestamp and value.
    rows: HashMap<(String, i64), (i64, Vec<u8>)>,
    time: i64,
    downstream: Downstream<Key, Row>,
}

impl Operator for Aggregate {}

impl Node<Option<String>, String> for Aggregate {
    fn process(
        &mut self,
        context: &mut TaskContext,
        record: Record<Option<String>, String>,
    ) -> Result<(), StreamsError> {
        let Some(key) = &record.key else {
            context.drop_record("its key is null");
            return Ok(());
        };
        let Windows { size, advance, grace, count, initial_is_old } = self.windows;
        self.time = self.time.max(record.timestamp);
        let first = (record.timestamp - size + advance).max(0) / advance * advance;
        let starts = (first..=record.timestamp).step_by(usize::try_from(advance).unwrap());
        for start in starts {
            if start + size <= self.time - grace {
                context.drop_record("late");
                continue;
            }
            let row = self.rows.remove(&(key.clone(), start));
            let initial = if count { 0i64.to_be_bytes().to_vec() } else { b"0".to_vec() };
            let (timestamp, old) = row.clone().unwrap_or((record.timestamp, initial.clone()));
            let timestamp = timestamp.max(record.timestamp);
            let new = match (count, record.value.as_str()) {
                (true, _) => Some((i64::from_be_bytes(old.as_slice().try_into().unwrap()) + 1).to_be_bytes().to_vec()),
                (false, "delete") => None,
                (false, value) => Some([&old, b"+".as_slice(), value.as_bytes()].concat()),
            };
            if let Some(new) = &new {
                self.rows.insert((key.clone(), start), (timestamp, new.clone()));
            }
            let timestamp = if new.is_none() { record.timestamp } else { timestamp };
            let old = row.map(|(_, value)| value).or(initial_is_old.then_some(initial));
            let key = Windowed::new(key.clone(), TimeWindow::of_size(start, size));
            let headers = record.headers.clone();
            self.downstream.forward(context, Record { key, value: Change { old, new }, timestamp, headers })?;
        }
        Ok(())
    }
}
