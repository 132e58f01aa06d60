//! `ensure.explicit.internal.resource.naming` (KIP-1111): which names are asked for.

use std::time::Duration;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{
    Consumed, Grouped, Joined, KStream, Materialized, Repartitioned, StreamJoined, StreamsBuilder, StreamsConfig,
    TableJoined, serde::StringSerde,
};

fn seconds(difference: u64) -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(difference))
}

fn text(builder: &StreamsBuilder) -> KStream<String, String> {
    builder.stream("in")
}

fn naming(builder: &StreamsBuilder, enforce: &str) -> Result<(), String> {
    let config = StreamsConfig::new("app", "localhost:9092").set("ensure.explicit.internal.resource.naming", enforce);
    builder.build_with(&config).map(drop).map_err(|error| error.to_string())
}

#[test]
fn generated_names_of_stores_and_topics_are_refused_where_that_is_asked_for() {
    let builder = StreamsBuilder::new();
    let rekeyed = text(&builder).select_key(|_, value| value.clone());
    rekeyed.group_by_key().count();
    rekeyed.repartition().to("out");
    rekeyed.group_by_key().count_with(Materialized::named("unlogged").with_logging_disabled());
    // Needs no store, so it needs no name.
    builder.table::<String, String>("table").to_stream().to("out2");
    let message = naming(&builder, "true").unwrap_err();
    for expected in [
        "changelog topics: KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog;",
        "state stores: KSTREAM-AGGREGATE-STATE-STORE-0000000002;",
        "repartition topics: KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition, KSTREAM-REPARTITION-0000000007-repartition;",
        "name stores with Materialized::named",
    ] {
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
    assert_eq!(naming(&builder, "false"), Ok(()));
    assert!(naming(&builder, "yes").unwrap_err().contains("is not one of true, false"));

    let builder = StreamsBuilder::new();
    let rekeyed = text(&builder).select_key(|_, value| value.clone());
    rekeyed.group_by_key_with(Grouped::named("by-value")).count_with(Materialized::named("counts"));
    rekeyed.repartition_with(Repartitioned::named("spread")).to("out");
    assert_eq!(naming(&builder, "true"), Ok(()));
}

/// The declaration needs these names and no others.
fn needs_names(declare: impl FnOnce(&StreamsBuilder), names: &[&str]) {
    let builder = StreamsBuilder::new();
    declare(&builder);
    match naming(&builder, "true") {
        Ok(()) => assert!(names.is_empty(), "{names:?} are not asked for"),
        Err(message) => {
            let (_, asked) = message.split_once("names of their own: ").unwrap();
            let asked = asked.split_once("; name stores").unwrap().0;
            assert_eq!(asked.split("; ").collect::<Vec<_>>(), names);
        }
    }
}

#[test]
fn joins_of_streams_need_names_of_stores_and_topics() {
    let keyed = |b: &StreamsBuilder| text(b).select_key(|_, value| value.clone());
    let other = |b: &StreamsBuilder| b.stream::<String, String>("other");
    let joined = |b: &StreamsBuilder, left: &KStream<String, String>, joined: StreamJoined<String, String, String>| {
        left.outer_join_with(&other(b), |left, _| left.cloned(), seconds(10), joined);
    };
    needs_names(
        |b| joined(b, &keyed(b), StreamJoined::with(StringSerde, StringSerde, StringSerde)),
        &[
            "changelog topics: KSTREAM-OUTERTHIS-0000000008-store-changelog, KSTREAM-OUTEROTHER-0000000009-store-changelog, \
             KSTREAM-OUTERSHARED-0000000008-store-changelog",
            "state stores: KSTREAM-OUTERTHIS-0000000008-store, KSTREAM-OUTEROTHER-0000000009-store, \
             KSTREAM-OUTERSHARED-0000000008-store",
            "repartition topics: KSTREAM-KEY-SELECT-0000000001-repartition",
        ],
    );
    needs_names(
        |b| joined(b, &keyed(b), StreamJoined::with(StringSerde, StringSerde, StringSerde).with_store_name("kept")),
        &["repartition topics: KSTREAM-KEY-SELECT-0000000001-repartition"],
    );
    needs_names(
        |b| joined(b, &keyed(b), StreamJoined::named("pairs").with_store_name("kept").with_key_serde(StringSerde)),
        &[],
    );
}

#[test]
fn joins_of_tables_and_co_groups_need_names() {
    let table = |b: &StreamsBuilder, topic: &str| {
        b.table_with::<String, String>(topic, Consumed::with(StringSerde, StringSerde), Materialized::named(topic))
    };
    let foreign = |b: &StreamsBuilder, joined: TableJoined<String, String>, kept: Materialized<String, String>| {
        let (left, right) = (table(b, "left"), table(b, "right"));
        left.join_on_foreign_key_with(&right, |_, row| row.clone(), |left, _| left, joined, kept);
    };
    let kept = || Materialized::with(StringSerde, StringSerde);
    needs_names(
        |b| foreign(b, TableJoined::new(), kept()),
        &[
            "changelog topics: KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-0000000008-changelog",
            "state stores: KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-0000000008",
            "topics of joins by a foreign key: KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000004-topic, \
             KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000012-topic",
        ],
    );
    needs_names(|b| foreign(b, TableJoined::named("fk"), Materialized::named("joined")), &[]);
    needs_names(|b| foreign(b, TableJoined::named("fk"), kept()), &[]);

    let cogroup = |b: &StreamsBuilder, grouped: Grouped<String, String>, kept: Materialized<String, String>| {
        let keyed = text(b).select_key(|_, value| value.clone()).group_by_key_with(grouped);
        keyed.cogroup(|_, value: String, sum: String| sum + &value).aggregate_with(String::new, kept);
    };
    let store = "COGROUPKSTREAM-AGGREGATE-STATE-STORE-0000000002";
    let (logged, kept_in) = (format!("changelog topics: {store}-changelog"), format!("state stores: {store}"));
    let repartition = format!("repartition topics: {store}-repartition");
    needs_names(|b| cogroup(b, Grouped::with(StringSerde, StringSerde), kept()), &[&logged, &kept_in, &repartition]);
    needs_names(|b| cogroup(b, Grouped::named("grouped"), kept()), &[&logged, &kept_in]);
    needs_names(|b| cogroup(b, Grouped::named("grouped"), Materialized::named("kept")), &[]);
}

#[test]
fn joins_with_a_grace_period_need_names_of_what_waits() {
    let join = |b: &StreamsBuilder, joined: Joined<String, String>| {
        let history = Materialized::persistent_versioned_key_value_store("rows", Duration::from_secs(9));
        let table = b.table_with::<String, String>("table", Consumed::with(StringSerde, StringSerde), history);
        let joined = joined.with_grace_period(Duration::from_secs(1));
        text(b).join_table_with(&table, |_, value, _: String| value, joined).to("out");
    };
    needs_names(
        |b| join(b, Joined::new()),
        &["changelog topics: KSTREAM-JOIN-0000000003-Buffer-changelog", "state stores: KSTREAM-JOIN-0000000003-Buffer"],
    );
    needs_names(|b| join(b, Joined::named("enriched")), &[]);
}
