//! The names of one test's application of all joins, its input, and results of it that share nothing with the application.

use super::environment::{bootstrap_servers, unique};
use super::{Cluster, Group, Random, Setup, wait_until};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use streams_core::partitioner::partition_for_key;
use tempfile::TempDir;

const PARTITIONS: i32 = 3;
const KEYS: u64 = 300;
/// Milliseconds between two records.
const STEP: i64 = 5;
const SIDES: [&str; 2] = ["left", "right"];
/// How far apart partners may lie, in milliseconds: the example's.
const WINDOW: i64 = 1000;
/// The records begin so long ago, in milliseconds: later than what brokers delete.
const AGO: i64 = 60 * 60 * 1000;

/// Results by join and key, in the order of their writing.
pub type Results = BTreeMap<(String, String), Vec<Option<String>>>;

/// What became of one side of a key.
#[derive(Default)]
struct Side {
    row: Option<String>,
    /// Times and texts.
    records: Vec<(i64, String)>,
}

/// The example `joins` with topics, a group and state directories of its own. All of them are removed at the end.
pub struct Joins {
    /// Its `application.id`.
    pub id: String,
    input: String,
    output: String,
    cluster: Cluster,
    group: Group,
    random: Random,
    time: i64,
    number: u64,
    /// By key: left and right.
    sides: BTreeMap<String, [Side; 2]>,
    /// What the stream finds in the table, by key, for both kinds of join.
    met: BTreeMap<String, [Vec<String>; 2]>,
    /// What it finds in the global table, likewise.
    titled: BTreeMap<String, [Vec<String>; 2]>,
    state: TempDir,
}

