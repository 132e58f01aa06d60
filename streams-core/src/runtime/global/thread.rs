use super::part::{GlobalPart, OpenedPart};
use super::{GlobalEvent, GlobalHandle};
use crate::broker::{Admin, Broker, Consumer, Fetched, OffsetSpec};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::record::TopicPartition;
use crate::runtime::control::ControlEvent;
use crate::runtime::instance::Instance;
use crate::runtime::internal_topics::existing_topics;
use crate::runtime::restore::StoreRestore;
use crate::runtime::threads::spawn;
use crate::runtime::wall_time;
use crate::store::GlobalStores;
use crate::task::{InputPartition, global_input_partitions, source_topics};
use crate::topology::Subtopology;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest wait for records: stopping and punctuations by the wall clock come between two waits.
const POLL: Duration = Duration::from_millis(100);
/// Records between two commits.
const TURN: usize = 10_000;

/// Fills the global stores.
pub(crate) struct GlobalThread<B: Broker> {
    instance: Arc<Instance<B>>,
    consumer: B::Consumer,
    parts: Vec<GlobalPart>,
    /// Where the records of a partition go: part and input.
    routes: HashMap<TopicPartition, (usize, usize)>,
    /// The stores, as tasks read them.
    globals: GlobalStores,
    stop: Arc<AtomicBool>,
}

impl<B: Broker> GlobalThread<B> {
    /// Starts the thread where the topology has global stores.
    ///
    /// # Errors
    /// A client cannot be made, or no thread be started.
    pub(crate) fn start(instance: &Arc<Instance<B>>) -> Result<Option<GlobalHandle>, StreamsError> {
        if !instance.topology.subtopologies().iter().any(|part| part.global) {
            return Ok(None);
        }
        let consumer = instance.broker.consumer(&instance.config.client_properties(ClientRole::GlobalConsumer))?;
        let (stop, waker) = (Arc::new(AtomicBool::new(false)), consumer.waker());
        let (instance, asked) = (Arc::clone(instance), Arc::clone(&stop));
        let thread = spawn("kafka-streams-global".to_owned(), move || {
            let (parts, routes, globals) = (Vec::new(), HashMap::new(), GlobalStores::default());
            Self { instance, consumer, parts, routes, globals, stop: asked }.run();
        })?;
        Ok(Some(GlobalHandle { stop, waker, thread }))
    }

