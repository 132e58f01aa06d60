//! The text of `describe()` equals that of Kafka Streams 4.3.1 for the same declarations: the files in `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;

use described::check;
use std::time::Duration;
use streams_dsl::windows::TimeWindows;
use streams_dsl::{
    Branched, BufferConfig, Consumed, Grouped, KStream, Materialized, Printed, Produced, Repartitioned, StreamsBuilder,
    Suppressed,
};

type Text = KStream<String, String>;

fn input(builder: &StreamsBuilder) -> Text {
    builder.stream("input-topic")
}

fn a(builder: &StreamsBuilder) -> Text {
    builder.stream("a")
}

#[test]
fn stateless() {
    check("filter_and_transform", |b| {
        input(b).filter(|_, v| v.contains("important")).map_values(|v| v.to_uppercase()).to("output-topic");
    });
    check("all_stateless", |b| {
        let x = a(b);
        x.filter_not(|_, _| true)
            .map_values_with_key(|_, v| v)
            .flat_map_values_with_key(|_, v| [v])
            .flat_map(|k, v| [(k, v)])
            .map(|k, v| (k, v))
            .peek(|_, _| {})
            .for_each(|_, _| {});
        x.print(Printed::to_stdout());
    });
    check("merge", |b| {
        let [x, y, z]: [Text; 3] = ["a", "b", "c"].map(|topic| b.stream(topic));
        x.merge(&y).merge(&z.filter(|_, _| true)).to("out");
    });
    check("diamond", |b| {
        let x = a(b);
        let l = x.filter(|_, _| true).map_values(|v| v);
        let r = x.filter(|_, _| false);
        let m = x.peek(|_, _| {});
        let lr = l.merge(&r);
        let all = lr.merge(&m).merge(&x);
        all.to("out");
        lr.peek(|_, _| {}).for_each(|_, _| {});
        m.to("m");
    });
    check("wide_fan_out", |b| {
        let x = a(b);
        for i in 0..14 {
            let mut s = x.clone();
            for _ in 0..(i * 7) % 5 {
                s = s.filter(|_, _| true);
            }
            if i % 3 == 0 {
                s.to(format!("one-{i}"));
                s.map_values(|v| v).to(format!("two-{i}"));
            } else {
                s.for_each(|_, _| {});
            }
        }
    });
}

#[test]
fn sources_and_sinks() {
    check("pattern_source", |b| {
        b.stream_pattern::<String, String>(regex::Regex::new("orders-.*").unwrap()).to("out");
    });
    check("several_topics", |b| {
        b.stream::<String, String>(["sensor-readings", "alerts", "b-side", "zeta", "orders-2024"]).to("out");
    });
    check("topic_extractor_sink", |b| {
        a(b).to_by(|_, v, _| v.clone());
    });
    check("same_topic_twice", |b| {
        let (x, y) = (a(b), a(b));
        y.filter(|_, _| true).to("y");
        x.map_values(|v| v).to("x");
    });
    check("several_subtopologies", |b| {
        let x: Text = b.stream_with("z", Consumed::named("zz"));
        let y: Text = b.stream("y").named("yy");
        b.stream::<String, String>("w").named("aa").to("ww");
        y.to("y2");
        x.to("x2");
        x.group_by(|_, v| v.clone()).count().to_stream().to("counts");
    });
}

