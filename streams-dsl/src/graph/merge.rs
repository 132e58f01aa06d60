//! `merge.repartition.topics`: steps that need the same new keys share one repartition topic, right below the step that makes the keys.

use super::kind::{EndNames, Kind, Prefix};
use super::{Graph, GraphId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What merging changes about a graph.
#[derive(Default)]
pub(super) struct Merging {
    /// The topics that take the place of others, by the step that they come below.
    pub merged: Vec<Merged>,
    /// The repartition steps that are gone: what was below them is below their parent.
    pub replaced: HashSet<GraphId>,
    /// The steps that have moved: by themselves and their former parent, the number of the merged topic that is their parent now.
    pub moved: HashMap<(GraphId, GraphId), usize>,
}

/// One topic instead of several.
pub(super) struct Merged {
    /// The step that makes the keys.
    pub below: GraphId,
    /// The repartition steps that it replaces. It has the topic and the serdes of the first.
    pub replaces: Vec<GraphId>,
}

/// What a step does to the records that pass, as far as repartitioning goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    NewKeys,
    NewValues,
    Merges,
    Neither,
}

impl Effect {
    /// Kafka Streams' generated names say what kind of step it is.
    fn of(generated: &str) -> Self {
        match generated.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "KSTREAM-KEY-SELECT-" | "KSTREAM-MAP-" | "KSTREAM-FLATMAP-" | "KSTREAM-PROCESSOR-" => Self::NewKeys,
            "KSTREAM-MAPVALUES-" | "KSTREAM-FLATMAPVALUES-" | "KSTREAM-PROCESSVALUES-" => Self::NewValues,
            "KSTREAM-MERGE-" => Self::Merges,
            _ => Self::Neither,
        }
    }
}

impl Graph {
    /// Finds the repartition topics that can be one.
    ///
    /// As in Kafka Streams a topic moves up to the step that makes the keys, past steps that change neither keys nor values, and where several such steps
    /// are merged, up to the merger. Where Kafka Streams fails to build (two topics below the same step), or would let records pass by the topic (they
    /// reach it on several ways), this does what was meant or leaves the topic where it is.
    pub(super) fn merge_repartitions(&self) -> Merging {
        let mut merging = Merging::default();
        for (below, repartitions) in self.key_makers() {
            let mut replaces = Vec::new();
            for id in repartitions {
                if let Some(entrances) = self.entrances(id, below) {
                    merging.moved.extend(entrances.iter().map(|&entrance| ((entrance, below), merging.merged.len())));
                    merging.replaced.insert(id);
                    replaces.push(id);
                }
            }
            if !replaces.is_empty() {
                merging.merged.push(Merged { below, replaces });
            }
        }
        merging
    }

    /// The repartition topics that Kafka Streams makes by itself, by the step that each would come below.
    fn key_makers(&self) -> BTreeMap<GraphId, Vec<GraphId>> {
        let mut by_step: BTreeMap<GraphId, Vec<GraphId>> = BTreeMap::new();
        let mut mergers = Vec::new();
        for (id, node) in self.nodes.iter().enumerate() {
            match (&node.kind, Effect::of(&node.generated)) {
                (Kind::Repartition(step), _) => {
                    let automatic = matches!(step.names, EndNames::OfTopic(_))
                        && !matches!(step.prefix, Prefix::Own | Prefix::Whole(_));
                    if let Some(maker) = self.key_maker(id).filter(|_| automatic) {
                        by_step.entry(maker).or_default().push(id);
                    }
                }
                // Where the results of a join come together, no two streams do.
                (_, Effect::Merges) if !self.stream_joins.iter().any(|join| join.merge == id) => mergers.push(id),
                _ => {}
            }
        }
        for merger in mergers.into_iter().rev() {
            let above = self.ancestors(merger);
            let behind = |id: &GraphId| self.ancestors(*id).contains(&merger);
            let makers = by_step.iter().filter(|(maker, ids)| above.contains(maker) && ids.iter().all(behind));
            let makers: Vec<GraphId> = makers.map(|(&maker, _)| maker).collect();
            let mut taken: Vec<GraphId> = makers.iter().filter_map(|maker| by_step.remove(maker)).flatten().collect();
            if !taken.is_empty() {
                taken.sort_unstable();
                by_step.insert(merger, taken);
            }
        }
        by_step
    }

    /// The step that made the keys of what comes to a step; `None` where values have changed since.
    fn key_maker(&self, mut id: GraphId) -> Option<GraphId> {
        loop {
            id = *self.nodes.get(id)?.parents.first()?;
            match Effect::of(&self.nodes.get(id)?.generated) {
                Effect::NewKeys => return Some(id),
                Effect::NewValues => return None,
                Effect::Merges | Effect::Neither => {}
            }
        }
    }

    fn ancestors(&self, id: GraphId) -> HashSet<GraphId> {
        let mut found = HashSet::new();
        let mut waiting = vec![id];
        while let Some(node) = waiting.pop().and_then(|id| self.nodes.get(id)) {
            waiting.extend(node.parents.iter().filter(|&&parent| found.insert(parent)));
        }
        found
    }

    /// The steps right below `above` on the ways from there to the repartition step `id`; `None` where the topic cannot move up there: records come
    /// from elsewhere too, or a step between has a state or other types.
    fn entrances(&self, id: GraphId, above: GraphId) -> Option<HashSet<GraphId>> {
        let Kind::Repartition(repartition) = &self.nodes.get(id)?.kind else { return None };
        let mut entrances = HashSet::new();
        let mut seen = HashSet::new();
        let mut waiting = vec![id];
        while let Some(step) = waiting.pop() {
            let parents = &self.nodes.get(step)?.parents;
            if parents.is_empty() {
                return None;
            }
            for &parent in parents {
                let Kind::Processor(processor) = &self.nodes.get(parent)?.kind else { return None };
                if processor.output != Some(repartition.input) {
                    return None;
                }
                if parent == above {
                    entrances.insert(step);
                    continue;
                }
                let effect = Effect::of(&self.nodes[parent].generated);
                let plain = processor.stores.is_empty() && processor.uses.is_empty();
                if !plain || matches!(effect, Effect::NewKeys | Effect::NewValues) {
                    return None;
                }
                if seen.insert(parent) {
                    waiting.push(parent);
                }
            }
        }
        Some(entrances)
    }
}
