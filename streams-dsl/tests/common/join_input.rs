//! What models of joins are given.

/// Which records or rows of a join go on without a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Inner,
    Left,
    Outer,
}

/// A record of one side: key and value may be null. The value of a record is its number.
#[derive(Debug, Clone)]
pub struct Input {
    pub is_left: bool,
    pub key: Option<String>,
    pub has_value: bool,
    pub timestamp: i64,
}
