use super::Topology;
use crate::error::StreamsError;

impl Topology {
    /// Looks for stores and internal topics with generated names. Those are numbered by the place of their steps, so a step that is added above them takes
    /// their state away. `enforce` (`ensure.explicit.internal.resource.naming`) makes them an error; else they are warned about.
    ///
    /// Unlike in Kafka Streams, a table that needs no store needs no name for it, and topics and store of the subscriptions of a join by a foreign key need
    /// one.
    ///
    /// # Errors
    /// [`StreamsError::Topology`] with every generated name, if `enforce`.
    pub fn check_names(&self, enforce: bool) -> Result<(), StreamsError> {
        // Stores of joins are named after their steps.
        let step = |name: &str| name.trim_end_matches("-store").trim_end_matches("-Buffer").to_owned();
        let stores = || self.stores().iter().filter(|store| is_generated(&step(&store.name)));
        let changelogs = stores().filter(|store| store.logging.is_some());
        let (joins, topics): (Vec<&str>, Vec<&str>) = self
            .repartition_topics()
            .iter()
            .map(|topic| topic.name.as_str())
            .partition(|name| name.ends_with("-topic"));
        let generated = |names: Vec<&str>, suffix| -> Vec<String> {
            let names = names.into_iter().filter(|name| is_generated(name.trim_end_matches(suffix)));
            names.map(str::to_owned).collect()
        };
        let groups = [
            ("changelog topics", changelogs.map(|store| format!("{}-changelog", store.name)).collect::<Vec<_>>()),
            ("state stores", stores().map(|store| store.name.clone()).collect()),
            ("repartition topics", generated(topics, "-repartition")),
            ("topics of joins by a foreign key", generated(joins, "-topic")),
        ];
        let unnamed = groups.iter().filter(|(_, names)| !names.is_empty());
        let unnamed: Vec<_> = unnamed.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let unnamed = unnamed.join("; ");
        let repair = "name stores with Materialized::named (of joins of streams StreamJoined::with_store_name, of joins with a grace period \
                      Joined::named, of suppressions Suppressed::with_name), repartition topics with Grouped, Joined, StreamJoined or \
                      Repartitioned::named, joins by a foreign key with TableJoined::named";
        if enforce {
            return Err(StreamsError::Topology(format!(
                "ensure.explicit.internal.resource.naming is true, and these have no names of their own: {unnamed}; {repair}"
            )));
        }
        tracing::warn!(
            "these have generated names, which change with steps that are added or removed above them, so that an upgraded application does not \
             find its state: {unnamed}; {repair}; ensure.explicit.internal.resource.naming=true makes this an error"
        );
        Ok(())
    }
}

/// Whether a name ends as generated ones do: with `-` and ten digits.
fn is_generated(name: &str) -> bool {
    let Some((front, number)) = name.rsplit_once('-') else { return false };
    !front.is_empty() && number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_end_with_their_number() {
        assert!(is_generated("KSTREAM-AGGREGATE-STATE-STORE-0000000002"));
        assert!(is_generated("KSTREAM-KEY-SELECT-0000000001"));
        assert!(!is_generated("counts"));
        assert!(!is_generated("counts-2"));
        assert!(!is_generated("0000000002"));
    }
}