impl Joins {
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
            random: Random::new(id.len() as u64),
            time: now - AGO,
            number: 0,
            sides: BTreeMap::new(),
            met: BTreeMap::new(),
            titled: BTreeMap::new(),
            state: tempfile::tempdir().unwrap(),
            id,
        };
        for topic in [&application.input, &application.output] {
            application.cluster.create_topic(topic, PARTITIONS);
        }
        application.produce_titles();
        application
    }

    /// Every other key has a title.
    fn produce_titles(&self) {
        let topic = format!("{}-titles", self.input);
        self.cluster.create_topic(&topic, 1);
        let producer = self.cluster.producer();
        for number in (0..KEYS).step_by(2) {
            producer.send_keyed(&topic, format!("k{number}").as_bytes(), format!("title{number}").as_bytes());
        }
        producer.flush();
    }

    /// The state directory of the instance `name`.
    pub fn state_dir(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// An instance with a state directory of its own.
    pub fn setup(&self, name: &str) -> Setup {
        let (servers, state) = (self.cluster.servers(), self.state_dir(name));
        Setup::of_example("joins", servers, &self.id, &self.input, &self.output, &state)
    }

    /// Appends records of both sides, in the order of their times, and waits until they are in the log.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn produce(&mut self, count: usize) {
        let producer = self.cluster.producer();
        for _ in 0..count {
            let key = format!("k{}", self.random.next_u64() % KEYS);
            let side = (self.random.next_u64() % 2) as usize;
            let name = SIDES[side];
            let text = (!self.random.next_u64().is_multiple_of(8)).then(|| self.text(side));
            self.number += 1;
            self.time += STEP;
            let record = text.as_ref().map_or_else(|| name.to_owned(), |text| format!("{name} {text}"));
            producer.send_at(&self.input, self.time, key.as_bytes(), record.as_bytes());
            self.note(&key, side, text);
        }
        producer.flush();
    }

    /// A text of this side that was not there before. Those of the left side have a foreign key, but for some.
    fn text(&mut self, side: usize) -> String {
        let foreign_key = self.random.next_u64() % KEYS;
        match side {
            0 if foreign_key > 10 => format!("left{}@k{foreign_key}", self.number),
            _ => format!("{}{}", SIDES[side], self.number),
        }
    }

    fn note(&mut self, key: &str, side: usize, text: Option<String>) {
        let sides = self.sides.entry(key.to_owned()).or_default();
        if let Some(text) = &text {
            if side == 0 {
                let [inner, left] = self.met.entry(key.to_owned()).or_default();
                let row = sides[1].row.as_deref();
                inner.extend(row.map(|row| format!("{text}+{row}")));
                left.push(format!("{text}+{}", row.unwrap_or("-")));
                let title = foreign_key(text).and_then(title);
                let [inner, left] = self.titled.entry(key.to_owned()).or_default();
                inner.extend(title.as_ref().map(|title| format!("{text}+{title}")));
                left.push(format!("{text}+{}", title.as_deref().unwrap_or("-")));
            }
            sides[side].records.push((self.time, text.clone()));
        }
        sides[side].row = text;
    }

    /// Appends a record to each partition, of keys of their own, which moves time on so that windows before close.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn move_time_on(&mut self) {
        let producer = self.cluster.producer();
        self.time += 10 * WINDOW;
        for partition in 0..PARTITIONS {
            let mut keys = (0..).map(|number| format!("tail{number}"));
            let key = keys.find(|key| partition_for_key(key.as_bytes(), PARTITIONS) == partition).unwrap();
            producer.send_at(&self.input, self.time, key.as_bytes(), b"left end");
        }
        producer.flush();
    }

    /// Waits until all input is processed, and committed.
    ///
    /// # Panics
    /// Where that does not come within `limit`.
    pub fn drain(&self, limit: Duration) {
        let done = |topic: &str| self.group.lag(topic) == Some(0);
        wait_until("all records are processed and committed", limit, || done(&self.input));
        // A commit of one topic follows the writing of the next: what subscribes, then what answers.
        for part in ["SUBSCRIPTION-REGISTRATION", "SUBSCRIPTION-RESPONSE"] {
            for topic in self.cluster.topics_with_prefix(&self.id).iter().filter(|topic| topic.contains(part)) {
                wait_until("what joins by foreign keys is processed and committed", limit, || done(topic));
            }
        }
    }

    /// Whether there is input that is not processed and committed.
    pub fn is_busy(&self) -> bool {
        self.group.lag(&self.input) != Some(0)
    }

    /// What the application has written.
    ///
    /// # Panics
    /// Where the topic holds something else.
    pub fn results(&self) -> Results {
        let mut results = Results::new();
        self.cluster.read(&self.output, |(key, value)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).expect("text");
            let key = text(key.expect("a key"));
            let (join, key) = key.rsplit_once(' ').expect("a join and a key");
            if !key.starts_with("tail") {
                results.entry((join.to_owned(), key.to_owned())).or_default().push(value.map(text));
            }
        });
        results
    }

    /// Asserts that the joined tables of the output end with the rows that a join of the sides' last rows has, by their keys and by foreign keys.
    ///
    /// # Panics
    /// Where they do not.
    pub fn assert_tables(&self, results: &Results) {
        for (key, [left, right]) in &self.sides {
            let (left, right) = (left.row.as_deref(), right.row.as_deref());
            let both = format!("{}+{}", left.unwrap_or("-"), right.unwrap_or("-"));
            let is = |there: bool| there.then(|| both.clone());
            let named = left.and_then(foreign_key).and_then(|key| self.sides.get(key)?[1].row.as_deref());
            let expected = [
                ("tables", is(left.is_some() && right.is_some())),
                ("tables left", is(left.is_some())),
                ("tables outer", is(left.is_some() || right.is_some())),
                ("foreign", named.map(|named| format!("{}+{named}", left.unwrap_or_default()))),
                ("foreign left", left.map(|left| format!("{left}+{}", named.unwrap_or("-")))),
            ];
            for (join, row) in expected {
                let last = results.get(&(join.to_owned(), key.clone())).and_then(|rows| rows.last().cloned());
                assert_eq!(last.flatten(), row, "{join} of {key}");
            }
        }
    }

    /// Asserts that each record of the stream has met the row that the table had then, once, and its title.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn assert_stream_with_table(&self, results: &Results) {
        for (key, [inner, left]) in &self.met {
            for (join, expected) in [("table", inner), ("table left", left), ("as of", inner)] {
                assert_eq!(&texts(results, join, key), expected, "{join} of {key}");
            }
        }
        for (key, [inner, left]) in &self.titled {
            for (join, expected) in [("global", inner), ("global left", left)] {
                assert_eq!(&texts(results, join, key), expected, "{join} of {key}");
            }
        }
    }

    /// Asserts that nothing is missing of what does not depend on when a record is processed, and nothing else is there: where records are processed
    /// again, their results are the same. Each record meets the row of its time in a versioned table, and its title.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn assert_same_when_repeated(&self, results: &Results) {
        let set = |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<_>>();
        let expected = [("as of", &self.met, 0), ("global", &self.titled, 0), ("global left", &self.titled, 1)];
        for (join, by_key, kind) in expected {
            for (key, expected) in by_key {
                assert_eq!(set(&texts(results, join, key)), set(&expected[kind]), "{join} of {key}");
            }
        }
    }

    /// Asserts that the pairs of the inner join of streams are those of all partners, at least once each.
    ///
    /// # Panics
    /// Where they are not.
    pub fn assert_pairs(&self, results: &Results) {
        for key in self.sides.keys() {
            let expected: BTreeSet<_> = self.pairs(key).into_iter().collect();
            let found: BTreeSet<_> = texts(results, "streams", key).into_iter().collect();
            assert_eq!(found, expected, "streams of {key}");
        }
    }

    /// Whether all results of the joins of streams are there, once each, those without partner included.
    pub fn has_all_of_streams(&self, results: &Results) -> bool {
        self.sides.keys().all(|key| {
            let mut expected = self.pairs(key);
            let all = |join: &str, expected: &[String]| sorted(texts(results, join, key)) == sorted(expected.to_vec());
            let inner = all("streams", &expected);
            expected.extend(self.alone(key, 0).into_iter().map(|text| format!("{text}+-")));
            let left = all("streams left", &expected);
            expected.extend(self.alone(key, 1).into_iter().map(|text| format!("-+{text}")));
            inner && left && all("streams outer", &expected)
        })
    }

    /// All pairs of partners of a key.
    fn pairs(&self, key: &str) -> Vec<String> {
        let [left, right] = &self.sides[key];
        let partners = left.records.iter().flat_map(|(time, text)| {
            let near = right.records.iter().filter(move |(other, _)| (other - time).abs() <= WINDOW);
            near.map(move |(_, other)| format!("{text}+{other}"))
        });
        partners.collect()
    }

    /// The texts of one side without partner.
    fn alone(&self, key: &str, side: usize) -> Vec<String> {
        let sides = &self.sides[key];
        let has_partner = |time: i64| sides[1 - side].records.iter().any(|(other, _)| (other - time).abs() <= WINDOW);
        sides[side].records.iter().filter(|(time, _)| !has_partner(*time)).map(|(_, text)| text.clone()).collect()
    }
}

fn foreign_key(text: &str) -> Option<&str> {
    text.split_once('@').map(|(_, key)| key)
}

fn title(key: &str) -> Option<String> {
    let number: u64 = key.strip_prefix('k')?.parse().ok()?;
    number.is_multiple_of(2).then(|| format!("title{number}"))
}

fn texts(results: &Results, join: &str, key: &str) -> Vec<String> {
    let found = results.get(&(join.to_owned(), key.to_owned()));
    found.into_iter().flatten().flatten().cloned().collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

impl Drop for Joins {
    fn drop(&mut self) {
        // After a failure they stay, for whoever looks for the cause.
        if !std::thread::panicking() {
            let own = self.cluster.topics_with_prefix(&self.id);
            self.cluster.delete_topics(&own.iter().map(String::as_str).collect::<Vec<_>>());
            self.cluster.delete_groups(&[&self.id]);
        }
    }
}
