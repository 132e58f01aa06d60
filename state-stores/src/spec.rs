//! What a task's stores are called and how they are kept.

use std::collections::HashSet;

use crate::buffer::BufferOptions;
use crate::error::{Result, StoreError};
use crate::layout::RowLayout;

/// Where a store keeps its committed rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// In the task's RocksDB database: survives a restart.
    RocksDb,
    /// In memory: rebuilt from the changelog each time.
    InMemory,
}

/// One store of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// Its name, unique in the task.
    pub name: String,
    /// Where its committed rows are.
    pub engine: EngineKind,
    /// How its write buffer behaves while the task is active.
    pub buffer: BufferOptions,
    /// How its rows are arranged. Default: as a key-value store's.
    pub layout: RowLayout,
}

impl StoreSpec {
    /// A store in RocksDB, with the default buffer.
    pub fn rocksdb(name: impl Into<String>) -> Self {
        let (buffer, layout) = (BufferOptions::default(), RowLayout::Plain);
        Self { name: name.into(), engine: EngineKind::RocksDb, buffer, layout }
    }

    /// A store in memory, with the default buffer.
    pub fn in_memory(name: impl Into<String>) -> Self {
        Self { engine: EngineKind::InMemory, ..Self::rocksdb(name) }
    }

    /// The same store with another buffer.
    #[must_use]
    pub fn with_buffer(mut self, buffer: BufferOptions) -> Self {
        self.buffer = buffer;
        self
    }

    /// The same store with rows arranged otherwise.
    #[must_use]
    pub fn with_layout(mut self, layout: RowLayout) -> Self {
        self.layout = layout;
        self
    }
}

/// Refuses names that cannot be told apart or cannot be names, and layouts that cannot be.
pub(crate) fn check(specs: &[StoreSpec]) -> Result<()> {
    let mut names = HashSet::new();
    for spec in specs {
        let problem = if spec.name.is_empty() {
            "its name is empty"
        } else if spec.name.contains('\0') {
            "its name contains a zero byte"
        } else if !names.insert(&spec.name) {
            "the task has another store of that name"
        } else if let Some(problem) = spec.layout.problem() {
            problem
        } else {
            continue;
        };
        return Err(StoreError::InvalidSpec { store: spec.name.clone(), problem });
    }
    Ok(())
}
