//! The names of one test's word count, its topics, and their removal.

use super::environment::{bootstrap_servers, unique};
use super::words::{Counts, Lines, count_line};
use super::{Cluster, Group, Setup, wait_until};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Partitions of the input topic.
pub const PARTITIONS: i32 = 3;
const STORE: &str = "word-count-store";

/// A word count with topics, a group and state directories of its own. All of them are removed at the end.
pub struct Application {
    /// Its `application.id`.
    pub id: String,
    /// Its input topic, with [`PARTITIONS`] partitions.
    pub input: String,
    /// Its output topic.
    pub output: String,
    /// The cluster that it runs on.
    pub cluster: Cluster,
    /// Its consumer group.
    pub group: Group,
    /// The true counts of all lines produced so far.
    pub expected: Counts,
    lines: Lines,
    state: TempDir,
    next_partition: i32,
}

impl Application {
    /// On the broker that all tests share.
    ///
    /// # Panics
    /// Where its topics cannot be created.
    pub fn new(name: &str) -> Self {
        Self::on(&bootstrap_servers(), name)
    }

    /// On the broker at `servers`.
    ///
    /// # Panics
    /// Where its topics cannot be created.
    pub fn on(servers: &str, name: &str) -> Self {
        let id = unique(name);
        let cluster = Cluster::new(servers);
        let application = Self {
            input: format!("{id}-input"),
            output: format!("{id}-output"),
            group: cluster.group(&id),
            cluster,
            expected: Counts::new(),
            lines: Lines::new(id.len() as u64),
            state: tempfile::tempdir().unwrap(),
            next_partition: 0,
            id,
        };
        for topic in [&application.input, &application.output] {
            application.cluster.create_topic(topic, PARTITIONS);
        }
        application
    }

    /// The topic between the words and their counts.
    pub fn repartition(&self) -> String {
        format!("{}-{STORE}-repartition", self.id)
    }

    /// The topic behind the store.
    pub fn changelog(&self) -> String {
        format!("{}-{STORE}-changelog", self.id)
    }

    /// The state directory of the instance `name`.
    pub fn state_dir(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// An instance with a state directory of its own, which commits every 200 ms.
    pub fn setup(&self, name: &str) -> Setup {
        self.setup_without_settings(name).set("commit.interval.ms", 200)
    }

    /// An instance with a state directory of its own, and no configuration besides.
    pub fn setup_without_settings(&self, name: &str) -> Setup {
        Setup::word_count(self.cluster.servers(), &self.id, &self.input, &self.output, &self.state_dir(name))
    }

    /// Appends lines to the input, over all partitions, and waits until they are in the log.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn produce(&mut self, count: usize) {
        let producer = self.cluster.producer();
        for line in self.lines.by_ref().take(count) {
            count_line(&mut self.expected, &line);
            producer.send(&self.input, self.next_partition, line.as_bytes());
            self.next_partition = (self.next_partition + 1) % PARTITIONS;
        }
        producer.flush();
    }

    /// Waits until all input is processed, and committed.
    ///
    /// # Panics
    /// Where that does not come within `limit`.
    pub fn drain(&self, limit: Duration) -> Duration {
        wait_until("all input is processed and committed", limit, || self.is_drained())
    }

    /// Whether all input is processed, and committed.
    pub fn is_drained(&self) -> bool {
        // In this order: what is committed of the input is in the repartition topic.
        self.group.lag(&self.input) == Some(0) && self.group.lag(&self.repartition()) == Some(0)
    }

    /// The counts in the output topic.
    ///
    /// # Panics
    /// Where it holds something else.
    pub fn output_counts(&self) -> Counts {
        let count = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().parse().unwrap();
        let table = self.cluster.table(&self.output).into_iter();
        table.map(|(word, bytes)| (String::from_utf8(word).unwrap(), count(bytes))).collect()
    }

    /// The counts in the changelog of the store.
    ///
    /// # Panics
    /// Where it holds something else.
    pub fn changelog_counts(&self) -> Counts {
        let count = |bytes: Vec<u8>| i64::from_be_bytes(bytes.try_into().unwrap());
        let table = self.cluster.table(&self.changelog()).into_iter();
        table.map(|(word, bytes)| (String::from_utf8(word).unwrap(), count(bytes))).collect()
    }

    /// Asserts that output topic and changelog hold the true counts.
    ///
    /// # Panics
    /// Where they do not.
    pub fn assert_exact(&self) {
        super::words::assert_exact("changelog", &self.changelog_counts(), &self.expected);
        super::words::assert_exact("output topic", &self.output_counts(), &self.expected);
    }

    /// Asserts that nothing is missing in the output topic and the changelog.
    ///
    /// # Panics
    /// Where something is.
    pub fn assert_at_least(&self) {
        super::words::assert_at_least("changelog", &self.changelog_counts(), &self.expected);
        super::words::assert_at_least("output topic", &self.output_counts(), &self.expected);
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // After a failure they stay, for whoever looks for the cause.
        if !std::thread::panicking() {
            let (repartition, changelog) = (self.repartition(), self.changelog());
            self.cluster.delete_topics(&[&self.input, &self.output, &repartition, &changelog]);
            self.cluster.delete_groups(&[&self.id]);
        }
    }
}
