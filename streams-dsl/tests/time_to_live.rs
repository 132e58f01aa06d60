//! Rows of key-value tables that die when they are not updated.

mod common;

use common::{run, run_with};
use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{Consumed, KTable, Materialized, StreamsBuilder};

const SECOND: Duration = Duration::from_secs(1);

fn counts(builder: &StreamsBuilder) -> KTable<String, i64> {
    let materialized = Materialized::named("counts").with_time_to_live(SECOND);
    builder.stream::<String, String>("in").group_by_key().count_with(materialized)
}

#[test]
fn an_aggregate_begins_anew_after_its_time_to_live() {
    for caching in [true, false] {
        let config = TestDriverConfig { caching, ..TestDriverConfig::default() };
        let written = run_with(
            config,
            |b| drop(counts(b).to_stream().to("out")),
            &["in a=x@0", "in a=x@999", "in b=x@1998", "in a=x@1998", "in a=x@2998", "in b=x@2998"],
        );
        let expected = ["a=1@0", "a=2@999", "b=1@1998", "a=3@1998", "a=1@2998", "b=-@2998", "b=1@2998"];
        assert_eq!(written, expected, "caching {caching}");
    }
}

#[test]
fn what_has_died_is_deleted_and_that_is_told() {
    let written =
        run(|b| drop(counts(b).to_stream().to("out")), &["in a=x@0", "in b=x@500", "in c=x@1000", "in c=x@1500"]);
    assert_eq!(written, ["a=1@0", "b=1@500", "c=1@1000", "a=-@1000", "c=2@1500", "b=-@1500"]);
}

#[test]
fn tables_of_topics_and_of_streams_forget_too() {
    let lines = ["in a=1@0", "in b=2@600", "in b=3@1200", "in b=4@1900"];
    let expected = ["a=1@0", "b=2@600", "b=3@1200", "a=-@1200", "b=4@1900"];
    let materialized = || Materialized::<String, String>::named("rows").with_time_to_live(SECOND);
    let topic = run(
        |b| {
            b.table_with::<String, String>("in", Consumed::named("rows"), materialized()).to_stream().to("out");
        },
        &lines,
    );
    let stream =
        run(|b| drop(b.stream::<String, String>("in").to_table_with(materialized()).to_stream().to("out")), &lines);
    assert_eq!((topic, stream), (expected.map(String::from).to_vec(), expected.map(String::from).to_vec()));
}

#[test]
fn a_store_of_any_size_is_swept_in_parts() {
    const KEYS: usize = 20_000;
    let builder = StreamsBuilder::new();
    counts(&builder).to_stream().to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, String>("in");
    for key in 0..KEYS {
        input.pipe_input_at(format!("k{key}"), String::new(), 0).unwrap();
    }
    let store = driver.key_value_store::<String, i64>("counts").unwrap();
    let mut sizes = vec![store.all().unwrap().len()];
    // Everything is dead at once; each step takes no more than its part away.
    for step in 0..64 {
        input.pipe_input_at("alive".to_owned(), String::new(), 1000 + step * 16).unwrap();
        sizes.push(store.all().unwrap().len());
    }
    assert_eq!((sizes[0], *sizes.last().unwrap()), (KEYS, 1));
    assert!(sizes.windows(2).all(|pair| pair[0] <= pair[1] + KEYS / 16), "{sizes:?}");
}
