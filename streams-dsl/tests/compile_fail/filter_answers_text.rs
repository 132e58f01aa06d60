use streams_dsl::StreamsBuilder;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").filter(|_, text| text.to_uppercase()).to("out");
}
