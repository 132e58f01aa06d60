use streams_dsl::StreamsBuilder;

struct Connection;

fn main() {
    let builder = StreamsBuilder::new();
    let _ = builder.stream::<String, String>("in").map_values(|_| Connection);
}