#[test]
fn branches() {
    check("branch_default", |b| {
        let branches = input(b)
            .split()
            .branch(|_, v| v.len() > 3, Branched::new())
            .branch(|_, v| v.len() > 2, Branched::new())
            .default_branch(Branched::new());
        let names: Vec<_> = branches.keys().map(String::as_str).collect();
        assert_eq!(names, [0, 1, 2].map(|n| format!("KSTREAM-BRANCH-0000000001{n}")));
        for (name, stream) in &branches {
            stream.to(format!("out{}", &name[name.len() - 1..]));
        }
    });
    check("branch_named", |b| {
        let branches = input(b)
            .split()
            .named("size-")
            .branch(|_, v| v.len() > 3, Branched::named("long"))
            .branch(
                |_, v| v.len() > 2,
                Branched::new().with_consumer(|s| {
                    s.to("middle");
                }),
            )
            .branch(|_, v| v.len() > 1, Branched::named("short").with_function(|s| s.map_values(|v| v + "!")))
            .default_branch(Branched::named("rest"));
        let names: Vec<_> = branches.keys().map(String::as_str).collect();
        assert_eq!(names, ["size-long", "size-rest", "size-short"]);
        for (name, stream) in &branches {
            stream.to(format!("out-{name}"));
        }
    });
    check("branch_no_default", |b| {
        let split = input(b).split().branch(|_, _| true, Branched::new()).branch(|_, _| false, Branched::new());
        let branches = split.no_default_branch();
        let names: Vec<_> = branches.keys().map(String::as_str).collect();
        assert_eq!(names, [1, 2].map(|n| format!("KSTREAM-BRANCH-0000000001{n}")));
    });
}

#[test]
fn aggregations() {
    check("word_count", |b| {
        b.stream::<String, String>("text-input")
            .flat_map_values(|v| v.to_lowercase().split(' ').map(str::to_owned).collect::<Vec<_>>())
            .filter(|_, v| !v.is_empty())
            .group_by(|_, v| v.clone())
            .count_with(Materialized::named("word-count-store"))
            .to_stream()
            .map_values(|count| count.map(|count| count.to_string()))
            .to("word-counts");
    });
    check("count_per_key", |b| {
        let counts =
            input(b).group_by_key().aggregate_with(|| 0, |_, _, n| n + 1, Materialized::named("aggregated-store"));
        let counts: streams_dsl::KTable<String, i64> = counts;
        counts.to_stream().to("aggregated-topic");
    });
    check("count_unnamed", |b| {
        input(b).group_by_key().count().to_stream().to("out");
    });
    check("aggregate_unnamed_repartitioned", |b| {
        input(b).group_by(|_, v| v.clone()).aggregate(|| 0i64, |_, _, n| n + 1).to_stream().to("out");
    });
    check("aggregate_with_serdes_only", |b| {
        a(b).group_by(|_, v| v.clone()).count_with(Materialized::new());
    });
    check("reduce_grouped_named", |b| {
        let words = input(b).group_by_with(|_, v| v.clone(), Grouped::named("by-word"));
        words.reduce(|x, y| x + &y).to_stream().to("out");
    });
    check("reduce_grouped_named_store_named", |b| {
        let words = input(b).select_key(|_, v| v.clone()).group_by_key_with(Grouped::named("by-word"));
        words.reduce_with(|x, y| x + &y, Materialized::named("words")).to_stream().to("out");
    });
    check("merge_rekeyed_then_count", |b| {
        let (x, y): (Text, Text) = (b.stream("a"), b.stream("b"));
        x.merge(&y.select_key(|_, v| v.clone())).group_by_key().count().to_stream().to("out");
    });
    check("select_key_twice", |b| {
        let twice = a(b).select_key(|_, v| v.clone()).select_key(|_, v| v.clone() + v);
        twice.group_by_key().count().to_stream().to("out");
    });
    check("two_groupings_of_one_stream", |b| {
        let y = a(b).select_key(|_, v| v.clone());
        y.group_by_key().count_with(Materialized::named("counts"));
        y.group_by_key().reduce_with(|_, q| q, Materialized::named("last"));
    });
    check("one_grouping_twice", |b| {
        let grouped = a(b).group_by(|_, v| v.clone());
        grouped.count().to_stream().to("counts");
        grouped.reduce(|_, q| q).to_stream().to("last");
    });
    check("one_named_grouping_twice", |b| {
        let grouped = a(b).group_by_with(|_, v| v.clone(), Grouped::named("words"));
        grouped.count().to_stream().to("counts");
        grouped.reduce(|_, q| q).to_stream().to("last");
    });
}

