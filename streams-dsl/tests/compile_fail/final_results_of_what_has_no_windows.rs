use streams_dsl::{BufferConfig, StreamsBuilder, Suppressed};

fn main() {
    let builder = StreamsBuilder::new();
    let rows = builder.table::<String, String>("in");
    rows.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
}
