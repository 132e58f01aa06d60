use streams_dsl::StreamsBuilder;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|count: i64| count + 1).to("out");
}
