//! Windowed aggregations, record by record as Kafka Streams answered: see `time/README.md`.

#[path = "common/case.rs"]
mod case;
#[path = "time/deviations.rs"]
mod deviations;

use case::{Case, Input, Row, Setting, WALL_START};
use deviations::DEVIATIONS;
use std::time::Duration;
use streams_dsl::record::{Headers, Record};
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows};
use streams_dsl::*;

type Text = Option<String>;
/// Results with their windowed keys as text.
type Results = KStream<String, Text>;

/// What a case says about the aggregation, besides its windows.
struct Program<'a> {
    case: &'a Case,
    grouped: KGroupedStream<Text, Text>,
}

fn millis(setting: &Setting, option: &str) -> Duration {
    Duration::from_millis(setting.number(option).unwrap_or_else(|| panic!("no {option}")))
}

fn append(aggregate: &str, value: Option<&str>) -> Text {
    (value != Some("delete")).then(|| format!("{aggregate}+{}", value.unwrap_or("-")))
}

fn reduce(aggregate: Text, value: Text) -> Text {
    append(aggregate.as_deref().unwrap_or("-"), value.as_deref())
}

fn begin() -> Text {
    Some("0".to_owned())
}

fn aggregate(_: &Text, value: Text, aggregate: Text) -> Text {
    append(&aggregate.unwrap(), value.as_deref())
}

fn merge(_: &Text, one: Text, other: Text) -> Text {
    Some(format!("({}|{})", one.unwrap(), other.unwrap()))
}

impl Program<'_> {
    fn materialized<A: 'static>(&self) -> Materialized<Text, A> {
        let materialized = match self.case.word("cache", "off") {
            "on" => Materialized::new(),
            _ => Materialized::new().with_caching_disabled(),
        };
        let materialized = match self.case.settings.get("retention") {
            Some(retention) => materialized.with_retention(Duration::from_millis(retention.word.parse().unwrap())),
            None => materialized,
        };
        if self.case.word("store", "rocksdb") == "in-memory" { materialized.in_memory() } else { materialized }
    }

    fn strategy(&self) -> EmitStrategy {
        match self.case.word("emit", "update") {
            "close" => EmitStrategy::OnWindowClose,
            _ => EmitStrategy::OnWindowUpdate,
        }
    }

    fn results_serde(&self) -> Materialized<Text, Text> {
        self.materialized().with_value_serde(serde::OptionSerde::new(serde::StringSerde))
    }

    /// Aggregates in windows of time.
    fn in_windows<W>(&self, windows: W) -> Results
    where
        W: WindowedBy<Text, Text, Stream = TimeWindowedKStream<Text, Text, W>> + TimeDivision,
    {
        let stream = self.grouped.windowed_by(windows).emit_strategy(self.strategy());
        match self.case.word("aggregate", "") {
            "count" => self.results(stream.count_with(self.materialized()), |count| count.to_string()),
            "reduce" => self.texts(stream.reduce_with(reduce, self.materialized())),
            "aggregate" => self.texts(stream.aggregate_with(begin, aggregate, self.results_serde())),
            other => panic!("{}: aggregate: {other}", self.case.name),
        }
    }

    /// Aggregates in sessions.
    fn in_sessions(&self, windows: SessionWindows) -> Results {
        let stream = self.grouped.windowed_by(windows).emit_strategy(self.strategy());
        match self.case.word("aggregate", "") {
            "count" => self.results(stream.count_with(self.materialized()), |count| count.to_string()),
            "reduce" => self.texts(stream.reduce_with(reduce, self.materialized())),
            "aggregate" => self.texts(stream.aggregate_with(begin, aggregate, merge, self.results_serde())),
            other => panic!("{}: aggregate: {other}", self.case.name),
        }
    }

    fn results<W: Window, A: Clone + 'static>(
        &self,
        table: KTable<Windowed<Text, W>, A>,
        text: impl Fn(A) -> String + Send + Sync + 'static,
    ) -> Results {
        table.to_stream().map(move |key, value| (windowed(&key), value.map(&text)))
    }

    fn texts<W: Window>(&self, table: KTable<Windowed<Text, W>, Text>) -> Results {
        table.to_stream().map(|key, value| (windowed(&key), value.flatten()))
    }
}

fn windowed<W: Window>(key: &Windowed<Text, W>) -> String {
    let end = if key.end() == i64::MAX { "max".to_owned() } else { key.end().to_string() };
    format!("{}@{}..{end}", key.key.as_deref().unwrap_or("-"), key.start())
}

fn declare(case: &Case, builder: &StreamsBuilder) {
    let text = || serde::OptionSerde::new(serde::StringSerde);
    let consumed = Consumed::with(text(), text());
    let consumed = match case.word("extractor", "fail") {
        "log-and-skip" => consumed.with_timestamp_extractor(LogAndSkipOnInvalidTimestamp),
        "use-partition-time" => consumed.with_timestamp_extractor(UsePartitionTimeOnInvalidTimestamp),
        _ => consumed,
    };
    let grouped = builder.stream_with::<Text, Text>("in", consumed).group_by_key();
    let program = Program { case, grouped };
    let window = case.setting("window");
    let results = match window.word.as_str() {
        "tumbling" => {
            program.in_windows(TimeWindows::of_size_and_grace(millis(&window, "size"), millis(&window, "grace")))
        }
        "hopping" => program.in_windows(
            TimeWindows::of_size_and_grace(millis(&window, "size"), millis(&window, "grace"))
                .advance_by(millis(&window, "advance")),
        ),
        "sliding" => program.in_windows(SlidingWindows::of_time_difference_and_grace(
            millis(&window, "difference"),
            millis(&window, "grace"),
        )),
        "session" => program
            .in_sessions(SessionWindows::of_inactivity_gap_and_grace(millis(&window, "gap"), millis(&window, "grace"))),
        "unlimited" => {
            program.in_windows(UnlimitedWindows::of().start_on(window.number("start").unwrap_or_default() as i64))
        }
        other => panic!("{}: window: {other}", case.name),
    };
    results.to("out");
}

