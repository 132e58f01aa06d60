use streams_dsl::StreamsBuilder;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().reduce(|total, text| total.len() + text.len());
}
