//! Histories of window and session stores with the answers of Kafka Streams' own stores: ours must give the same,
//! whether rows are in the buffer, in an engine or in both.
//!
//! The tables are `tests/java/*.txt`, their answers written by `tests/java/StoreTables.java`.

mod support;

use state_stores::{
    ActiveStores, CommittedReader, Direction, EngineKind, ReadOnlySessionStore, ReadOnlyWindowStore, Result, RowLayout,
    SegmentSource, SessionScan, SessionStore, TaskStores, WindowScan, WindowStore,
};
use support::{ENGINES, commit, environment, spec};
use tempfile::TempDir;

/// How often a task commits: after so many operations.
const COMMITS: [usize; 3] = [1, 7, usize::MAX];

struct Task {
    directory: TempDir,
    engine: EngineKind,
    layout: RowLayout,
    active: ActiveStores,
}

impl Task {
    fn open(engine: EngineKind, kind: &str, retention: i64) -> Self {
        let layout = match kind {
            "window" => RowLayout::window(retention),
            "window-duplicates" => RowLayout::window(retention).with_duplicates(),
            "window-index" => RowLayout::window(retention).with_time_index(),
            "session" => RowLayout::session(retention),
            "session-index" => RowLayout::session(retention).with_time_index(),
            _ => panic!("{kind}"),
        };
        let directory = TempDir::new().unwrap();
        let active = open(&directory, engine, layout);
        Self { directory, engine, layout, active }
    }

    fn reopen(self) -> Self {
        let Self { directory, engine, layout, active } = self;
        drop(active);
        let active = open(&directory, engine, layout);
        Self { directory, engine, layout, active }
    }

    fn reader(&self) -> CommittedReader {
        self.active.stores().reader(0).unwrap()
    }
}

fn open(directory: &TempDir, engine: EngineKind, layout: RowLayout) -> ActiveStores {
    let specs = vec![spec("s", engine).with_layout(layout)];
    TaskStores::open(directory.path(), specs, &environment()).unwrap().activate()
}

fn time(text: &str) -> i64 {
    if text == "max" { i64::MAX } else { text.parse().unwrap() }
}