/// What we answer to a row, as the case files write it.
fn answer(driver: &TopologyTestDriver, row: &Row, dropped: &mut u64) -> Vec<String> {
    let fed = match &row.input {
        Input::Wall(by) => driver.advance_wall_clock_time(Duration::from_millis(*by)),
        Input::Record { key, value, timestamp, headers, .. } => {
            let headers: Headers = headers.iter().map(|(name, text)| (name.as_str(), Some(text.as_bytes()))).collect();
            let record = Record { key: key.clone(), value: value.clone(), timestamp: *timestamp, headers };
            driver.create_input_topic::<Text, Text>("in").pipe_record(record)
        }
    };
    let records = driver.create_output_topic::<String, Text>("out").read_records_to_list().unwrap();
    let mut answer: Vec<String> = records.iter().map(line).collect();
    let now = driver.dropped_records();
    if now > *dropped {
        answer.push(format!("dropped {}", now - *dropped));
    }
    *dropped = now;
    if fed.is_err() {
        answer.push("fails: ".to_owned());
    }
    answer
}

fn line(record: &Record<String, Text>) -> String {
    let mut line = format!("{} {} {}", record.key, record.value.as_deref().unwrap_or("-"), record.timestamp);
    for (name, value) in record.headers.iter() {
        line.push_str(&format!(" {name}={}", String::from_utf8_lossy(value.unwrap_or_default())));
    }
    line
}

/// What differs from the expected answers to a case, if anything.
fn difference(case: &Case, expected: &Expected) -> Option<String> {
    let builder = StreamsBuilder::new();
    declare(case, &builder);
    let topology = match builder.build() {
        Ok(topology) => topology,
        Err(error) => return (!expected.refused).then(|| format!("refused: {error}")),
    };
    if expected.refused {
        return Some("it was to be refused".to_owned());
    }
    let caching = case.word("cache", "off") == "on";
    let mut config = TestDriverConfig { caching, initial_wall_clock_time: WALL_START, ..TestDriverConfig::default() };
    if let Some(interval) = case.setting("emit").number("interval") {
        config.settings.emit_interval = Duration::from_millis(interval);
    }
    let driver = TopologyTestDriver::with_config(&topology, config);
    let mut dropped = 0;
    for (number, (row, expected)) in case.rows.iter().zip(&expected.rows).enumerate() {
        let answer = answer(&driver, row, &mut dropped);
        if answer != *expected {
            return Some(format!("row {number} {:?}\n  expected {expected:#?}\n  answered {answer:#?}", row.input));
        }
    }
    None
}

/// What is to come of a case: of each row, or that it is refused.
struct Expected {
    refused: bool,
    rows: Vec<Vec<String>>,
}

impl Expected {
    /// As Kafka Streams answered, without the texts of its errors.
    fn of(case: &Case) -> Self {
        let line = |line: &String| if line.starts_with("fails: ") { "fails: ".to_owned() } else { line.clone() };
        let rows = case.rows.iter().map(|row| row.expected.iter().map(line).collect()).collect();
        Self { refused: !case.refused.is_empty(), rows }
    }
}

fn check(wanted: impl Fn(&Case) -> bool) {
    let cases = Case::read_all(&["time/cases"], |_| true);
    let wanted: Vec<_> = cases.iter().filter(|case| wanted(case)).collect();
    assert!(!wanted.is_empty());
    let mut differences = Vec::new();
    for case in &wanted {
        let deviation = DEVIATIONS.iter().find(|deviation| deviation.case == case.name);
        assert!(
            deviation.is_some() || !case.settings.contains_key("java"),
            "{}: Kafka Streams is wrong here; the list of deviations has to say what we answer",
            case.name
        );
        let expected = match deviation {
            Some(deviation) => deviation.expected(case, &cases),
            None => Expected::of(case),
        };
        differences.extend(difference(case, &expected).map(|difference| format!("{}: {difference}", case.name)));
    }
    assert!(differences.is_empty(), "{} of {} cases:\n{}", differences.len(), wanted.len(), differences.join("\n"));
}

fn is(case: &Case, window: &str) -> bool {
    case.setting("window").word == window && !case.settings.contains_key("suppress")
}

#[test]
fn tumbling_windows() {
    check(|case| is(case, "tumbling"));
}

#[test]
fn hopping_windows() {
    check(|case| is(case, "hopping"));
}

#[test]
fn unlimited_windows() {
    check(|case| is(case, "unlimited"));
}

#[test]
fn sliding_windows() {
    check(|case| is(case, "sliding"));
}

#[test]
fn sessions() {
    check(|case| is(case, "session"));
}

#[test]
fn every_deviation_is_one() {
    let cases = Case::read_all(&["time/cases"], |_| true);
    for deviation in DEVIATIONS {
        let case = cases.iter().find(|case| case.name == deviation.case);
        let case = case.unwrap_or_else(|| panic!("{}: no such case", deviation.case));
        let (ours, javas) = (deviation.expected(case, &cases), Expected::of(case));
        assert!(ours.refused != javas.refused || ours.rows != javas.rows, "{}: no deviation", case.name);
        assert!(!deviation.reason.is_empty());
    }
}
