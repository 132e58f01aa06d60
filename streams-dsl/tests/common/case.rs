//! Case files: a program, rows of input, and what Kafka Streams printed for them. Their format is described in `tests/time/README.md`.

#![allow(dead_code, reason = "each test that uses case files needs another part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One case file.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file's name without `.case`.
    pub name: String,
    /// The lines before `---`, by name.
    pub settings: BTreeMap<String, Setting>,
    /// The lines that are expected before the first row: the program was refused.
    pub refused: Vec<String>,
    /// The rows, each with the lines expected after it.
    pub rows: Vec<Row>,
}

/// A word and options: `tumbling size=10 grace=5`. The word may be missing (empty).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    pub word: String,
    pub options: BTreeMap<String, String>,
}

/// What is fed, and the lines that are expected after it, without `> `.
#[derive(Debug, Clone)]
pub struct Row {
    pub input: Input,
    pub expected: Vec<String>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Record {
        topic: String,
        key: Option<String>,
        value: Option<String>,
        timestamp: i64,
        headers: Vec<(String, String)>,
    },
    /// The wall clock goes on by so many milliseconds. It starts at [`WALL_START`].
    Wall(u64),
}

/// Wall-clock time at the first row, in milliseconds since the epoch.
pub const WALL_START: i64 = 1_000_000;

impl Case {
    /// Reads a file; panics with its name where it is not a case.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        Self::parse(name, &text)
    }

    /// Every case of the folders whose name passes, in the order of the names.
    pub fn read_all(folders: &[&str], wanted: impl Fn(&str) -> bool) -> Vec<Self> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let files = folders.iter().flat_map(|folder| fs::read_dir(tests.join(folder)).unwrap());
        let files = files.map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|end| end == "case")).collect();
        files.sort();
        let cases: Vec<Self> = files.iter().map(|file| Self::read(file)).filter(|case| wanted(&case.name)).collect();
        assert!(!cases.is_empty(), "no case in {folders:?} is wanted");
        cases
    }

    fn parse(name: String, text: &str) -> Self {
        let mut case = Self { name, settings: BTreeMap::new(), refused: Vec::new(), rows: Vec::new() };
        let (head, body) = text.split_once("---\n").unwrap_or_else(|| panic!("{}: no line ---", case.name));
        for line in head.lines().filter(|line| !is_comment(line)) {
            let (name, setting) = line.split_once(':').unwrap_or_else(|| panic!("{}: no setting: {line}", case.name));
            case.settings.insert(name.to_owned(), Setting::parse(setting));
        }
        for line in body.lines().filter(|line| !is_comment(line)) {
            match (line.trim_start().strip_prefix("> "), case.rows.last_mut()) {
                (Some(expected), Some(row)) => row.expected.push(expected.to_owned()),
                (Some(expected), None) => case.refused.push(expected.to_owned()),
                (None, _) => {
                    let input = Input::parse(line).unwrap_or_else(|| panic!("{}: no row: {line}", case.name));
                    case.rows.push(Row { input, expected: Vec::new() });
                }
            }
        }
        case
    }

    /// A setting; without word and options where the file does not have it.
    pub fn setting(&self, name: &str) -> Setting {
        self.settings.get(name).cloned().unwrap_or_default()
    }

    /// The word of a setting, or this one where the file does not have it.
    pub fn word<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.settings.get(name).map_or(default, |setting| &setting.word)
    }
}

impl Setting {
    fn parse(text: &str) -> Self {
        let mut setting = Self::default();
        for part in text.split_whitespace() {
            match part.split_once('=') {
                Some((name, value)) => {
                    setting.options.insert(name.to_owned(), value.to_owned());
                }
                None => part.clone_into(&mut setting.word),
            }
        }
        setting
    }

    /// An option that is a number, where it is given.
    pub fn number(&self, option: &str) -> Option<u64> {
        let text = self.options.get(option)?;
        Some(text.parse().unwrap_or_else(|_| panic!("{option}={text} is no number")))
    }

    /// An option, or this text where it is not given.
    pub fn text<'a>(&'a self, option: &str, default: &'a str) -> &'a str {
        self.options.get(option).map_or(default, String::as_str)
    }
}

impl Input {
    fn parse(line: &str) -> Option<Self> {
        let (topic, line) = match line.split_once(": ") {
            Some((topic, record)) if !topic.contains(' ') => (topic, record),
            _ => ("in", line),
        };
        let mut parts = line.split(' ');
        let key = parts.next()?;
        if key == "wall" {
            return Some(Self::Wall(parts.next()?.strip_prefix('+')?.parse().ok()?));
        }
        let (value, timestamp) = (parts.next()?, parts.next()?.parse().ok()?);
        let headers = parts.map(|part| part.split_once('=').map(|(name, text)| (name.to_owned(), text.to_owned())));
        Some(Self::Record {
            topic: topic.to_owned(),
            key: unless_null(key),
            value: unless_null(value),
            timestamp,
            headers: headers.collect::<Option<_>>()?,
        })
    }
}

fn unless_null(text: &str) -> Option<String> {
    (text != "-").then(|| text.to_owned())
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}
