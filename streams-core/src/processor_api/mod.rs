//! The Processor API: nodes of a topology written by hand, with stores of their own.
//!
//! A [`Processor`] takes records one at a time, reads and writes its [stores](Stores), has itself called when time passes
//! ([`ProcessorContext::schedule`]), and forwards what it likes. A [`FixedKeyProcessor`] is one that cannot change keys. They are put together
//! with [`TopologyBuilder`](crate::topology::TopologyBuilder) (`add_source`, `add_processor`, `add_state_store`, `add_sink`), or are steps of a stream of the
//! DSL (`process`, `process_values`).
//!
//! Every task has processors of its own, made by the supplier: a closure. They live on the thread of their task, so they need neither locks nor `Send`.
//!
//! # Example: word count
//! ```
//! use streams_core::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, Source, Stores};
//! use streams_core::record::Record;
//! use streams_core::test_driver::TopologyTestDriver;
//! use streams_core::topology::TopologyBuilder;
//!
//! #[derive(Default)]
//! struct CountWords {
//!     counts: KeyValueStore<String, i32>,
//! }
//!
//! impl Processor<Option<String>, String, String, i32> for CountWords {
//!     fn init(&mut self, context: &mut ProcessorContext<'_, String, i32>) -> ProcessorResult {
//!         self.counts = context.state_store("Counts")?;
//!         Ok(())
//!     }
//!
//!     fn process(
//!         &mut self,
//!         context: &mut ProcessorContext<'_, String, i32>,
//!         line: Record<Option<String>, String>,
//!     ) -> ProcessorResult {
//!         for word in line.value.split_whitespace() {
//!             let word = word.to_owned();
//!             let count = self.counts.get(&word)?.unwrap_or(0) + 1;
//!             self.counts.put(&word, &count)?;
//!             context.forward(Record::new(word, count, line.timestamp))?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut topology = TopologyBuilder::new();
//! let lines = topology.add_source("lines", Source::topic("input-topic"))?;
//! let counts = topology.add_processor("count", CountWords::default, &lines)?;
//! topology.add_state_store(Stores::key_value_store::<String, i32>("Counts"), &counts)?;
//! topology.add_sink("counts", "output-topic", &counts)?;
//! let topology = topology.build()?;
//!
//! let driver = TopologyTestDriver::new(&topology);
//! let input = driver.create_input_topic::<Option<String>, String>("input-topic");
//! input.pipe_value("hello world hello".to_owned())?;
//! let output = driver.create_output_topic::<String, i32>("output-topic").read_key_values_to_map()?;
//! assert_eq!(output["hello"], 2);
//! # Ok::<(), streams_core::error::StreamsError>(())
//! ```
//!
//! # Errors
//! What the methods of a processor return as error goes to the processing exception handler, as errors of the DSL's closures do; `?` takes any error.
//! Errors that are not the user's (a store that cannot be read, …) stop the task: return them as they are. So does what a child failed with and the handler
//! did not let pass.
//!
//! # Stores
//! A store belongs to the processors that it is connected to. In `init` each asks for it by name, or by the [`StoreRef`] that declaring it returned, and keeps what
//! it gets: looking up a name is done once, not per record. A store that does not exist, is not connected or has other types is an error before
//! the first record. What is written is seen at once by all who have the store, goes to the changelog, and is committed together with the offsets.

mod context;
mod environment;
mod fixed_key;
mod node;
mod processor;
mod schedules;
mod stores;
mod topology;

pub use context::{ProcessingContext, ProcessorContext};
pub use fixed_key::{FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord};
pub use node::{fixed_key_processor_factory, processor_factory};
pub use processor::{Processor, ProcessorResult};
pub use state_stores::VersionPut;
pub use stores::{
    ChangelogWriter, CustomStore, KeyValueIterator, KeyValueStore, Names, ProcessorStore, SessionIterator,
    SessionStore, StateStore, StoreBuilder, StoreName, StoreRef, Stores, TimestampedKeyValueStore,
    TimestampedWindowStore, ValueAndTimestamp, VersionedKeyValueStore, WindowIterator, WindowStore,
};
pub(crate) use stores::{CustomFactory, CustomInstance, Opening, TimestampedSerde};
pub use topology::{NodeHandle, Parents, Sink, Source};

pub use crate::processor::{Cancellable, PunctuationType};
