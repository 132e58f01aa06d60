//! What is measured: each program's input and the output it has to have.

mod filter;
mod page_views;
mod word_count;

use crate::digest::Digest;
use crate::failure::Result;
use std::collections::HashMap;

/// The partition for keyless records is the caller's choice, so that every partition gets its share.
pub struct Record<'a> {
    pub key: Option<&'a str>,
    pub value: &'a str,
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
}

impl Program {
    pub const ALL: [Self; 4] = [Self::WordCount, Self::Filter, Self::PageViews, Self::PageViewsUncached];

    pub fn name(self) -> &'static str {
        match self {
            Self::WordCount => "word-count",
            Self::Filter => "filter",
            Self::PageViews => "page-views",
            Self::PageViewsUncached => "page-views-uncached",
        }
    }

    /// The name of the example's program.
    pub fn example(self) -> &'static str {
        match self {
            Self::PageViewsUncached => "page-views",
            other => other.name(),
        }
    }

    /// Settings that make it what it is, for ours and Java alike.
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::PageViewsUncached => &["statestore.cache.max.bytes=0"],
            _ => &[],
        }
    }

    pub fn java_class(self) -> &'static str {
        match self {
            Self::WordCount => "bench.WordCount",
            Self::Filter => "bench.Filter",
            Self::PageViews | Self::PageViewsUncached => "bench.PageViews",
        }
    }

    /// What one input record is.
    pub fn unit(self) -> &'static str {
        match self {
            Self::WordCount => "lines of 8 words",
            Self::Filter => "messages of about 90 bytes",
            Self::PageViews | Self::PageViewsUncached => "views of 1000 pages",
        }
    }

    /// Repartition topics of the topology: they have to be drained too.
    pub fn repartition_topics(self) -> usize {
        match self {
            Self::WordCount => 1,
            Self::Filter | Self::PageViews | Self::PageViewsUncached => 0,
        }
    }

    /// Hands over the whole input, record by record.
    pub fn input(self, seed: u64, records: u64, take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        match self {
            Self::WordCount => word_count::input(seed, records, take),
            Self::Filter => filter::input(seed, records, take),
            Self::PageViews | Self::PageViewsUncached => page_views::input(seed, records, take),
        }
    }

    /// Counted from the input alone, by none of the programs that are measured.
    pub fn expected(self, seed: u64, records: u64) -> Result<Expected> {
        match self {
            Self::WordCount => word_count::expected(seed, records),
            Self::Filter => filter::expected(seed, records),
            Self::PageViews | Self::PageViewsUncached => page_views::expected(seed, records),
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
