//! The rows and offsets of a commit, for all stores of a task, on their way to the engines.

use rocksdb::WriteBatch;

use crate::engine::Engine;
use crate::engine::memory::RowWrite;
use crate::engine::rocksdb::RowWriter;
use crate::error::Result;

/// What is to be written at once.
#[derive(Default)]
pub(crate) struct CommitBatch {
    /// Rows of all stores in RocksDB.
    pub(crate) rocksdb: WriteBatch,
    /// Rows of stores in memory, each with the index of its store; those of one store are together.
    pub(crate) memory: Vec<(usize, RowWrite)>,
}

impl CommitBatch {
    /// A writer for the rows of one store.
    pub(crate) fn writer<'a>(&'a mut self, store: usize, engine: &'a Engine) -> Result<BatchWriter<'a>> {
        Ok(match engine {
            Engine::RocksDb(engine) => {
                BatchWriter::RocksDb(RowWriter { column_family: engine.column_family()?, batch: &mut self.rocksdb })
            }
            Engine::Memory(_) => BatchWriter::Memory { store, rows: &mut self.memory },
        })
    }
}

/// Adds rows of one store to a [`CommitBatch`].
pub(crate) enum BatchWriter<'a> {
    RocksDb(RowWriter<'a>),
    Memory { store: usize, rows: &'a mut Vec<(usize, RowWrite)> },
}

impl BatchWriter<'_> {
    /// Writes a row; `None` deletes it.
    pub(crate) fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        match self {
            Self::RocksDb(writer) => writer.write(key, value),
            Self::Memory { store, rows } => {
                rows.push((*store, (key.into(), value.map(Into::into))));
            }
        }
    }
}
