use streams_dsl::{BufferConfig, StreamsBuilder, Suppressed, Windowed};

fn main() {
    let builder = StreamsBuilder::new();
    let rows = builder.table::<Windowed<String>, String>("in");
    rows.suppress(Suppressed::until_window_closes(BufferConfig::max_records(10)));
}
