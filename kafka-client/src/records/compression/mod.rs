//! How the records of a batch are compressed. One file per format.

mod compressor;
mod decompressor;
mod gzip;
mod lz4;
mod output;
mod snappy;
mod zstd;

pub use compressor::Compressor;
pub(super) use decompressor::Decompressor;
use output::Output;

use std::fmt;

/// How the records of a batch are compressed, as `compression.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all. The default.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy, framed as the Java library frames it.
    Snappy,
    /// LZ4 in frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The code that stands for it in a batch.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What `code` stands for; `None` where unknown.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd].get(usize::from(code)).copied()
    }

    /// Its name in configurations: `none`, `gzip`, `snappy`, `lz4`, `zstd`.
    pub fn name(self) -> &'static str {
        ["none", "gzip", "snappy", "lz4", "zstd"][self as usize]
    }

    /// What has this name; `None` where nothing has.
    pub fn from_name(name: &str) -> Option<Self> {
        (0..=4).filter_map(Self::from_code).find(|compression| compression.name() == name)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
