use super::KTable;
use crate::data::Data;
use crate::graph::{Graph, Processor, Store};
use crate::operators::ktable::{Rule, Suppress, SuppressedRows};
use crate::options::{Place, Suppressed};
use crate::table_state::TableState;
use crate::table_view::{TableView, ValueGetterFactory, ViewRef};
use std::any::type_name;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{Change, SuppressionBuffer};
use streams_core::topology::{
    BuiltNode, FlowType, NodeFactory, RowLayout, StoreEngine, StoreFormat, StoreSpec, StoreTypes,
};

const SUPPRESS: &str = "KTABLE-SUPPRESS-";

impl<K: Data, V: Data> KTable<K, V> {
    /// Holds changes back: until windows close, so that only their final results go on, or for a time, so that fewer changes do (KIP-328).
    ///
    /// What is held back is kept in memory, within the limits of its configuration, and in a changelog topic. It goes on with its own timestamp and
    /// headers. The changes of the table below carry as old row the one that went on before. The serdes are those of the table above.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::{BufferConfig, StreamsBuilder, Suppressed};
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table::<String, String>("positions")
    ///     .suppress(Suppressed::until_time_limit(Duration::from_secs(60), BufferConfig::max_records(10_000)))
    ///     .to_stream()
    ///     .to("positions-once-a-minute");
    /// # builder.build()?;
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    pub fn suppress(&self, suppressed: Suppressed<K>) -> Self {
        if self.handle.id == Graph::ROOT {
            return self.clone();
        }
        let name = suppressed.name.clone().unwrap_or_else(|| self.handle.graph().new_name(SUPPRESS));
        if self.state.history().is_some() {
            self.handle.mistake(format!(
                "{name} suppresses a versioned table, or one that is computed from such; keep what it suppresses in a store without history"
            ));
        }
        let store = match &suppressed.name {
            Some(name) => format!("{name}-store"),
            None => self.handle.graph().new_store_name(SUPPRESS),
        };
        let (Some(rule), Some(key), Some(value)) =
            (self.rule(&name, &suppressed), self.known(&name, &self.key_serde), self.known(&name, &self.value_serde))
        else {
            return Self::broken(self.handle.at(Graph::ROOT), None);
        };
        self.state.enable_sending_old_values();
        let state = TableState::derived(&self.state, false);
        let spec = spec(store.clone(), Arc::clone(&key), suppressed.limits.logging.clone());
        let store_name = store.clone();
        let (rule, late) = (Arc::new(rule), Rc::clone(&state));
        let (keys, values) = (Arc::clone(&key), Arc::clone(&value));
        let factory = move || -> NodeFactory {
            let (rule, store, send_old) = (Arc::clone(&rule), store.clone(), late.sends_old());
            let (keys, values) = (Arc::clone(&keys), Arc::clone(&values));
            Arc::new(move |build, children| {
                let buffer = SuppressionBuffer::new(build.store(&store)?, Arc::clone(&keys), Arc::clone(&values));
                let node = Suppress::new(buffer, Arc::clone(&rule), send_old, children.downstream()?);
                Ok(BuiltNode::node::<K, Change<V>>(node))
            })
        };
        let processor = Processor {
            input: FlowType::of::<K, Change<V>>(),
            output: Some(FlowType::of::<K, Change<V>>()),
            factory: Box::new(factory),
            stores: vec![Store::always(spec)],
            uses: Vec::new(),
            grace: None,
        };
        let handle = self.handle.add_processor(name, suppressed.name, processor);
        let view = self.suppressed_view(store_name, &key, &value);
        Self::new(handle, Some(key), Some(value), None, state, view)
    }

    /// A row is what went on last: where a change is held back, the row before it, else that of the table above.
    fn suppressed_view(&self, store: String, key: &SerdeRef<K>, value: &SerdeRef<V>) -> ViewRef<K, V> {
        let (parent, key, value) = (Rc::clone(&self.view), Arc::clone(key), Arc::clone(value));
        Rc::new(move || {
            let TableView { mut stores, getter } = parent();
            stores.push(store.clone());
            let (store, key, value) = (store.clone(), Arc::clone(&key), Arc::clone(&value));
            let getter: ValueGetterFactory<K, V> = Arc::new(move |build| {
                let buffer = SuppressionBuffer::new(build.store(&store)?, Arc::clone(&key), Arc::clone(&value));
                Ok(Box::new(SuppressedRows::new(buffer, getter(build)?)))
            });
            TableView { stores, getter }
        })
    }

    /// What the step does; a mistake where that cannot be.
    fn rule(&self, name: &str, suppressed: &Suppressed<K>) -> Option<Rule<K>> {
        if suppressed.idle_timeout.is_some_and(|timeout| timeout < Duration::from_millis(1)) {
            self.handle.mistake(format!("the idle timeout of {name} is shorter than a millisecond; set a longer one"));
            return None;
        }
        if let Place::Timestamp { .. } = suppressed.place {
            return Some(Rule::new(suppressed, 0));
        }
        let grace = self.handle.graph().window_grace(self.handle.id);
        if grace.is_none() {
            let above = self.handle.graph().name(self.handle.id).to_owned();
            self.handle.mistake(format!(
                "{name} waits for windows to close, but what comes from {above} is not the result of a windowed aggregation alone; \
                 suppress its table before it becomes a stream, or until a time limit"
            ));
        }
        grace.map(|grace| Rule::new(suppressed, grace))
    }

    fn known<T>(&self, name: &str, serde: &Option<SerdeRef<T>>) -> Option<SerdeRef<T>> {
        if serde.is_none() {
            self.handle.mistake(format!(
                "{name} knows no serde of type {} for what it holds back; name one at the step before it (`Materialized::with(key serde, value serde)`)",
                type_name::<T>()
            ));
        }
        serde.clone()
    }
}

/// The store of a suppression. Its rows are no values of the table: to queries they are bytes.
fn spec<K: Data>(name: String, key: SerdeRef<K>, logging: Option<BTreeMap<String, String>>) -> StoreSpec {
    StoreSpec {
        name,
        engine: StoreEngine::InMemory,
        format: StoreFormat::SuppressionBuffer,
        layout: RowLayout::Plain,
        window_size_ms: None,
        caching: true,
        keep_prior: false,
        logging,
        types: StoreTypes::new(key, Vec::<u8>::default_serde()),
        users: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BufferConfig, StreamsBuilder};
    use streams_core::test_driver::TopologyTestDriver;

    /// Where each change is (row before, row now). Kafka Streams says `(B, C)` instead of `(A, C)` here.
    #[test]
    fn the_row_before_is_the_one_that_went_on_before() {
        let builder = StreamsBuilder::new();
        let limit = Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::unbounded());
        let passing = builder.table::<String, String>("in").suppress(limit).filter(|_, value| value == "A");
        passing.state.enable_sending_old_values();
        passing.to_stream().to("out");
        let driver = TopologyTestDriver::new(&builder.build().unwrap());
        let input = driver.create_input_topic::<String, String>("in");
        let output = driver.create_output_topic::<String, Option<String>>("out");
        for (key, value, timestamp) in [("k", "A", 0), ("t", "-", 20), ("k", "B", 21), ("k", "C", 22), ("t", "-", 50)] {
            input.pipe_input_at(key.to_owned(), value.to_owned(), timestamp).unwrap();
        }
        // The filter hears that A is gone, and passes that on; of C alone it would say nothing.
        let expected = [("k".to_owned(), Some("A".to_owned())), ("k".to_owned(), None)];
        assert_eq!(output.read_key_values_to_list().unwrap(), expected);
    }
}
