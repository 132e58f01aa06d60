//! What is measured: each program's input and the output it has to have.

mod filter;
mod joins;
mod page_views;
mod word_count;

use crate::digest::Digest;
use crate::failure::Result;
use std::collections::HashMap;

/// The partition for keyless records is the caller's choice, so that every partition gets its share.
pub struct Record<'a> {
    pub side: Side,
    pub key: Option<&'a str>,
    pub value: &'a str,
    /// In milliseconds; that of its writing where none is given.
    pub timestamp: Option<i64>,
}

impl<'a> Record<'a> {
    /// For a program with one input, and no interest in time.
    pub fn new(key: Option<&'a str>, value: &'a str) -> Self {
        Self { side: Side::Left, key, value, timestamp: None }
    }
}

/// The topic that a record is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The input topic.
    Left,
    /// What a join has as its other input.
    Right,
}

impl Side {
    /// The topic of this side of a program whose input is `input`. The programs make the same name of it.
    pub fn topic(self, input: &str) -> String {
        match self {
            Self::Left => input.to_owned(),
            Self::Right => format!("{input}-right"),
        }
    }
}

/// The output that a program has to have.
pub enum Expected {
    /// The last value of each row, and what row a record is about, by its key and value.
    Last(HashMap<String, String>, fn(&str, &str) -> String),
    /// All records, in any order.
    All(Digest),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    WordCount,
    Filter,
    PageViews,
    /// The same with every update sent on at once.
    PageViewsUncached,
    StreamStream,
    StreamTable,
    TableTable,
    /// The same with every change joined at once.
    TableTableUncached,
    ForeignKey,
}

impl Program {
    pub const ALL: [Self; 9] = [
        Self::WordCount,
        Self::Filter,
        Self::PageViews,
        Self::PageViewsUncached,
        Self::StreamStream,
        Self::StreamTable,
        Self::TableTable,
        Self::TableTableUncached,
        Self::ForeignKey,
    ];
    /// What `joins` stands for.
    pub const JOINS: [Self; 4] = [Self::StreamStream, Self::StreamTable, Self::TableTable, Self::ForeignKey];

    pub fn name(self) -> &'static str {
        match self {
            Self::WordCount => "word-count",
            Self::Filter => "filter",
            Self::PageViews => "page-views",
            Self::PageViewsUncached => "page-views-uncached",
            Self::StreamStream => "stream-stream",
            Self::StreamTable => "stream-table",
            Self::TableTable => "table-table",
            Self::TableTableUncached => "table-table-uncached",
            Self::ForeignKey => "foreign-key",
        }
    }

    pub fn is_join(self) -> bool {
        Self::JOINS.contains(&self) || self == Self::TableTableUncached
    }

    /// The name of our program: an example, or one of this crate.
    pub fn binary(self) -> &'static str {
        match self {
            Self::PageViewsUncached => "page-views",
            join if join.is_join() => "joining",
            other => other.name(),
        }
    }

    /// What says, before the options, which of the programs in one it is; for ours and Java alike.
    pub fn selector(self) -> Option<&'static str> {
        match self {
            Self::TableTableUncached => Self::TableTable.selector(),
            other => other.is_join().then(|| other.name()),
        }
    }

    /// The topics that it reads.
    pub fn sides(self) -> &'static [Side] {
        if self.is_join() { &[Side::Left, Side::Right] } else { &[Side::Left] }
    }

    /// Settings that make it what it is, for ours and Java alike.
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::PageViewsUncached | Self::TableTableUncached => &["statestore.cache.max.bytes=0"],
            _ => &[],
        }
    }

    pub fn java_class(self) -> &'static str {
        match self {
            Self::WordCount => "bench.WordCount",
            Self::Filter => "bench.Filter",
            Self::PageViews | Self::PageViewsUncached => "bench.PageViews",
            Self::StreamStream | Self::StreamTable | Self::TableTable | Self::TableTableUncached | Self::ForeignKey => {
                "bench.Joining"
            }
        }
    }

    /// What one input record is.
    pub fn unit(self) -> &'static str {
        match self {
            Self::WordCount => "lines of 8 words",
            Self::Filter => "messages of about 90 bytes",
            Self::PageViews | Self::PageViewsUncached => "views of 1000 pages",
            Self::StreamStream => "records, half of them on each side",
            Self::StreamTable => "records, one in 11 of them a row of the table",
            Self::TableTable | Self::TableTableUncached => "changes of rows, half of them on each side",
            Self::ForeignKey => "changes of rows, one in 10 of them on the side that the key is of",
        }
    }

    /// Topics between the subtopologies, for repartitioning or of a foreign-key join: they have to be drained too.
    pub fn inner_topics(self) -> usize {
        match self {
            Self::WordCount => 1,
            Self::ForeignKey => 2,
            _ => 0,
        }
    }

    /// Records at the input's beginning that have to be processed before any other is there, so that the output is the same in every run.
    pub fn first_records(self, records: u64) -> u64 {
        match self {
            Self::StreamTable => joins::stream_table::rows(records),
            _ => 0,
        }
    }

    /// Hands over the whole input, record by record.
    pub fn input(self, seed: u64, records: u64, take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        match self {
            Self::WordCount => word_count::input(seed, records, take),
            Self::Filter => filter::input(seed, records, take),
            Self::PageViews | Self::PageViewsUncached => page_views::input(seed, records, take),
            Self::StreamStream => joins::stream_stream::input(seed, records, take),
            Self::StreamTable => joins::stream_table::input(seed, records, take),
            Self::TableTable | Self::TableTableUncached => joins::table_table::input(seed, records, take),
            Self::ForeignKey => joins::foreign_key::input(seed, records, take),
        }
    }

    /// Counted from the input alone, by none of the programs that are measured.
    pub fn expected(self, seed: u64, records: u64) -> Result<Expected> {
        match self {
            Self::WordCount => word_count::expected(seed, records),
            Self::Filter => filter::expected(seed, records),
            Self::PageViews | Self::PageViewsUncached => page_views::expected(seed, records),
            Self::StreamStream => joins::stream_stream::expected(seed, records),
            Self::StreamTable => joins::stream_table::expected(seed, records),
            Self::TableTable | Self::TableTableUncached => joins::table_table::expected(seed, records),
            Self::ForeignKey => joins::foreign_key::expected(seed, records),
        }
    }
}

/// The output of a program that passes everything on.
pub fn expected_copy(program: Program, seed: u64, records: u64) -> Result<Expected> {
    let mut digest = Digest::default();
    program.input(seed, records, |record| {
        digest.add(record.key.map(str::as_bytes), Some(record.value.as_bytes()));
        Ok(())
    })?;
    Ok(Expected::All(digest))
}
