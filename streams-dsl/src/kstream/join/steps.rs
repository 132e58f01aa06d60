use super::super::{KStream, share};
use super::names::{Kind, Names, StepName, StoreName};
use crate::data::Data;
use crate::graph::{Graph, Handle, Processor, Store, StreamJoin as JoinOfGraph};
use crate::nulls::NullCheck;
use crate::operators::kstream::PassThrough;
use crate::operators::kstream::join::{JoinWindow, LeftSide, Match, RightSide, SelfJoin, Side, StreamJoin, Waiting};
use crate::options::StreamJoined;
use crate::windows::{JoinWindows, millis};
use std::any::TypeId;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::SerdeRef;
use streams_core::store::{JoinReach, JoinWindowStore, UnmatchedStore};
use streams_core::topology::{BuiltNode, RowLayout, StoreEngine, StoreSpec, TaskBuild};

/// The serdes of a join.
struct Serdes<K, L, R> {
    key: SerdeRef<K>,
    left: SerdeRef<L>,
    right: SerdeRef<R>,
}

/// What the join nodes of both sides are made with.
struct Parts<K, L, R, F> {
    joiner: Arc<F>,
    reach: JoinReach,
    serdes: Arc<Serdes<K, L, R>>,
    /// The store of records without partner, in a left or outer join.
    unmatched: Option<String>,
}

