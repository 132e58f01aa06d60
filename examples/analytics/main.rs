//! The queries of an analytics exercise over one stream of page views: views per page, the most active users, and who is suspicious.

mod sample;

use examples::{Example, Sample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{DefaultSerde, JsonSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{KStream, Materialized, StreamsBuilder, StreamsError, Topology, Windowed};

const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
/// Views come from several partitions, which are not read in step: a window waits for those that are behind.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// More views of a user in a minute are suspicious.
const SUSPICIOUS: u64 = 50;

/// What a user has looked at in a window.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Activity {
    views: u64,
    pages: BTreeSet<String>,
}

impl DefaultSerde for Activity {
    type Serde = JsonSerde<Self>;
}

impl Activity {
    fn with(mut self, page: String) -> Self {
        self.views += 1;
        self.pages.insert(page);
        self
    }
}

const EXAMPLE: Example = Example {
    name: "analytics",
    input: "page-views",
    output: "analytics",
    sample: Sample::Timed(&sample::VIEWS),
    topology,
    ..Example::DEFAULT
};

/// The key of a view is the user, its value the page. Each result says which query it belongs to, and the window.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let views = builder.stream::<String, String>(input);
    views_per_page(&views).to(output);
    most_active_users(&views).to(output);
    suspicious_users(&views).to(output);
    builder.build()
}

fn views_per_page(views: &KStream<String, String>) -> KStream<String, String> {
    views
        .group_by(|_, page| page.clone())
        .windowed_by(TimeWindows::of_size_and_grace(MINUTE, GRACE))
        .count_with(Materialized::named("views-per-page"))
        .to_stream()
        .map(|page, count| (row("views", &page), count.unwrap_or_default().to_string()))
}

/// Views and distinct pages of each user, over five minutes, every minute anew.
fn most_active_users(views: &KStream<String, String>) -> KStream<String, String> {
    let windows = TimeWindows::of_size_and_grace(FIVE_MINUTES, GRACE).advance_by(MINUTE);
    views
        .group_by_key()
        .windowed_by(windows)
        .aggregate_with(Activity::default, |_, page, seen| seen.with(page), Materialized::named("activity"))
        .to_stream()
        .map(|user, seen| {
            let Activity { views, pages } = seen.unwrap_or_default();
            (row("active", &user), format!("{views} views of {} pages", pages.len()))
        })
}

fn suspicious_users(views: &KStream<String, String>) -> KStream<String, String> {
    views
        .group_by_key()
        .windowed_by(TimeWindows::of_size_and_grace(MINUTE, GRACE))
        .aggregate_with(Activity::default, |_, page, seen| seen.with(page), Materialized::named("views-per-minute"))
        .to_stream()
        .map_values(Option::unwrap_or_default)
        .filter(|_, seen| seen.views > SUSPICIOUS)
        .map(|user, seen| {
            let pages: Vec<_> = seen.pages.into_iter().collect();
            (row("suspicious", &user), format!("{} views of {}", seen.views, pages.join(", ")))
        })
}

fn row(query: &str, key: &Windowed<String>) -> String {
    format!("{query} {key}")
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
