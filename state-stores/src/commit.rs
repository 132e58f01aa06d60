//! The rows and offsets of a commit, for all stores of a task, on their way to the engines.

use rocksdb::WriteBatch;

use crate::engine::Engine;
use crate::engine::memory::RowWrite;
use crate::engine::rocksdb::RowWriter;
use crate::error::Result;
use crate::expiry::{StreamTime, segment_start};

/// What is to be written at once.
#[derive(Default)]
pub(crate) struct CommitBatch {
    /// Rows of all stores in RocksDB.
    pub(crate) rocksdb: WriteBatch,
    /// Rows of stores in memory, each with the index of its store; those of one store are together.
    pub(crate) memory: Vec<(usize, RowWrite)>,
    /// Windowed stores that have moved on in time.
    pub(crate) advances: Vec<(usize, Advance)>,
}

/// What a commit changes in a windowed store besides its rows.
#[derive(Clone, Copy)]
pub(crate) enum Advance {
    /// Its stream time.
    Time(StreamTime),
    /// All segments below this one are gone.
    DropBelow(i64),
}

impl CommitBatch {
    /// A writer for the rows of one store.
    pub(crate) fn writer<'a>(&'a mut self, store: usize, engine: &'a Engine) -> Result<BatchWriter<'a>> {
        let rows = match engine {
            Engine::RocksDb(engine) => {
                Rows::RocksDb(RowWriter { column_family: engine.column_family()?, batch: &mut self.rocksdb })
            }
            Engine::Memory(_) => Rows::Memory(&mut self.memory),
        };
        Ok(BatchWriter { store, rows, advances: &mut self.advances })
    }
}

/// Adds rows of one store to a [`CommitBatch`].
pub(crate) struct BatchWriter<'a> {
    store: usize,
    rows: Rows<'a>,
    advances: &'a mut Vec<(usize, Advance)>,
}

enum Rows<'a> {
    RocksDb(RowWriter<'a>),
    Memory(&'a mut Vec<(usize, RowWrite)>),
}

impl BatchWriter<'_> {
    /// Writes a row; `None` deletes it.
    pub(crate) fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        match &mut self.rows {
            Rows::RocksDb(writer) => writer.write(key, value),
            Rows::Memory(rows) => rows.push((self.store, (key.into(), value.map(Into::into)))),
        }
    }

    /// Deletes all rows of the segments below `first_live`, also those written before into this batch.
    pub(crate) fn drop_segments(&mut self, first_live: i64) {
        if let Rows::RocksDb(writer) = &mut self.rows {
            writer.delete_below(&segment_start(first_live));
        }
        self.advances.push((self.store, Advance::DropBelow(first_live)));
    }

    /// Writes the store's stream time.
    pub(crate) fn stream_time(&mut self, time: StreamTime) {
        if let Rows::RocksDb(writer) = &mut self.rows {
            writer.write_stream_time(time);
        }
        self.advances.push((self.store, Advance::Time(time)));
    }
}
