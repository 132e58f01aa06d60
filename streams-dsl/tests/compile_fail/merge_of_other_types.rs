use streams_dsl::StreamsBuilder;

fn main() {
    let builder = StreamsBuilder::new();
    let texts = builder.stream::<String, String>("texts");
    let numbers = builder.stream::<String, i64>("numbers");
    texts.merge(&numbers).to("out");
}
