//! The names of one test's page views application, its input, and a count of it that shares nothing with the application.

use super::environment::{bootstrap_servers, unique};
use super::{Cluster, Group, Random, Setup, wait_until};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const PARTITIONS: i32 = 3;
const STORE: &str = "page-view-counts-store";
const PAGES: f64 = 1000.0;
/// Milliseconds between two views.
const STEP: i64 = 2;
const MINUTE: i64 = 60_000;
/// The views begin so long ago, in milliseconds: later than what brokers delete, and early enough for all of them to be past.
const AGO: i64 = 3 * 60 * 60 * 1000;

/// Views by page and start of the minute.
pub type Windows = HashMap<(String, i64), i64>;

/// Page views with topics, a group and state directories of its own. All of them are removed at the end.
pub struct PageViews {
    /// Its `application.id`.
    pub id: String,
    /// Its input topic.
    pub input: String,
    /// Its output topic.
    pub output: String,
    /// The cluster that it runs on.
    pub cluster: Cluster,
    /// The true counts of all views produced so far.
    pub expected: Windows,
    group: Group,
    random: Random,
    next_time: i64,
    state: TempDir,
}

impl PageViews {
    /// On the broker that all tests share.
    ///
    /// # Panics
    /// Where its topics cannot be created.
    pub fn new(name: &str) -> Self {
        let id = unique(name);
        let cluster = Cluster::new(&bootstrap_servers());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let application = Self {
            input: format!("{id}-input"),
            output: format!("{id}-output"),
            group: cluster.group(&id),
            cluster,
            expected: Windows::new(),
            random: Random::new(id.len() as u64),
            next_time: now - AGO,
            state: tempfile::tempdir().unwrap(),
            id,
        };
        for topic in [&application.input, &application.output] {
            application.cluster.create_topic(topic, PARTITIONS);
        }
        application
    }

    /// The topic behind the store.
    pub fn changelog(&self) -> String {
        format!("{}-{STORE}-changelog", self.id)
    }

    /// The state directory of the instance `name`.
    pub fn state_dir(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// An instance with a state directory of its own.
    pub fn setup(&self, name: &str) -> Setup {
        let (servers, state) = (self.cluster.servers(), self.state_dir(name));
        Setup::of_example("page-views", servers, &self.id, &self.input, &self.output, &state)
    }

    /// Appends views to the input, in the order of their times, and waits until they are in the log.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn produce(&mut self, count: usize) {
        let producer = self.cluster.producer();
        for _ in 0..count {
            let page = format!("/page/{}", (self.random.uniform() * self.random.uniform() * PAGES) as u32);
            let (user, time) = (self.random.next_u64() % 5000, self.next_time);
            let view = format!(r#"{{"user_id":"user-{user}","page":"{page}","timestamp":{time}}}"#);
            producer.send_keyed(&self.input, page.as_bytes(), view.as_bytes());
            *self.expected.entry((page, time / MINUTE * MINUTE)).or_default() += 1;
            self.next_time += STEP;
        }
        producer.flush();
    }

    /// Whether all input is processed, and committed.
    pub fn is_drained(&self) -> bool {
        self.group.lag(&self.input) == Some(0)
    }

    /// Waits until all input is processed, and committed.
    ///
    /// # Panics
    /// Where that does not come within `limit`.
    pub fn drain(&self, limit: Duration) {
        wait_until("all views are processed and committed", limit, || self.is_drained());
    }

    /// The last count of each page and minute in the output topic.
    ///
    /// # Panics
    /// Where it holds something else.
    pub fn output_counts(&self) -> Windows {
        let mut counts = Windows::new();
        self.cluster.read(&self.output, |(key, value)| {
            let text = String::from_utf8_lossy(value.expect("a value"));
            let row: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let number = |field: &str| row[field].as_i64().unwrap_or_else(|| panic!("no {field} in {text}"));
            let (page, start) = (row["page"].as_str().expect("a page"), number("window_start"));
            assert_eq!(key.expect("a key"), page.as_bytes(), "{text}");
            assert_eq!((start % MINUTE, number("window_end")), (0, start + MINUTE), "{text}");
            counts.insert((page.to_owned(), start), number("count"));
        });
        counts
    }

    /// The counts in the changelog of the store: Kafka Streams' bytes of a window store.
    ///
    /// # Panics
    /// Where it holds something else.
    pub fn changelog_counts(&self) -> Windows {
        let row = |(key, value): (Vec<u8>, Vec<u8>)| {
            let (page, rest) = key.split_at(key.len() - 12);
            let (start, sequence) = rest.split_at(8);
            assert_eq!(sequence, [0; 4], "{key:?}");
            let page = String::from_utf8(page.to_owned()).unwrap();
            ((page, i64::from_be_bytes(start.try_into().unwrap())), i64::from_be_bytes(value.try_into().unwrap()))
        };
        self.cluster.table(&self.changelog()).into_iter().map(row).collect()
    }

    /// Asserts that output topic and changelog hold the true counts.
    ///
    /// # Panics
    /// Where they do not.
    pub fn assert_exact(&self) {
        self.assert_counts(|count, expected| count == expected);
    }

    /// Asserts that nothing is missing in the output topic and the changelog.
    ///
    /// # Panics
    /// Where something is.
    pub fn assert_at_least(&self) {
        self.assert_counts(|count, expected| count >= expected);
    }

    fn assert_counts(&self, good: impl Fn(i64, i64) -> bool) {
        for (what, counts) in [("output topic", self.output_counts()), ("changelog", self.changelog_counts())] {
            let rows: BTreeSet<_> = counts.keys().chain(self.expected.keys()).collect();
            let of = |counts: &Windows, row| counts.get(row).copied().unwrap_or(0);
            let wrong: Vec<_> = rows
                .into_iter()
                .map(|row| (row, of(&counts, row), of(&self.expected, row)))
                .filter(|&(_, count, expected)| expected == 0 || !good(count, expected))
                .map(|((page, start), count, expected)| format!("{page} at {start}: {count} instead of {expected}"))
                .collect();
            assert!(
                wrong.is_empty(),
                "{what}: {} of {} windows are wrong, such as {:?}",
                wrong.len(),
                self.expected.len(),
                &wrong[..wrong.len().min(5)]
            );
        }
    }
}

impl Drop for PageViews {
    fn drop(&mut self) {
        // After a failure they stay, for whoever looks for the cause.
        if !std::thread::panicking() {
            self.cluster.delete_topics(&[&self.input, &self.output, &self.changelog()]);
            self.cluster.delete_groups(&[&self.id]);
        }
    }
}
