use streams_dsl::StreamsBuilder;

#[derive(Clone)]
struct Length(usize);

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|text| Length(text.len())).to("out");
}
