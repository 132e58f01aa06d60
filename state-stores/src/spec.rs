//! What a task's stores are called and how they are kept.

use std::collections::HashSet;

use crate::buffer::BufferOptions;
use crate::error::{Result, StoreError};

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
}

impl StoreSpec {
    /// A store in RocksDB, with the default buffer.
    pub fn rocksdb(name: impl Into<String>) -> Self {
        Self { name: name.into(), engine: EngineKind::RocksDb, buffer: BufferOptions::default() }
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
}

/// Refuses names that cannot be told apart or cannot be names.
pub(crate) fn check(specs: &[StoreSpec]) -> Result<()> {
    let mut names = HashSet::new();
    for spec in specs {
        let problem = if spec.name.is_empty() {
            "its name is empty"
        } else if spec.name.contains('\0') {
            "its name contains a zero byte"
        } else if !names.insert(&spec.name) {
            "the task has another store of that name"
        } else {
            continue;
        };
        return Err(StoreError::InvalidSpec { store: spec.name.clone(), problem });
    }
    Ok(())
}
