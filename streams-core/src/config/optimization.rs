use super::StreamsConfig;
use crate::error::StreamsError;

/// The key that chooses optimizations.
const KEY: &str = "topology.optimization";
/// Kafka's names of the optimizations.
const REUSE: &str = "reuse.ktable.source.topics";
const MERGE: &str = "merge.repartition.topics";
const SELF_JOIN: &str = "single.store.self.join";

/// What `topology.optimization` lets a builder change about a topology. None of it changes results, but for left and outer joins of a stream with itself, which
/// drop records with null keys and never have one go on alone; stores and internal topics may change, so an
/// application that has run already needs a reset when another value is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopologyOptimization {
    /// `reuse.ktable.source.topics`: a table that is read from a topic has no changelog; it is restored from that topic.
    pub reuse_source_topics: bool,
    /// `merge.repartition.topics`: steps that need the same new keys share one repartition topic.
    pub merge_repartition_topics: bool,
    /// `single.store.self.join`: a join of a stream with itself remembers its records once.
    pub single_store_self_join: bool,
}

impl TopologyOptimization {
    /// Reads `none`, `all`, or a list of optimizations; else says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut chosen = Self::default();
        for &name in &names {
            match name {
                "none" | "all" if names.len() > 1 => return Err(format!("{KEY}={text}: {name} stands alone")),
                "none" => {}
                "all" => {
                    chosen = Self {
                        reuse_source_topics: true,
                        merge_repartition_topics: true,
                        single_store_self_join: true,
                    };
                }
                REUSE => chosen.reuse_source_topics = true,
                MERGE => chosen.merge_repartition_topics = true,
                SELF_JOIN => chosen.single_store_self_join = true,
                _ => {
                    return Err(format!(
                        "{KEY}={text}: {name:?} is no optimization; set none, all, or a list of {REUSE}, {MERGE} and {SELF_JOIN}"
                    ));
                }
            }
        }
        Ok(chosen)
    }
}

impl StreamsConfig {
    /// The optimizations that `topology.optimization` asks for: `none` (the default), `all`, or a list of `reuse.ktable.source.topics`,
    /// `merge.repartition.topics` and `single.store.self.join`.
    ///
    /// # Errors
    /// [`StreamsError::Config`] for any other value.
    pub fn topology_optimization(&self) -> Result<TopologyOptimization, StreamsError> {
        let parsed = TopologyOptimization::parse(self.get(KEY).unwrap_or("none"));
        parsed.map_err(|fault| StreamsError::Config(vec![fault]))
    }

    /// Whether a topology whose stores or internal topics have generated names is refused (`ensure.explicit.internal.resource.naming`, default
    /// `false`).
    ///
    /// # Errors
    /// [`StreamsError::Config`] for a value other than `true` and `false`.
    pub fn ensure_explicit_naming(&self) -> Result<bool, StreamsError> {
        const KEY: &str = "ensure.explicit.internal.resource.naming";
        match self.get(KEY) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(StreamsError::Config(vec![format!("{KEY}={other} is not one of true, false")])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kafka_streams() {
        let parse = |text: &str| {
            let chosen = TopologyOptimization::parse(text)?;
            let TopologyOptimization { reuse_source_topics, merge_repartition_topics, single_store_self_join } = chosen;
            Ok::<_, String>([reuse_source_topics, merge_repartition_topics, single_store_self_join])
        };
        assert_eq!(parse("none"), Ok([false; 3]));
        assert_eq!(parse("all"), Ok([true; 3]));
        assert_eq!(parse("reuse.ktable.source.topics"), Ok([true, false, false]));
        assert_eq!(parse("merge.repartition.topics , reuse.ktable.source.topics"), Ok([true, true, false]));
        assert_eq!(parse("single.store.self.join"), Ok([false, false, true]));
        for (wrong, said) in [
            ("all,none", "all stands alone"),
            ("merge.repartition.topics,none", "none stands alone"),
            ("merge", "\"merge\" is no optimization"),
            ("", "\"\" is no optimization"),
            ("single.store.self.join,", "\"\" is no optimization"),
        ] {
            let message = parse(wrong).unwrap_err();
            assert!(message.contains(said), "{message}");
        }
    }
}
