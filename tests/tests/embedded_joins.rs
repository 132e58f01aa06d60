//! Joins of tables whose caches hold changes back.

use streams_core::broker::embedded::Isolation;
use streams_dsl::{KTable, Materialized, StreamsBuilder, Topology};
use tests::embedded::{Site, wait};

fn joined(materialized: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let table = |topic: &str| -> KTable<String, String> {
        builder.table_with(topic, streams_dsl::Consumed::new(), Materialized::named(format!("{topic}-rows")))
    };
    let (left, right) = (table("left"), table("right"));
    let both = |left: String, right: String| left + &right;
    let inner = match materialized {
        true => left.join_with(&right.map_values(|row| row), both, Materialized::<String, String>::named("joined")),
        false => left.join(&right.map_values(|row| row), both),
    };
    inner.join(&table("third"), both).to_stream().to("out");
    builder.build().unwrap()
}

fn last(site: &Site) -> Option<Option<String>> {
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    records.last().map(|record| record.value.as_deref().map(text))
}

/// Between two commits nobody is told of either deletion, and each of the two looks for the other side's row after both.
#[test]
fn a_joined_row_is_deleted_when_both_sides_are_deleted_between_two_commits() {
    for materialized in [false, true] {
        let site = Site::new(&[("left", 1), ("right", 1), ("third", 1), ("out", 1)]);
        let put = |topic: &str, value: Option<&[u8]>| site.broker.produce(topic, 0, Some(b"k"), value, 1).unwrap();
        put("left", Some(b"a"));
        put("right", Some(b"x"));
        put("third", Some(b"y"));
        let streams = site.start(joined(materialized), "one");
        wait("the joined row", || last(&site) == Some(Some("axy".to_owned())));
        site.drain(&["left", "right", "third"]);
        assert!(streams.close());
        drop(streams);
        put("left", None);
        put("right", None);
        let streams = site.start_with(joined(materialized), site.config("one").set("commit.interval.ms", 1000));
        site.drain(&["left", "right", "third"]);
        wait("the deletion", || last(&site) == Some(None));
        drop(streams);
    }
}
