//! Tables and aggregations, as tables of input and expected output.

mod common;

use common::{run, run_with};
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{Consumed, KTable, Materialized, StreamsBuilder};

type Table = KTable<String, String>;

fn table(builder: &StreamsBuilder) -> Table {
    builder.table("in")
}

/// Both with and without a cache: as every record is followed by a commit, the results are the same.
fn check(declare: impl Fn(&StreamsBuilder), lines: &[&str], expected: &[&str]) {
    check_each(declare, lines, expected, expected);
}

/// With and without a cache. Only a cache knows at its commit that a row which is deleted has never been sent on.
fn check_each(declare: impl Fn(&StreamsBuilder), lines: &[&str], cached: &[&str], uncached: &[&str]) {
    for (caching, expected) in [(true, cached), (false, uncached)] {
        let config = TestDriverConfig { caching, ..TestDriverConfig::default() };
        assert_eq!(run_with(config, &declare, lines), expected, "caching {caching}");
    }
}

const ROWS: [&str; 5] = ["in a=1@5", "in b=22@6", "in a=-@7", "in c=-@8", "in b=3@2"];

#[test]
fn a_table_is_its_changes() {
    check(
        |b| {
            table(b).to_stream().to("out");
        },
        &ROWS,
        &["a=1@5", "b=22@6", "a=-@7", "c=-@8", "b=3@2"],
    );
}

#[test]
fn a_cached_table_says_nothing_of_rows_that_never_were() {
    check_each(
        |b| {
            let rows: Table = b.table_with("in", Consumed::named("rows"), Materialized::named("store"));
            rows.to_stream().to("out");
        },
        &ROWS,
        &["a=1@5", "b=22@6", "a=-@7", "b=3@2"],
        &["a=1@5", "b=22@6", "a=-@7", "c=-@8", "b=3@2"],
    );
}

#[test]
fn records_without_key_are_dropped_from_tables() {
    check(
        |b| {
            table(b).to_stream().to("out");
        },
        &["in -=1@5", "in a=2@6"],
        &["a=2@6", "dropped: 1"],
    );
}

#[test]
fn rows_that_no_longer_pass_are_deleted() {
    let lines = ["in a=1@1", "in b=22@2", "in b=3@3", "in b=-@4", "in b=55@5"];
    check(
        |b| {
            table(b).filter(|_, v| v.len() > 1).to_stream().to("out");
        },
        &lines,
        &["a=-@1", "b=22@2", "b=-@3", "b=-@4", "b=55@5"],
    );
    check_each(
        |b| {
            let long = table(b).filter_with(|_, v| v.len() > 1, Materialized::named("long"));
            long.to_stream().to("out");
        },
        &lines,
        &["b=22@2", "b=-@3", "b=55@5"],
        &["a=-@1", "b=22@2", "b=-@3", "b=-@4", "b=55@5"],
    );
}

#[test]
fn mapped_rows() {
    let lines = ["in a=1@1", "in a=-@2", "in b=2@3"];
    check(
        |b| {
            table(b).map_values_with_key(|k, v| k.clone() + &v).to_stream().to("out");
        },
        &lines,
        &["a=a1@1", "a=-@2", "b=b2@3"],
    );
    check(
        |b| {
            let mapped: Table = table(b).map_values_with(|v| v + "!", Materialized::named("mapped"));
            mapped.filter_not(|_, v| v == "2!").to_stream().to("out");
        },
        &lines,
        &["a=1!@1", "a=-@2"],
    );
}

#[test]
fn a_table_as_stream_with_another_key() {
    check(
        |b| {
            table(b).to_stream_with_key(|k, v| format!("{k}{}", v.is_some())).to("out");
        },
        &["in a=1@1", "in a=-@2"],
        &["atrue=1@1", "afalse=-@2"],
    );
}

#[test]
fn streams_as_tables() {
    check(
        |b| {
            let rekeyed = b.stream::<String, String>("in").select_key(|_, v| v.clone());
            rekeyed.to_table_with(Materialized::named("t")).map_values(|v| v + "!").to_stream().to("out");
        },
        &["in x=a@5", "in y=b@3"],
        &["a=a!@5", "b=b!@3"],
    );
    check_each(
        |b| {
            let stream = b.stream::<String, Option<String>>("in");
            stream.to_table_deleting_none_with(Materialized::named("t")).to_stream().to("out");
        },
        &ROWS,
        &["a=1@5", "b=22@6", "a=-@7", "b=3@2"],
        &["a=1@5", "b=22@6", "a=-@7", "c=-@8", "b=3@2"],
    );
}

