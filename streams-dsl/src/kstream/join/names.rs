use crate::graph::Graph;
use crate::options::{OwnStore, StreamJoined};
use streams_core::topology::StoreEngine;

/// Which records of a join go on without partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub left_outer: bool,
    pub right_outer: bool,
}

impl Kind {
    pub(super) const INNER: Self = Self { left_outer: false, right_outer: false };
    pub(super) const LEFT: Self = Self { left_outer: true, right_outer: false };
    pub(super) const OUTER: Self = Self { left_outer: true, right_outer: true };

    fn this_suffix(self) -> &'static str {
        if self.right_outer { "-outer-this-join" } else { "-this-join" }
    }

    fn other_suffix(self) -> &'static str {
        if self.left_outer { "-outer-other-join" } else { "-other-join" }
    }
}

/// A step's generated name, and the one it has by the join's.
pub(super) struct StepName {
    pub generated: String,
    pub given: Option<String>,
}

/// A store's name, and where its rows are.
pub(super) type StoreName = (String, StoreEngine);

/// The names of a join's steps and stores: Kafka Streams', in whose order numbers are taken.
pub(super) struct Names {
    pub this_window: StepName,
    pub other_window: StepName,
    pub this_join: StepName,
    pub other_join: StepName,
    pub merge: StepName,
    pub this_store: StoreName,
    pub other_store: StoreName,
    /// Of records without partner.
    pub unmatched: StoreName,
}

const SHARED: &str = "KSTREAM-OUTERSHARED-";

impl Names {
    pub(super) fn new<K: 'static, V: 'static, V2: 'static>(
        graph: &mut Graph,
        kind: Kind,
        joined: &StreamJoined<K, V, V2>,
    ) -> Self {
        let mut step = |prefix, suffix: &str| StepName {
            generated: graph.new_name(prefix),
            given: joined.name.as_ref().map(|name| format!("{name}{suffix}")),
        };
        let this_window = step("KSTREAM-WINDOWED-", "-this-windowed");
        let other_window = step("KSTREAM-WINDOWED-", "-other-windowed");
        let this_prefix = if kind.right_outer { "KSTREAM-OUTERTHIS-" } else { "KSTREAM-JOINTHIS-" };
        let this_join = step(this_prefix, kind.this_suffix());
        let other_prefix = if kind.left_outer { "KSTREAM-OUTEROTHER-" } else { "KSTREAM-JOINOTHER-" };
        let other_join = step(other_prefix, kind.other_suffix());
        let merge = step("KSTREAM-MERGE-", "-merge");
        let store = |own: &Option<OwnStore>, generated: &str, suffix: &str| match (own, &joined.store_name) {
            (Some(own), _) => (own.name.clone(), own.engine),
            (None, Some(base)) => (format!("{base}{suffix}-store"), joined.engine),
            (None, None) => (format!("{generated}-store"), joined.engine),
        };
        let number = &this_join.generated[this_prefix.len()..];
        let base = joined.this_store.as_ref().map(|own| &own.name).or(joined.store_name.as_ref());
        let unmatched = match base {
            Some(base) if kind.right_outer => format!("{base}-outer-shared-join-store"),
            Some(base) => format!("{base}-left-shared-join-store"),
            None => format!("{SHARED}{number}-store"),
        };
        let this_store = store(&joined.this_store, &this_join.generated, kind.this_suffix());
        let other_store = store(&joined.other_store, &other_join.generated, kind.other_suffix());
        let unmatched = (unmatched, this_store.1);
        Self { this_window, other_window, this_join, other_join, merge, this_store, other_store, unmatched }
    }
}
