use super::KStream;
use crate::data::Data;
use crate::graph::{Handle, Processor};
use crate::operators::kstream::{Branch, PassThrough, Predicate};
use crate::options::{Branched, Chain};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::topology::{BuiltNode, FlowType};

/// A stream that is being split into branches: each record goes to the first whose predicate holds.
///
/// ```
/// # use streams_dsl::{Branched, StreamsBuilder};
/// # let builder = StreamsBuilder::new();
/// let orders = builder.stream::<String, i64>("orders");
/// let branches = orders
///     .split()
///     .named("orders-")
///     .branch(|_, amount| *amount > 1_000, Branched::named("large"))
///     .default_branch(Branched::named("rest"));
/// branches["orders-large"].to("large-orders");
/// ```
#[must_use = "branches are declared with `branch`, `default_branch` and `no_default_branch`"]
pub struct BranchedKStream<K, V> {
    stream: KStream<K, V>,
    handle: Handle,
    predicates: Predicates<K, V>,
    streams: BTreeMap<String, KStream<K, V>>,
}

/// One per child of the node, in their order; none for the default branch.
type Predicates<K, V> = Rc<RefCell<Vec<Option<Predicate<K, V>>>>>;

impl<K: Data, V: Data> KStream<K, V> {
    /// Splits the stream into branches.
    pub fn split(&self) -> BranchedKStream<K, V> {
        let predicates: Predicates<K, V> = Rc::default();
        let generated = self.handle.graph().new_name("KSTREAM-BRANCH-");
        let late = Rc::clone(&predicates);
        let processor = Processor {
            input: FlowType::of::<K, V>(),
            output: Some(FlowType::of::<K, V>()),
            factory: Box::new(move || {
                let predicates: Arc<[_]> = late.borrow().clone().into();
                Arc::new(move |_, children| {
                    let predicates = predicates.iter().cloned().collect();
                    Ok(BuiltNode::node::<K, V>(Branch::new(predicates, children.downstream()?)))
                })
            }),
            stores: Vec::new(),
            uses: Vec::new(),
            grace: None,
        };
        let handle = self.handle.add_processor(generated, None, processor);
        BranchedKStream { stream: self.clone(), handle, predicates, streams: BTreeMap::new() }
    }
}

impl<K: Data, V: Data> BranchedKStream<K, V> {
    /// Names the split; the name is also what the names of the branches begin with. Comes before the first branch.
    pub fn named(self, name: impl Into<String>) -> Self {
        if !self.predicates.borrow().is_empty() {
            self.handle.mistake("a split is named after its first branch; name it before");
        }
        self.handle.named(name);
        self
    }

    /// Adds a branch with the records for which the predicate holds, and none of the branches before took.
    pub fn branch(self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static, branched: Branched<K, V>) -> Self {
        self.try_branch(move |key: &K, value: &V| Ok::<_, Infallible>(predicate(key, value)), branched)
    }

    /// [`branch`](Self::branch) with a predicate that may fail.
    pub fn try_branch<E>(
        mut self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        branched: Branched<K, V>,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let number = self.predicates.borrow().len() + 1;
        let predicate: Predicate<K, V> = Arc::new(move |key, value| super::user(predicate(key, value)));
        self.add(Some(predicate), number, branched);
        self
    }

    /// Adds a branch with all records that no other took. The answer has the branches by their names: the name of the split, and then
    /// the branch's own, or its number (1 for the first, 0 for the default branch).
    pub fn default_branch(mut self, branched: Branched<K, V>) -> BTreeMap<String, KStream<K, V>> {
        self.add(None, 0, branched);
        self.streams
    }

    /// Drops the records that no branch took. The answer has the branches by their names, as [`default_branch`](Self::default_branch).
    pub fn no_default_branch(self) -> BTreeMap<String, KStream<K, V>> {
        self.streams
    }

    fn add(&mut self, predicate: Option<Predicate<K, V>>, number: usize, branched: Branched<K, V>) {
        let prefix = self.handle.graph().name(self.handle.id).to_owned();
        let name = format!("{prefix}{}", branched.name.unwrap_or_else(|| number.to_string()));
        self.predicates.borrow_mut().push(predicate);
        let child = self.handle.add::<K, V, K, V, _>("KSTREAM-BRANCH-", PassThrough::new);
        child.named(name.as_str());
        let stream = self.stream.same(child);
        let stream = match branched.chain {
            Chain::Keep => stream,
            Chain::Function(function) => function(stream),
            Chain::Consumer(consumer) => return consumer(stream),
        };
        self.streams.insert(name, stream);
    }
}
