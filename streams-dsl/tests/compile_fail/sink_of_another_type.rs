use streams_dsl::serde::StringSerde;
use streams_dsl::{Produced, StreamsBuilder};

fn main() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("in").map_values(|text| text.len() as i64);
    counts.to_with("out", Produced::with(StringSerde, StringSerde));
}