#[test]
fn repartition() {
    check("repartition_unnamed", |b| {
        a(b).repartition().to("out");
    });
    check("repartition_named", |b| {
        let spread = a(b).repartition_with(Repartitioned::named("spread").with_number_of_partitions(4));
        spread.filter(|_, _| true).to("out");
    });
    check("rekeyed_repartition_then_count", |b| {
        let spread = a(b).select_key(|_, v| v.clone()).repartition_with(Repartitioned::named("spread"));
        spread.group_by_key().count_with(Materialized::named("counts"));
    });
}

#[test]
fn tables() {
    check("table", |b| {
        b.table::<String, String>("a");
    });
    check("table_to_stream", |b| {
        b.table::<String, String>("a").to_stream().to("out");
    });
    check("table_materialized", |b| {
        let rows = b.table_with::<String, String>("a", Consumed::new(), Materialized::named("rows"));
        assert_eq!(rows.queryable_store_name(), Some("rows"));
        rows.to_stream().to("out");
    });
    check("suppress_unnamed", |b| {
        let limit = Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::unbounded());
        b.table::<String, String>("t").filter(|_, _| true).suppress(limit).map_values(|v| v).to_stream().to("o");
    });
    check("suppress_named", |b| {
        let limit = Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::max_records(5));
        b.table::<String, String>("t").suppress(limit.with_name("calm")).filter(|_, _| true).to_stream().to("o");
    });
    check("suppress_windowed", |b| {
        let windows = TimeWindows::of_size_and_grace(Duration::from_millis(10), Duration::from_millis(5));
        let limit = Suppressed::until_time_limit(Duration::from_millis(1), BufferConfig::unbounded());
        b.stream::<String, String>("t")
            .group_by_key()
            .windowed_by(windows)
            .count()
            .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
            .filter(|_, _| true)
            .suppress(limit.with_name("calm"))
            .to_stream()
            .for_each(|_, _| {});
    });
    check("table_named", |b| {
        b.table::<String, String>("a").named("cities").to_stream().to("out");
    });
    check("table_filter_map_values", |b| {
        let table = b.table::<String, String>("a").filter(|_, _| true).filter_not(|_, _| false);
        table.map_values(|v| v + "!").to_stream().to("out");
    });
    check("table_filter_map_values_materialized", |b| {
        let kept = b.table::<String, String>("a").filter_with(|_, _| true, Materialized::named("kept"));
        kept.map_values_with(|v| v + "!", Materialized::<_, String>::named("loud")).to_stream().to("out");
    });
    check("table_filter_materialized_unnamed", |b| {
        let kept = b.table::<String, String>("a").filter_with(|_, _| true, Materialized::new());
        kept.map_values_with(|v| v, Materialized::new()).to_stream().to("out");
    });
    check("table_to_stream_rekeyed", |b| {
        let table = b.table::<String, String>("a");
        table.to_stream_with_key(|_, v| v.clone().unwrap_or_default()).group_by_key().count();
    });
    check("to_table", |b| {
        a(b).to_table().to_stream().to("out");
    });
    check("to_table_materialized", |b| {
        a(b).to_table_with(Materialized::named("latest")).to_stream().to("out");
    });
    check("to_table_repartitioned", |b| {
        a(b).select_key(|_, v| v.clone()).to_table().filter(|_, _| true);
    });
    check("to_table_repartitioned_named", |b| {
        let rekeyed = a(b).select_key(|_, v| v.clone());
        let _table = rekeyed.to_table_with(Materialized::named("latest")).named("latest-by-value");
    });
}

#[test]
fn named_steps() {
    check("named_steps", |b| {
        b.stream_with::<String, String>("a", Consumed::named("source"))
            .filter(|_, _| true)
            .named("important-only")
            .map_values(|v| v)
            .named("shout")
            .flat_map(|k, v| [(k, v)])
            .named("split-up")
            .map(|k, v| (k, v))
            .named("swap")
            .peek(|_, _| {})
            .named("look")
            .select_key(|_, v| v.clone())
            .named("rekey")
            .group_by_key()
            .count()
            .named("count-them")
            .filter(|_, _| true)
            .named("some")
            .map_values(|v| v)
            .named("same")
            .to_stream()
            .named("stream-them")
            .to_with("out", Produced::named("sink"));
    });
}