    fn run(mut self) {
        let instance = Arc::clone(&self.instance);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.work().map_err(|error| self.rebuild_if_lost(error))
        }));
        let error = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => StreamsError::InvalidState("the thread of the global stores has panicked".to_owned()),
        };
        tracing::error!("global stores: {error}");
        instance.tell_control(ControlEvent::Global(GlobalEvent::Failed(error)));
    }

    fn work(&mut self) -> Result<(), StreamsError> {
        let started = Instant::now();
        let ends = self.open()?;
        while !self.has_reached(&ends) {
            if self.stop.load(Ordering::Acquire) {
                return self.close();
            }
            self.follow()?;
        }
        for part in &self.parts {
            let processed = part.task.processed_records();
            tracing::info!("global store {}: {processed} records read in {:?}", part.store, started.elapsed());
        }
        self.tell_restored(&ends);
        self.instance.tell_control(ControlEvent::Global(GlobalEvent::Ready(self.globals.clone())));
        while !self.stop.load(Ordering::Acquire) {
            self.follow()?;
        }
        self.close()
    }

    /// Opens the stores and assigns their topics; answers where those end now.
    fn open(&mut self) -> Result<Vec<(TopicPartition, i64)>, StreamsError> {
        let instance = Arc::clone(&self.instance);
        let settings = &instance.settings;
        let admin = instance.broker.admin(&instance.config.client_properties(ClientRole::Admin))?;
        let deadline = Instant::now() + settings.task_timeout;
        let topics = loop {
            match existing_topics(&admin, settings.request_timeout) {
                Err(error)
                    if error.is_retriable() && Instant::now() < deadline && !self.stop.load(Ordering::Acquire) =>
                {
                    tracing::warn!("global stores: {error}; trying again");
                    std::thread::sleep(POLL);
                }
                topics => break topics?,
            }
        };
        let mut ends = Vec::new();
        let mut opened = Vec::new();
        for part in instance.topology.subtopologies().iter().filter(|part| part.global) {
            let part = self.open_part(&admin, part, &topics, &mut ends)?;
            self.globals = self.globals.and(&part.stores)?;
            opened.push(part);
        }
        for part in opened {
            let positions = part.positions();
            self.parts.push(part.build(&instance, &topics, &self.globals)?);
            self.consumer.assign(&positions)?;
        }
        Ok(ends)
    }

    fn open_part(
        &mut self,
        admin: &B::Admin,
        subtopology: &Subtopology,
        topics: &TopicPartitions,
        ends: &mut Vec<(TopicPartition, i64)>,
    ) -> Result<OpenedPart, StreamsError> {
        let instance = Arc::clone(&self.instance);
        let (topology, settings) = (&instance.topology, &instance.settings);
        let inputs = global_input_partitions(topology, &settings.application_id, subtopology, topics);
        if inputs.is_empty() {
            let sources = subtopology
                .nodes
                .iter()
                .flat_map(|&node| source_topics(topology, &settings.application_id, node, topics));
            return Err(StreamsError::MissingSourceTopics(sources.collect()));
        }
        let extents = extents(admin, &inputs, settings.request_timeout)?;
        let specs: Vec<_> = subtopology.stores.iter().filter_map(|store| topology.store(store)).collect();
        let part = OpenedPart::open(&instance, subtopology, &specs, inputs, &extents)?;
        let place = self.routes.values().map(|(part, _)| part + 1).max().unwrap_or(0);
        let first = ends.len();
        for (number, (input, (_, end))) in part.inputs.iter().zip(extents).enumerate() {
            self.routes.insert(input.input.partition.clone(), (place, number));
            ends.push((input.input.partition.clone(), end));
        }
        self.tell_start(&part.store, &part.positions(), &ends[first..]);
        Ok(part)
    }

    fn has_reached(&self, ends: &[(TopicPartition, i64)]) -> bool {
        ends.iter().all(|(partition, end)| {
            let (part, input) = self.routes[partition];
            let task = &self.parts[part].task;
            !task.has_records(input) && self.consumer.position(partition).is_none_or(|position| position >= *end)
        })
    }

    /// Takes what has come, applies it, and commits.
    fn follow(&mut self) -> Result<(), StreamsError> {
        let mut fetched = Vec::new();
        match self.consumer.poll(POLL, &mut fetched) {
            Err(error) if !error.is_retriable() => return Err(error.into()),
            Err(error) => tracing::warn!("global stores: {error}; trying again"),
            Ok(()) => {}
        }
        for item in fetched {
            self.take(item)?;
        }
        for part in &mut self.parts {
            let mut any = part.task.punctuate(wall_time())?;
            while part.task.process(TURN, wall_time())? > 0 || any {
                part.commit()?;
                any = false;
            }
        }
        Ok(())
    }

    fn take(&mut self, fetched: Fetched) -> Result<(), StreamsError> {
        match fetched {
            Fetched::Batch(batch) => {
                if let Some(&(part, input)) = self.routes.get(batch.topic_partition()) {
                    self.parts[part].task.add_records(input, batch);
                }
                Ok(())
            }
            Fetched::Failed { partition, error } if error.is_retriable() => {
                tracing::warn!("{partition}: {error}; trying again");
                let Some(&(part, input)) = self.routes.get(&partition) else { return Ok(()) };
                let position = self.parts[part].task.fetch_position(input);
                Ok(self.consumer.assign(&[(partition, position)])?)
            }
            Fetched::Failed { error, .. } => Err(error.into()),
            Fetched::OutOfRange { partition, position } | Fetched::Truncated { partition, position, .. } => {
                Err(StreamsError::GlobalStoreLost { partition: partition.to_string(), position })
            }
        }
    }

    /// Where the topic has lost what a store has read, the store is no table of it any more: the next start builds it anew.
    fn rebuild_if_lost(&mut self, error: StreamsError) -> StreamsError {
        if matches!(error, StreamsError::GlobalStoreLost { .. }) {
            for part in self.parts.drain(..) {
                let store = part.store.clone();
                if let Err(error) = part.wipe() {
                    tracing::warn!("global store {store}: {error}");
                }
            }
        }
        error
    }

    fn close(&mut self) -> Result<(), StreamsError> {
        for part in self.parts.drain(..) {
            part.task.close()?.close();
        }
        Ok(())
    }

    fn tell_start(&self, store: &str, positions: &[(TopicPartition, i64)], ends: &[(TopicPartition, i64)]) {
        let Some(listener) = self.instance.restore_listener() else { return };
        for ((partition, position), (_, end_offset)) in positions.iter().zip(ends) {
            listener.on_restore_start(&StoreRestore { store, partition, position: *position, end_offset: *end_offset });
        }
    }

    fn tell_restored(&self, ends: &[(TopicPartition, i64)]) {
        let Some(listener) = self.instance.restore_listener() else { return };
        for (partition, end_offset) in ends {
            let (part, _) = self.routes[partition];
            let part = &self.parts[part];
            let position = part.task.positions().find(|(of, _)| *of == partition).map_or(*end_offset, |(_, at)| at);
            let progress = StoreRestore { store: &part.store, partition, position, end_offset: *end_offset };
            listener.on_restore_end(&progress, part.task.processed_records());
        }
    }
}

/// First offset and end of each partition.
fn extents(admin: &impl Admin, inputs: &[InputPartition], timeout: Duration) -> Result<Vec<(i64, i64)>, StreamsError> {
    let asked = |spec: OffsetSpec| inputs.iter().map(move |input| (input.partition.clone(), spec)).collect::<Vec<_>>();
    let starts = admin.list_offsets(&asked(OffsetSpec::Earliest), timeout)?;
    let ends = admin.list_offsets(&asked(OffsetSpec::Latest), timeout)?;
    Ok(starts.into_iter().zip(ends).collect())
}
