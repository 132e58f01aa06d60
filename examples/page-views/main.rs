//! Counts the views of each page per minute. With `--final` each window's count comes once, when the window has closed.

use examples::{Example, Sample, read, text};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{DefaultSerde, JsonSerde, SharedStr, SharedStrSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{
    BufferConfig, Consumed, Materialized, StreamsBuilder, StreamsError, Suppressed, TimeWindow, Topology, Windowed,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A view as it comes. [`SharedStr`] is text that is not copied out of the batch it came in.
#[derive(Clone, Serialize, Deserialize)]
struct PageView {
    user_id: SharedStr,
    page: SharedStr,
    /// Milliseconds since the epoch.
    timestamp: i64,
}

impl DefaultSerde for PageView {
    type Serde = JsonSerde<Self>;
}

/// The views of a page in one minute; the bounds in milliseconds since the epoch.
#[derive(Clone, Serialize, Deserialize)]
struct PageViewCount {
    page: SharedStr,
    count: i64,
    window_start: i64,
    window_end: i64,
}

impl DefaultSerde for PageViewCount {
    type Serde = JsonSerde<Self>;
}

const EXAMPLE: Example = Example {
    name: "page-views",
    input: "page-views",
    output: "page-view-counts",
    sample: Sample::Keyed(&[
        ("/home", r#"{"user_id":"user-001","page":"/home","timestamp":1767225600000}"#),
        ("/home", r#"{"user_id":"user-002","page":"/home","timestamp":1767225610000}"#),
        ("/products", r#"{"user_id":"user-001","page":"/products","timestamp":1767225615000}"#),
        ("/home", r#"{"user_id":"user-001","page":"/home","timestamp":1767225659999}"#),
        ("/home", r#"{"user_id":"user-003","page":"/home","timestamp":1767225660000}"#),
        ("/products", r#"{"user_id":"user-002","page":"/products","timestamp":1767225675000}"#),
        // Half a minute late: its window has closed, so it is dropped.
        ("/home", r#"{"user_id":"user-004","page":"/home","timestamp":1767225630000}"#),
        ("/home", r#"{"user_id":"user-001","page":"/home","timestamp":1767225725000}"#),
        ("/products", r#"{"user_id":"user-003","page":"/products","timestamp":1767225730000}"#),
    ]),
    topology: |input, output| topology(input, output, false),
    row: |_, value| {
        let count = read(JsonSerde::<PageViewCount>::new(), value)?;
        let window = TimeWindow::new(count.window_start, count.window_end);
        Ok((Windowed::new(&*count.page, window).to_string(), text(value)))
    },
    ..Example::DEFAULT
};

/// An application of its own: it has another topology.
const FINAL: Example = Example {
    name: "page-views-final",
    output: "page-view-final-counts",
    topology: |input, output| topology(input, output, true),
    ..EXAMPLE
};

pub(crate) fn topology(input: &str, output: &str, final_only: bool) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let views = Consumed::with(SharedStrSerde, JsonSerde::<PageView>::new());
    let counts = builder
        .stream_with(input, views.with_timestamp(|view| view.value.timestamp))
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(MINUTE))
        .count_with(Materialized::named("page-view-counts-store"));
    let counts = if final_only { counts.suppress(when_closed()) } else { counts };
    counts.to_stream().map(page_view_count).to(output);
    builder.build()
}

/// What waits for the end of its minute is kept in memory. If that is not enough the application stops: earlier counts would not be final.
fn when_closed() -> Suppressed<Windowed<SharedStr>> {
    Suppressed::until_window_closes(BufferConfig::max_bytes(64 << 20).shut_down_when_full()).with_name("when-closed")
}

fn page_view_count(key: Windowed<SharedStr>, count: Option<i64>) -> (SharedStr, Option<PageViewCount>) {
    let (window_start, window_end) = (key.start(), key.end());
    let page = key.key;
    (page.clone(), count.map(|count| PageViewCount { page, count, window_start, window_end }))
}

fn main() -> ExitCode {
    let (last, arguments): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument == "--final");
    let example = if last.is_empty() { EXAMPLE } else { FINAL };
    example.main_with(arguments.into_iter())
}
