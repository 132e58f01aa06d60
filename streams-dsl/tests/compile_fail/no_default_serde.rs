use streams_dsl::StreamsBuilder;

#[derive(Clone)]
struct Order;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Order>("orders").to("out");
}