fn bytes(text: &str) -> Option<&[u8]> {
    (text != "-").then_some(text.as_bytes())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn windows(rows: Result<WindowScan<impl SegmentSource>>) -> String {
    let rows = rows.unwrap().map(Result::unwrap);
    let rows = rows.map(|row| format!("{}@{}:{}", text(&row.key), row.start, text(&row.value)));
    rows.collect::<Vec<_>>().join(" ")
}

fn sessions(rows: Result<SessionScan<impl SegmentSource>>) -> String {
    let rows = rows.unwrap().map(Result::unwrap);
    let rows = rows.map(|row| format!("{}@{}-{}:{}", text(&row.key), row.start, row.end, text(&row.value)));
    rows.collect::<Vec<_>>().join(" ")
}

fn value(value: Result<Option<Vec<u8>>>) -> String {
    value.unwrap().map_or_else(|| "null".to_owned(), |value| text(&value).to_owned())
}

fn write(active: &ActiveStores, operation: &[&str]) {
    let handle = active.handle(0).unwrap();
    // What has expired is seen in the answers.
    let _outcome = match *operation {
        ["put", key, start, value] => {
            WindowStore::new(handle).unwrap().put(key.as_bytes(), bytes(value), time(start)).unwrap()
        }
        ["session-put", key, start, end, value] => {
            let store = SessionStore::new(handle).unwrap();
            store.put(key.as_bytes(), time(start), time(end), bytes(value)).unwrap()
        }
        ["session-remove", key, start, end] => {
            SessionStore::new(handle).unwrap().remove(key.as_bytes(), time(start), time(end)).unwrap()
        }
        _ => panic!("{operation:?}"),
    };
}

fn ask(source: impl SegmentSource, operation: &[&str]) -> String {
    let direction = if operation.last() == Some(&"b") { Direction::Reverse } else { Direction::Forward };
    let window = || WindowStore::new(source.clone()).unwrap();
    let session = || SessionStore::new(source.clone()).unwrap();
    match *operation {
        ["fetch", key, start] => value(window().fetch(key.as_bytes(), time(start))),
        ["between", key, from, to, _] => {
            windows(window().fetch_between(key.as_bytes(), time(from), time(to), direction))
        }
        ["range", key_from, key_to, from, to, _] => {
            windows(window().fetch_range(bytes(key_from), bytes(key_to), time(from), time(to), direction))
        }
        ["fetchall", from, to, _] => windows(window().fetch_all(time(from), time(to), direction)),
        ["all", _] => windows(window().all(direction)),
        ["session-fetch", key, start, end] => value(session().fetch_session(key.as_bytes(), time(start), time(end))),
        ["find", key, end, start, _] => {
            sessions(session().find_sessions(key.as_bytes(), time(end), time(start), direction))
        }
        ["find-range", key_from, key_to, end, start, _] => {
            let (key_from, key_to) = (bytes(key_from), bytes(key_to));
            sessions(session().find_sessions_range(key_from, key_to, time(end), time(start), direction))
        }
        ["fetch-key", key, _] => sessions(session().fetch(key.as_bytes(), direction)),
        ["fetch-range", key_from, key_to, _] => {
            sessions(session().fetch_range(bytes(key_from), bytes(key_to), direction))
        }
        ["ended", from, to] => sessions(session().find_sessions_ended(time(from), time(to), direction)),
        _ => panic!("{operation:?}"),
    }
}

fn run(table: &str, engine: EngineKind, commit_every: usize, restart: bool) {
    let mut task = None;
    let mut asked: Vec<&str> = Vec::new();
    let mut answers = 0;
    for (number, line) in table.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] | ["#", ..] => {}
            ["open", kind, retention] => task = Some(Task::open(engine, kind, time(retention))),
            ["=", ..] => {
                let task = task.as_ref().unwrap();
                let expected = words[1..].join(" ");
                let at = format!("line {}: {asked:?} {engine:?}, commit every {commit_every}", number + 1);
                assert_eq!(ask(task.active.handle(0).unwrap(), &asked), expected, "{at}");
                if commit_every == 1 {
                    assert_eq!(ask(task.reader(), &asked), expected, "{at}, committed");
                }
                answers += 1;
            }
            [operation, ..] if operation.contains("put") || operation.contains("remove") => {
                let mut open = task.take().unwrap();
                write(&open.active, &words);
                if number % commit_every == 0 {
                    commit(&mut open.active, number as i64);
                    if restart {
                        open = open.reopen();
                    }
                }
                task = Some(open);
            }
            _ => asked = words,
        }
    }
    assert!(answers > 100, "{answers} answers");
}

#[test]
fn windows_answer_as_those_of_kafka_streams() {
    for engine in ENGINES {
        for commit_every in COMMITS {
            run(include_str!("java/windows.txt"), engine, commit_every, false);
        }
    }
}

#[test]
fn sessions_answer_as_those_of_kafka_streams() {
    for engine in ENGINES {
        for commit_every in COMMITS {
            run(include_str!("java/sessions.txt"), engine, commit_every, false);
        }
    }
}

#[test]
fn a_restart_after_every_few_operations_changes_no_answer() {
    run(include_str!("java/windows.txt"), EngineKind::RocksDb, 7, true);
    run(include_str!("java/sessions.txt"), EngineKind::RocksDb, 7, true);
}

#[test]
fn a_store_is_only_used_as_what_it_is() {
    let task = Task::open(EngineKind::InMemory, "window", 1);
    let error = SessionStore::new(task.active.handle(0).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`s` is not a session store"), "{error}");
    assert!(ReadOnlySessionStore::new(task.reader()).is_err());
    assert!(ReadOnlyWindowStore::new(task.reader()).is_ok());
    let task = Task::open(EngineKind::InMemory, "session", 1);
    let store = SessionStore::new(task.active.handle(0).unwrap()).unwrap();
    let error = store.find_sessions_ended(0, 1, Direction::Forward).unwrap_err();
    assert!(error.to_string().contains("time index"), "{error}");
    for (start, end) in [(-1, 1), (2, 1)] {
        let error = store.put(b"k", start, end, Some(b"v")).unwrap_err();
        assert!(error.to_string().contains(&format!("from {start} to {end}")), "{error}");
    }
}