impl<K: Data, V: Data> KStream<K, V> {
    /// Declares the steps of a join: for each side a window and a join node, and one in which the results come together.
    pub(super) fn declare_join<V2: Data, VR: Data, F>(
        &self,
        other: &KStream<K, V2>,
        kind: Kind,
        joiner: F,
        windows: &JoinWindows,
        joined: &StreamJoined<K, V, V2>,
    ) -> KStream<K, VR>
    where
        F: Fn(&K, Match<'_, V, V2>) -> Result<Option<VR>, StreamsError> + Send + Sync + 'static,
    {
        let met = match self.handle.same_graph(&other.handle, "a join") {
            true => self.meet(other, kind, joined),
            false => None,
        };
        let Some((left, right, serdes)) = met else { return KStream::broken(self.handle.at(Graph::ROOT)) };
        let names = Names::new(&mut self.handle.graph(), kind, joined);
        if let Some(mistake) = windows.mistake() {
            let name = names.merge.given.as_ref().unwrap_or(&names.merge.generated);
            self.handle.mistake(format!("{name}: {mistake}"));
        }
        let layout = RowLayout::window(windows.retention()).with_duplicates();
        let spec = |name: &StoreName, types| joined.window_spec(name.clone(), types, layout, windows.size());
        let this_spec = spec(&names.this_store, joined.types(&serdes.key, &serdes.left));
        let other_spec = spec(&names.other_store, joined.types(&serdes.key, &serdes.right));
        let this_window = add_window(&left, names.this_window, this_spec, (&serdes.key, &serdes.left));
        let other_window = add_window(&right, names.other_window, other_spec, (&serdes.key, &serdes.right));

        let unmatched = kind.left_outer.then(|| names.unmatched.0.clone());
        let parts = Parts { joiner: Arc::new(joiner), reach: windows.reach(), serdes: Arc::new(serdes), unmatched };
        let of_itself = parts.of_itself::<VR>(kind, windows, &names.this_store);
        let value_serdes = (share(&parts.serdes.left), share(&parts.serdes.right));
        let mut join = parts.processor::<VR, LeftSide>(kind.left_outer, names.other_store, value_serdes.clone());
        if kind.left_outer {
            join.stores.push(Store::always(joined.unmatched_spec(names.unmatched)));
        }
        let this = this_window.add_processor(names.this_join.generated, names.this_join.given, join);
        let value_serdes = (value_serdes.1, value_serdes.0);
        let mut join = parts.processor::<VR, RightSide>(kind.right_outer, names.this_store, value_serdes);
        join.uses.extend(parts.unmatched);
        let that = other_window.add_processor(names.other_join.generated, names.other_join.given, join);
        let merge = Processor::new::<K, VR, K, VR>(|| {
            Arc::new(|_, children| Ok(BuiltNode::node::<K, VR>(PassThrough::<K, VR>::new(children.downstream()?))))
        });
        let merge = this.add_merge(&that, names.merge.generated, names.merge.given, merge);
        let mut graph = merge.graph();
        graph.copartition(vec![left.id, right.id], merge.id);
        graph.add_stream_join(JoinOfGraph {
            windows: [this_window.id, other_window.id],
            sides: [this.id, that.id],
            merge: merge.id,
            of_itself,
        });
        drop(graph);
        KStream::new(merge, Some(share(&parts.serdes.key)), None, false)
    }

    /// Both sides, partitioned by their keys, and the serdes of the join. None where a serde is missing, which is noted as a mistake.
    fn meet<V2: Data>(
        &self,
        other: &KStream<K, V2>,
        kind: Kind,
        joined: &StreamJoined<K, V, V2>,
    ) -> Option<(Handle, Handle, Serdes<K, V, V2>)> {
        let step = match &joined.name {
            Some(name) => format!("join {name}"),
            None => {
                let graph = self.handle.graph();
                format!("the join of {} and {}", graph.name(self.handle.id), graph.name(other.handle.id))
            }
        };
        let handle = &self.handle;
        let key = handle.require(&step, "key", joined.key.resolve(self.key_serde.as_ref()));
        let left = handle.require(&step, "value", joined.value.resolve(self.value_serde.as_ref()));
        let right = handle.require(&step, "other_value", joined.other_value.resolve(other.value_serde.as_ref()));
        let (key, left, right) = (key?, left?, right?);
        let name = |suffix: &str| joined.name.as_ref().map(|name| format!("{name}{suffix}"));
        let serdes = Serdes { key: share(&key), left: share(&left), right: share(&right) };
        let keeps_nulls = kind != Kind::INNER;
        let this = self.partitioned_for_join(&step, name("-left"), Some(share(&key)), Some(left), keeps_nulls)?;
        let that = other.partitioned_for_join(&step, name("-right"), Some(key), Some(right), keeps_nulls)?;
        Some((this.handle, that.handle, serdes))
    }
}

/// Appends the node that remembers the records of a side.
fn add_window<K: Data, T: Data>(
    stream: &Handle,
    name: StepName,
    spec: StoreSpec,
    (key, value): (&SerdeRef<K>, &SerdeRef<T>),
) -> Handle {
    let (store, key, value) = (spec.name.clone(), share(key), share(value));
    let mut window = Processor::new::<K, T, K, T>(move || {
        let (store, key, value) = (store.clone(), share(&key), share(&value));
        Arc::new(move |build, children| {
            let records = window_store(build, &store, &key, &value)?;
            Ok(BuiltNode::node::<K, T>(JoinWindow::new(records, children.downstream()?)))
        })
    });
    window.stores.push(Store::always(spec));
    stream.add_processor(name.generated, name.given, window)
}

impl<K: Data, L: Data, R: Data, F> Parts<K, L, R, F> {
    /// The node below the window of the left side that stands for all the rest where both sides are the same stream. None where they cannot be, and
    /// where a record of an outer join may have no partner, as it is none itself.
    fn of_itself<VR: Data>(&self, kind: Kind, windows: &JoinWindows, (store, _): &StoreName) -> Option<Processor>
    where
        F: Fn(&K, Match<'_, L, R>) -> Result<Option<VR>, StreamsError> + Send + Sync + 'static,
    {
        let (reach, retention) = (self.reach, windows.retention());
        let meets_itself = reach.before >= 0 && reach.after >= 0;
        if TypeId::of::<L>() != TypeId::of::<R>() || kind != Kind::INNER && !meets_itself {
            return None;
        }
        let (joiner, serdes, store) = (Arc::clone(&self.joiner), Arc::clone(&self.serdes), store.clone());
        let uses = vec![store.clone()];
        let factory = move || -> streams_core::topology::NodeFactory {
            let (joiner, serdes, store) = (Arc::clone(&joiner), Arc::clone(&serdes), store.clone());
            Arc::new(move |build, children| {
                let records = window_store(build, &store, &serdes.key, &serdes.left)?;
                let (joiner, nulls) = (Arc::clone(&joiner), NullCheck::new(Some(&serdes.left), ""));
                let (time, downstream) = ((reach, retention), children.downstream()?);
                let node = SelfJoin::<K, L, R, VR, F>::new(joiner, records, time, nulls, downstream);
                Ok(BuiltNode::node::<K, L>(node))
            })
        };
        Some(Processor { uses, ..Processor::new::<K, L, K, VR>(factory) })
    }

    /// The join node of a side; `others` is what the other side remembers.
    fn processor<VR: Data, S: Side<L, R>>(
        &self,
        outer: bool,
        (others, _): StoreName,
        (this, other): (SerdeRef<S::This>, SerdeRef<S::Other>),
    ) -> Processor
    where
        F: Fn(&K, Match<'_, L, R>) -> Result<Option<VR>, StreamsError> + Send + Sync + 'static,
    {
        let (joiner, reach) = (Arc::clone(&self.joiner), self.reach);
        let (serdes, unmatched) = (Arc::clone(&self.serdes), self.unmatched.clone());
        let uses = vec![others.clone()];
        let factory = move || -> streams_core::topology::NodeFactory {
            let (joiner, serdes, unmatched) = (Arc::clone(&joiner), Arc::clone(&serdes), unmatched.clone());
            let (this, other, others) = (share(&this), share(&other), others.clone());
            Arc::new(move |build, children| {
                let records = window_store(build, &others, &serdes.key, &other)?;
                let waiting = unmatched.as_ref().map(|name| waiting(build, name, &serdes)).transpose()?;
                let (joiner, nulls) = (Arc::clone(&joiner), NullCheck::new(Some(&this), ""));
                let downstream = children.downstream()?;
                let node =
                    StreamJoin::<K, L, R, VR, F, S>::new(joiner, records, (reach, outer), waiting, nulls, downstream);
                Ok(BuiltNode::node::<K, S::This>(node))
            })
        };
        Processor { uses, ..Processor::new::<K, S::This, K, VR>(factory) }
    }
}

fn window_store<K: Data, T: Data>(
    build: &TaskBuild<'_>,
    name: &str,
    key: &SerdeRef<K>,
    value: &SerdeRef<T>,
) -> Result<JoinWindowStore<K, T>, StreamsError> {
    let expires_at_once = build.store_spec(name)?.engine == StoreEngine::InMemory;
    JoinWindowStore::new(build.store(name)?, share(key), share(value), expires_at_once)
}

fn waiting<K: Data, L: Data, R: Data>(
    build: &TaskBuild<'_>,
    name: &str,
    serdes: &Serdes<K, L, R>,
) -> Result<Waiting<K, L, R>, StreamsError> {
    let (key, left, right) = (share(&serdes.key), share(&serdes.left), share(&serdes.right));
    let store = UnmatchedStore::new(build.store(name)?, key, left, right);
    Ok(Waiting { store, interval: millis(build.emit_interval()) })
}