#[test]
fn records_without_key_are_no_rows() {
    for kept in [Materialized::new(), Materialized::named("t")] {
        let written = run(
            |b| {
                let stream = b.stream::<Option<String>, String>("in");
                stream.to_table_with(kept).to_stream().to("out");
            },
            &["in -=x@1", "in a=y@2"],
        );
        assert_eq!(written, ["a=y@2", "dropped: 1"]);
    }
}

#[test]
fn a_result_has_the_largest_timestamp_of_its_records() {
    check(
        |b| {
            b.stream::<String, String>("in").group_by_key().count().to_stream().to("out");
        },
        &["in a=x@5", "in a=y@9", "in a=z@7", "in b=x@1"],
        &["a=1@5", "a=2@9", "a=3@9", "b=1@1"],
    );
}

#[test]
fn reduce_begins_with_the_first_value() {
    check(
        |b| {
            let words = b.stream::<String, String>("in").group_by(|_, v| v[..1].to_owned());
            words.reduce(|all, word| format!("{all}+{word}")).to_stream().to("out");
        },
        &["in k=apple@1", "in k=bean@2", "in k=anise@3"],
        &["a=apple@1", "b=bean@2", "a=apple+anise@3"],
    );
}

#[test]
fn aggregate_begins_as_the_initializer_says() {
    check(
        |b| {
            let all = b.stream::<String, String>("in").group_by_key();
            all.aggregate(|| "0".to_owned(), |key, value, all| all + key + &value).to_stream().to("out");
        },
        &["in a=x@1", "in a=y@2"],
        &["a=0ax@1", "a=0axay@2"],
    );
}

#[test]
fn null_keys_and_null_values_are_not_aggregated() {
    let lines = ["in -=x@1", "in a=-@2", "in a=x@3"];
    check(
        |b| {
            let records = b.stream::<Option<String>, Option<String>>("in");
            records.group_by_key().count().to_stream().to("out");
        },
        &lines,
        &["a=1@3", "dropped: 2"],
    );
    check(
        |b| {
            let records = b.stream::<Option<String>, Option<String>>("in");
            records.select_key(|key, _| key.clone()).group_by_key().count().to_stream().to("out");
        },
        &lines,
        &["a=1@3", "dropped: 2"],
    );
}

#[test]
fn a_failing_aggregation_says_where() {
    let written = run(
        |b| {
            let numbers = b.stream::<String, String>("in").group_by_key();
            let sum = |_: &String, value: String, sum: i64| value.parse::<i64>().map(|value| value + sum);
            numbers.try_aggregate(|| Ok(0), sum, Materialized::named("sums")).named("sum").to_stream().to("out");
        },
        &["in a=1@1", "in a=x@2"],
    );
    assert_eq!(written[0], "a=1@1");
    assert!(written[1].contains("node sum of task 0_0, input in-0 at offset 1"), "{written:?}");
}

#[test]
fn changelogs_hold_plain_values_and_the_timestamp_of_the_row() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("in").group_by_key();
    counts.count_with(Materialized::named("counts"));
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let changelog = driver.create_output_topic::<String, i64>("test-application-counts-changelog");
    common::pipe(&driver, &["in a=x@5", "in a=y@3"]).unwrap();
    let rows = changelog.read_records_to_list().unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.value, row.timestamp)).collect();
    assert_eq!(rows, [("a", 1, 5), ("a", 2, 5)]);
}

#[test]
fn a_store_without_changelog_logs_nothing() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("in").group_by_key();
    counts.count_with(Materialized::named("counts").with_logging_disabled().in_memory());
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    common::pipe(&driver, &["in a=x@5"]).unwrap();
    assert!(driver.produced_topic_names().is_empty());
    let store = driver.key_value_store::<String, i64>("counts").unwrap();
    assert_eq!(store.get(&"a".to_owned()).unwrap(), Some(1));
    let error = driver.key_value_store::<String, String>("counts").err().unwrap();
    assert!(error.to_string().contains("values of type i64"), "{error}");
}
